// SPDX-License-Identifier: Apache-2.0
// Building the preparation of an input into the graph: another layout or element type, channels reversed, mean and scale.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"

namespace saccade::import {

/// What happens to one input before the network sees it, in this order: from `type` to the network's element type, from target_layout to
/// source_layout, resized from picture_size, channels reversed, mean subtracted, divided by scale.
struct Preprocessing {
  std::string input;
  std::vector<double> mean, scale;  // one number, or one a channel; empty: none
  Tensor mean_image;                // [c,h,w], subtracted besides; undefined: none
  bool reverse_channels = false;
  /// What the dimensions are: "NHWC", "?C??", "NC..."; empty: not said. The source is the network's own; with a target the input of the
  /// graph changes to that, which has the same letters.
  std::string source_layout, target_layout;
  std::optional<ElementType> type;
  /// Height and width of what comes in, -1: any; it is resized to the network's own, linearly between the centres of pixels. Needs a layout.
  std::optional<std::array<std::int64_t, 2>> picture_size;

  bool changes_anything() const { return picture_size.has_value() || !mean.empty() || !scale.empty() || mean_image.defined() || reverse_channels || !target_layout.empty() || type.has_value(); }
};

/// Puts the preprocessing behind the inputs. Without a layout, the channels are the second or the last dimension, whichever has as many
/// as there are numbers (3 for reversing), the last one if both. Records all of it in the metadata "rt_info/conversion_parameters/…"
/// and layouts in "layout/INPUT". An integer input with a mean or a scale becomes one of f32.
/// Throws Error(not_found) for an input that is not there, Error(invalid_argument) for numbers that fit no dimension and for a resize
/// to a size that the network leaves open.
void embed(graph::Graph& graph, const std::vector<Preprocessing>& steps);

/// The axis of the channels of an input for so many channels; throws Error(invalid_argument) if none fits.
std::size_t channel_axis(const graph::PartialShape& shape, const std::string& layout, std::int64_t channels, const std::string& input);

/// "NCHW" or "NHWC", wherever 3, 1 or 4 channels of an input for pictures stand; throws Error(invalid_argument) for other inputs.
std::string picture_layout(const graph::TensorType& type, const std::string& input);

}  // namespace saccade::import
