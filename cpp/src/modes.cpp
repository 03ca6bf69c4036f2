#include "drtengine/modes.hpp"

#include <cmath>

namespace drtengine {
namespace {

constexpr double kUnseen = 1e-13;

}  // namespace

Modes::Modes(const Design& design, const Vector& squared_weights)
    : pencil(weighted_gram(design, squared_weights), design.M),
      w2(squared_weights),
      n_rows((squared_weights.array() > 0).count()) {
  RowMatrix vectors = w2.asDiagonal() * (design.A * pencil.V);
  for (Index i = 0; i < size(); ++i) {
    seen.push_back(pencil.sigma[i] > kUnseen);
    vectors.col(i) *= seen.back() ? 1 / std::sqrt(pencil.sigma[i]) : 0;
  }
  project = TileFactor(vectors);
}

Vector Modes::fitted(double lambda) const {
  Vector f = pencil.sigma.cwiseQuotient(pencil.denominators(lambda));
  for (Index i = 0; i < size(); ++i) {
    if (!seen[static_cast<std::size_t>(i)]) f[i] = 0;
  }
  return f;
}

void Amplitudes::load(const Modes& modes, const RowMatrix& z, Index count) {
  b.resize(z.rows(), modes.project.stride());
  modes.project.multiply(z.data(), z.cols(), count, b.data());
  squared = b.cwiseAbs2();
  total.resize(z.rows());
  rest.resize(z.rows());
  for (Index i = 0; i < count; ++i) {
    total[i] = modes.w2.dot(z.row(i).head(modes.w2.size()).cwiseAbs2());
    rest[i] = total[i] - squared.row(i).sum();
  }
}

}  // namespace drtengine
