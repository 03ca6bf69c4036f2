// Gauss-Legendre quadrature on a row of panels.
#pragma once

#include "drtengine/types.hpp"

#include <vector>

namespace drtengine {

struct Rule {
  std::vector<double> nodes, weights;
  void add(double node, double weight) {
    nodes.push_back(node);
    weights.push_back(weight);
  }
};

// Adds the 16-point rule on [lower, upper].
void add_panel(Rule& rule, double lower, double upper);

// Panels from lower to upper that start `first` long, double, and grow no longer than `longest`.
void add_panels(Rule& rule, double lower, double upper, double first, double longest);

}  // namespace drtengine
