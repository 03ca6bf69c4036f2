#include "drtengine/design.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/kernel.hpp"
#include "drtengine/penalty.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace drtengine {

Design assemble(const Basis& basis, ConstVectorView omega, const Model& model) {
  const Index n = basis.size(), frequencies = omega.size();
  const bool real = model.part != Part::kImaginary, imaginary = model.part != Part::kReal;
  const bool inductance = model.inductance && imaginary, capacitance = model.capacitance && imaginary;
  const Index n_free = Index{real} + Index{inductance} + Index{capacitance};

  Design design;
  design.n_basis = n;
  design.A = RowMatrix::Zero(2 * frequencies, n + n_free);
  design.M = RowMatrix::Zero(n + n_free, n + n_free);
  design.scale = Vector::Ones(n + n_free);
  const Kernel basis_part = kernel(basis, omega);
  design.M.topLeftCorner(n, n) = penalty(basis, model.order);
  for (Index k = 0; k < frequencies; ++k) {
    if (real) design.A.row(2 * k).head(n) = basis_part.real.row(k);
    if (imaginary) design.A.row(2 * k + 1).head(n) = basis_part.imag.row(k);
    design.used.push_back(real);
    design.used.push_back(imaginary);
  }
  // columns of the free unknowns are at most one in size
  Index column = n;
  if (real) {
    for (Index k = 0; k < frequencies; ++k) design.A(2 * k, column) = 1;
    ++column;
  }
  if (inductance) {
    const double largest = omega.maxCoeff();
    design.scale[column] = 1 / largest;
    for (Index k = 0; k < frequencies; ++k) design.A(2 * k + 1, column) = omega[k] / largest;
    ++column;
  }
  if (capacitance) {
    const double smallest = omega.minCoeff();
    design.scale[column] = smallest;
    for (Index k = 0; k < frequencies; ++k) design.A(2 * k + 1, column) = -smallest / omega[k];
  }
  return design;
}

RowMatrix weighted_gram(const Design& design, const Vector& w2) {
  return gram_of_rows(design.A.transpose() * w2.cwiseSqrt().asDiagonal());
}

RowWeights::RowWeights(ConstMatrixView weights, bool own, const Design& design, Index n_spectra)
    : weights_(weights), own_(weights.rows() > 1 || (own && weights.size() != 0)), used_(&design.used) {
  if (weights.size() == 0) return;
  const Index frequencies = design.rows() / 2;
  if (weights.rows() != 1 && weights.rows() != n_spectra) {
    throw InvalidInput("weights must have one row, or one for each of the " + std::to_string(n_spectra) + " spectra");
  }
  if (weights.cols() != frequencies && weights.cols() != design.rows()) {
    throw InvalidInput("weights must have one column a frequency, or one for Re and one for Im of each");
  }
  for (Index s = 0; s < weights.rows(); ++s) {
    bool any = false;
    for (Index r = 0; r < design.rows(); ++r) {
      any = any || (design.used[static_cast<std::size_t>(r)] && weights(s, r / rows_a_column()) > 0);
    }
    if (!any || !weights.row(s).allFinite() || weights.row(s).minCoeff() < 0) {
      throw InvalidInput("weights must be finite, not negative and not all zero (row " + std::to_string(s) + ")");
    }
  }
}

void RowWeights::squared(Index spectrum, double* out) const {
  const auto rows = static_cast<Index>(used_->size());
  const Index row = per_spectrum() ? spectrum : 0;
  double sum = 0, count = 0;
  for (Index r = 0; r < rows; ++r) {
    const bool used = (*used_)[static_cast<std::size_t>(r)];
    const double w = !used ? 0 : weights_.size() == 0 ? 1 : weights_(row, r / rows_a_column());
    out[r] = w * w;
    sum += out[r];
    count += used;
  }
  for (Index r = 0; r < rows; ++r) out[r] *= count / sum;
}

}  // namespace drtengine
