#include "drtengine/chains.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace drtengine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kFewestRounds = 8;  // below, nothing can be said of mixing
constexpr Index kHalves = 2 * kChains;

using Halves = Eigen::Matrix<double, kHalves, Eigen::Dynamic>;  // column by column through time

// The two halves of every chain, each without its mean; a round in the middle belongs to neither.
Halves halves_of(ConstVectorView draws, Eigen::Matrix<double, kHalves, 1>& means) {
  const Index rounds = draws.size() / kChains, half = rounds / 2;
  Halves halves(kHalves, half);
  for (Index t = 0; t < half; ++t) {
    halves.col(t).head(kChains) = draws.segment(t * kChains, kChains);
    halves.col(t).tail(kChains) = draws.segment((rounds - half + t) * kChains, kChains);
  }
  means = halves.rowwise().mean();
  halves.colwise() -= means;
  return halves;
}

// The mean, over half chains, of their autocovariance.
double autocovariance(const Halves& halves, Index lag) {
  const Index n = halves.cols();
  double sum = 0;
  for (Index t = 0; t + lag < n; ++t) sum += halves.col(t).dot(halves.col(t + lag));
  return sum / static_cast<double>(n * kHalves);
}

}  // namespace

Mixing mixing(ConstVectorView draws) {
  if (draws.size() < kFewestRounds * kChains || !draws.allFinite()) return {kNaN, kNaN};
  Eigen::Matrix<double, kHalves, 1> means;
  const Halves halves = halves_of(draws, means);
  const auto n = static_cast<double>(halves.cols()), count = n * static_cast<double>(kHalves);
  const double within = autocovariance(halves, 0) * n / (n - 1);
  const double between = (means.array() - means.mean()).square().sum() / static_cast<double>(kHalves - 1);
  const double total = within * (n - 1) / n + between;
  if (!(within > 0)) return {between > 0 ? 1.0 : count, between > 0 ? std::numeric_limits<double>::infinity() : 1.0};
  const auto correlation = [&](Index lag) { return 1 - (within - autocovariance(halves, lag)) / total; };
  double sum = 0, last = std::numeric_limits<double>::infinity();
  for (Index lag = 0; lag + 1 < halves.cols(); lag += 2) {
    const double pair = correlation(lag) + correlation(lag + 1);
    if (!(pair > 0)) break;
    last = std::min(last, pair);
    sum += last;
  }
  // chains that swing to the other side may be worth more than independent draws, but not without end
  const double time = std::max(2 * sum - 1, 1 / std::log10(count));
  return {count / time, std::sqrt(total / within)};
}

std::vector<Mixing> mixing_of_columns(const RowMatrix& draws) {
  std::vector<Mixing> columns;
  for (Index i = 0; i < draws.cols(); ++i) {
    const Vector column = draws.col(i);
    columns.push_back(mixing(column));
  }
  return columns;
}

bool has_mixed(const std::vector<Mixing>& columns) {
  return std::ranges::all_of(columns, [](const Mixing& m) { return m.ess >= kEnoughDraws && m.r_hat <= kMixed; });
}

double quantile(Vector& values, double probability) {
  const double place = probability * static_cast<double>(values.size() - 1);
  const auto below = static_cast<Index>(place);
  const auto at = values.begin() + below;
  std::nth_element(values.begin(), at, values.end());
  const double share = place - static_cast<double>(below);
  if (share == 0) return *at;
  return *at + share * (*std::min_element(at + 1, values.end()) - *at);
}

Samples::Samples(Index n_spectra, Index n_nodes, Index n_quantities, const SamplingOptions& options)
    : low(RowMatrix::Constant(n_spectra, n_quantities, kNaN)),
      high(low),
      mean(low),
      deviation(low),
      ess_least(Vector::Constant(n_spectra, kNaN)),
      ess_median(ess_least),
      r_hat(ess_least),
      acceptance(ess_least),
      divergences(static_cast<std::size_t>(n_spectra)),
      status(static_cast<std::size_t>(n_spectra), Status::kSingular) {
  if (!options.keep) return;
  curves = RowMatrix::Constant(n_spectra * options.n_draws, n_nodes, kNaN);
  numbers = RowMatrix::Constant(n_spectra * options.n_draws, n_quantities - n_nodes, kNaN);
}

void Samples::put(Index spectrum, const RowMatrix& draws, const std::vector<Mixing>& nodes,
                  const SamplingOptions& options) {
  const auto n_nodes = static_cast<Index>(nodes.size());
  Vector ess(n_nodes), ratio(n_nodes);
  for (Index i = 0; i < n_nodes; ++i) {
    ess[i] = nodes[static_cast<std::size_t>(i)].ess;
    ratio[i] = nodes[static_cast<std::size_t>(i)].r_hat;
  }
  if (!ess.hasNaN()) {
    r_hat[spectrum] = ratio.maxCoeff();
    ess_least[spectrum] = ess.minCoeff();
    ess_median[spectrum] = quantile(ess, 0.5);
  }
  for (Index i = 0; i < draws.cols(); ++i) {
    Vector column = draws.col(i).head(options.n_draws);
    const double average = column.mean();
    mean(spectrum, i) = average;
    deviation(spectrum, i) =
        std::sqrt((column.array() - average).square().sum() / static_cast<double>(column.size() - 1));
    low(spectrum, i) = quantile(column, options.lower);
    high(spectrum, i) = quantile(column, options.upper);
  }
  if (options.keep) {
    curves.middleRows(spectrum * options.n_draws, options.n_draws) = draws.topLeftCorner(options.n_draws, n_nodes);
    numbers.middleRows(spectrum * options.n_draws, options.n_draws) =
        draws.topRightCorner(options.n_draws, draws.cols() - n_nodes);
  }
  status[static_cast<std::size_t>(spectrum)] = Status::kOk;
}

}  // namespace drtengine
