#include "drtengine/log_sums.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/log_lanes.hpp"

#include <algorithm>
#include <vector>

namespace drtengine {
namespace {

constexpr double kRounding = 1e-12;  // of a diagonal of ones: data without noise must not make H indefinite

// Adds what is known of u beforehand: second differences, slopes at both ends, and that it has a level.
void add_prior(double precision, double h, Index n, Matrix& H) {
  const double bend = precision / (h * h * h), slope = kEndPrecision / (h * h);
  const Eigen::Vector3d second(1, -2, 1);
  for (Index i = 0; i + 2 < n; ++i) H.block<3, 3>(i, i) += bend * second * second.transpose();
  const Eigen::Vector2d first(-1, 1);
  for (const Index i : {Index{0}, n - 2}) H.block<2, 2>(i, i) += slope * first * first.transpose();
  H.diagonal().head(n).array() += kAnchor;
}

// The sums whose second differences have one precision.
struct Group {
  double precision;
  std::vector<Index> members;
};

std::vector<Group> group(const Vector& precision) {
  std::vector<Group> groups;
  for (Index i = 0; i < precision.size(); ++i) {
    auto known = std::ranges::find(groups, precision[i], &Group::precision);
    if (known == groups.end()) known = groups.insert(known, {precision[i], {}});
    known->members.push_back(i);
  }
  return groups;
}

}  // namespace

Vector sum_deviations(ConstMatrixView kernel, const Vector& scale, const Vector& gamma, ConstMatrixView sums,
                      const Vector& precision, double h) {
  const Index n = gamma.size(), size = kernel.cols();
  if (n < 3 || size < n || kernel.rows() != scale.size() || sums.cols() != n || sums.rows() != precision.size())
    throw InvalidInput("shapes do not match");
  Matrix J = kernel.transpose() * scale.asDiagonal();
  J.topRows(n).array().colwise() *= gamma.array();
  const Matrix curvature = gram_of_rows(J);
  Vector deviations(sums.rows());
  for (const Group& own : group(precision)) {
    Matrix H = curvature;
    add_prior(own.precision, h, n, H);
    const Vector unit = H.diagonal().cwiseSqrt().cwiseInverse();
    H = unit.asDiagonal() * H * unit.asDiagonal();
    H.diagonal().array() += kRounding;
    Matrix slopes = Matrix::Zero(size, static_cast<Index>(own.members.size()));
    for (Index column = 0; column < slopes.cols(); ++column) {
      const Index sum = own.members[static_cast<std::size_t>(column)];  // linear in gamma: that of u is carried over
      slopes.col(column).head(n) = sums.row(sum).transpose().cwiseProduct(gamma).cwiseProduct(unit.head(n));
    }
    const Cholesky factor(H);
    if (!factor.succeeded()) throw NotPositiveDefinite("the precision of ln(gamma) is not positive definite");
    const Vector norms = factor.solve_lower(slopes).colwise().norm();
    for (Index column = 0; column < slopes.cols(); ++column)
      deviations[own.members[static_cast<std::size_t>(column)]] = norms[column];
  }
  return deviations;
}

}  // namespace drtengine
