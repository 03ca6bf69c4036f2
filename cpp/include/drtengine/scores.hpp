// How good a lambda is: the criteria of selection.hpp, one class for each way of computing them.
//
// A plan is what a grid, one set of weights and the lattice of lambda determine; all threads read
// it. Scores apply it to a pool of spectra; each thread has its own. A spectrum's bits do not
// depend on what else is in the pool.
#pragma once

#include "drtengine/criteria.hpp"

#include <memory>

namespace drtengine {

// A score that is not finite is worse than any other.
class Scores {
 public:
  virtual ~Scores() = default;
  // Takes `count` spectra: z[padded(count), padded(rows)] and the noise of their weighted rows.
  virtual void load(const RowMatrix& z, const double* noise, Index count) = 0;
  // The whole lattice, scores[spectrum, lambda].
  virtual void on_lattice(RowMatrix& scores) = 0;
  // At any lambda.
  virtual double at(Index spectrum, double lambda) = 0;
  // Places of the lowest score in the lattice; scores may be left out where they cannot be the lowest.
  virtual void lowest(Index* place);

 protected:
  RowMatrix all_;  // what on_lattice gave last
  Index count_ = 0;
};

// The place of the lowest, or of the last if none is finite.
Index lowest_place(const double* scores, Index n);

class Plan {
 public:
  virtual ~Plan() = default;
  virtual std::unique_ptr<Scores> scores() const = 0;
};

// Throw NotPositiveDefinite where A'W^2A and M cannot be brought to diagonal form. What is passed by
// reference or pointer must outlive the plan; likelihood and evidence need the prior.
std::unique_ptr<Plan> plan_criterion(const Design& design, const Vector& w2, ConstVectorView lattice,
                                     Criterion criterion, const PriorVolume* prior);
std::unique_ptr<Plan> plan_folds(const Design& design, const Vector& w2, ConstVectorView lattice,
                                 const std::vector<int>& fold);
std::unique_ptr<Plan> plan_evidence(const Design& design, const Vector& w2, ConstVectorView lattice,
                                    const PriorVolume& prior);

}  // namespace drtengine
