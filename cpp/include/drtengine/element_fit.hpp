// One sum of elements fitted to one spectrum, and how believable it is.
#pragma once

#include "drtengine/element_model.hpp"

#include <limits>

namespace drtengine {

struct ElementFit {
  ElementSum sum;  // in units of the loaded spectrum, see ElementFitter::unit
  double score = -std::numeric_limits<double>::infinity();
  double rss = 0;      // weighted
  double sigma2 = 0;   // rss over the degrees of freedom
  ParameterSet inner;  // free and not at a bound
  bool converged = false;
};

// When a fit stops: the last step was to lower rss by less than this many sigma2.
inline constexpr double kScreened = 1e-5, kPolished = 1e-16;
// When it counts as converged: elements that hide behind each other move on forever, by steps
// that no longer matter.
inline constexpr double kAtRest = 1e-3;

// Projected Levenberg-Marquardt on spectra that share a model. Holds the scratch memory; one a thread.
class ElementFitter {
 public:
  explicit ElementFitter(const ElementModel& model);

  // Takes Re and Im in turn, and squared weights of points or of Re and Im in turn. False where
  // they are not finite or nothing is left to fit.
  bool load(const Eigen::Ref<const Eigen::RowVectorXd>& Z, const Eigen::Ref<const Eigen::RowVectorXd>& weights);

  const ElementModel& model() const { return model_; }
  // Ohm in which the loaded spectrum is worked on: sums for fit() are in it, and scores of fits.
  double unit() const { return unit_; }
  // How many elements are taken for granted; each further one must pay.
  void set_expected(Index elements) { expected_ = elements; }

  // `held` parameters stay as they are.
  ElementFit fit(const ElementSum& start, int max_iterations, double tolerance, ParameterSet held = {});
  // Sets R_inf, L and 1/C to what fits best.
  void fit_series(ElementSum& sum);
  // Of all parameters in the fit's units; zero for those that are not `inner`.
  RowMatrix covariance(const ElementFit& fit);
  // What the score of the spectrum in ohm has beyond that in the fit's unit.
  double score_offset() const;

 private:
  static constexpr Index kMax = kMaxParameters;
  using Small = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::ColMajor, kMax, kMax>;
  using SmallVector = Eigen::Matrix<double, Eigen::Dynamic, 1, Eigen::ColMajor, kMax, 1>;
  using List = std::vector<Index>;

  struct Place {  // a sum with its residual and derivatives
    ElementSum sum;
    AlignedVector<double> residual;
    RowMatrix jacobian;  // [parameter, row]
    double rss = 0;
  };

  void evaluate(Place& place);
  void normal_equations();  // of here_, over free_
  bool step(ParameterSet moving, double& damping, double& decrease, double& predicted);
  ElementFit assess(bool converged);
  double prior_precision(Index j) const;
  double log_determinant(const List& parameters, double sigma2);
  double score(const ElementFit& fit);

  const ElementModel& model_;
  AlignedVector<double> root_weight_, target_, zeros_;  // [row]
  double unit_ = 1;
  Index used_rows_ = 0, expected_ = 1;
  Place here_, there_;
  ParameterSet free_;
  List list_;  // of free_
  Small gram_;
  SmallVector gradient_;                       // [position in list_]
  std::array<Index, kMaxParameters> place_{};  // of a parameter in list_
};

}  // namespace drtengine
