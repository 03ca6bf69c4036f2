#include "drtengine/ridge_sampling.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/truncated.hpp"

#include <cmath>

namespace drtengine {
namespace {

constexpr Index kWarmUp = 20;  // moves of each chain; one forgets nearly all

class Worker {
 public:
  Worker(const Design& design, ConstMatrixView Z, const RowWeights& weights, bool nonneg, const RidgeModes& modes,
         ConstMatrixView outputs, Index n_nodes, const SamplingOptions& options, Samples& result)
      : design_(design),
        Z_(Z),
        weights_(weights),
        n_constrained_(nonneg ? design.n_basis : 0),
        modes_(modes),
        outputs_(outputs),
        n_nodes_(n_nodes),
        options_(options),
        result_(result) {}

  void operator()(Index begin, Index end) {
    for (Index s = begin; s < end; ++s) {
      try {
        if (modes_.coefficients.row(s).allFinite()) sample(s);
      } catch (const NotPositiveDefinite&) {
        result_.status[static_cast<std::size_t>(s)] = Status::kSingular;
      }
    }
  }

 private:
  void sample(Index s) {
    const Index n = design_.n_basis, n_free = design_.size() - n;
    const Vector z = Z_.row(s).transpose();
    Vector w2(design_.rows()), mode(design_.size());
    weights_.squared(s, w2.data());
    mode << modes_.coefficients.row(s).transpose(),
        modes_.free.row(s).transpose().cwiseQuotient(design_.scale.tail(n_free));
    const double lambda = modes_.lambda[modes_.lambda.size() == 1 ? 0 : s];
    const RowMatrix gram = weighted_gram(design_, w2), H = gram + lambda * design_.M;
    const Cholesky factor(H);
    if (!factor.succeeded()) throw NotPositiveDefinite("A'A + lambda M is singular");
    const double noise2 = noise_variance(z, w2, mode, gram, H);
    if (!(noise2 > 0)) {
      result_.status[static_cast<std::size_t>(s)] = Status::kUnconverged;
      return;
    }
    const Vector mean = factor.solve(design_.A.transpose() * w2.cwiseProduct(z));
    TruncatedNormal normal(mean, H / noise2, n_constrained_);
    RandomStream random = RandomStream::of(options_.seed, Z_.row(s).data(), Z_.cols());
    const bool free = n_constrained_ == 0;  // then moves forget all
    const Index rounds = options_.rounds(), warm_up = free ? 0 : kWarmUp;
    Matrix x(rounds * kChains, design_.size());
    for (Index c = 0; c < kChains; ++c) {
      normal.start(mode);
      for (Index i = 0; i < warm_up; ++i) normal.advance(random);
      for (Index round = 0; round < rounds; ++round) {
        normal.advance(random);
        x.row(round * kChains + c) = normal.x().transpose();
      }
    }
    RowMatrix draws(x.rows(), outputs_.cols() + n_free + 1);
    draws.leftCols(outputs_.cols()) = multiply(x.leftCols(n), outputs_);
    draws.middleCols(outputs_.cols(), n_free) = x.rightCols(n_free) * design_.scale.tail(n_free).asDiagonal();
    draws.rightCols(1).setConstant(std::sqrt(noise2));
    const auto count = static_cast<double>(rounds * kChains), moves = count + static_cast<double>(warm_up * kChains);
    const std::vector<Mixing> independent(static_cast<std::size_t>(n_nodes_), Mixing{count, 1});
    result_.put(s, draws, free ? independent : mixing_of_columns(draws.leftCols(n_nodes_)), options_);
    result_.acceptance[s] = 1 - static_cast<double>(normal.given_up()) / moves;
    result_.divergences[static_cast<std::size_t>(s)] = static_cast<std::int32_t>(normal.given_up());
  }

  // Zero where no residuals are left to tell it from.
  double noise_variance(const Vector& z, const Vector& w2, const Vector& mode, const RowMatrix& gram,
                        const RowMatrix& H) const {
    std::vector<Index> positive;
    for (Index i = 0; i < design_.size(); ++i) {
      if (i >= n_constrained_ || mode[i] > 0) positive.push_back(i);
    }
    const Matrix own_H = H(positive, positive), own_gram = gram(positive, positive);
    const double dof = Cholesky(own_H).solve(own_gram).trace();
    const double left = static_cast<double>((w2.array() > 0).count()) - dof;
    return left < 1 ? 0 : w2.dot((z - design_.A * mode).cwiseAbs2()) / left;
  }

  const Design& design_;
  ConstMatrixView Z_;
  const RowWeights& weights_;
  Index n_constrained_;
  const RidgeModes& modes_;
  ConstMatrixView outputs_;
  Index n_nodes_;
  const SamplingOptions& options_;
  Samples& result_;
};

}  // namespace

Samples sample_ridge(const Design& design, ConstMatrixView Z, ConstMatrixView weights, bool own_weights, bool nonneg,
                     const RidgeModes& modes, ConstMatrixView outputs, Index n_nodes, const SamplingOptions& options) {
  const Index n_spectra = Z.rows(), n = design.n_basis, n_free = design.size() - n;
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (modes.coefficients.rows() != n_spectra || modes.coefficients.cols() != n || modes.free.rows() != n_spectra ||
      modes.free.cols() != n_free) {
    throw InvalidInput("coefficients and free unknowns must have one row a spectrum");
  }
  if (modes.lambda.size() != 1 && modes.lambda.size() != n_spectra) {
    throw InvalidInput("lambda must be one number, or one a spectrum");
  }
  if (outputs.rows() != n || outputs.cols() < n_nodes) throw InvalidInput("outputs must have one row a basis function");
  if (options.n_draws < 1) throw InvalidInput("no draws are asked for");
  const RowWeights row_weights(weights, own_weights, design, n_spectra);
  Samples result(n_spectra, n_nodes, outputs.cols() + n_free + 1, options);
  parallel_for(n_spectra, 1, options.n_threads, options.keep_going,
               [&] { return Worker(design, Z, row_weights, nonneg, modes, outputs, n_nodes, options, result); });
  return result;
}

}  // namespace drtengine
