// SPDX-License-Identifier: Apache-2.0
// Prior boxes (anchors) of single-shot detectors, and the boxes that are offsets to them.
#pragma once

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "vision/decoder.h"

namespace saccade::vision {

/// Centre and size, as shares of the input.
struct Prior {
  float x = 0, y = 0, width = 0, height = 0;
};

/// One feature map: in every cell, row by row, one prior of each size.
struct PriorLayer {
  int columns = 0, rows = 0;
  double step_x = 0, step_y = 0;  ///< from cell to cell, as a share; 0: 1 / columns, 1 / rows
  std::vector<std::array<double, 2>> sizes;  ///< width, height
};

enum class OffsetOrder { xywh, yxhw };

/// How offsets are written: centre = prior + offset * variance * prior's size, size = prior's size * exp(offset * variance).
struct BoxCode {
  OffsetOrder order = OffsetOrder::xywh;
  std::array<float, 4> variances = {.1f, .1f, .2f, .2f};  ///< of x, y, width, height
};

std::vector<Prior> make_priors(const std::vector<PriorLayer>& layers, bool clamp);

/// {"layers": [{"size": [columns, rows], "step": [x, y], "boxes": [[w, h], …]}, …], "clip": false}; throws Error(invalid_argument).
std::vector<Prior> parse_priors(const nlohmann::json& description);

/// Corners as shares of the input.
struct Corners {
  float x1, y1, x2, y2;
};
Corners decode_offsets(const float* offsets, const Prior& prior, const BoxCode& code);

/// A well-known set, told by the number of priors and the size of the input.
struct PriorPreset {
  std::vector<Prior> priors;
  BoxCode code;
  Preparation preparation;
  std::string labels;
  std::vector<std::string> label_names;
  bool background = true;  ///< class 0 is none
  bool sigmoid = false;    ///< what makes scores of logits, if they are: sigmoid, or softmax
  double iou = 0.5;
};
std::optional<PriorPreset> find_prior_preset(std::int64_t count, std::int64_t classes, InputSize input);

/// UltraFace: strides 8 to 64, centres in the cells' middle, clamped to the picture.
std::vector<Prior> ultraface_priors(InputSize input);

}  // namespace saccade::vision
