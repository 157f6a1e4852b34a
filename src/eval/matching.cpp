// SPDX-License-Identifier: Apache-2.0
// Greedy matching of detections to truths and the interpolated precision-recall curve. The order of every sort and sum
// is that of pycocotools, so that the figures are the same to the last bit.
#include "eval/matching.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

namespace saccade::eval {
namespace {

/// NumPy's linspace.
template <std::size_t N>
std::array<double, N> linspace(double first, double last) {
  std::array<double, N> values;
  const double step = (last - first) / static_cast<double>(N - 1);
  for (std::size_t i = 0; i < N; ++i) values[i] = static_cast<double>(i) * step + first;
  values[N - 1] = last;
  return values;
}

double pairwise_sum(const double* values, std::size_t count) {
  if (count < 8) {
    double sum = -0.0;
    for (std::size_t i = 0; i < count; ++i) sum += values[i];
    return sum;
  }
  if (count <= 128) {
    std::array<double, 8> sums;
    std::copy_n(values, 8, sums.begin());
    std::size_t i = 8;
    for (; i + 8 <= count; i += 8)
      for (std::size_t k = 0; k < 8; ++k) sums[k] += values[i + k];
    double sum = ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
    for (; i < count; ++i) sum += values[i];
    return sum;
  }
  std::size_t half = count / 2;
  half -= half % 8;
  return pairwise_sum(values, half) + pairwise_sum(values + half, count - half);
}

/// What became of the detections of one image at one threshold.
struct Outcome {
  std::vector<char> matched, ignored;
};

bool outside(double area, const std::array<double, 2>& range) { return area < range[0] || area > range[1]; }

/// Truths that count first, then those to ignore, in the order of the file; `truth_order` maps to cell.truths.
Outcome match(const Cell& cell, const std::vector<std::size_t>& truth_order, const std::vector<char>& truth_ignored, const std::array<double, 2>& range,
              double threshold) {
  const std::size_t truths = truth_order.size(), found = cell.found.size();
  Outcome outcome{std::vector<char>(found, 0), std::vector<char>(found, 0)};
  std::vector<char> taken(truths, 0);
  for (std::size_t d = 0; d < found; ++d) {
    double best = std::min(threshold, 1 - 1e-10);
    std::ptrdiff_t match = -1;
    for (std::size_t t = 0; t < truths; ++t) {
      const Truth& truth = cell.truths[truth_order[t]];
      if (taken[t] && !truth.crowd) continue;
      if (match >= 0 && !truth_ignored[static_cast<std::size_t>(match)] && truth_ignored[t]) break;
      const double similarity = cell.similarity[d * truths + truth_order[t]];
      if (similarity < best) continue;
      best = similarity;
      match = static_cast<std::ptrdiff_t>(t);
    }
    if (match >= 0) {
      const auto t = static_cast<std::size_t>(match);
      taken[t] = 1;
      outcome.ignored[d] = truth_ignored[t];
      outcome.matched[d] = cell.truths[truth_order[t]].counts;
    }
    if (!outcome.matched[d] && outside(cell.found[d].area, range)) outcome.ignored[d] = 1;
  }
  return outcome;
}

struct MatchedImage {
  std::array<Outcome, kThresholds> outcomes;
};

/// Precision over the recall points, and the recall reached, from the detections in order of score.
double trace_curve(const std::vector<char>& matched, const std::vector<char>& ignored, double truths, std::array<double, kRecallPoints>* precision) {
  static const auto recall_points = linspace<kRecallPoints>(0, 1);
  const std::size_t count = matched.size();
  std::vector<double> recalls(count), precisions(count);
  double right = 0, wrong = 0;
  for (std::size_t i = 0; i < count; ++i) {
    if (!ignored[i]) (matched[i] ? right : wrong) += 1;
    recalls[i] = right / truths;
    precisions[i] = right / (wrong + right + std::numeric_limits<double>::epsilon());
  }
  if (precision != nullptr) {
    for (std::size_t i = count; i-- > 1;) precisions[i - 1] = std::max(precisions[i - 1], precisions[i]);
    for (std::size_t r = 0; r < kRecallPoints; ++r) {
      const auto at = std::lower_bound(recalls.begin(), recalls.end(), recall_points[r]);
      (*precision)[r] = at == recalls.end() ? 0 : precisions[static_cast<std::size_t>(at - recalls.begin())];
    }
  }
  return count == 0 ? 0 : recalls.back();
}

}  // namespace

std::array<double, kThresholds> similarity_thresholds() { return linspace<kThresholds>(.5, .95); }

ClassCurve evaluate_class(const std::vector<Cell>& images, AreaRange area) {
  static const auto thresholds = similarity_thresholds();
  const auto& range = kAreaRanges[area];
  std::vector<MatchedImage> matched;
  std::int64_t truths = 0;
  for (const Cell& cell : images) {
    std::vector<std::size_t> order(cell.truths.size());
    std::iota(order.begin(), order.end(), 0u);
    const auto ignored = [&](std::size_t t) { return cell.truths[t].ignore || outside(cell.truths[t].area, range); };
    std::stable_partition(order.begin(), order.end(), [&](std::size_t t) { return !ignored(t); });
    std::vector<char> truth_ignored;
    for (const std::size_t t : order) truth_ignored.push_back(ignored(t));
    truths += std::count(truth_ignored.begin(), truth_ignored.end(), 0);
    MatchedImage& image = matched.emplace_back();
    for (std::size_t k = 0; k < kThresholds; ++k) image.outcomes[k] = match(cell, order, truth_ignored, range, thresholds[k]);
  }

  ClassCurve curve;
  if (truths == 0) return curve;
  curve.present = true;
  for (std::size_t limit = 0; limit < kLimits; ++limit) {
    struct Entry {
      double score;
      std::size_t image, index;
    };
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < images.size(); ++i)
      for (std::size_t d = 0; d < std::min<std::size_t>(images[i].found.size(), static_cast<std::size_t>(kDetectionLimits[limit])); ++d)
        entries.push_back({images[i].found[d].score, i, d});
    std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.score > b.score; });
    std::vector<char> right(entries.size()), ignored(entries.size());
    for (std::size_t k = 0; k < kThresholds; ++k) {
      for (std::size_t e = 0; e < entries.size(); ++e) {
        const Outcome& outcome = matched[entries[e].image].outcomes[k];
        right[e] = outcome.matched[entries[e].index];
        ignored[e] = outcome.ignored[entries[e].index];
      }
      curve.recall[limit][k] = trace_curve(right, ignored, static_cast<double>(truths), limit + 1 == kLimits ? &curve.precision[k] : nullptr);
    }
  }
  return curve;
}

double mean(const std::vector<double>& values) {
  return values.empty() ? -1 : pairwise_sum(values.data(), values.size()) / static_cast<double>(values.size());
}

}  // namespace saccade::eval
