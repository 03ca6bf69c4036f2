// Draws from a normal distribution of which some coordinates may not be negative.
//
// Exact Hamiltonian Monte Carlo: between the walls the particle moves on an ellipse, at a wall it is reflected; no
// move is ever rejected (Pakman, Paninski, J. Comput. Graph. Stat. 23 (2014) 518,
// doi:10.1080/10618600.2013.788448). In the coordinates themselves a reflection costs one column of the covariance.
#pragma once

#include "drtengine/dense.hpp"
#include "drtengine/random.hpp"
#include "drtengine/types.hpp"

namespace drtengine {

class TruncatedNormal {
 public:
  // Of precision H; the first n_constrained coordinates may not be negative. Throws NotPositiveDefinite.
  TruncatedNormal(const Vector& mean, const RowMatrix& H, Index n_constrained);

  void start(const Vector& x);  // negative coordinates are set to zero
  void advance(RandomStream& random);
  const Vector& x() const { return x_; }
  Index reflections() const { return reflections_; }  // so far
  // Moves given up, the particle staying where it was, because they met a wall too often.
  Index given_up() const { return given_up_; }

 private:
  void draw_velocity(RandomStream& random);
  Index next_wall(double& half_tangent);
  void move(double half_tangent);
  void reflect(Index wall);

  Index n_, n_constrained_;
  Vector mean_;
  RowMatrix covariance_;
  Matrix factor_;  // upper; factor_ factor_' is the covariance
  Vector x_, v_, before_;
  Vector arrival_;  // [constrained] tan(t/2) of the time when a wall is met
  Index reflections_ = 0, given_up_ = 0;
};

}  // namespace drtengine
