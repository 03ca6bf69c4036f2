// What a frequency grid, a basis and the options determine before any spectrum is seen.
#pragma once

#include "drtengine/basis.hpp"
#include "drtengine/types.hpp"

#include <vector>

namespace drtengine {

enum class Part : int { kBoth, kReal, kImaginary };

struct Model {
  int order = 1;  // of the penalised derivative
  bool inductance = true, capacitance = false;
  Part part = Part::kBoth;
};

// Minimise sum_r w_r^2 (z_r - (Ax)_r)^2 + lambda x'Mx. Rows r are Re and Im of every frequency in
// turn, which is how complex numbers lie in memory. Unknowns are the coefficients of the basis
// functions, then the free ones: R_inf, L_0, 1/C_0, each only where the part and the options
// give it a column.
struct Design {
  RowMatrix A;             // [2 * frequency, unknown]
  RowMatrix M;             // [unknown, unknown]; zero for the free unknowns
  Vector scale;            // [unknown] turns x into SI units
  Index n_basis = 0;       // coefficients of gamma; the free unknowns follow
  std::vector<bool> used;  // [row] whether the row's part is fitted

  Index size() const { return A.cols(); }
  Index rows() const { return A.rows(); }
};

// omega in rad/s. Throws InvalidInput where kernel() and penalty() do.
Design assemble(const Basis& basis, ConstVectorView omega, const Model& model);

// A'W^2A
RowMatrix weighted_gram(const Design& design, const Vector& w2);

// Weights as they are given: one row for all spectra or one row each; one column for a frequency
// (Re and Im alike) or one for each row of A; empty for ones.
class RowWeights {
 public:
  // `own`: every spectrum has a row, even a single one. (With one spectrum the shape cannot tell,
  // and weights of its own are worked on differently, to other last bits.) Throws InvalidInput for a
  // wrong shape, a negative or not finite weight, or a row of zeros.
  RowWeights(ConstMatrixView weights, bool own, const Design& design, Index n_spectra);

  bool per_spectrum() const { return own_; }
  // Whether Re and Im of a frequency weigh the same.
  bool paired() const { return weights_.cols() != static_cast<Index>(used_->size()); }

  // w^2 [row], mean square one over the rows in use (so that lambda knows no unit), zero elsewhere.
  void squared(Index spectrum, double* out) const;

 private:
  Index rows_a_column() const { return paired() ? 2 : 1; }

  ConstMatrixView weights_;
  bool own_;
  const std::vector<bool>* used_;
};

}  // namespace drtengine
