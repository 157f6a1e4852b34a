// SPDX-License-Identifier: Apache-2.0
// Window attributes of ONNX.
#include "import/onnx/window.h"

#include "ops/reshape.h"

namespace saccade::onnx {

ops::Window read_window(NodeContext& c, std::size_t spatial) {
  ops::Window w;
  w.strides = c.ints("strides", {});
  w.dilations = c.ints("dilations", {});
  const auto pads = c.ints("pads", {});
  const std::string auto_pad = c.s("auto_pad", "NOTSET");
  if (auto_pad == "SAME_UPPER")
    w.auto_pad = ops::AutoPad::same_upper;
  else if (auto_pad == "SAME_LOWER")
    w.auto_pad = ops::AutoPad::same_lower;
  else if (auto_pad == "VALID")
    w.auto_pad = ops::AutoPad::valid;
  else if (auto_pad != "NOTSET" && !auto_pad.empty())
    c.invalid("auto_pad is '{}'", shown(auto_pad));
  if ((!w.strides.empty() && w.strides.size() != spatial) || (!w.dilations.empty() && w.dilations.size() != spatial) ||
      (!pads.empty() && pads.size() != 2 * spatial))
    c.invalid("{} strides, {} dilations and {} pads for {} spatial dimensions", w.strides.size(), w.dilations.size(), pads.size(), spatial);
  if (w.auto_pad == ops::AutoPad::explicit_ && !pads.empty()) {
    w.pads_begin.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(spatial));
    w.pads_end.assign(pads.begin() + static_cast<std::ptrdiff_t>(spatial), pads.end());
  }
  return w;
}

void check_kernel_shape(NodeContext& c, std::size_t weights) {
  const auto kernel = c.ints("kernel_shape", {});
  if (kernel.empty()) return;
  const PartialShape& w = c.shape(weights);
  bool suits = w.rank() == kernel.size() + 2;
  for (std::size_t d = 0; suits && d < kernel.size(); ++d) suits = !w[2 + d].is_static() || w[2 + d].size() == kernel[d];
  if (!suits) c.invalid("kernel_shape does not suit weights of shape {}", graph::to_string(w));
}

ValueId reshape_channels(NodeContext& c, ValueId value, std::size_t spatial) {
  std::vector<std::int64_t> dims(spatial + 2, 1);
  dims[1] = -1;
  return c.op(ops::Reshape{}, {value, c.i64(dims)});
}

}  // namespace saccade::onnx
