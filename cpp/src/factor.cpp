#include "drtengine/factor.hpp"

#include "drtengine/errors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace drtengine {
namespace {

constexpr double kEpsilon = std::numeric_limits<double>::epsilon();

constexpr Index kGramBlock = 16;  // entries of H summed at a time: accumulators for the registers

}  // namespace

SharedFactor::SharedFactor(const RowMatrix& gram, const RowMatrix& penalty, double lambda)
    : lambda_(lambda), H_(gram + lambda * penalty) {
  const Eigen::LLT<Eigen::MatrixXd> llt(H_);
  if (llt.info() != Eigen::Success) throw NotPositiveDefinite("A'A + lambda M is singular");
  const RowMatrix half = llt.solve(Eigen::MatrixXd::Identity(H_.rows(), H_.cols())) / 2;
  const RowMatrix G = half + half.transpose();
  error_ = kEpsilon * H_.norm() * G.norm();
  H_tile_ = TileFactor(H_);
  G_tile_ = TileFactor(G);
}

LaneFactor::LaneFactor(const Design& design, bool paired_weights)
    : n_(design.size()),
      stride_(padded(n_)),
      paired_(paired_weights),
      penalty_(design.M),
      G_(static_cast<std::size_t>(kTile * n_ * stride_)) {
  const Index packed = (n_ * (n_ + 1) / 2 + kGramBlock - 1) / kGramBlock * kGramBlock;
  products_ = RowMatrix::Zero(design.rows() / (paired_ ? 2 : 1), packed);
  for (Index r = 0; r < design.rows(); ++r) {
    auto target = products_.row(paired_ ? r / 2 : r);
    for (Index i = 0, entry = 0; i < n_; ++i) {
      for (Index j = 0; j <= i; ++j, ++entry) target[entry] += design.A(r, i) * design.A(r, j);
    }
  }
  H_.resize(static_cast<std::size_t>(packed * kTile));
}

// H of the lanes from `group` on, without the penalty: one product of weights and `products_`.
void LaneFactor::form_gram(const double* w2, Index stride_w2, Index group) {
  const Index n_weights = products_.rows(), apart = paired_ ? 2 : 1;
  std::vector<double> weights(static_cast<std::size_t>(n_weights * kVecWidth));
  for (Index q = 0; q < n_weights; ++q) {
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      const double* own = w2 + (group + lane) * stride_w2 + q * apart;
      // of a pair, one row may belong to a part that is not used
      weights[static_cast<std::size_t>(q * kVecWidth + lane)] = paired_ ? std::max(own[0], own[1]) : own[0];
    }
  }
  for (Index entry = 0; entry < products_.cols(); entry += kGramBlock) {
    Vec sum[kGramBlock] = {};
    for (Index q = 0; q < n_weights; ++q) {
      const Vec w = load(&weights[static_cast<std::size_t>(q * kVecWidth)]);
      const double* contribution = products_.data() + q * products_.cols() + entry;
      for (Index e = 0; e < kGramBlock; ++e) sum[e] += w * broadcast(contribution[e]);
    }
    for (Index e = 0; e < kGramBlock; ++e) store(&H_[static_cast<std::size_t>((entry + e) * kTile + group)], sum[e]);
  }
}

void LaneFactor::factorize(const double* w2, Index stride_w2, const std::array<double, kTile>& lambda) {
  std::array<double, kTile> H_norm{}, G_norm{};
  const auto off_diagonal_twice = [](Index i, Index j, double x) { return (i == j ? 1 : 2) * x * x; };
  for (Index group = 0; group < kTile; group += kVecWidth) {
    form_gram(w2, stride_w2, group);
    systems_.resize(n_);
    const Vec lambda_here = load(&lambda[static_cast<std::size_t>(group)]);
    for (Index i = 0, entry = 0; i < n_; ++i) {
      for (Index j = 0; j <= i; ++j, ++entry) {
        double* h = &H_[static_cast<std::size_t>(entry * kTile + group)];
        store(h, load(h) + lambda_here * penalty_(i, j));
        store(systems_.entry(i, j), load(h));
        for (Index lane = 0; lane < kVecWidth; ++lane) {
          H_norm[static_cast<std::size_t>(group + lane)] += off_diagonal_twice(i, j, h[lane]);
        }
      }
    }
    systems_.factorize();
    systems_.invert();
    for (Index lane = 0; lane < kVecWidth; ++lane) {
      double* G = &G_[static_cast<std::size_t>((group + lane) * n_ * stride_)];
      for (Index i = 0; i < n_; ++i) {
        const double* from = systems_.entry(i, 0) + lane;
        for (Index j = 0; j <= i; ++j) {
          const double g = from[j * kVecWidth];
          G[i * stride_ + j] = G[j * stride_ + i] = g;
          G_norm[static_cast<std::size_t>(group + lane)] += off_diagonal_twice(i, j, g);
        }
      }
    }
  }
  for (std::size_t lane = 0; lane < kTile; ++lane) error_[lane] = kEpsilon * std::sqrt(H_norm[lane] * G_norm[lane]);
}

void LaneFactor::multiply_inverse(const double* in, double* out) const {
  std::vector<Index> all(static_cast<std::size_t>(n_));
  std::iota(all.begin(), all.end(), Index{0});
  const std::vector<double> zero(static_cast<std::size_t>(stride_));
  for (Index lane = 0; lane < kTile; ++lane) {
    add_rows(zero.data(), inverse(lane), stride_, all.data(), in + lane * stride_, n_,
             out + lane * stride_);
  }
}

RowMatrix LaneFactor::H(Index lane) const {
  RowMatrix h(n_, n_);
  for (Index i = 0, entry = 0; i < n_; ++i) {
    for (Index j = 0; j <= i; ++j, ++entry) {
      h(i, j) = h(j, i) = H_[static_cast<std::size_t>(entry * kTile + lane)];
    }
  }
  return h;
}

}  // namespace drtengine
