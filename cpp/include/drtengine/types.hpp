// The types every other header speaks.
#pragma once

#include <Eigen/Dense>

#include <cstdint>
#include <vector>

namespace drtengine {

using Index = Eigen::Index;  // signed, as everywhere in the core
using Vector = Eigen::VectorXd;
using RowMatrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstVectorView = Eigen::Ref<const Vector>;
using ConstMatrixView = Eigen::Ref<const RowMatrix>;

// Begins where a register's width does: what is read across two cache lines takes twice as long.
template <class T>
using AlignedVector = std::vector<T, Eigen::aligned_allocator<T>>;

// How the answer for one spectrum came out; the numbers are those of drtengine.Status in Python.
enum class Status : std::int8_t {
  kOk = 0,
  kLambdaAtBound = 1,
  kUnconverged = 2,
  kSingular = 3,
};

}  // namespace drtengine
