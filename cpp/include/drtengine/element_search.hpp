// Which elements, and how many: a search that starts from a smooth estimate of gamma.
#pragma once

#include "drtengine/element_fit.hpp"

namespace drtengine {

// Nodes with the edges of the cells around them, half-way between nodes.
struct Cells {
  Vector log_tau, edges;  // [node], [node + 1]
  explicit Cells(ConstVectorView log_tau);
  double width(Index i) const { return edges[i + 1] - edges[i]; }
};

struct SmoothEstimate {
  Eigen::Ref<const Eigen::RowVectorXd> gamma;  // at the nodes of the cells
  double R_inf;
  double evidence;  // what the score must come near for the search to go on; may be -infinity
};

// The best sum found for the spectrum loaded into the fitter, in its unit.
ElementFit search_elements(ElementFitter& fitter, const Cells& cells, const SmoothEstimate& smooth);

}  // namespace drtengine
