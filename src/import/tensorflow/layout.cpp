// SPDX-License-Identifier: Apache-2.0
// Layouts and windows.
#include "import/tensorflow/layout.h"

#include "ops/transpose.h"

namespace saccade::tensorflow {

Format read_format(NodeContext& c, std::size_t spatial) {
  const std::string_view last[] = {"NWC", "NHWC", "NDHWC"}, second[] = {"NCW", "NCHW", "NCDHW"};
  if (spatial < 1 || spatial > 3) c.unsupported("{} spatial dimensions", spatial);
  const std::string format = c.s("data_format", last[spatial - 1]);
  if (format == last[spatial - 1]) return {true, spatial};
  if (format == second[spatial - 1]) return {false, spatial};
  c.unsupported("data_format is '{}'", shown(format));
}

ValueId transposed(NodeContext& c, ValueId value, std::vector<std::int64_t> order) { return c.op(ops::Transpose{}, {value, c.i64(order)}); }

ValueId to_channels_second(NodeContext& c, ValueId value, const Format& format) {
  if (!format.channels_last) return value;
  std::vector<std::int64_t> order{0, static_cast<std::int64_t>(format.rank()) - 1};
  for (std::size_t d = 0; d < format.spatial; ++d) order.push_back(static_cast<std::int64_t>(d) + 1);
  return transposed(c, value, std::move(order));
}

ValueId from_channels_second(NodeContext& c, ValueId value, const Format& format) {
  if (!format.channels_last) return value;
  std::vector<std::int64_t> order{0};
  for (std::size_t d = 0; d < format.spatial; ++d) order.push_back(static_cast<std::int64_t>(d) + 2);
  order.push_back(1);
  return transposed(c, value, std::move(order));
}

std::vector<std::int64_t> spatial_entries(NodeContext& c, const std::vector<std::int64_t>& list, const Format& format, std::string_view what) {
  if (list.empty()) return {};
  if (list.size() != format.rank()) c.invalid("{} has {} entries for data of rank {}", what, list.size(), format.rank());
  if (list[0] != 1 || list[format.channels()] != 1) c.unsupported("{} over the batch or the channels", what);
  std::vector<std::int64_t> out;
  for (std::size_t d = 0; d < format.spatial; ++d) out.push_back(list[format.place(d)]);
  return out;
}

ops::Window read_window(NodeContext& c, const Format& format) {
  ops::Window window;
  window.strides = spatial_entries(c, c.ints("strides"), format, "strides");
  window.dilations = spatial_entries(c, c.ints("dilations", {}), format, "dilations");
  const std::string padding = c.s("padding");
  const std::vector<std::int64_t> pads = c.ints("explicit_paddings", {});
  if (padding == "SAME") {
    window.auto_pad = ops::AutoPad::same_upper;
  } else if (padding == "VALID") {
    window.auto_pad = ops::AutoPad::valid;
  } else if (padding == "EXPLICIT") {
    if (pads.size() != 2 * format.rank()) c.invalid("explicit_paddings has {} entries for data of rank {}", pads.size(), format.rank());
    for (std::size_t d : {std::size_t{0}, format.channels()})
      if (pads[2 * d] != 0 || pads[2 * d + 1] != 0) c.invalid("padding of the batch or the channels");
    for (std::size_t d = 0; d < format.spatial; ++d) {
      window.pads_begin.push_back(pads[2 * format.place(d)]);
      window.pads_end.push_back(pads[2 * format.place(d) + 1]);
    }
  } else {
    c.invalid("padding is '{}'", shown(padding));
  }
  return window;
}

}  // namespace saccade::tensorflow
