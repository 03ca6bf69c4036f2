#include "drtengine/log_smooth.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/log_lanes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kChunk = 64;                    // spectra that one worker takes at a time
constexpr double kRuledOut = 10;                // in ln likelihood
constexpr double kStandsOut = 5, kHuber = 2.5;  // standard deviations of a residual
constexpr double kDeviationPerMedian = 1.4826;  // of the size of normal numbers
constexpr double kWeightAtRest = 0.1;
constexpr int kOutlierRounds = 4;
constexpr Index kFewestRows = 20;  // in fewer an outlier cannot be told

class Worker {
 public:
  Worker(const Design& design, double h, ConstMatrixView Z, const std::vector<RowWeights>& weights,
         LogSolutions& result)
      : design_(design), Z_(Z), weights_(weights), result_(result), lanes_(design.A, design.n_basis, h), h_(h) {}

  void operator()(Index begin, Index end) {
    spectra_.clear();
    for (Index s = begin; s < end; ++s) spectra_.push_back(load(s));
    std::vector<LogFit> common;
    common.reserve(spectra_.size());
    for (const Spectrum& spectrum : spectra_) common.push_back(first_fit(spectrum, 0));
    lanes_.run(common);
    choose_weights(common);
    relieve_outliers(common);
    std::vector<LogFit> local = common;
    for (LogFit& fit : local) fit.precisions = Precisions::kLocal;
    lanes_.run(local);
    for (std::size_t i = 0; i < spectra_.size(); ++i) {
      write(begin + static_cast<Index>(i), spectra_[i], common[i], local[i]);
    }
  }

 private:
  struct Spectrum {
    double size = 0;         // the largest |z|, which z was divided by
    Vector z;                // [row]
    Vector full_w2;          // [row] the chosen weights before any was lowered; empty where none was
    std::vector<Vector> w2;  // [candidate][row]
  };

  Spectrum load(Index s) const {
    Spectrum spectrum;
    spectrum.z = Z_.row(s).transpose();
    for (const RowWeights& candidate : weights_) {
      Vector w2(design_.rows());
      candidate.squared(s, w2.data());
      normalize_weights(w2);
      spectrum.w2.push_back(std::move(w2));
    }
    for (Index r = 0; r < design_.rows(); ++r) {
      if (spectrum.w2[0][r] > 0) spectrum.size = std::max(spectrum.size, std::abs(spectrum.z[r]));
    }
    spectrum.z /= spectrum.size;
    return spectrum;
  }

  LogFit first_fit(const Spectrum& spectrum, std::size_t candidate) const {
    return flat_start(design_, h_, spectrum.z, spectrum.w2[candidate]);
  }

  // Replaces fits with the first candidate weights by such with others where those have the larger
  // evidence. Only what the residuals of the first do not rule out is tried.
  void choose_weights(std::vector<LogFit>& fits) {
    chosen_.assign(fits.size(), 0);
    for (std::size_t candidate = 1; candidate < weights_.size(); ++candidate) {
      std::vector<LogFit> others;
      std::vector<std::size_t> of;
      for (std::size_t i = 0; i < fits.size(); ++i) {
        if (gain_seen_in_residuals(spectra_[i], fits[i], spectra_[i].w2[candidate]) < -kRuledOut) continue;
        others.push_back(first_fit(spectra_[i], candidate));
        of.push_back(i);
      }
      lanes_.run(others);
      for (std::size_t k = 0; k < others.size(); ++k) {
        LogFit& present = fits[of[k]];
        if (!others[k].failed && (present.failed || others[k].evidence > present.evidence)) {
          present = std::move(others[k]);
          chosen_[of[k]] = static_cast<std::int8_t>(candidate);
        }
      }
    }
  }

  // One bad point must not bend gamma: where residuals stand out of their own median, their weights
  // fall as if by Huber's rule (doi:10.1214/aoms/1177703732), and the fit is done again.
  void relieve_outliers(std::vector<LogFit>& fits) {
    for (int round = 0; round < kOutlierRounds; ++round) {
      std::vector<LogFit> again;
      std::vector<std::size_t> of;
      for (std::size_t i = 0; i < fits.size(); ++i) {
        if (fits[i].failed || !relieve(spectra_[i], spectra_[i].w2[static_cast<std::size_t>(chosen_[i])], fits[i]))
          continue;
        again.push_back(fits[i]);
        of.push_back(i);
      }
      if (again.empty()) return;
      lanes_.run(again);
      for (std::size_t k = 0; k < again.size(); ++k) fits[of[k]] = std::move(again[k]);
    }
  }

  // Lowers weights where the residuals call for it; returns whether any changed much.
  bool relieve(Spectrum& spectrum, Vector& w2, const LogFit& fit) const {
    if (design_.rows() < kFewestRows) return false;
    const Vector& full = spectrum.full_w2.size() == 0 ? (spectrum.full_w2 = w2) : spectrum.full_w2;
    const Vector residual = (spectrum.z - design_.A * amplitudes(fit, design_.n_basis)).cwiseProduct(full.cwiseSqrt());
    std::vector<double> sizes;
    for (Index r = 0; r < design_.rows(); ++r) {
      if (full[r] > 0) sizes.push_back(std::abs(residual[r]));
    }
    const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>(sizes.size() / 2);
    std::nth_element(sizes.begin(), middle, sizes.end());
    const double deviation = kDeviationPerMedian * *middle;
    bool changed = false;
    for (Index r = 0; r < design_.rows(); ++r) {
      // a run of large residuals is structure, not an outlier: it must stand out of its neighbours, too
      const Index before = r >= 2 ? r - 2 : r + 2, after = r + 2 < design_.rows() ? r + 2 : r - 2;
      const double jump = residual[r] - (residual[before] + residual[after]) / 2;
      const double least = kStandsOut * deviation, size = std::abs(residual[r]);
      const double ratio = size > least && std::abs(jump) > least ? kHuber * deviation / size : 1;
      const double next = full[r] * ratio * ratio;
      changed = changed || std::abs(next - w2[r]) > kWeightAtRest * full[r];
      w2[r] = next;
    }
    return changed;
  }

  // How much likelier, in ln, the residuals of a fit are under other weights.
  double gain_seen_in_residuals(const Spectrum& spectrum, const LogFit& fit, const Vector& w2) const {
    if (fit.failed) return 0;
    const Vector squares = (spectrum.z - design_.A * amplitudes(fit, design_.n_basis)).cwiseAbs2();
    return fit.rows / 2 * std::log(fit.rss / w2.dot(squares));
  }

  void write(Index s, const Spectrum& spectrum, const LogFit& common, const LogFit& local) {
    const auto at = static_cast<std::size_t>(s);
    const Index n = design_.n_basis, n_free = design_.size() - n;
    if (common.failed || local.failed || !std::isfinite(spectrum.size)) {
      result_.status[at] = Status::kSingular;
      result_.log_gamma.row(s).setConstant(kNaN);
      result_.free.row(s).setConstant(kNaN);
      result_.precision.row(s).setConstant(kNaN);
      result_.relief.row(s).setOnes();
      for (Vector* numbers :
           {&result_.lambda, &result_.noise, &result_.dof, &result_.rss, &result_.evidence, &result_.evidence_local}) {
        (*numbers)[s] = kNaN;
      }
      return;
    }
    const Eigen::Map<const Vector> theta(local.theta.data(), design_.size());
    const double log_size = std::log(spectrum.size);
    result_.status[at] = common.converged && local.converged ? Status::kOk : Status::kUnconverged;
    result_.weighting[at] = chosen_[static_cast<std::size_t>(&spectrum - spectra_.data())];
    result_.log_gamma.row(s) = theta.head(n).array() + log_size;
    result_.free.row(s) = spectrum.size * theta.tail(n_free).cwiseProduct(design_.scale.tail(n_free));
    result_.precision.row(s) = Eigen::Map<const Vector>(local.precision.data(), n - 2);
    result_.lambda[s] = common.precision[0];
    result_.noise[s] = std::sqrt(local.noise2) * spectrum.size;
    result_.dof[s] = local.dof;
    result_.rss[s] = local.rss * spectrum.size * spectrum.size;
    // from z / size to ohm: in the likelihood, and in the unit of the free unknowns' flat prior
    const double to_ohm = (static_cast<double>(n_free) - local.rows) * log_size;
    result_.evidence[s] = common.evidence + to_ohm;
    const Vector& w2 = spectrum.w2[static_cast<std::size_t>(result_.weighting[at])];
    if (spectrum.full_w2.size() == 0) {
      result_.relief.row(s).setOnes();
    } else {
      for (Index r = 0; r < design_.rows(); ++r) {
        result_.relief(s, r) = spectrum.full_w2[r] > 0 ? std::sqrt(w2[r] / spectrum.full_w2[r]) : 1;
      }
    }
    result_.evidence_local[s] = local.evidence + to_ohm;
  }

  const Design& design_;
  ConstMatrixView Z_;
  const std::vector<RowWeights>& weights_;
  LogSolutions& result_;
  LogLanes lanes_;
  double h_;
  std::vector<Spectrum> spectra_;  // of the chunk
  std::vector<std::int8_t> chosen_;
};

}  // namespace

LogSolutions fit_log(const Design& design, double h, ConstMatrixView Z, const std::vector<ConstMatrixView>& weights,
                     int n_threads, const KeepGoing& keep_going) {
  const Index n_spectra = Z.rows(), n = design.n_basis;
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (n < 8) throw InvalidInput("a distribution that is smooth in ln gamma needs at least 8 nodes");
  if (weights.empty()) throw InvalidInput("weights are missing");
  std::vector<RowWeights> candidates;
  candidates.reserve(weights.size());
  for (const ConstMatrixView& w : weights) candidates.emplace_back(w, false, design, n_spectra);

  LogSolutions result{RowMatrix(n_spectra, n),
                      RowMatrix(n_spectra, design.size() - n),
                      RowMatrix(n_spectra, n - 2),
                      RowMatrix(n_spectra, design.rows()),
                      Vector(n_spectra),
                      Vector(n_spectra),
                      Vector(n_spectra),
                      Vector(n_spectra),
                      Vector(n_spectra),
                      Vector(n_spectra),
                      std::vector<std::int8_t>(static_cast<std::size_t>(n_spectra)),
                      std::vector<Status>(static_cast<std::size_t>(n_spectra))};
  parallel_for(n_spectra, kChunk, n_threads, keep_going, [&] { return Worker(design, h, Z, candidates, result); });
  return result;
}

}  // namespace drtengine
