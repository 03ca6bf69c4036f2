// What the core throws. The bindings translate each of these once.
#pragma once

#include <stdexcept>

namespace drtengine {

// The caller asked for something that cannot be done; the message says what to change.
class InvalidInput : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

// A matrix that must be positive definite is not, to working precision.
class NotPositiveDefinite : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The keep_going hook asked to stop.
class Cancelled : public std::runtime_error {
 public:
  Cancelled() : std::runtime_error("cancelled") {}
};

}  // namespace drtengine
