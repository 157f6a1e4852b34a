// SPDX-License-Identifier: Apache-2.0
// TensorFlow's layouts and windows: data and attributes with channels last as the graph's dialect has them, channels second.
#pragma once

#include <string>
#include <vector>

#include "import/tensorflow/map.h"
#include "ops/inference.h"

namespace saccade::tensorflow {

/// The attribute data_format of an operator with that many spatial dimensions.
struct Format {
  bool channels_last = true;
  std::size_t spatial = 2;

  std::size_t rank() const { return spatial + 2; }
  /// Where spatial dimension d and the channels stand.
  std::size_t place(std::size_t d) const { return channels_last ? 1 + d : 2 + d; }
  std::size_t channels() const { return channels_last ? spatial + 1 : 1; }
};

/// Throws Error(unsupported) for formats other than the plain ones of that rank.
Format read_format(NodeContext& c, std::size_t spatial);

ValueId transposed(NodeContext& c, ValueId value, std::vector<std::int64_t> order);
/// [n,…,c] → [n,c,…] and back; nothing to do if the format has channels second.
ValueId to_channels_second(NodeContext& c, ValueId value, const Format& format);
ValueId from_channels_second(NodeContext& c, ValueId value, const Format& format);

/// The entries of a list over all dimensions ("strides", "ksize", "dilations") that stand for space. Throws Error(unsupported) if those of
/// the batch or the channels are not 1.
std::vector<std::int64_t> spatial_entries(NodeContext& c, const std::vector<std::int64_t>& list, const Format& format, std::string_view what);

/// The attributes strides, dilations, padding and explicit_paddings.
ops::Window read_window(NodeContext& c, const Format& format);

}  // namespace saccade::tensorflow
