#include "drtengine/pencil.hpp"

#include "drtengine/errors.hpp"
#include "support.hpp"

namespace drtengine::testing {
namespace {

struct Problem {
  Design design;
  RowMatrix gram;

  explicit Problem(const Model& model)
      : design(sample_design(41, 37, model)), gram(weighted_gram(design, Vector::Ones(design.rows()))) {}
};

TEST_CASE("the Gram matrix is A'W^2A") {
  Random random(50);
  const Design design = sample_design(41, 37);
  const Vector w2 = random.vector(82).cwiseAbs();
  const RowMatrix gram = weighted_gram(design, w2);
  CHECK(gram == gram.transpose());
  CHECK(distance(gram, RowMatrix(design.A.transpose() * w2.asDiagonal() * design.A)) <= 1e-14);
}

TEST_CASE("V brings both matrices to diagonal form") {
  for (const Model& model : {Model{.order = 1}, Model{.order = 2, .capacitance = true}, Model{.order = 0}}) {
    const Problem p(model);
    const Pencil pencil(p.gram, p.design.M);
    const Index n = p.design.size();
    const RowMatrix S = p.gram + pencil.lambda_0 * p.design.M;
    CHECK(pencil.lambda_0 > 0);
    CHECK(largest(pencil.V.transpose() * S * pencil.V - RowMatrix::Identity(n, n)) <= 1e-10);
    CHECK(largest(RowMatrix(pencil.V.transpose() * p.gram * pencil.V) - RowMatrix(pencil.sigma.asDiagonal())) <= 1e-10);
    CHECK(pencil.sigma.minCoeff() >= 0);
    CHECK(pencil.sigma.maxCoeff() <= 1);
  }
}

TEST_CASE("unpenalised unknowns have sigma one") {
  const Problem p({.order = 1, .inductance = true, .capacitance = true});
  const Pencil pencil(p.gram, p.design.M);
  CHECK((1 - pencil.sigma.array() < 1e-12).count() >= 3);
  const Vector x = Vector::Unit(p.design.size(), p.design.n_basis);  // R_inf alone
  // in modes x is V^-1 x = V'Sx; only those of sigma one may have a part in it
  const Vector modes = pencil.V.transpose() * (p.gram * x);
  for (Index i = 0; i < modes.size(); ++i) {
    CHECK(std::abs(modes[i]) * (1 - pencil.sigma[i]) <= 1e-10 * modes.norm());
  }
}

TEST_CASE("V diag(1/d) V' inverts A'A + lambda M for every lambda") {
  const Problem p({.order = 1});
  const Pencil pencil(p.gram, p.design.M);
  const Index n = p.design.size();
  for (const double lambda : {1e-7, 1e-5, 1e-3, 0.1, 10.0}) {
    CAPTURE(lambda);
    const Vector d = pencil.denominators(lambda);
    CHECK(d.minCoeff() > 0);
    for (Index i = 0; i < n; ++i) {
      CHECK(d[i] == within(pencil.sigma[i] + lambda / pencil.lambda_0 * (1 - pencil.sigma[i]), 1e-15));
    }
    const RowMatrix inverse = pencil.V * d.cwiseInverse().asDiagonal() * pencil.V.transpose();
    const RowMatrix H = p.gram + lambda * p.design.M;
    CHECK(largest(H * inverse - RowMatrix::Identity(n, n)) <= 1e-14 * H.norm() * inverse.norm());
  }
  CHECK(distance(pencil.denominators(pencil.lambda_0), Vector::Ones(n)) <= 1e-15);
}

TEST_CASE("a combination that neither the data nor the penalty see") {
  const Problem p({.order = 1});
  RowMatrix gram = p.gram, M = p.design.M;
  const Index last = gram.rows() - 1;
  gram.row(last).setZero();
  gram.col(last).setZero();
  CHECK_THROWS_AS(Pencil(gram, M), NotPositiveDefinite);
}

}  // namespace
}  // namespace drtengine::testing
