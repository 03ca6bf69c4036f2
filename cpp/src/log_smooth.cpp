#include "drtengine/log_smooth.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/log_lanes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kChunk = 64;  // spectra that one worker takes at a time
constexpr double kFirstPrecision = 1;
constexpr double kRuledOut = 10;         // in ln likelihood
constexpr double kSmallestStart = 1e-9;  // of the largest |Z|: what gamma starts from where Z' does not change

class Worker {
 public:
  Worker(const Design& design, double h, ConstMatrixView Z, const std::vector<RowWeights>& weights,
         LogSolutions& result)
      : design_(design), Z_(Z), weights_(weights), result_(result), lanes_(design.A, design.n_basis, h), h_(h) {}

  void operator()(Index begin, Index end) {
    spectra_.clear();
    for (Index s = begin; s < end; ++s) spectra_.push_back(load(s));
    std::vector<LogFit> common;
    for (const Spectrum& spectrum : spectra_) common.push_back(first_fit(spectrum, 0));
    lanes_.run(common);
    choose_weights(common);
    std::vector<LogFit> local = common;
    for (LogFit& fit : local) fit.precisions = Precisions::kLocal;
    lanes_.run(local);
    for (std::size_t i = 0; i < spectra_.size(); ++i) {
      write(begin + static_cast<Index>(i), spectra_[i], common[i], local[i]);
    }
  }

 private:
  struct Spectrum {
    double size;             // the largest |z|, which z was divided by
    Vector z;                // [row]
    std::vector<Vector> w2;  // [candidate][row]
  };

  Spectrum load(Index s) const {
    Spectrum spectrum{0, Z_.row(s).transpose(), {}};
    for (const RowWeights& candidate : weights_) {
      Vector w2(design_.rows());
      candidate.squared(s, w2.data());
      normalize(w2);
      spectrum.w2.push_back(std::move(w2));
    }
    for (Index r = 0; r < design_.rows(); ++r) {
      if (spectrum.w2[0][r] > 0) spectrum.size = std::max(spectrum.size, std::abs(spectrum.z[r]));
    }
    spectrum.z /= spectrum.size;
    return spectrum;
  }

  // Starts from a flat gamma that is worth the change of Z' (or of Z'', where only that is fitted).
  LogFit first_fit(const Spectrum& spectrum, std::size_t candidate) const {
    const Vector& w2 = spectrum.w2[candidate];
    double lowest = std::numeric_limits<double>::infinity(), highest = -lowest;
    const bool real = design_.used[0];
    for (Index r = real ? 0 : 1; r < design_.rows(); r += 2) {
      if (!(w2[r] > 0)) continue;
      lowest = std::min(lowest, spectrum.z[r]);
      highest = std::max(highest, spectrum.z[r]);
    }
    const auto n_nodes = static_cast<double>(design_.n_basis);
    LogFit fit;
    fit.z = spectrum.z.data();
    fit.w2 = w2.data();
    fit.theta.assign(static_cast<std::size_t>(design_.size()), 0.0);
    std::fill_n(fit.theta.begin(), design_.n_basis,
                std::log(std::max(highest - lowest, kSmallestStart) / (n_nodes * h_)));
    if (real) fit.theta[static_cast<std::size_t>(design_.n_basis)] = lowest;
    fit.precision.assign(static_cast<std::size_t>(design_.n_basis - 2), kFirstPrecision);
    return fit;
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

  // How much likelier, in ln, the residuals of a fit are under other weights.
  double gain_seen_in_residuals(const Spectrum& spectrum, const LogFit& fit, const Vector& w2) const {
    if (fit.failed) return 0;
    Vector y = Eigen::Map<const Vector>(fit.theta.data(), design_.size());
    y.head(design_.n_basis) = y.head(design_.n_basis).array().exp();
    const Vector squares = (spectrum.z - design_.A * y).cwiseAbs2();
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
    result_.evidence[s] = common.evidence - common.rows * log_size;
    result_.evidence_local[s] = local.evidence - local.rows * log_size;
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

void normalize(Vector& w2) {
  const auto used = w2.array() > 0;
  const double mean_log = used.select(w2.array(), 1.0).log().sum() / static_cast<double>(used.count());
  w2 *= std::exp(-mean_log);
}

LogSolutions fit_log(const Design& design, double h, ConstMatrixView Z, const std::vector<ConstMatrixView>& weights,
                     int n_threads, const KeepGoing& keep_going) {
  const Index n_spectra = Z.rows(), n = design.n_basis;
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (n < 8) throw InvalidInput("a distribution that is smooth in ln gamma needs at least 8 nodes");
  if (weights.empty()) throw InvalidInput("weights are missing");
  std::vector<RowWeights> candidates;
  for (const ConstMatrixView& w : weights) candidates.emplace_back(w, false, design, n_spectra);

  LogSolutions result{RowMatrix(n_spectra, n),
                      RowMatrix(n_spectra, design.size() - n),
                      RowMatrix(n_spectra, n - 2),
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
