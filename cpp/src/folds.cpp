// Cross-validation: every fold of the rows is predicted from all others.
#include "drtengine/dense.hpp"
#include "drtengine/scores.hpp"

#include <algorithm>
#include <vector>

namespace drtengine {
namespace {

// With the pencil of all rows but the fold's, the unconstrained x is V (c/d), c = V'A'W^2z over
// those rows, and what is left of the fold's rows is z_Q - B (c/d).
struct Fold {
  std::vector<Index> held_out, others;  // rows
  Matrix left_out;                      // orthonormal: what the fold alone tells, taken from its rows
  Pencil pencil;
  Matrix from_z;   // [mode, row]: c from Wz of the other rows
  Matrix predict;  // B [row of the fold, mode]
};

// Free unknowns that the rows do not depend on.
std::vector<bool> known_unknowns(const Design& design, const Matrix& rows) {
  std::vector<bool> known(static_cast<std::size_t>(design.size()), true);
  for (Index j = design.n_basis; j < design.size(); ++j) known[static_cast<std::size_t>(j)] = rows.col(j).norm() > 0;
  return known;
}

Fold make_fold(const Design& design, const Vector& w2, std::vector<Index> held_out, std::vector<Index> others) {
  const Matrix A = w2.cwiseSqrt().asDiagonal() * design.A;
  const Matrix training = A(others, Eigen::all), testing = A(held_out, Eigen::all);
  const std::vector<bool> known = known_unknowns(design, training);
  std::vector<Index> kept, alone;
  for (Index j = 0; j < design.size(); ++j) {
    if (known[static_cast<std::size_t>(j)]) {
      kept.push_back(j);
    } else if (testing.col(j).norm() > 0) {
      alone.push_back(j);
    }
  }
  const Matrix seen = training(Eigen::all, kept);
  const RowMatrix gram = gram_of_rows(seen.transpose()), penalty = design.M(kept, kept);
  Pencil pencil(gram, penalty);
  Matrix left_out(testing.rows(), static_cast<Index>(alone.size()));
  if (!alone.empty()) {
    left_out = RankRevealingQr(testing(Eigen::all, alone)).Q;
  }
  Matrix predict = multiply(testing(Eigen::all, kept), pencil.V);
  predict -= multiply(left_out, multiply_transposed(left_out, predict));
  Matrix from_z = multiply_transposed(pencil.V, seen.transpose());
  return {std::move(held_out), std::move(others), std::move(left_out),
          std::move(pencil),   std::move(from_z), std::move(predict)};
}

class FoldPlan final : public Plan {
 public:
  FoldPlan(const Design& design, const Vector& squared_weights, ConstVectorView lattice, const std::vector<int>& fold)
      : w(squared_weights.cwiseSqrt()), lambda(lattice) {
    const int n_folds = *std::ranges::max_element(fold) + 1;
    for (int k = 0; k < n_folds; ++k) {
      std::vector<Index> held_out, others;
      for (Index r = 0; r < w.size(); ++r) {
        if (w[r] > 0) (fold[static_cast<std::size_t>(r)] == k ? held_out : others).push_back(r);
      }
      if (!held_out.empty())
        folds.push_back(make_fold(design, squared_weights, std::move(held_out), std::move(others)));
    }
    for (const Fold& f : folds) {
      Matrix inverse(f.pencil.sigma.size(), lattice.size());
      for (Index l = 0; l < lattice.size(); ++l) inverse.col(l) = f.pencil.denominators(lattice[l]).cwiseInverse();
      inverse_d.push_back(std::move(inverse));
    }
  }

  std::unique_ptr<Scores> scores() const override;

  Vector w, lambda;
  std::vector<Fold> folds;
  std::vector<Matrix> inverse_d;  // [fold]: [mode, lambda]
};

class FoldScores final : public Scores {
 public:
  explicit FoldScores(const FoldPlan& plan) : plan_(plan) {}

  void load(const RowMatrix& z, const double*, Index count) override {
    z_ = z;
    count_ = count;
  }

  void on_lattice(RowMatrix& scores) override {
    scores.setZero(count_, plan_.lambda.size());
    for (std::size_t k = 0; k < plan_.folds.size(); ++k) {
      for (Index i = 0; i < count_; ++i) scores.row(i) += left(plan_.folds[k], i, plan_.inverse_d[k]);
    }
  }

  double at(Index spectrum, double lambda) override {
    double sum = 0;
    for (const Fold& fold : plan_.folds) {
      sum += left(fold, spectrum, fold.pencil.denominators(lambda).cwiseInverse())[0];
    }
    return sum;
  }

 private:
  // |z_Q - B (c/d)|^2 for every column 1/d. One product a spectrum, so that its bits are its own.
  Eigen::RowVectorXd left(const Fold& fold, Index i, const Matrix& inverse_d) const {
    const Vector wz = z_.row(i).head(plan_.w.size()).transpose().cwiseProduct(plan_.w);
    const Vector c = fold.from_z * wz(fold.others);
    Vector test = wz(fold.held_out);
    test -= fold.left_out * (fold.left_out.transpose() * test);
    const Matrix predicted = multiply(fold.predict, c.asDiagonal() * inverse_d);
    return (predicted.colwise() - test).colwise().squaredNorm();
  }

  const FoldPlan& plan_;
  RowMatrix z_;
};

std::unique_ptr<Scores> FoldPlan::scores() const { return std::make_unique<FoldScores>(*this); }

}  // namespace

std::unique_ptr<Plan> plan_folds(const Design& design, const Vector& w2, ConstVectorView lattice,
                                 const std::vector<int>& fold) {
  return std::make_unique<FoldPlan>(design, w2, lattice, fold);
}

}  // namespace drtengine
