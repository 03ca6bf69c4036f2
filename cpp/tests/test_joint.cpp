#include "drtengine/joint.hpp"

#include "drtengine/errors.hpp"
#include "drtengine/log_lanes.hpp"
#include "drtengine/log_smooth.hpp"
#include "support.hpp"

#include <algorithm>

namespace drtengine::testing {
namespace {

constexpr Index kNodes = 60;

// Hats on kNodes nodes over eleven decades, and a drifting series on frequencies that change from one to the next.
struct DriftingSeries {
  double h = std::log(1e11) / (kNodes - 1);
  std::vector<Design> designs;
  std::vector<SeriesSpectrum> spectra;
  LogSolutions alone;

  explicit DriftingSeries(Index count, double drift = 1, double noise = 0.003) {
    const Basis hats{Shape::kPiecewiseLinear, 1, Vector::LinSpaced(kNodes, std::log(1e-7), std::log(1e4))};
    for (const Index n_frequencies : {41, 33}) {
      designs.push_back(assemble(hats, log_spaced(1e6, 1e-3, n_frequencies), {}));
    }
    Random random(5);
    alone.log_gamma.resize(count, kNodes);
    alone.lambda.resize(count);
    alone.noise.resize(count);
    for (Index v = 0; v < count; ++v) {
      const Design& design = designs[static_cast<std::size_t>(v % 2)];
      const double place = drift * static_cast<double>(v) / static_cast<double>(count);
      Vector x(design.size());
      for (Index i = 0; i < kNodes; ++i) {
        const double from = hats.nodes[i] + 6 - place, other = hats.nodes[i] - 1;
        x[i] = 3 * (1 + place) * std::exp(-from * from / 4) + 2 * std::exp(-other * other / 6) + 1e-4;
      }
      x.tail(2) << 10, 1e-3;
      const Vector exact = design.A * x;
      Vector z(exact.size());
      for (Index r = 0; r < z.size(); ++r) {
        const double size = std::hypot(exact[r - r % 2], exact[r - r % 2 + 1]);
        z[r] = exact[r] + noise * size * random.uniform(-1, 1) * std::sqrt(3);
      }
      Vector w2(z.size());
      for (Index r = 0; r < z.size(); ++r)
        w2[r] = 1 / (z[r - r % 2] * z[r - r % 2] + z[r - r % 2 + 1] * z[r - r % 2 + 1]);
      normalize_weights(w2);
      const RowMatrix row = z.transpose(), weights = w2.cwiseSqrt().transpose();
      const LogSolutions own = fit_log(design, h, row, {weights}, 1, {});
      alone.log_gamma.row(v) = own.log_gamma;
      alone.lambda[v] = own.lambda[0];
      alone.noise[v] = own.noise[0];
      spectra.push_back({&design, z, w2});
    }
  }

  Index size() const { return static_cast<Index>(spectra.size()); }

  JointSolutions fit(int n_threads = 1, const KeepGoing& keep_going = {}) const {
    return fit_joint(spectra, h, Vector::Ones(size() - 1), {alone.log_gamma, alone.lambda, alone.noise}, n_threads,
                     keep_going);
  }
};

TEST_CASE("a drifting series is found, with noise and free unknowns") {
  const DriftingSeries series(12);
  const JointSolutions joint = series.fit();
  CHECK(std::ranges::count(joint.status, Status::kOk) == series.size());
  CHECK(joint.eta > 1);
  CHECK(joint.tie.minCoeff() > 0.3);
  CHECK(joint.u_log_gamma.minCoeff() > 0);
  double step2 = 0, alone2 = 0;
  for (Index v = 0; v + 1 < series.size(); ++v) {
    step2 += (joint.log_gamma.row(v + 1) - joint.log_gamma.row(v)).squaredNorm();
    alone2 += (series.alone.log_gamma.row(v + 1) - series.alone.log_gamma.row(v)).squaredNorm();
  }
  CHECK(step2 < alone2 / 2);
  for (Index v = 0; v < series.size(); ++v) {
    CAPTURE(v);
    CHECK(joint.free(v, 0) == within(10, 0.02));
    CHECK(joint.noise[v] == within(series.alone.noise[v], 0.3));
  }
}

// The free unknowns are eliminated: given gamma, they must solve their own least-squares problem.
TEST_CASE("the free unknowns are the best for gamma") {
  const DriftingSeries series(4);
  const JointSolutions joint = series.fit();
  for (Index v = 0; v < series.size(); ++v) {
    const SeriesSpectrum& s = series.spectra[static_cast<std::size_t>(v)];
    Vector x(s.design->size());
    x << joint.log_gamma.row(v).transpose().array().exp().matrix(),
        joint.free.row(v).transpose().cwiseQuotient(s.design->scale.tail(2));
    const Vector weighted = s.w2.cwiseProduct(s.z - s.design->A * x);
    const Vector slope = s.design->A.rightCols(2).transpose() * weighted;
    const Vector scale = s.design->A.rightCols(2).cwiseAbs().transpose() * weighted.cwiseAbs();
    CHECK(slope.cwiseAbs().cwiseQuotient(scale).maxCoeff() <= 1e-9);
  }
}

TEST_CASE("the same bits whatever the number of threads") {
  const DriftingSeries series(9);
  const JointSolutions one = series.fit(1), three = series.fit(3);
  CHECK(same_bits(one.log_gamma, three.log_gamma));
  CHECK(same_bits(one.u_log_gamma, three.u_log_gamma));
  CHECK(same_bits(one.free, three.free));
  CHECK(same_bits(one.tie, three.tie));
}

TEST_CASE("a series can be stopped") {
  const DriftingSeries series(3);
  int calls = 0;
  CHECK_THROWS_AS(series.fit(1, [&](Index, Index) { return ++calls < 3; }), Cancelled);
  CHECK(calls == 3);
}

TEST_CASE("what does not fit together is refused") {
  DriftingSeries series(3);
  const SeriesStart start{series.alone.log_gamma, series.alone.lambda, series.alone.noise};
  CHECK_THROWS_AS(fit_joint({series.spectra[0]}, series.h, Vector(0), start, 1, {}), InvalidInput);
  CHECK_THROWS_AS(fit_joint(series.spectra, series.h, Vector::Ones(3), start, 1, {}), InvalidInput);
  CHECK_THROWS_AS(fit_joint(series.spectra, series.h, Vector::Zero(2), start, 1, {}), InvalidInput);
  const Vector short_noise = series.alone.noise.head(2);
  CHECK_THROWS_AS(
      fit_joint(series.spectra, series.h, Vector::Ones(2), {start.log_gamma, start.lambda, short_noise}, 1, {}),
      InvalidInput);
  series.spectra[1].z.conservativeResize(10);
  CHECK_THROWS_AS(fit_joint(series.spectra, series.h, Vector::Ones(2), start, 1, {}), InvalidInput);
}

}  // namespace
}  // namespace drtengine::testing
