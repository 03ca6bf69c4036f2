#include "drtengine/log_band.hpp"

#include "drtengine/dense.hpp"
#include "drtengine/errors.hpp"
#include "drtengine/log_lanes.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <random>

namespace drtengine {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kChunk = 32;  // spectra that one worker takes at a time
// How many times less smoothing than the evidence asks for; found by simulation.
constexpr double kLessCalibrated = 20, kLessOneSided = 9.3;
constexpr int kNoiseModelFits = 2;
constexpr double kLeastExponent = -0.5, kMostExponent = 1.5;
constexpr double kSpread = 0.1;  // of ln|Z|, below which the exponent cannot be seen
constexpr int kDraws = 4000;

// b of sigma_k^2 ~ |Z_k|^{2b} by maximum likelihood, where x = ln|Z_k|^2: Newton steps on a convex function.
double noise_exponent(const Vector& squares, const Vector& x, double start) {
  double b = start;
  for (int step = 0; step < 20; ++step) {
    const Vector weight = squares.array() * (-b * x.array()).exp();
    const double total = weight.sum(), mean = weight.dot(x) / total;
    const double variance = weight.dot(x.cwiseAbs2()) / total - mean * mean;
    if (!(variance > 0)) return start;
    const double change = std::clamp(mean / variance, -0.5, 0.5);
    b = std::clamp(b + change, kLeastExponent, kMostExponent);
    if (std::abs(change) < 1e-6) break;
  }
  return b;
}

// Standard normal numbers, the same on every platform.
class Normal {
 public:
  explicit Normal(std::uint64_t seed) : engine_(seed) {}
  void fill(Eigen::MatrixXd& to) {
    for (Index i = 0; i + 1 < to.size(); i += 2) {  // Box and Muller
      const double r = std::sqrt(-2 * std::log(uniform())), angle = 2 * std::numbers::pi * uniform();
      to.data()[i] = r * std::cos(angle);
      to.data()[i + 1] = r * std::sin(angle);
    }
    if (to.size() % 2 == 1) to.data()[to.size() - 1] = std::sqrt(-2 * std::log(uniform())) * std::cos(uniform());
  }

 private:
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }
  std::mt19937_64 engine_;
};

class Worker {
 public:
  Worker(const Design& design, double h, ConstMatrixView Z, const RowWeights& weights, ConstMatrixView relief,
         ConstMatrixView functionals, const BandOptions& options, Bands& result)
      : design_(design),
        h_(h),
        Z_(Z),
        weights_(weights),
        relief_(relief),
        functionals_(functionals),
        options_(options),
        result_(result),
        lanes_(design.A, design.n_basis, h) {}

  void operator()(Index begin, Index end) {
    spectra_.clear();
    for (Index s = begin; s < end; ++s) spectra_.push_back(load(s));
    std::vector<LogFit> fits;
    fits.reserve(spectra_.size());
    for (const Spectrum& spectrum : spectra_) fits.push_back(flat_start(design_, h_, spectrum.z, spectrum.w2));
    lanes_.run(fits);
    for (int round = 0; options_.noise_model && round < kNoiseModelFits; ++round) {
      for (std::size_t i = 0; i < fits.size(); ++i) refine_noise_model(spectra_[i], fits[i]);
      lanes_.run(fits);
    }
    for (std::size_t i = 0; i < fits.size(); ++i) integrate(begin + static_cast<Index>(i), spectra_[i], fits[i]);

    const double less = options_.kind == BandKind::kOneSided ? kLessOneSided : kLessCalibrated;
    for (LogFit& fit : fits) {
      fit.precisions = Precisions::kFixed;
      for (double& precision : fit.precision) precision /= less;
    }
    lanes_.run(fits);
    for (std::size_t i = 0; i < fits.size(); ++i) write(begin + static_cast<Index>(i), spectra_[i], fits[i]);
  }

 private:
  struct Spectrum {
    double size = 0;  // the largest |z|, which z was divided by
    Vector z, w2;     // [row]
    Vector relief2;   // [row] what w2 has been lowered by
    Vector x;         // [row] ln|Z|^2 less its mean over the rows in use; zero elsewhere
    double exponent = 1;
  };

  Spectrum load(Index s) const {
    Spectrum spectrum;
    spectrum.z = Z_.row(s).transpose();
    spectrum.w2.resize(design_.rows());
    weights_.squared(s, spectrum.w2.data());
    spectrum.relief2 = relief_.row(s).transpose().cwiseAbs2();
    spectrum.w2.array() *= spectrum.relief2.array();
    normalize_weights(spectrum.w2);
    spectrum.x = Vector::Zero(design_.rows());
    double mean = 0, count = 0;
    for (Index r = 0; r < design_.rows(); ++r) {
      if (!(spectrum.w2[r] > 0)) continue;
      spectrum.size = std::max(spectrum.size, std::abs(spectrum.z[r]));
      const Index pair = r - r % 2;
      spectrum.x[r] = std::log(spectrum.z[pair] * spectrum.z[pair] + spectrum.z[pair + 1] * spectrum.z[pair + 1]);
      mean += spectrum.x[r];
      ++count;
    }
    for (Index r = 0; r < design_.rows(); ++r) {
      if (spectrum.w2[r] > 0) spectrum.x[r] -= mean / count;
    }
    spectrum.z /= spectrum.size;
    return spectrum;
  }

  void refine_noise_model(Spectrum& spectrum, LogFit& fit) const {
    if (fit.failed || std::sqrt(spectrum.x.squaredNorm() / fit.rows) < 2 * kSpread) return;
    const Vector residual = spectrum.z - design_.A * amplitudes(fit, design_.n_basis);
    const Vector used = (spectrum.w2.array() > 0).select(spectrum.relief2.array(), 0.0);
    spectrum.exponent = noise_exponent(residual.cwiseAbs2().cwiseProduct(used), spectrum.x, spectrum.exponent);
    spectrum.w2 = used.array() * (-spectrum.exponent * spectrum.x.array()).exp();
    normalize_weights(spectrum.w2);
  }

  // The data's part J of the second derivatives, JJ', over [u, free], and the whole, H = JJ' + P.
  struct Curvature {
    Matrix J;     // [unknown, row]
    RowMatrix P;  // [node, node]
    Cholesky H;
  };
  Curvature curvature(const Spectrum& spectrum, const LogFit& fit) const {
    const Index n = design_.n_basis;
    Curvature c;
    Vector factor = amplitudes(fit, n);
    factor.tail(design_.size() - n).setOnes();
    const Vector weight = (spectrum.w2 / fit.noise2).cwiseSqrt();
    c.J = factor.asDiagonal() * design_.A.transpose() * weight.asDiagonal();
    c.P = roughness_matrix(fit.precision, h_);
    Matrix H = gram_of_rows(c.J);
    H.topLeftCorner(n, n) += c.P;
    c.H = Cholesky(H);
    return c;
  }

  // Integrals of gamma at the likeliest smoothing, by the delta method: in ln gamma draws of an integral
  // would explode.
  void integrate(Index s, const Spectrum& spectrum, const LogFit& fit) {
    const Index n = design_.n_basis, count = functionals_.cols();
    result_.status[static_cast<std::size_t>(s)] = fit.failed      ? Status::kSingular
                                                  : fit.converged ? Status::kOk
                                                                  : Status::kUnconverged;
    const Curvature c = fit.failed ? Curvature{} : curvature(spectrum, fit);
    if (fit.failed || !c.H.succeeded()) return fail(s);
    const Vector gamma = amplitudes(fit, n).head(n);
    const bool has_R_inf = design_.used[0];
    Matrix slopes = Matrix::Zero(design_.size(), count + 1);
    slopes.topLeftCorner(n, count) = gamma.asDiagonal() * functionals_;
    if (has_R_inf) slopes(n, count) = 1;
    const Vector deviation = c.H.solve_lower(slopes).colwise().norm().transpose() * spectrum.size;
    result_.integral.row(s) = spectrum.size * (functionals_.transpose() * gamma).transpose();
    result_.u_integral.row(s) = deviation.head(count).transpose();
    result_.u_R_inf[s] = has_R_inf ? deviation[count] * design_.scale[n] : kNaN;
    result_.exponent[s] = spectrum.exponent;
  }

  void write(Index s, const Spectrum& spectrum, const LogFit& fit) {
    const Index n = design_.n_basis;
    if (result_.status[static_cast<std::size_t>(s)] != Status::kOk) return;
    const Curvature c = fit.failed ? Curvature{} : curvature(spectrum, fit);
    if (fit.failed || !c.H.succeeded()) return fail(s);
    const Vector u = Eigen::Map<const Vector>(fit.theta.data(), n);
    const Matrix C = c.H.inverse().topRows(n);
    result_.factor[s] = kNaN;
    if (options_.kind == BandKind::kOneSided) {
      result_.centre.row(s) = u.array() + std::log(spectrum.size);
      result_.deviation.row(s) = C.leftCols(n).diagonal().cwiseSqrt();
      return;
    }
    const Vector correction = C.leftCols(n) * roughness_gradient(fit.precision, h_, u);
    result_.centre.row(s) = (u + correction).array() + std::log(spectrum.size);
    // how the corrected estimate answers to noise in each row
    const Matrix response = multiply(C + multiply(multiply(C.leftCols(n), c.P), C), c.J);
    const Vector deviation = response.rowwise().norm();
    result_.deviation.row(s) = deviation;
    if (options_.kind == BandKind::kSimultaneous) {
      result_.factor[s] = largest_of_many(deviation.cwiseInverse().asDiagonal() * response);
    }
  }

  // The quantile, over draws, of the largest of |R n|, n standard normal.
  double largest_of_many(const Matrix& R) const {
    Normal normal(options_.seed);
    std::vector<double> largest;
    Matrix noise(R.cols(), 100);
    for (int done = 0; done < kDraws; done += static_cast<int>(noise.cols())) {
      normal.fill(noise);
      const Eigen::RowVectorXd top = multiply(R, noise).cwiseAbs().colwise().maxCoeff();
      largest.insert(largest.end(), top.begin(), top.end());
    }
    const auto at =
        largest.begin() + static_cast<std::ptrdiff_t>(options_.level * static_cast<double>(largest.size() - 1));
    std::nth_element(largest.begin(), at, largest.end());
    return *at;
  }

  void fail(Index s) {
    result_.status[static_cast<std::size_t>(s)] = Status::kSingular;
    for (RowMatrix* rows : {&result_.centre, &result_.deviation, &result_.integral, &result_.u_integral}) {
      rows->row(s).setConstant(kNaN);
    }
    for (Vector* numbers : {&result_.u_R_inf, &result_.exponent, &result_.factor}) (*numbers)[s] = kNaN;
  }

  const Design& design_;
  double h_;
  ConstMatrixView Z_;
  const RowWeights& weights_;
  ConstMatrixView relief_;
  ConstMatrixView functionals_;
  const BandOptions& options_;
  Bands& result_;
  LogLanes lanes_;
  std::vector<Spectrum> spectra_;  // of the chunk
};

}  // namespace

Bands find_bands(const Design& design, double h, ConstMatrixView Z, ConstMatrixView weights, ConstMatrixView relief,
                 ConstMatrixView functionals, const BandOptions& options, int n_threads, const KeepGoing& keep_going) {
  const Index n_spectra = Z.rows(), n = design.n_basis;
  if (Z.cols() != design.rows()) throw InvalidInput("Z must have Re and Im of every frequency");
  if (relief.rows() != Z.rows() || relief.cols() != Z.cols()) throw InvalidInput("relief must have the shape of Z");
  if (functionals.rows() != n) throw InvalidInput("functionals must have one row a node");
  const RowWeights row_weights(weights, false, design, n_spectra);
  Bands result{RowMatrix::Constant(n_spectra, n, kNaN),
               RowMatrix::Constant(n_spectra, n, kNaN),
               RowMatrix::Constant(n_spectra, functionals.cols(), kNaN),
               RowMatrix::Constant(n_spectra, functionals.cols(), kNaN),
               Vector::Constant(n_spectra, kNaN),
               Vector::Constant(n_spectra, kNaN),
               Vector::Constant(n_spectra, kNaN),
               std::vector<Status>(static_cast<std::size_t>(n_spectra))};
  parallel_for(n_spectra, kChunk, n_threads, keep_going,
               [&] { return Worker(design, h, Z, row_weights, relief, functionals, options, result); });
  return result;
}

}  // namespace drtengine
