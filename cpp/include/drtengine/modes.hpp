// Spectra seen in the modes of a pencil, where the unconstrained solution of any lambda is known.
//
// With b = U'Wz, U the left singular vectors of WAV, and f = sigma/d the share of each mode that
// the fit takes up, residual and penalty of the unconstrained x are
//   |W(z - Ax)|^2 = rest + sum b^2 (1 - f)^2,   lambda x'Mx = sum b^2 f (1 - f),
// where `rest` is what no mode explains of |Wz|^2.
#pragma once

#include "drtengine/design.hpp"
#include "drtengine/pencil.hpp"
#include "drtengine/tile.hpp"

namespace drtengine {

// What a grid and one set of weights determine.
struct Modes {
  Pencil pencil;
  Vector w2;               // [row]
  Index n_rows;            // in use
  std::vector<bool> seen;  // [mode] the data see the mode; the others are fitted by the penalty alone
  TileFactor project;      // W^2A V sigma^-1/2: from z to b

  // Throws NotPositiveDefinite where A'W^2A and M cannot be brought to diagonal form.
  Modes(const Design& design, const Vector& squared_weights);

  Index size() const { return pencil.sigma.size(); }
  Vector fitted(double lambda) const;  // f [mode], zero where the data see nothing
};

// What the criteria need of a few spectra: b^2 in rows of padded(modes), and |Wz|^2 and `rest`.
struct Amplitudes {
  RowMatrix b, squared;  // [spectrum, mode]
  Vector total, rest;    // [spectrum]

  // z[padded(count), padded(rows)]
  void load(const Modes& modes, const RowMatrix& z, Index count);
};

}  // namespace drtengine
