#include "drtengine/kramers_kronig.hpp"

#include "drtengine/tile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>

namespace drtengine {
namespace {

constexpr Index kChunk = 8;   // spectra: whole vectors of every instruction set
constexpr Index kFlock = 64;  // at most so many spectra of a scan fill each other's vectors
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

KkInput input_of(const KkBatch& batch, Index spectrum) {
  const auto row = [](const ConstMatrixView& table, Index i) {
    return table.rows() == 0 ? nullptr : table.row(table.rows() == 1 ? 0 : i).data();
  };
  return {batch.X.row(spectrum).data(), batch.weights.rows() == 0 ? nullptr : batch.weights.row(spectrum).data(),
          row(batch.time, spectrum)};
}

// Lets lanes take `count` spectra; the last one fills the lanes that are left over.
template <class SpectrumOf>
void take(KkLanes& lanes, const KkBatch& batch, Index count, SpectrumOf&& spectrum_of) {
  std::array<KkInput, kVecWidth> inputs;
  for (Index lane = 0; lane < kVecWidth; ++lane) {
    inputs[static_cast<std::size_t>(lane)] = input_of(batch, spectrum_of(std::min(lane, count - 1)));
  }
  lanes.take(inputs, batch.X.cols() / 2);
}

// A single spectrum in all lanes, and columns that are orthonormal under its own weights.
KkBasis own_basis(const KkModel& model, const KkInput& input, KkLanes& lanes) {
  const Index n_points = model.omega.size();
  Vector modulus(n_points);
  for (Index i = 0; i < n_points; ++i) modulus[i] = std::hypot(input.X[2 * i], input.X[2 * i + 1]);
  std::array<KkInput, kVecWidth> inputs;
  inputs.fill(input);
  lanes.take(inputs, n_points);
  return KkBasis(model, modulus.data());
}

bool is_sound(unsigned mask, Index lane) { return (mask >> lane & 1U) != 0; }

class Fitter {
 public:
  Fitter(const KkModel& model, const KkBatch& batch, Index n_cosines, bool leverage)
      : model_(model), batch_(batch), basis_(model), remainder_(remainder_of(model.omega, n_cosines)) {
    const Index count = batch.X.rows(), rows = batch.X.cols(), q = remainder_.size();
    fits_.elements.resize(count, basis_.elements());
    fits_.residual.resize(count, rows);
    fits_.rest_squares.resize(count);
    fits_.status.assign(static_cast<std::size_t>(count), Status::kOk);
    if (q == 0) return;
    fits_.rest.resize(count, rows);
    fits_.scores.resize(count, q);
    fits_.drift_scale.resize(count);
    if (leverage) fits_.leverage.resize(count, rows);
  }

  KkFits run() && {
    parallel_for(batch_.X.rows(), kChunk, batch_.n_threads, batch_.keep_going, [this] {
      return [this, lanes = KkLanes(), alone = KkLanes()](Index begin, Index end) mutable {
        for (Index first = begin; first < end; first += kVecWidth) {
          const Index count = std::min(kVecWidth, end - first);
          take(lanes, batch_, count, [&](Index lane) { return first + lane; });
          const unsigned sound = fit(lanes, basis_);
          for (Index lane = 0; lane < count; ++lane) {
            if (is_sound(sound, lane)) {
              keep(lanes, lane, first + lane);
            } else {
              fit_alone(alone, first + lane);
            }
          }
        }
      };
    });
    return std::move(fits_);
  }

 private:
  unsigned fit(KkLanes& lanes, const KkBasis& basis) const {
    const unsigned sound = lanes.fit(basis);
    if (remainder_.size() > 0) lanes.test(basis, remainder_);
    if (fits_.leverage.size() > 0) lanes.find_leverage(basis, remainder_);
    return sound;
  }

  void fit_alone(KkLanes& lanes, Index spectrum) {
    const KkBasis own = own_basis(model_, input_of(batch_, spectrum), lanes);
    const unsigned sound = fit(lanes, own);
    keep(lanes, 0, spectrum);
    if (!is_sound(sound, 0)) fits_.status[static_cast<std::size_t>(spectrum)] = Status::kSingular;
  }

  void keep(const KkLanes& lanes, Index lane, Index spectrum) {
    for (Index i = 0; i < fits_.elements.cols(); ++i) fits_.elements(spectrum, i) = lanes.element(i, lane);
    for (Index row = 0; row < fits_.residual.cols(); ++row) fits_.residual(spectrum, row) = lanes.residual(row, lane);
    const bool tested = remainder_.size() > 0;
    fits_.rest_squares[spectrum] = lanes.squares(tested ? lanes.rests() : lanes.residuals(), lane);
    if (!tested) return;
    for (Index row = 0; row < fits_.rest.cols(); ++row) fits_.rest(spectrum, row) = lanes.rest(row, lane);
    for (Index k = 0; k < fits_.scores.cols(); ++k) fits_.scores(spectrum, k) = lanes.score(k, lane);
    fits_.drift_scale[spectrum] = lanes.drift_scale(lane);
    for (Index row = 0; row < fits_.leverage.cols(); ++row) fits_.leverage(spectrum, row) = lanes.leverage(row, lane);
  }

  const KkModel& model_;
  const KkBatch& batch_;
  KkBasis basis_;
  KkRemainder remainder_;
  KkFits fits_;
};

// The models with 1, 2, ... relaxations, each made by whoever needs it first.
class Ladder {
 public:
  Ladder(KkModel model, double lowest, double highest, Index most)
      : model_(std::move(model)),
        lowest_(lowest),
        highest_(highest),
        bases_(static_cast<std::size_t>(most)),
        made_(static_cast<std::size_t>(most)) {}

  KkModel model(Index count) const {
    KkModel model = model_;
    model.tau.resize(count);
    for (Index k = 0; k < count; ++k) {
      const double share = count == 1 ? 1 : static_cast<double>(k) / static_cast<double>(count - 1);
      model.tau[k] = lowest_ * std::pow(highest_ / lowest_, share);
    }
    return model;
  }

  const KkBasis& basis(Index count) {
    const auto i = static_cast<std::size_t>(count - 1);
    std::call_once(made_[i], [&] { bases_[i] = std::make_unique<KkBasis>(model(count)); });
    return *bases_[i];
  }

 private:
  KkModel model_;
  double lowest_, highest_;
  std::vector<std::unique_ptr<KkBasis>> bases_;
  std::vector<std::once_flag> made_;
};

class Scanner {
 public:
  Scanner(Ladder& ladder, Index most, double stop_at, bool keep_all, const KkBatch& batch)
      : ladder_(ladder), most_(most), stop_at_(stop_at), keep_all_(keep_all), batch_(batch) {
    const Index count = batch.X.rows(), elements = kKkFree + most;
    scan_.mu = RowMatrix::Constant(count, most, kNan);
    scan_.chi2 = RowMatrix::Constant(count, most, kNan);
    scan_.elements = RowMatrix::Constant(count, keep_all ? most * elements : elements, kNan);
    scan_.residual.resize(count, batch.X.cols());
    scan_.status.assign(static_cast<std::size_t>(count), Status::kOk);
  }

  KkScan run() && {
    const Index count = batch_.X.rows(), n_flocks = std::max<Index>((count + kFlock - 1) / kFlock, 1);
    const Index flock = std::max(padded((count + n_flocks - 1) / n_flocks), kChunk);  // of one size
    parallel_for(count, flock, batch_.n_threads, batch_.keep_going, [this] {
      return [this, lanes = KkLanes(), alone = KkLanes()](Index begin, Index end) mutable {
        std::vector<Index> going(static_cast<std::size_t>(end - begin));
        std::iota(going.begin(), going.end(), begin);
        for (Index n_rc = 1; n_rc <= most_ && !going.empty(); ++n_rc) going = climb(going, n_rc, lanes, alone);
      };
    });
    return std::move(scan_);
  }

 private:
  // Fits one model to the spectra of a flock and returns those that go on. They move together, so
  // that no lane waits for another one.
  std::vector<Index> climb(const std::vector<Index>& spectra, Index n_rc, KkLanes& lanes, KkLanes& alone) {
    std::vector<Index> going;
    const auto all = static_cast<Index>(spectra.size());
    for (Index first = 0; first < all; first += kVecWidth) {
      const Index count = std::min(kVecWidth, all - first);
      const auto spectrum_of = [&](Index lane) { return spectra[static_cast<std::size_t>(first + lane)]; };
      take(lanes, batch_, count, spectrum_of);
      const unsigned sound = lanes.fit(ladder_.basis(n_rc));
      for (Index lane = 0; lane < count; ++lane) {
        const Index spectrum = spectrum_of(lane);
        const bool ends =
            is_sound(sound, lane) ? keep(lanes, lane, spectrum, n_rc, true) : fit_alone(alone, spectrum, n_rc);
        if (!ends) going.push_back(spectrum);
      }
    }
    return going;
  }

  bool fit_alone(KkLanes& lanes, Index spectrum, Index n_rc) {
    const KkBasis own = own_basis(ladder_.model(n_rc), input_of(batch_, spectrum), lanes);
    return keep(lanes, 0, spectrum, n_rc, is_sound(lanes.fit(own), 0));
  }

  // Returns whether the search stops here.
  bool keep(const KkLanes& lanes, Index lane, Index spectrum, Index n_rc, bool sound) {
    if (!sound) scan_.status[static_cast<std::size_t>(spectrum)] = Status::kSingular;
    const Index count = kKkFree + n_rc;
    double* elements = scan_.elements.row(spectrum).data() + (keep_all_ ? (n_rc - 1) * (kKkFree + most_) : 0);
    for (Index i = 0; i < count; ++i) elements[i] = lanes.element(i, lane);
    scan_.chi2(spectrum, n_rc - 1) = lanes.squares(lanes.residuals(), lane);
    const double mu = mu_of(elements + kKkFree, n_rc);
    scan_.mu(spectrum, n_rc - 1) = mu;
    const bool ends = !sound || (!keep_all_ && mu <= stop_at_);
    for (Index row = 0; row < scan_.residual.cols() && (ends || n_rc == most_); ++row) {
      scan_.residual(spectrum, row) = lanes.residual(row, lane);
    }
    return ends;
  }

  Ladder& ladder_;
  Index most_;
  double stop_at_;
  bool keep_all_;
  const KkBatch& batch_;
  KkScan scan_;
};

}  // namespace

double mu_of(const double* relaxations, Index count) {
  double positive = 0, negative = 0;
  for (Index k = 0; k < count; ++k) (relaxations[k] < 0 ? negative : positive) += std::abs(relaxations[k]);
  return positive > 0 ? 1 - negative / positive : 0;
}

KkFits fit_lin_kk(const KkModel& model, const KkBatch& batch, Index n_cosines, bool leverage) {
  return Fitter(model, batch, n_cosines, leverage).run();
}

KkScan scan_lin_kk(KkModel model, double lowest_tau, double highest_tau, Index most, double stop_at, bool keep_all,
                   const KkBatch& batch) {
  Ladder ladder(std::move(model), lowest_tau, highest_tau, most);
  return Scanner(ladder, most, stop_at, keep_all, batch).run();
}

}  // namespace drtengine
