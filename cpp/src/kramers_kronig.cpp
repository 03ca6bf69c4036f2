#include "drtengine/kramers_kronig.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <mutex>

namespace drtengine {
namespace {

constexpr Index kChunk = 8;  // spectra: whole vectors of every instruction set
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

KkInput input_of(const KkBatch& batch, Index spectrum) {
  const auto row = [](const ConstMatrixView& table, Index i) {
    return table.rows() == 0 ? nullptr : table.row(table.rows() == 1 ? 0 : i).data();
  };
  return {batch.X.row(spectrum).data(), batch.weights.rows() == 0 ? nullptr : batch.weights.row(spectrum).data(),
          row(batch.time, spectrum)};
}

// Calls work(lanes, first, count) for vectors of spectra, those beyond the last repeating it.
template <class MakeWork>
void for_vectors(const KkBatch& batch, MakeWork&& make_work) {
  const Index n_points = batch.X.cols() / 2;
  parallel_for(batch.X.rows(), kChunk, batch.n_threads, batch.keep_going, [&] {
    return [&, work = make_work(), lanes = std::make_unique<KkLanes>()](Index begin, Index end) mutable {
      for (Index first = begin; first < end; first += kVecWidth) {
        const Index count = std::min(kVecWidth, end - first);
        std::array<KkInput, kVecWidth> inputs;
        for (Index lane = 0; lane < kVecWidth; ++lane) {
          inputs[static_cast<std::size_t>(lane)] = input_of(batch, first + std::min(lane, count - 1));
        }
        lanes->take(inputs, n_points);
        work(*lanes, first, count);
      }
    };
  });
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
    for_vectors(batch_, [this] {
      return [this, alone = KkLanes()](KkLanes& lanes, Index first, Index count) mutable {
        const unsigned sound = fit(lanes, basis_);
        for (Index lane = 0; lane < count; ++lane) {
          if (is_sound(sound, lane)) {
            keep(lanes, lane, first + lane);
          } else {
            fit_alone(alone, first + lane);
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
    for_vectors(batch_, [this] {
      return [this, alone = KkLanes()](KkLanes& lanes, Index first, Index count) mutable {
        unsigned going = (1U << count) - 1;
        for (Index n_rc = 1; n_rc <= most_ && going != 0; ++n_rc) {
          const unsigned sound = lanes.fit(ladder_.basis(n_rc));
          for (Index lane = 0; lane < count; ++lane) {
            if (!is_sound(going, lane)) continue;
            const bool ends =
                is_sound(sound, lane) ? keep(lanes, lane, first + lane, n_rc) : fit_alone(alone, first + lane, n_rc);
            if (ends) going &= ~(1U << lane);
          }
        }
      };
    });
    return std::move(scan_);
  }

 private:
  bool fit_alone(KkLanes& lanes, Index spectrum, Index n_rc) {
    const KkBasis own = own_basis(ladder_.model(n_rc), input_of(batch_, spectrum), lanes);
    const unsigned sound = lanes.fit(own);
    if (!is_sound(sound, 0)) scan_.status[static_cast<std::size_t>(spectrum)] = Status::kSingular;
    return keep(lanes, 0, spectrum, n_rc) || !is_sound(sound, 0);
  }

  // Returns whether the rule stops here.
  bool keep(const KkLanes& lanes, Index lane, Index spectrum, Index n_rc) {
    const Index count = kKkFree + n_rc;
    double* elements = scan_.elements.row(spectrum).data() + (keep_all_ ? (n_rc - 1) * (kKkFree + most_) : 0);
    for (Index i = 0; i < count; ++i) elements[i] = lanes.element(i, lane);
    for (Index row = 0; row < scan_.residual.cols(); ++row) scan_.residual(spectrum, row) = lanes.residual(row, lane);
    scan_.chi2(spectrum, n_rc - 1) = lanes.squares(lanes.residuals(), lane);
    const double mu = mu_of(elements + kKkFree, n_rc);
    scan_.mu(spectrum, n_rc - 1) = mu;
    return !keep_all_ && mu <= stop_at_;
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
