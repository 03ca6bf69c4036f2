#include "drtengine/log_sampling.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/log_posterior.hpp"

#include <algorithm>
#include <cmath>

namespace drtengine {
namespace {

// Rounds before the first draw: the length of steps is found, then, twice, the coordinates are changed after so many.
constexpr Index kWarmUp = 60, kAdapting[] = {80, 160}, kSettling = 60;
constexpr Index kMostThinning = 8;
constexpr double kFirstStep = 0.3, kAcceptance = 0.8;
constexpr int kFewestSteps = 8, kMostSteps = 24;  // of a trajectory
constexpr double kJitter = 0.2;                   // of the length of steps
constexpr double kDiverged = 1000;                // error of the energy
constexpr double kLeastNoise2 = 1e-14;            // of the mean square of the data: noise-free data have an end too

// Finds the step whose acceptance is as wanted: Hoffman and Gelman, J. Mach. Learn. Res. 15 (2014) 1593.
class StepSize {
 public:
  double now() const { return std::exp(log_step_); }
  double found() const { return std::exp(average_); }
  void learn(double acceptance) {
    constexpr double kPull = 0.05, kDelay = 10, kForget = 0.75;
    ++count_;
    error_ += (kAcceptance - acceptance - error_) / (count_ + kDelay);
    log_step_ = std::log(10 * kFirstStep) - std::sqrt(count_) / kPull * error_;
    average_ += std::pow(count_, -kForget) * (log_step_ - average_);
  }

 private:
  double log_step_ = std::log(kFirstStep), average_ = log_step_, error_ = 0, count_ = 0;
};

// The chains of one spectrum.
class Chains {
 public:
  Chains(LogPosterior& posterior, RandomStream& random)
      : posterior_(posterior),
        random_(random),
        count_(static_cast<std::size_t>(posterior.size() * kChains)),
        z_(static_cast<std::size_t>(posterior.panel_size())),
        gradient_(z_),
        trial_(z_),
        trial_gradient_(z_),
        momentum_(z_),
        log_gamma_(z_) {
    random_.fill_normal(z_.data(), static_cast<Index>(count_));
    evaluate_all();
  }

  // Lets the step and, from where the chains go, the coordinates become what suits them.
  void warm_up() {
    run(kWarmUp);
    for (const Index rounds : kAdapting) {
      Matrix seen(posterior_.size(), rounds * kChains);
      for (Index round = 0; round < rounds; ++round) {
        run(1);
        seen.middleCols(round * kChains, kChains) = Eigen::Map<const RowMatrix>(z_.data(), posterior_.size(), kChains);
      }
      posterior_.rescale(seen, z_);
      evaluate_all();
      step_ = StepSize();
    }
    run(kSettling);
    divergences_ = 0;
  }

  // A round with the step found; returns the acceptance.
  double advance() { return advance(step_.found()); }

  const Panel& log_gamma() const { return log_gamma_; }
  double rss(Index c) const { return rss_[static_cast<std::size_t>(c)]; }
  double squared_differences(Index c) const { return roughness_[static_cast<std::size_t>(c)]; }
  std::int32_t divergences() const { return divergences_; }

 private:
  void run(Index rounds) {
    for (Index round = 0; round < rounds; ++round) step_.learn(advance(step_.now()));
  }

  // One trajectory in each chain; returns their mean probability of acceptance.
  double advance(double step) {
    const int steps =
        kFewestSteps + static_cast<int>(random_.uniform() * static_cast<double>(kMostSteps + 1 - kFewestSteps));
    PerChain own_step, before = potential_;
    for (double& s : own_step) s = step * (1 + kJitter * (2 * random_.uniform() - 1));
    random_.fill_normal(momentum_.data(), static_cast<Index>(count_));
    add_kinetic(before);
    trial_ = z_;
    trial_gradient_ = gradient_;
    PerChain potential = potential_;
    push(own_step, 0.5);
    for (int i = 0; i < steps; ++i) {
      for (std::size_t k = 0; k < count_; ++k) trial_[k] += own_step[k % kChains] * momentum_[k];
      potential = posterior_.evaluate(trial_, trial_gradient_);
      push(own_step, i + 1 < steps ? 1 : 0.5);
    }
    PerChain after = potential;
    add_kinetic(after);
    double acceptance = 0;
    for (Index c = 0; c < kChains; ++c) {
      const auto at = static_cast<std::size_t>(c);
      const double error = after[at] - before[at];
      divergences_ += !(error < kDiverged);
      const double probability = error < kDiverged ? std::min(1.0, std::exp(-error)) : 0;
      acceptance += probability / kChains;
      if (!(random_.uniform() < probability)) continue;
      potential_[at] = potential[at];
      for (std::size_t k = at; k < count_; k += kChains) {
        z_[k] = trial_[k];
        gradient_[k] = trial_gradient_[k];
      }
      keep(c);
    }
    return acceptance;
  }

  void push(const PerChain& step, double share) {
    for (std::size_t k = 0; k < count_; ++k) momentum_[k] -= share * step[k % kChains] * trial_gradient_[k];
  }
  void add_kinetic(PerChain& energy) const {
    for (std::size_t k = 0; k < count_; ++k) energy[k % kChains] += momentum_[k] * momentum_[k] / 2;
  }
  void evaluate_all() {
    potential_ = posterior_.evaluate(z_, gradient_);
    for (Index c = 0; c < kChains; ++c) keep(c);
  }
  void keep(Index c) {
    for (Index i = 0; i < posterior_.size(); ++i) {
      log_gamma_[static_cast<std::size_t>(i * kChains + c)] = posterior_.log_gamma(i, c);
    }
    rss_[static_cast<std::size_t>(c)] = posterior_.rss(c);
    roughness_[static_cast<std::size_t>(c)] = posterior_.squared_differences(c);
  }

  LogPosterior& posterior_;
  RandomStream& random_;
  StepSize step_;
  std::size_t count_;  // of coordinates, all chains
  Panel z_, gradient_, trial_, trial_gradient_, momentum_, log_gamma_;
  PerChain potential_, rss_{}, roughness_{};
  std::int32_t divergences_ = 0;
};

class Worker {
 public:
  Worker(const Design& design, double h, ConstMatrixView Z, const RowWeights& weights, ConstMatrixView functionals,
         const LogPrior& prior, const SamplingOptions& options, Samples& result)
      : design_(design),
        h_(h),
        Z_(Z),
        weights_(weights),
        functionals_(functionals),
        prior_(prior),
        options_(options),
        result_(result),
        lanes_(design.A, design.n_basis, h) {}

  void operator()(Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      try {
        sample(s);
      } catch (const NotPositiveDefinite&) {
        result_.status[static_cast<std::size_t>(s)] = Status::kSingular;
      }
    }
  }

 private:
  void sample(Index s) {
    Vector z = Z_.row(s).transpose(), w2(design_.rows());
    weights_.squared(s, w2.data());
    normalize_weights(w2);
    const double size = (w2.array() > 0).select(z.array().abs(), 0.0).maxCoeff();
    z /= size;
    std::vector<LogFit> fits{flat_start(design_, h_, z, w2)};
    lanes_.run(fits);
    const LogFit& fit = fits[0];
    if (fit.failed || !fit.converged) {
      result_.status[static_cast<std::size_t>(s)] = fit.failed ? Status::kSingular : Status::kUnconverged;
      return;
    }
    const ReducedProblem problem(design_, fit);
    LogPrior prior = prior_;
    prior.level -= std::log(size);
    prior.noise_rate = prior.noise_rate / (size * size) + kLeastNoise2 * w2.dot(z.cwiseAbs2()) / 2;
    LogPosterior posterior(problem, fit, h_, prior);
    RandomStream random = RandomStream::of(options_.seed, Z_.row(s).data(), Z_.cols());
    Chains chains(posterior, random);
    chains.warm_up();

    const Index n = design_.n_basis, rounds = options_.rounds();
    RowMatrix logs(rounds * kChains, n), draws(rounds * kChains, n_quantities());
    double acceptance = 0;
    Index advanced = 0;
    const auto fill = [&](Index first, Index thinning) {
      for (Index round = first; round < rounds; ++round) {
        for (Index i = 0; i < thinning; ++i, ++advanced) acceptance += chains.advance();
        for (Index c = 0; c < kChains; ++c) {
          const Index row = round * kChains + c;
          for (Index i = 0; i < n; ++i) logs(row, i) = chains.log_gamma()[static_cast<std::size_t>(i * kChains + c)];
          draw_others(problem, prior, chains.rss(c), chains.squared_differences(c), size, random, logs, row, draws);
        }
      }
    };
    fill(0, 1);
    std::vector<Mixing> nodes = mixing_of_columns(logs);
    // where chains move slowly, every other draw gives way to one further on
    for (Index thinning = 2; thinning <= kMostThinning && !has_mixed(nodes); thinning *= 2) {
      const Index kept = (rounds + 1) / 2;
      for (Index round = 1; round < kept; ++round) {
        logs.middleRows(round * kChains, kChains) = logs.middleRows(2 * round * kChains, kChains).eval();
        draws.middleRows(round * kChains, kChains) = draws.middleRows(2 * round * kChains, kChains).eval();
      }
      fill(kept, thinning);
      nodes = mixing_of_columns(logs);
    }
    draws.middleCols(n, functionals_.cols()) = draws.leftCols(n) * functionals_;
    result_.put(s, draws, nodes, options_);
    result_.acceptance[s] = acceptance / static_cast<double>(advanced);
    result_.divergences[static_cast<std::size_t>(s)] = chains.divergences();
  }

  Index n_quantities() const { return design_.size() + functionals_.cols() + 2; }

  // gamma, and what has been integrated out, given ln gamma: noise, smoothing, free unknowns.
  void draw_others(const ReducedProblem& problem, const LogPrior& prior, double rss, double roughness, double size,
                   RandomStream& random, const RowMatrix& logs, Index row, RowMatrix& draws) const {
    const Index n = design_.n_basis, n_free = design_.size() - n;
    const Vector gamma = logs.row(row).transpose().array().exp();
    draws.row(row).head(n) = size * gamma.transpose();
    const double noise2 = (prior.noise_rate + rss / 2) / random.gamma(prior.noise_shape + problem.rows / 2);
    Vector normal(n_free);
    for (double& x : normal) x = random.normal();
    const Vector free = problem.free0 - problem.free_of_gamma * (gamma - problem.gamma0) +
                        std::sqrt(noise2) * problem.free_curvature.solve_upper(normal);
    draws.row(row).segment(n + functionals_.cols(), n_free) =
        size * free.cwiseProduct(design_.scale.tail(n_free)).transpose();
    draws(row, draws.cols() - 2) = size * std::sqrt(noise2);
    draws(row, draws.cols() - 1) =
        random.gamma(prior.lambda_shape + static_cast<double>(n - 2) / 2) / (prior.lambda_rate + roughness / 2);
  }

  const Design& design_;
  double h_;
  ConstMatrixView Z_;
  const RowWeights& weights_;
  ConstMatrixView functionals_;
  const LogPrior& prior_;
  const SamplingOptions& options_;
  Samples& result_;
  LogLanes lanes_;
};

}  // namespace

Samples sample_log(const Design& design, double h, ConstMatrixView Z, ConstMatrixView weights,
                   ConstMatrixView functionals, const LogPrior& prior, const SamplingOptions& options) {
  const Index n_spectra = Z.rows(), n = design.n_basis;
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (functionals.rows() != n) throw InvalidInput("functionals must have one row a node");
  if (options.n_draws < 1) throw InvalidInput("no draws are asked for");
  const RowWeights row_weights(weights, false, design, n_spectra);
  Samples result(n_spectra, n, design.size() + functionals.cols() + 2, options);
  parallel_for(n_spectra, 1, options.n_threads, options.keep_going,
               [&] { return Worker(design, h, Z, row_weights, functionals, prior, options, result); });
  return result;
}

}  // namespace drtengine
