#include "drtengine/factor.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace drtengine {
namespace {

constexpr Index kDense = 1 << 16;  // entries of A from which on it is worth looking at its rank
constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

}  // namespace

SharedRows::SharedRows(const Design& design, const Vector& w2) {
  const RowMatrix& A = design.A;
  if (A.size() > kDense) {
    const Vector w = w2.cwiseSqrt();
    const RankRevealingQr qr(w.asDiagonal() * A);
    if ((A.rows() + A.cols()) * qr.R.rows() < A.size()) {
      WQ = w.asDiagonal() * qr.Q;
      R = qr.R;
      gram = gram_of_rows(R.transpose());
      return;
    }
  }
  R = w2.asDiagonal() * A;
  gram = weighted_gram(design, w2);
}

SharedFactor::SharedFactor(const SharedRows& rows, const RowMatrix& penalty, double lambda)
    : lambda_(lambda), H_(RowMatrix::Zero(penalty.rows(), padded(penalty.cols()))) {
  const RowMatrix H = rows.gram + lambda * penalty;
  H_.leftCols(H.cols()) = H;
  const Cholesky cholesky(H);
  if (!cholesky.succeeded()) throw NotPositiveDefinite("A'A + lambda M is singular");
  const Matrix G = cholesky.inverse();
  error_ = kEpsilon * H.norm() * G.norm();
  G_tile_ = TileFactor(G);
  rough_.resize(static_cast<std::size_t>(G.rows() * padded<float>(G.rows())));
  round_matrix(G_tile_.data(), G.rows(), rough_.data());
  RowMatrix solution = multiply(rows.R, G);
  if (rows.WQ.size() != 0) {
    const double negligible = error_ * solution.norm();  // beside what rounding has done to G
    Index keep = solution.rows();
    for (double rest = 0; keep > 0; --keep) {
      rest = std::hypot(rest, solution.row(keep - 1).norm());
      if (rest > negligible) break;
    }
    solution.conservativeResize(keep, Eigen::NoChange);
    compression_ = TileFactor(rows.WQ.leftCols(keep));
  }
  solution_ = TileFactor(solution);
}

void SharedFactor::solve(const double* z, Index stride_z, Index count, double* x) const {
  if (!compression_) return solution_.multiply(z, stride_z, count, x);
  RowMatrix compressed(padded(count), compression_->stride());
  compression_->multiply(z, stride_z, count, compressed.data());
  solution_.multiply(compressed.data(), compression_->stride(), count, x);
}

LaneFactor::LaneFactor(const Design& design, bool paired_weights)
    : n_(design.size()),
      stride_(padded(n_)),
      paired_(paired_weights),
      penalty_(design.M),
      n_weights_(design.rows() / (paired_weights ? 2 : 1)),
      n_blocks_((n_ * (n_ + 1) / 2 + kGramBlock - 1) / kGramBlock),
      products_(static_cast<std::size_t>(n_blocks_ * n_weights_ * kGramBlock)),
      H_(static_cast<std::size_t>(n_blocks_ * kGramBlock * kSpectra)),
      G_(static_cast<std::size_t>(kSpectra * stride_ * stride_)),
      rough_(static_cast<std::size_t>(kSpectra * n_ * padded<float>(n_))) {
  for (Index r = 0; r < design.rows(); ++r) {
    const Index q = paired_ ? r / 2 : r;
    for (Index i = 0, entry = 0; i < n_; ++i) {
      for (Index j = 0; j <= i; ++j, ++entry) {
        const Index at = (entry / kGramBlock * n_weights_ + q) * kGramBlock + entry % kGramBlock;
        products_[static_cast<std::size_t>(at)] += design.A(r, i) * design.A(r, j);
      }
    }
  }
}

// H without the penalty: one product of weights and `products_`, of which each block is read once.
void LaneFactor::form_gram(const double* w2, Index stride_w2, Index count) {
  const Index apart = paired_ ? 2 : 1;
  AlignedVector<double> weights(static_cast<std::size_t>(n_weights_ * kSpectra));  // [group, weight, lane]
  for (Index s = 0; s < count; ++s) {
    double* to = &weights[static_cast<std::size_t>((s / kVecWidth * n_weights_) * kVecWidth + s % kVecWidth)];
    for (Index q = 0; q < n_weights_; ++q) {
      const double* own = w2 + s * stride_w2 + q * apart;
      // of a pair, one row may belong to a part that is not used
      to[q * kVecWidth] = paired_ ? std::max(own[0], own[1]) : own[0];
    }
  }
  for (Index block = 0; block < n_blocks_; ++block) {
    for (Index group = 0; group < count; group += kVecWidth) {
      const double* w = &weights[static_cast<std::size_t>(group * n_weights_)];
      const double* contribution = &products_[static_cast<std::size_t>(block * n_weights_ * kGramBlock)];
      Vec sum[kGramBlock] = {};
      for (Index q = 0; q < n_weights_; ++q, w += kVecWidth, contribution += kGramBlock) {
        const Vec weight = load(w);
        DRTENGINE_UNROLL
        for (Index e = 0; e < kGramBlock; ++e) sum[e] += weight * broadcast(contribution[e]);
      }
      double* to = H_entry(group, block * kGramBlock);
      DRTENGINE_UNROLL
      for (Index e = 0; e < kGramBlock; ++e) store(to + e * kVecWidth, sum[e]);
    }
  }
}

void LaneFactor::factorize(const double* w2, Index stride_w2, Index count, const std::array<double, kSpectra>& lambda) {
  form_gram(w2, stride_w2, padded(count));
  for (Index group = 0; group < count; group += kVecWidth) {
    systems_.resize(n_);
    const Vec lambda_here = load(&lambda[static_cast<std::size_t>(group)]);
    Vec H_norm{}, G_norm{};
    double* entry = H_entry(group, 0);
    for (Index i = 0; i < n_; ++i) {
      for (Index j = 0; j <= i; ++j, entry += kVecWidth) {
        const Vec h = load(entry) + lambda_here * penalty_(i, j);
        store(entry, h);
        store(systems_.entry(i, j), h);
        H_norm += h * h * (i == j ? 1.0 : 2.0);
      }
    }
    systems_.factorize();
    systems_.invert();
    for (Index i = 0; i < n_; ++i) {
      for (Index j = 0; j <= i; ++j) {
        const Vec g = load(systems_.entry(i, j));
        G_norm += g * g * (i == j ? 1.0 : 2.0);
      }
    }
    store(&error_[static_cast<std::size_t>(group)], kEpsilon * sqrt(H_norm * G_norm));
    unpack_inverse(group);
  }
}

// Copies a group's inverses out of systems_, both triangles, in square blocks.
void LaneFactor::unpack_inverse(Index group) {
  for (Index i = 0; i < n_; ++i) {
    for (Index j = 0; j < n_; j += kVecWidth) {
      Vec v[kVecWidth];  // one entry in all lanes, then one lane's entries
      DRTENGINE_UNROLL
      for (Index k = 0; k < kVecWidth; ++k) {
        const Index column = j + k;
        v[k] = column < n_ ? load(systems_.entry(std::max(i, column), std::min(i, column))) : Vec{};
      }
      transpose(v);
      DRTENGINE_UNROLL
      for (Index lane = 0; lane < kVecWidth; ++lane) {
        store(&G_[static_cast<std::size_t>(((group + lane) * stride_ + i) * stride_ + j)], v[lane]);
      }
    }
  }
  for (Index lane = group; lane < group + kVecWidth; ++lane) {
    round_matrix(inverse(lane), n_, &rough_[static_cast<std::size_t>(lane * n_ * padded<float>(n_))]);
  }
}

void LaneFactor::multiply_inverse(const double* in, Index count, double* out) const {
  std::vector<Index> all(static_cast<std::size_t>(n_));
  std::iota(all.begin(), all.end(), Index{0});
  const AlignedVector<double> zero(static_cast<std::size_t>(stride_));
  for (Index lane = 0; lane < count; ++lane) {
    const RowSum<double> sum{zero.data(), inverse(lane), all.data(), in + lane * stride_, n_, out + lane * stride_};
    add_rows(std::span(&sum, 1), stride_);
  }
}

const double* LaneFactor::H_rows(Index lane) {
  H_rows_.resize(G_.size());
  double* rows = &H_rows_[static_cast<std::size_t>(lane * stride_ * stride_)];
  const Index group = lane / kVecWidth * kVecWidth;
  const double* entry = H_entry(group, 0) + (lane - group);
  for (Index i = 0; i < n_; ++i) {
    for (Index j = 0; j <= i; ++j, entry += kVecWidth) rows[i * stride_ + j] = rows[j * stride_ + i] = *entry;
  }
  return rows;
}

}  // namespace drtengine
