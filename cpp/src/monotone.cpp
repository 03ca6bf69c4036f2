#include "drtengine/monotone.hpp"

#include "drtengine/dense.hpp"

#include <algorithm>
#include <vector>

namespace drtengine {
namespace {

constexpr double kTolerance = 1e-13;  // of the largest unknown: where it counts as zero
constexpr int kMaxRefinements = 4;    // on one passive set

}  // namespace

bool solve_monotone(const RowMatrix& H, Index n_constrained, const std::function<Vector(const Vector&)>& gradient,
                    Vector& x) {
  const Index n = H.rows();
  const auto constrained = [&](Index i) { return i < n_constrained; };
  std::vector<Index> passive;
  for (Index i = 0; i < n; ++i) {
    if (constrained(i)) x[i] = std::max(x[i], 0.0);
    if (!constrained(i) || x[i] > 0) passive.push_back(i);
  }
  bool add_one_only = false;
  int refinements = 0;  // on the present passive set
  for (Index step = 0; step < 20 * n; ++step) {
    // to the minimum over the passive unknowns, or as far as they stay positive
    const Vector slope = gradient(x);
    const Cholesky cholesky(H(passive, passive));
    if (!cholesky.succeeded()) return false;
    const Vector move = cholesky.solve(slope(passive));
    double fraction = 1;
    for (std::size_t k = 0; k < passive.size(); ++k) {
      const Index i = passive[k];
      const double change = move[static_cast<Index>(k)];
      if (constrained(i) && x[i] + change < 0) fraction = std::min(fraction, x[i] / -change);
    }
    x(passive) += fraction * move;
    if (fraction < 1) {
      const double zero = kTolerance * x.head(n_constrained).cwiseAbs().maxCoeff();
      std::erase_if(passive, [&](Index i) {
        const bool leaves = constrained(i) && x[i] <= zero;
        if (leaves) x[i] = 0;
        return leaves;
      });
      add_one_only = add_one_only || fraction == 0;
      refinements = 0;
      continue;
    }
    if (move.norm() > kTolerance * x.norm() && ++refinements < kMaxRefinements) continue;  // with the fresh gradient

    // which of the zeros should grow? Judged by the step each would make alone.
    const Vector rise = gradient(x).cwiseQuotient(H.diagonal());
    Vector wanted = Vector::Zero(n);
    for (Index i = 0; i < n_constrained; ++i) {
      if (x[i] == 0) wanted[i] = std::max(rise[i], 0.0);
    }
    const double largest = wanted.maxCoeff();
    if (largest <= kTolerance * x.cwiseAbs().maxCoeff()) return true;
    const double threshold = add_one_only ? largest : largest / 2;
    for (Index i = 0; i < n_constrained; ++i) {
      if (wanted[i] >= threshold && !std::ranges::count(passive, i)) passive.push_back(i);
    }
    std::ranges::sort(passive);
    add_one_only = false;
    refinements = 0;
  }
  return false;
}

}  // namespace drtengine
