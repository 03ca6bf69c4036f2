#include "drtengine/kk_lanes.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/tile.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace drtengine {
namespace {

// Sums kept in registers at a time.
#if defined(__AVX512F__)
constexpr Index kSums = 16;
#else
constexpr Index kSums = 8;
#endif
constexpr Index kPair = 2, kPhases = kSums / kPair;  // columns and phases in a block of cross products

// Square of the refinement, relative to the data, up to which the first solution counts as good: the
// error left is then below 1e-10 of |X|.
constexpr double kRefinable = 1e-10;

constexpr Index packed(Index i, Index j) { return i * (i + 1) / 2 + j; }
Vec get(const AlignedVector<double>& lanes, Index i) { return load(lanes.data() + i * kVecWidth); }
void put(AlignedVector<double>& lanes, Index i, Vec value) { store(lanes.data() + i * kVecWidth, value); }

// from -= matrix x, for Rows rows from `begin` on
template <Index Rows>
void subtract_block(const RowMatrix& matrix, const double* x, Index begin, AlignedVector<double>& from) {
  Vec sum[Rows] = {};
  const double* row = matrix.data() + begin * matrix.cols();
  for (Index j = 0; j < matrix.cols(); ++j) {
    const Vec x_j = load(x + j * kVecWidth);
    DRTENGINE_UNROLL
    for (Index i = 0; i < Rows; ++i) sum[i] += x_j * row[i * matrix.cols() + j];
  }
  for (Index i = 0; i < Rows; ++i) put(from, begin + i, get(from, begin + i) - sum[i]);
}

void subtract(const RowMatrix& matrix, const double* x, AlignedVector<double>& from) {
  constexpr Index kRows = kSums / 2;
  Index row = 0;
  for (; row + kRows <= matrix.rows(); row += kRows) subtract_block<kRows>(matrix, x, row, from);
  for (; row < matrix.rows(); ++row) subtract_block<1>(matrix, x, row, from);
}

// to = matrix' rows, for Columns columns from `begin` on
template <Index Columns>
void project_block(const RowMatrix& matrix, const AlignedVector<double>& rows, Index begin, double* to) {
  Vec sum[Columns] = {};
  const double* entry = matrix.data() + begin;
  for (Index row = 0; row < matrix.rows(); ++row, entry += matrix.cols()) {
    const Vec value = get(rows, row);
    DRTENGINE_UNROLL
    for (Index j = 0; j < Columns; ++j) sum[j] += value * entry[j];
  }
  for (Index j = 0; j < Columns; ++j) store(to + (begin + j) * kVecWidth, sum[j]);
}

void project(const RowMatrix& matrix, const AlignedVector<double>& rows, double* to) {
  Index column = 0;
  for (; column + kSums <= matrix.cols(); column += kSums) project_block<kSums>(matrix, rows, column, to);
  for (; column < matrix.cols(); ++column) project_block<1>(matrix, rows, column, to);
}

constexpr Index blocks_of(Index count, Index block) { return (count + block - 1) / block; }

RowMatrix causal_kernel(const KkModel& model) {
  const Index n = model.omega.size();
  RowMatrix K = RowMatrix::Zero(2 * n, kKkFree + model.tau.size());
  for (Index i = 0; i < n; ++i) {
    const double omega = model.omega[i];
    K(2 * i, 0) = 1;
    K(2 * i + 1, 1) = omega;
    K(2 * i + 1, 2) = -1 / omega;
    for (Index k = 0; k < model.tau.size(); ++k) {
      const double x = omega * model.tau[k], share = 1 / (1 + x * x);
      K(2 * i, kKkFree + k) = model.admittance ? x * x * share : share;
      K(2 * i + 1, kKkFree + k) = model.admittance ? x * share : -x * share;
    }
  }
  return K;
}

}  // namespace

KkBasis::KkBasis(const KkModel& model, const double* modulus) : part_(model.part), kernel_(causal_kernel(model)) {
  const bool rising = model.admittance ? model.capacitance : model.inductance;
  const bool falling = model.admittance ? model.inductance : model.capacitance;
  for (Index i = 0; i < elements(); ++i) {
    if ((i == 1 && !rising) || (i == 2 && !falling)) continue;
    const bool imaginary = i == 1 || i == 2;
    const bool has_column = part_ == Part::kBoth || (part_ == Part::kReal ? !imaginary : i != 0);
    (has_column ? fitted_ : completed_).push_back(i);
  }
  const Index rows = kernel_.rows(), n = static_cast<Index>(fitted_.size());
  if (n > (part_ == Part::kBoth ? rows : rows / 2)) throw InvalidInput("more unknowns than data");
  Matrix A(rows, n);
  for (Index j = 0; j < n; ++j) A.col(j) = kernel_.col(fitted_[static_cast<std::size_t>(j)]);
  for (Index row = 0; row < rows; ++row) {
    const bool imaginary = row % 2 == 1;
    if (part_ != Part::kBoth && imaginary == (part_ == Part::kReal)) A.row(row).setZero();
    if (modulus != nullptr) A.row(row) /= modulus[row / 2];
  }
  const Eigen::RowVectorXd norms = A.colwise().norm();
  A.array().rowwise() /= norms.array();
  const ThinQr qr(A);
  Q_ = qr.Q;
  to_elements_ = invert_upper(qr.R);
  to_elements_.array().colwise() /= norms.transpose().array();
  if (modulus != nullptr) {
    for (Index row = 0; row < rows; ++row) Q_.row(row) *= modulus[row / 2];
  }
  form_products();
}

// What each weight adds to the entries of the Gram matrix.
void KkBasis::form_products() {
  const Index n = size(), n_blocks = blocks_of(packed(n, 0), kSums);
  products_.resize(static_cast<std::size_t>(n_blocks * points() * kSums));
  Vector entries = Vector::Zero(n_blocks * kSums);
  for (Index point = 0; point < points(); ++point) {
    const double *real = Q_.row(2 * point).data(), *imag = Q_.row(2 * point + 1).data();
    for (Index i = 0; i < n; ++i) {
      double* row = entries.data() + packed(i, 0);
      for (Index j = 0; j <= i; ++j) row[j] = real[i] * real[j] + imag[i] * imag[j];
    }
    for (Index block = 0; block < n_blocks; ++block) {
      std::copy_n(entries.data() + block * kSums, kSums, products_.data() + (block * points() + point) * kSums);
    }
  }
}

KkRemainder remainder_of(const Vector& omega, Index n_cosines) {
  const Vector log_omega = omega.array().log();
  const double low = log_omega.minCoeff(), span = log_omega.maxCoeff() - low;
  KkRemainder remainder{n_cosines, RowMatrix(omega.size(), padded(2 * n_cosines))};
  for (Index i = 0; i < omega.size(); ++i) {
    const double angle = std::numbers::pi * (log_omega[i] - low) / span;
    for (Index k = 0; k < remainder.cosines.cols(); ++k)
      remainder.cosines(i, k) = std::cos(static_cast<double>(k) * angle);
  }
  return remainder;
}

void KkLanes::take(const std::array<KkInput, kVecWidth>& spectra, Index n_points) {
  n_points_ = n_points;
  X_.resize(at(2 * n_points));
  for (Lanes* lanes : {&inverse_, &w2_}) lanes->resize(at(n_points));
  weights2_.assign(at(n_points), 1);
  time_.assign(at(n_points), 0);
  for (Index lane = 0; lane < kVecWidth; ++lane) {
    const KkInput& in = spectra[u(lane)];
    for (Index row = 0; row < 2 * n_points; ++row) X_[at(row) + u(lane)] = in.X[row];
    for (Index i = 0; i < n_points && in.weights != nullptr; ++i) {
      weights2_[at(i) + u(lane)] = in.weights[i] * in.weights[i];
    }
    for (Index i = 0; i < n_points && in.time != nullptr; ++i) time_[at(i) + u(lane)] = in.time[i];
  }
  for (Index i = 0; i < n_points; ++i) {
    const Vec real = get(X_, 2 * i), imag = get(X_, 2 * i + 1);
    const Vec inverse = broadcast(1.0) / sqrt(real * real + imag * imag);
    put(inverse_, i, inverse);
    put(w2_, i, get(weights2_, i) * inverse * inverse);
  }
}

// ---------------------------------------------------------------- the causal model

void KkLanes::form_gram(const KkBasis& basis) {
  const Index n_blocks = blocks_of(packed(basis.size(), 0), kSums);
  gram_.resize(at(n_blocks * kSums));
  const double* product = basis.products().data();
  for (Index block = 0; block < n_blocks; ++block) {
    Vec sum[kSums] = {};
    for (Index point = 0; point < n_points_; ++point, product += kSums) {
      const Vec w2 = get(w2_, point);
      DRTENGINE_UNROLL
      for (Index e = 0; e < kSums; ++e) sum[e] += w2 * product[e];
    }
    for (Index e = 0; e < kSums; ++e) put(gram_, block * kSums + e, sum[e]);
  }
}

void KkLanes::set_gram(LaneSystems& systems, Index n) const {
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j <= i; ++j) store(systems.entry(i, j), get(gram_, packed(i, j)));
  }
}

unsigned KkLanes::fit(const KkBasis& basis) {
  const Index n = basis.size();
  for (Lanes* lanes : {&left_, &weighted_, &residual_}) lanes->resize(at(2 * n_points_));
  projected_.resize(at(n));
  x_.assign(at(n), 0);
  form_gram(basis);
  systems_.resize(n);
  set_gram(systems_, n);
  systems_.factorize();
  std::copy_n(X_.begin(), left_.size(), left_.begin());
  Vec data{}, correction{};
  for (int step = 0; step < 2; ++step) {  // the second refines
    for (Index row = 0; row < 2 * n_points_; ++row) put(weighted_, row, get(w2_, row / 2) * get(left_, row));
    project(basis.Q(), weighted_, projected_.data());
    for (Index j = 0; j < n; ++j) store(systems_.right_side(j), get(projected_, j));
    systems_.solve();
    correction = Vec{};
    for (Index j = 0; j < n; ++j) {
      const Vec step_j = load(systems_.right_side(j));
      put(x_, j, get(x_, j) + step_j);
      correction += step_j * get(projected_, j);
    }
    subtract(basis.Q(), systems_.right_side(0), left_);
  }
  for (Index point = 0; point < n_points_; ++point) data += get(weights2_, point);
  find_elements(basis);
  if (basis.part() != Part::kBoth) complete(basis);
  for (Index row = 0; row < 2 * n_points_; ++row) put(residual_, row, get(left_, row) * get(inverse_, row / 2));
  return less_mask(correction, data * kRefinable);
}

void KkLanes::find_elements(const KkBasis& basis) {
  const Index n = basis.size();
  elements_.assign(at(basis.elements()), 0);
  for (Index i = 0; i < n; ++i) {
    const double* row = basis.to_elements().data() + i * n;
    Vec sum{};
    for (Index j = i; j < n; ++j) sum += get(x_, j) * row[j];
    put(elements_, basis.fitted()[u(i)], sum);
  }
}

// Elements that only the other part of X knows: one or two, by normal equations over that part.
void KkLanes::complete(const KkBasis& basis) {
  const RowMatrix& K = basis.kernel();
  left_ = X_;
  subtract(K, elements_.data(), left_);
  const auto& columns = basis.completed();
  const auto sum_of = [&](auto&& value) {
    Vec sum{};
    for (Index row = 0; row < K.rows(); ++row) sum += get(w2_, row / 2) * value(row);
    return sum;
  };
  const auto moment = [&](Index a, Index b) {
    return sum_of([&](Index row) { return broadcast(K(row, a) * K(row, b)); });
  };
  const auto target = [&](Index a) { return sum_of([&](Index row) { return K(row, a) * get(left_, row); }); };
  if (columns.size() == 1) {
    put(elements_, columns[0], target(columns[0]) / moment(columns[0], columns[0]));
  } else if (columns.size() == 2) {
    const Index a = columns[0], b = columns[1];
    const Vec aa = moment(a, a), ab = moment(a, b), bb = moment(b, b), ta = target(a), tb = target(b);
    const Vec determinant = aa * bb - ab * ab;
    put(elements_, a, (ta * bb - tb * ab) / determinant);
    put(elements_, b, (tb * aa - ta * ab) / determinant);
  }
  left_ = X_;
  subtract(K, elements_.data(), left_);
}

// ---------------------------------------------------------------- what it leaves

void KkLanes::test(const KkBasis& basis, const KkRemainder& remainder) {
  const Index n = basis.size(), all = n + remainder.size();
  fitted_.resize(at(2 * n_points_));
  for (Index row = 0; row < 2 * n_points_; ++row) {
    put(fitted_, row, (get(X_, row) - get(left_, row)) * get(inverse_, row / 2));
  }
  extended_.resize(all);
  set_gram(extended_, n);
  append_drift(basis);
  append_turns(basis, remainder);
  extended_.factorize();
  find_scores(basis, remainder);
  find_rest(basis, remainder);
}

// Row n of the Gram matrix: time * fitted X. It is orthogonal to the turns of the phase.
void KkLanes::append_drift(const KkBasis& basis) {
  const Index n = basis.size();
  Vec own{};
  for (Index point = 0; point < n_points_; ++point) {
    const Vec real = get(fitted_, 2 * point), imag = get(fitted_, 2 * point + 1), time = get(time_, point);
    const Vec weight = get(weights2_, point) * time, scale = weight * get(inverse_, point);
    own += weight * time * (real * real + imag * imag);
    put(weighted_, 2 * point, scale * real);
    put(weighted_, 2 * point + 1, scale * imag);
  }
  project(basis.Q(), weighted_, projected_.data());
  for (Index j = 0; j < n; ++j) store(extended_.entry(n, j), get(projected_, j));
  store(extended_.entry(n, n), own);
}

// Rows from n + 1 on: j cos(k pi x) * fitted X.
void KkLanes::append_turns(const KkBasis& basis, const KkRemainder& remainder) {
  const Index n = basis.size(), count = remainder.n_cosines, stride = remainder.cosines.cols();
  column_.resize(at(kPair * n_points_));
  moments_.resize(at(stride));
  for (Index point = 0; point < n_points_; ++point) {
    const Vec scale = get(weights2_, point) * get(inverse_, point);
    put(weighted_, 2 * point, scale * get(fitted_, 2 * point));
    put(weighted_, 2 * point + 1, scale * get(fitted_, 2 * point + 1));
  }
  for (Index i0 = 0; i0 < n; i0 += kPair) {
    for (Index point = 0; point < n_points_; ++point) {
      const Vec real = get(weighted_, 2 * point), imag = get(weighted_, 2 * point + 1);
      for (Index i = 0; i < kPair; ++i) {
        const Index column = std::min(i0 + i, n - 1);
        put(column_, kPair * point + i, real * basis.Q()(2 * point + 1, column) - imag * basis.Q()(2 * point, column));
      }
    }
    for (Index k0 = 0; k0 < count; k0 += kPhases) {  // the table of cosines reaches far enough
      Vec sum[kPair][kPhases] = {};
      for (Index point = 0; point < n_points_; ++point) {
        const double* cosine = remainder.cosines.data() + point * stride + k0;
        DRTENGINE_UNROLL
        for (Index i = 0; i < kPair; ++i) {
          const Vec value = get(column_, kPair * point + i);
          DRTENGINE_UNROLL
          for (Index k = 0; k < kPhases; ++k) sum[i][k] += value * cosine[k];
        }
      }
      for (Index k = k0; k < std::min(k0 + kPhases, count); ++k) {
        for (Index i = i0; i < std::min(i0 + kPair, n); ++i) store(extended_.entry(n + 1 + k, i), sum[i - i0][k - k0]);
      }
    }
  }
  // products of two cosines are cosines of sum and difference
  for (Index k = 0; k < stride; ++k) put(moments_, k, Vec{});
  for (Index point = 0; point < n_points_; ++point) {
    const Vec real = get(fitted_, 2 * point), imag = get(fitted_, 2 * point + 1);
    const Vec modulus2 = get(weights2_, point) * (real * real + imag * imag);
    for (Index k = 0; k < stride; ++k) put(moments_, k, get(moments_, k) + modulus2 * remainder.cosines(point, k));
  }
  for (Index k = 0; k < count; ++k) {
    store(extended_.entry(n + 1 + k, n), Vec{});
    for (Index m = 0; m <= k; ++m) {
      store(extended_.entry(n + 1 + k, n + 1 + m), (get(moments_, k + m) + get(moments_, k - m)) * 0.5);
    }
  }
}

// Of what the causal model leaves: the part along each remainder, after those before it.
void KkLanes::find_scores(const KkBasis& basis, const KkRemainder& remainder) {
  const Index n = basis.size(), q = remainder.size(), stride = remainder.cosines.cols();
  scores_.assign(at(q), 0);
  for (Index point = 0; point < n_points_; ++point) {
    const Vec weight = get(weights2_, point);
    const Vec a = get(fitted_, 2 * point), b = get(fitted_, 2 * point + 1);
    const Vec real = get(residual_, 2 * point), imag = get(residual_, 2 * point + 1);
    const Vec along = weight * get(time_, point) * (a * real + b * imag), across = weight * (a * imag - b * real);
    put(scores_, 0, get(scores_, 0) + along);
    const double* cosine = remainder.cosines.data() + point * stride;
    for (Index k = 1; k < q; ++k) put(scores_, k, get(scores_, k) + across * cosine[k - 1]);
  }
  for (Index j = 0; j < n; ++j) store(extended_.right_side(j), Vec{});
  for (Index k = 0; k < q; ++k) store(extended_.right_side(n + k), get(scores_, k));
  for (Index k = 0; k < q; ++k) {
    Vec score = get(scores_, k);
    for (Index m = 0; m < k; ++m) score -= load(extended_.entry(n + k, n + m)) * get(scores_, m);
    put(scores_, k, score * load(extended_.entry(n + k, n + k)));
  }
  drift_scale_.resize(at(1));
  put(drift_scale_, 0, broadcast(1.0) / load(extended_.entry(n, n)));
}

void KkLanes::find_rest(const KkBasis& basis, const KkRemainder& remainder) {
  const Index n = basis.size(), stride = remainder.cosines.cols();
  extended_.solve();
  rest_ = left_;
  subtract(basis.Q(), extended_.right_side(0), rest_);
  for (Index point = 0; point < n_points_; ++point) {
    const double* cosine = remainder.cosines.data() + point * stride;
    Vec turn{};
    for (Index k = 0; k < remainder.n_cosines; ++k) turn += load(extended_.right_side(n + 1 + k)) * cosine[k];
    const Vec along = load(extended_.right_side(n)) * get(time_, point), scale = get(inverse_, point);
    const Vec a = get(fitted_, 2 * point), b = get(fitted_, 2 * point + 1);
    put(rest_, 2 * point, get(rest_, 2 * point) * scale - along * a + turn * b);
    put(rest_, 2 * point + 1, get(rest_, 2 * point + 1) * scale - along * b - turn * a);
  }
}

void KkLanes::find_leverage(const KkBasis& basis, const KkRemainder& remainder) {
  const Index n = basis.size(), all = n + remainder.size(), stride = remainder.cosines.cols();
  row_.resize(at(all));
  leverage_.resize(at(2 * n_points_));
  for (Index row = 0; row < 2 * n_points_; ++row) {
    const Index point = row / 2;
    const Vec a = get(fitted_, 2 * point), b = get(fitted_, 2 * point + 1), weight = sqrt(get(weights2_, point));
    const Vec along = row % 2 == 0 ? a : b, across = row % 2 == 0 ? -b : a, scale = weight * get(inverse_, point);
    for (Index j = 0; j < n; ++j) put(row_, j, scale * basis.Q()(row, j));
    if (all > n) put(row_, n, weight * get(time_, point) * along);
    for (Index k = 0; k < remainder.n_cosines; ++k) {
      put(row_, n + 1 + k, weight * across * remainder.cosines.data()[point * stride + k]);
    }
    Vec sum{};
    for (Index i = 0; i < all; ++i) {  // L y = row
      Vec y = get(row_, i);
      for (Index j = 0; j < i; ++j) y -= load(extended_.entry(i, j)) * get(row_, j);
      y *= load(extended_.entry(i, i));
      put(row_, i, y);
      sum += y * y;
    }
    put(leverage_, row, sum);
  }
}

double KkLanes::squares(const AlignedVector<double>& rows, Index lane) const {
  double sum = 0;
  for (Index row = 0; row < 2 * n_points_; ++row) {
    const double value = rows[at(row) + u(lane)];
    sum += weights2_[at(row / 2) + u(lane)] * value * value;
  }
  return sum;
}

}  // namespace drtengine
