// SPDX-License-Identifier: Apache-2.0
// The core of detection metrics as COCO defines them, whatever a detection is (box, mask, key points): per image and
// class, detections and truths with their similarity go in; average precision and recall come out.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace saccade::eval {

/// The object sizes that are told apart, in square pixels, and how many detections count.
inline constexpr int kThresholds = 10, kRecallPoints = 101, kAreas = 4, kLimits = 3;
inline constexpr std::array<int, kLimits> kDetectionLimits = {1, 10, 100};
inline constexpr std::array<std::array<double, 2>, kAreas> kAreaRanges = {
    {{0, 1e10}, {0, 32.0 * 32}, {32.0 * 32, 96.0 * 96}, {96.0 * 96, 1e10}}};
enum AreaRange : int { kAllAreas, kSmall, kMedium, kLarge };

/// The similarities from which a detection counts as found: 0.50, 0.55 … 0.95.
std::array<double, kThresholds> similarity_thresholds();

struct Truth {
  double area = 0;
  bool ignore = false;   ///< neither missed nor a false alarm
  bool crowd = false;    ///< may match any number of detections
  bool counts = true;    ///< false: a match with it is taken for none
};

struct Found {
  double score = 0, area = 0;
};

/// One class in one image. `found` is sorted by falling score and cut to kDetectionLimits.back().
struct Cell {
  std::vector<Truth> truths;
  std::vector<Found> found;
  std::vector<double> similarity;  ///< found.size() rows of truths.size()
};

/// What one class reaches in one area range. -1 in all of it if there are no truths.
struct ClassCurve {
  bool present = false;
  std::array<std::array<double, kRecallPoints>, kThresholds> precision{};  ///< over recall 0.00, 0.01 … 1.00, for 100 detections
  std::array<std::array<double, kThresholds>, kLimits> recall{};
};

/// Matches and accumulates the images of one class, which must come by ascending image id: ties of equal scores depend on it.
ClassCurve evaluate_class(const std::vector<Cell>& images, AreaRange area);

/// The mean as NumPy adds it up (pairwise), so that results are equal to the last bit; -1 of nothing.
double mean(const std::vector<double>& values);

}  // namespace saccade::eval
