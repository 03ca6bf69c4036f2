#include "drtengine/element_search.hpp"

#include "drtengine/element_curve.hpp"
#include "drtengine/errors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

namespace drtengine {
namespace {

constexpr int kScreening = 8, kFitting = 40, kPolishing = 200;  // iterations
constexpr int kRounds = 5, kRestarts = 5;
constexpr double kLeastPeak = 0.02;                         // of the highest
constexpr std::array<double, 3> kStartPeaks{0, 0.05, 0.2};  // of the highest
constexpr Index kMoreThanPeaks = 2;
constexpr double kWorthFitting = -2, kWorthTaking = 1;  // gain of score after screening, and after fitting
// How far below the evidence of the smooth estimate the search is given up before each round. The first guess may lack
// an element that the next adds, so patience comes first.
constexpr std::array<double, kRounds> kGiveUp{HUGE_VAL, 500, 100, 30, 10};

class Search {
 public:
  Search(ElementFitter& fitter, const Cells& cells, const SmoothEstimate& smooth)
      : fitter_(fitter), cells_(cells), smooth_(smooth), peaks_(find_peaks()) {
    fitter_.set_expected(static_cast<Index>(peaks_.size()));
  }

  ElementFit run() {
    ElementFit best = first_guess();
    if (best.sum.count == 0) return best;  // more unknowns than data
    best = fitter_.fit(best.sum, kFitting, kScreened);
    for (const double margin : kGiveUp) {
      if (best.score + fitter_.score_offset() < smooth_.evidence - margin) break;
      ElementFit next = best_of(moves(best.sum));
      if (!(next.score >= best.score + kWorthFitting)) break;
      next = fitter_.fit(next.sum, kFitting, kScreened);
      if (!(next.score >= best.score + kWorthTaking)) break;
      best = next;
    }
    best.sum.sort_by_tau();
    best = fitter_.fit(best.sum, kPolishing, kPolished);
    // in a flat valley a fresh damping goes further than many steps
    for (int restart = 0; restart < kRestarts && !best.converged; ++restart) {
      best = fitter_.fit(best.sum, kPolishing, kPolished);
    }
    return best;
  }

 private:
  using Sums = std::vector<ElementSum>;

  // Highest first.
  std::vector<Index> find_peaks() const {
    const auto& gamma = smooth_.gamma;
    const Index n = gamma.size();
    std::vector<Index> peaks;
    const double least = kLeastPeak * gamma.maxCoeff();
    for (Index i = 1; i + 1 < n; ++i) {
      if (gamma[i] > gamma[i - 1] && gamma[i] >= gamma[i + 1] && gamma[i] > least) peaks.push_back(i);
    }
    if (peaks.empty()) {
      Index highest = 0;
      gamma.maxCoeff(&highest);
      peaks.push_back(highest);
    }
    std::ranges::stable_sort(peaks, std::ranges::greater{}, [&](Index i) { return gamma[i]; });
    if (peaks.size() > kMaxElements) peaks.resize(kMaxElements);
    return peaks;
  }

  ElementFit best_of(const Sums& candidates) {
    ElementFit best;
    for (const ElementSum& candidate : candidates) {
      const ElementFit fit = fitter_.fit(candidate, kScreening, kScreened);
      if (fit.score > best.score) best = fit;
    }
    return best;
  }

  double gamma(std::size_t peak) const { return smooth_.gamma[peaks_[peak]]; }

  // ZARCs at the highest peaks, or one element that is no ZARC.
  ElementFit first_guess() {
    Sums starts;
    for (const double least : kStartPeaks) {
      std::size_t count = 0;
      while (count < peaks_.size() && gamma(count) >= least * gamma(0)) ++count;
      if (starts.empty() || std::cmp_less(count, starts.back().count)) starts.push_back(start(count, Kind::kZarc));
    }
    starts.push_back(start(1, Kind::kHavriliakNegami));
    starts.push_back(start(1, Kind::kColeDavidson));
    for (ElementSum& sum : starts) fitter_.fit_series(sum);
    return best_of(starts);
  }

  ElementSum start(std::size_t count, Kind kind) const {
    double R_pol = 0, height = 0;
    for (Index i = 0; i < cells_.log_tau.size(); ++i) R_pol += smooth_.gamma[i] * cells_.width(i);
    for (std::size_t k = 0; k < count; ++k) height += gamma(k);
    ElementSum sum;
    sum.value[kRInf] = smooth_.R_inf / fitter_.unit();
    for (std::size_t k = 0; k < count; ++k) {
      const double log_r = std::log(R_pol * gamma(k) / height / fitter_.unit()), log_tau = cells_.log_tau[peaks_[k]];
      switch (kind) {
        case Kind::kZarc:
          sum.add(kind, log_r, log_tau, 0.8, 1);
          break;
        case Kind::kColeDavidson:  // its peak lies left of its tau
          sum.add(kind, log_r, log_tau + 0.7, 1, 0.6);
          break;
        case Kind::kHavriliakNegami:
          sum.add(kind, log_r, log_tau + 0.7, 0.9, 0.6);
      }
    }
    return sum;
  }

  Sums moves(const ElementSum& from) const {
    Sums sums;
    for (Index k = 0; k < from.count; ++k) {
      change_kind(from, k, sums);
      if (from.count > 1) {
        sums.push_back(from);
        sums.back().remove(k);
      }
    }
    merge_neighbours(from, sums);
    if (from.count < std::min(kMaxElements, static_cast<Index>(peaks_.size()) + kMoreThanPeaks)) {
      sums.push_back(with_what_is_missing(from));
      sums.push_back(with_largest_split(from));
    }
    return sums;
  }

  static void set_kind(ElementSum& sum, Index k, Kind kind) {
    sum.kind[static_cast<std::size_t>(k)] = kind;
    if (kind == Kind::kZarc) sum.at(k, kB) = 1;
    if (kind == Kind::kColeDavidson) sum.at(k, kA) = 1;
  }

  static void change_kind(const ElementSum& from, Index k, Sums& sums) {
    const Kind kind = from.kind[static_cast<std::size_t>(k)];
    if (kind == Kind::kZarc) {
      for (const Kind other : {Kind::kHavriliakNegami, Kind::kColeDavidson}) {
        ElementSum& sum = sums.emplace_back(from);
        sum.at(k, kB) = 0.7;
        sum.at(k, kLogTau) += 0.3;
        sum.at(k, kA) = std::min(1.0, sum.at(k, kA) + 0.1);
        set_kind(sum, k, other);
      }
      return;
    }
    ElementSum zarc = from;
    zarc.at(k, kA) = std::max(kSmallestA, zarc.at(k, kA) * std::sqrt(zarc.at(k, kB)));
    set_kind(zarc, k, Kind::kZarc);
    sums.push_back(zarc);
    ElementSum& sum = sums.emplace_back(from);
    sum.at(k, kA) = std::min(0.95, sum.at(k, kA));
    set_kind(sum, k, kind == Kind::kHavriliakNegami ? Kind::kColeDavidson : Kind::kHavriliakNegami);
  }

  // Each pair of neighbours in tau as one element.
  static void merge_neighbours(const ElementSum& from, Sums& sums) {
    std::vector<Index> order(static_cast<std::size_t>(from.count));
    std::iota(order.begin(), order.end(), Index{0});
    std::ranges::stable_sort(order, {}, [&](Index k) { return from.at(k, kLogTau); });
    for (std::size_t i = 0; i + 1 < order.size(); ++i) {
      const Index gone = order[i], kept = order[i + 1];
      ElementSum& sum = sums.emplace_back(from);
      set_kind(sum, kept, Kind::kHavriliakNegami);
      sum.at(kept, kLogR) = std::log(std::exp(from.at(gone, kLogR)) + std::exp(from.at(kept, kLogR)));
      sum.at(kept, kA) = 0.95;
      sum.at(kept, kB) = 0.6;
      sum.remove(gone);
    }
  }

  // One ZARC more where the smooth estimate exceeds the sum the most.
  ElementSum with_what_is_missing(const ElementSum& from) const {
    const Index n = cells_.log_tau.size(), reach = 2;
    Vector sum = Vector::Zero(n);
    for (Index k = 0; k < from.count; ++k) {
      const Vector u = cells_.edges.array() - from.at(k, kLogTau);
      sum += std::exp(from.at(k, kLogR)) * element_share(u.head(n), u.tail(n), from.at(k, kA), from.at(k, kB));
    }
    sum = sum.cwiseQuotient(cells_.edges.tail(n) - cells_.edges.head(n));
    const Vector missing = smooth_.gamma.transpose() / fitter_.unit() - sum;
    double most = -HUGE_VAL;
    Index where = 0;
    for (Index i = 0; i < n; ++i) {
      const Index begin = std::max<Index>(0, i - reach), end = std::min(n, i + reach + 1);
      const double mean = missing.segment(begin, end - begin).sum() / static_cast<double>(2 * reach + 1);
      if (mean > most) {
        most = mean;
        where = i;
      }
    }
    ElementSum more = from;
    more.add(Kind::kZarc, std::log(std::max(1.5 * most, 1e-3 * sum.maxCoeff())), cells_.log_tau[where], 0.85, 1);
    return more;
  }

  static ElementSum with_largest_split(const ElementSum& from) {
    Index k = 0;
    for (Index other = 1; other < from.count; ++other) {
      if (from.at(other, kLogR) > from.at(k, kLogR)) k = other;
    }
    ElementSum sum = from;
    set_kind(sum, k, Kind::kZarc);
    sum.at(k, kA) = std::min(1.0, from.at(k, kA) + 0.1);
    sum.at(k, kLogR) -= 0.7;
    sum.at(k, kLogTau) -= 1;
    sum.add(Kind::kZarc, sum.at(k, kLogR), sum.at(k, kLogTau) + 2, sum.at(k, kA), 1);
    return sum;
  }

  ElementFitter& fitter_;
  const Cells& cells_;
  const SmoothEstimate& smooth_;
  std::vector<Index> peaks_;  // nodes
};

}  // namespace

Cells::Cells(ConstVectorView nodes) : log_tau(nodes), edges(nodes.size() + 1) {
  const Index n = nodes.size();
  if (n < 3) throw InvalidInput("log_tau must hold at least three nodes");
  for (Index i = 1; i < n; ++i) {
    if (!(nodes[i] > nodes[i - 1])) throw InvalidInput("log_tau must increase");
    edges[i] = 0.5 * (nodes[i] + nodes[i - 1]);
  }
  edges[0] = 2 * nodes[0] - edges[1];
  edges[n] = 2 * nodes[n - 1] - edges[n - 1];
}

ElementFit search_elements(ElementFitter& fitter, const Cells& cells, const SmoothEstimate& smooth) {
  return Search(fitter, cells, smooth).run();
}

}  // namespace drtengine
