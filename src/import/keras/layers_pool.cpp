// SPDX-License-Identifier: Apache-2.0
// Keras' pools.
#include "import/keras/layer.h"
#include "ops/pool.h"

namespace saccade::keras {
namespace {

using Ints = std::vector<std::int64_t>;

struct Pool {
  ops::Window window;
  Ints kernel;
};

Pool pool_of(const LayerContext& c, std::size_t spatial) {
  if (c.rank(c.x()) != spatial + 2) c.invalid("an input of rank {}", c.rank(c.x()));
  Pool p;
  p.kernel = c.ints("pool_size", spatial);
  if (p.kernel.empty()) p.kernel.assign(spatial, 2);
  p.window.strides = c.ints("strides", spatial);
  if (p.window.strides.empty()) p.window.strides = p.kernel;
  for (std::size_t d = 0; d < spatial; ++d)
    if (p.kernel[d] < 1 || p.window.strides[d] < 1) c.invalid("a window of {} every {}", p.kernel[d], p.window.strides[d]);
  const std::string padding = c.s("padding", "valid");
  if (padding != "same" && padding != "valid") c.invalid("the padding '{}'", padding.substr(0, 40));
  p.window.auto_pad = padding == "same" ? ops::AutoPad::same_upper : ops::AutoPad::valid;
  return p;
}

template <std::size_t spatial>
Values max_pool(LayerContext& c) {
  const Pool p = pool_of(c, spatial);
  return {c.from_first(c.op(ops::MaxPool{p.window, p.kernel}, {c.to_first(c.x())}))};
}

template <std::size_t spatial>
Values average_pool(LayerContext& c) {
  const Pool p = pool_of(c, spatial);
  return {c.from_first(c.op(ops::AvgPool{p.window, p.kernel, true}, {c.to_first(c.x())}))};
}

template <ops::ReduceKind kind, std::size_t spatial>
Values global_pool(LayerContext& c) {
  if (c.rank(c.x()) != spatial + 2) c.invalid("an input of rank {}", c.rank(c.x()));
  Ints axes;
  for (std::size_t d = 0; d < spatial; ++d) axes.push_back(static_cast<std::int64_t>(d) + (c.channels_are_last() ? 1 : 2));
  return {c.reduce(kind, c.x(), axes, c.flag("keepdims", false))};
}

using ops::ReduceKind;

constexpr Row kPoolRows[] = {
    {"AveragePooling1D", average_pool<1>},
    {"AveragePooling2D", average_pool<2>},
    {"AveragePooling3D", average_pool<3>},
    {"GlobalAveragePooling1D", global_pool<ReduceKind::Mean, 1>},
    {"GlobalAveragePooling2D", global_pool<ReduceKind::Mean, 2>},
    {"GlobalAveragePooling3D", global_pool<ReduceKind::Mean, 3>},
    {"GlobalMaxPooling1D", global_pool<ReduceKind::Max, 1>},
    {"GlobalMaxPooling2D", global_pool<ReduceKind::Max, 2>},
    {"GlobalMaxPooling3D", global_pool<ReduceKind::Max, 3>},
    {"MaxPooling1D", max_pool<1>},
    {"MaxPooling2D", max_pool<2>},
    {"MaxPooling3D", max_pool<3>},
};

}  // namespace

std::span<const Row> pool_rows() { return kPoolRows; }

}  // namespace saccade::keras
