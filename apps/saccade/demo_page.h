// SPDX-License-Identifier: Apache-2.0
// The page that `saccade demo` leaves: figures, video, sample frames, times.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "eval/coco_boxes.h"

namespace saccade::cli {

struct DemoReport {
  std::string device, machine;
  int threads = 1;
  int width = 0, height = 0;              ///< of the video
  int input_width = 0, input_height = 0;  ///< of the network
  double frames_per_s = 25;               ///< at which the video plays
  double seconds = 0;                     ///< the whole run took
  std::int64_t frames = 0, model_bytes = 0;
  std::vector<std::pair<std::string, double>> stage_s;  ///< seconds in all, in order
  double detect_s = 0;                                  ///< of these, for detecting: picture in, boxes out
  double shown_from = 0;                                ///< least score that is drawn
  eval::CocoReport quality;
  std::string video, results, truth, lines, model;  ///< file names beside the page
  bool plays = false;                               ///< browsers can play the video
  std::vector<std::vector<unsigned char>> samples;  ///< JPEG files

  double detect_frames_per_s() const { return detect_s > 0 ? static_cast<double>(frames) / detect_s : 0; }
  double stage_ms(double in_all) const { return frames > 0 ? 1e3 * in_all / static_cast<double>(frames) : 0; }
};

/// An HTML page with style and sample frames inside; only the video and the result files are links.
std::string demo_page(const DemoReport& report);

}  // namespace saccade::cli
