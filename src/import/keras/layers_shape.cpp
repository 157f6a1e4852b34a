// SPDX-License-Identifier: Apache-2.0
// Keras' layers that move, cut, pad and resize, and those that do nothing outside of training.
#include <algorithm>

#include "import/keras/build.h"
#include "import/keras/layer.h"
#include "ops/broadcast.h"
#include "ops/gather.h"
#include "ops/pad.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/slice.h"

namespace saccade::keras {
namespace {

using Ints = std::vector<std::int64_t>;

Values identity(LayerContext& c) { return {c.x()}; }

Values lambda(LayerContext& c) { c.unsupported("Python code cannot be read from the file: build the model of layers instead"); }

// Channels go last before an image is flattened.
Values flatten(LayerContext& c) {
  ValueId x = c.x();
  if (!c.channels_are_last() && c.rank(x) > 2) x = c.channels_last(x);
  return {c.reshape(x, {0, -1}, true)};
}

// The layer keeps the batch; the operation of the same name takes all dimensions.
Values reshape(LayerContext& c) {
  if (!c.given("target_shape")) return {c.reshape(c.x(), c.list("newshape"))};
  Ints dims{0};
  for (auto d : c.list("target_shape")) dims.push_back(d);
  if (std::find(dims.begin() + 1, dims.end(), 0) != dims.end()) c.unsupported("an empty shape");
  return {c.reshape(c.x(), dims, true)};
}

Values permute(LayerContext& c) {
  Ints order{0};
  for (auto d : c.list("dims")) order.push_back(d);
  Ints sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t d = 0; d < sorted.size(); ++d)
    if (sorted[d] != static_cast<std::int64_t>(d) || sorted.size() != c.rank(c.x()))
      c.invalid("not an order of {} dimensions", c.rank(c.x()));
  return {c.transpose(c.x(), order)};
}

Values repeat_vector(LayerContext& c) {
  const std::int64_t n = c.i("n");
  if (n < 1) c.invalid("{} repetitions", n);
  return {c.op(ops::Broadcast{ops::BroadcastMode::bidirectional}, {c.unsqueeze(c.x(), {1}), c.i64({1, n, 1})})};
}

// n, [a, b] or [[a, b], [c, d]…] before and behind each spatial dimension.
std::vector<std::pair<std::int64_t, std::int64_t>> borders(const LayerContext& c, const char* key, std::size_t spatial) {
  std::vector<std::pair<std::int64_t, std::int64_t>> out;
  const json* v = c.find(key);
  if (!v) c.invalid("'{}' is missing", key);
  const auto number = [&](const json& n) {
    const std::int64_t value = integer_of(n, key);
    if (value < 0 || value > (1 << 28)) c.invalid("'{}' holds {}", key, value);
    return value;
  };
  if (v->is_number()) {
    out.assign(spatial, {number(*v), number(*v)});
  } else if (v->is_array() && spatial == 1 && v->size() == 2 && !(*v)[0].is_array()) {
    out.push_back({number((*v)[0]), number((*v)[1])});
  } else if (v->is_array() && v->size() == spatial) {
    for (const auto& side : *v) {
      if (side.is_array() && side.size() == 2)
        out.push_back({number(side[0]), number(side[1])});
      else
        out.push_back({number(side), number(side)});
    }
  } else {
    c.invalid("'{}' does not suit {} dimensions", key, spatial);
  }
  return out;
}

template <std::size_t spatial>
Values zero_padding(LayerContext& c) {
  if (c.rank(c.x()) != spatial + 2) c.invalid("an input of rank {}", c.rank(c.x()));
  Ints before{0, 0}, after{0, 0};
  for (const auto& [a, b] : borders(c, "padding", spatial)) {
    before.push_back(a);
    after.push_back(b);
  }
  return {c.from_first(c.op(ops::Pad{}, {c.to_first(c.x()), c.i64(before), c.i64(after), c.like(c.x(), 0)}))};
}

template <std::size_t spatial>
Values cropping(LayerContext& c) {
  if (c.rank(c.x()) != spatial + 2) c.invalid("an input of rank {}", c.rank(c.x()));
  Ints start, stop, step, axes;
  std::int64_t axis = c.channels_are_last() ? 1 : 2;
  for (const auto& [a, b] : borders(c, "cropping", spatial)) {
    start.push_back(a);
    stop.push_back(b == 0 ? std::int64_t{1} << 40 : -b);
    step.push_back(1);
    axes.push_back(axis++);
  }
  return {c.op(ops::Slice{}, {c.x(), c.i64(start), c.i64(stop), c.i64(step), c.i64(axes)})};
}

ops::Resize resize_of(const LayerContext& c, const std::string& interpolation, std::size_t spatial) {
  ops::Resize op;
  for (std::size_t d = 0; d < spatial; ++d) op.axes.push_back(static_cast<std::int64_t>(d) + 2);
  if (interpolation == "nearest") {
    op.coordinates = ops::ResizeCoordinates::tf_half_pixel_for_nn;
    op.nearest = ops::ResizeNearest::floor;
  } else if (interpolation == "bilinear") {
    op.mode = ops::ResizeMode::linear;
  } else {
    c.unsupported("the interpolation '{}'", interpolation.substr(0, 40));
  }
  return op;
}

template <std::size_t spatial>
Values up_sampling(LayerContext& c) {
  if (c.rank(c.x()) != spatial + 2) c.invalid("an input of rank {}", c.rank(c.x()));
  ops::Resize op = resize_of(c, c.s("interpolation", "nearest"), spatial);
  if (op.mode == ops::ResizeMode::nearest) op.coordinates = ops::ResizeCoordinates::asymmetric;
  op.shape_calculation = ops::ResizeShape::scales;
  Ints size = c.ints("size", spatial);
  if (size.empty()) size.assign(spatial, 2);
  std::vector<float> scales;
  for (auto s : size) {
    if (s < 1) c.invalid("a factor of {}", s);
    scales.push_back(static_cast<float>(s));
  }
  const ValueId factors = c.constant(Tensor::from<float>({static_cast<std::int64_t>(spatial)}, scales));
  // one-dimensional data keep their channels last
  const bool plain = spatial == 1;
  const ValueId y = c.op(op, {plain ? c.channels_first(c.x()) : c.to_first(c.x()), factors});
  return {plain ? c.channels_last(y) : c.from_first(y)};
}

ValueId as_real(const LayerContext& c, ValueId x) { return is_float(c.element(x)) ? x : c.convert(x, ElementType::f32); }

Values resizing(LayerContext& c) {
  if (c.flag("crop_to_aspect_ratio", false) || c.flag("pad_to_aspect_ratio", false)) c.unsupported("keeping the aspect ratio");
  if (c.flag("antialias", false)) c.unsupported("antialias");
  const ValueId x = as_real(c, c.x());
  if (c.rank(x) != 4) c.unsupported("an input of rank {}", c.rank(x));
  const std::int64_t height = c.i("height"), width = c.i("width");
  if (height < 1 || width < 1) c.invalid("a size of {}x{}", height, width);
  return {c.from_first(c.op(resize_of(c, c.s("interpolation", "bilinear"), 2), {c.to_first(x), c.i64({height, width})}))};
}

Values center_crop(LayerContext& c) {
  const std::size_t first = c.channels_are_last() ? 1 : 2;
  if (c.rank(c.x()) != 4) c.unsupported("an input of rank {}", c.rank(c.x()));
  const auto &h = c.shape(c.x())[first], &w = c.shape(c.x())[first + 1];
  const std::int64_t height = c.i("height"), width = c.i("width");
  if (!h.is_static() || !w.is_static() || h.size() < height || w.size() < width || height < 1 || width < 1)
    c.unsupported("an image of unknown size, or one smaller than the cut");
  const std::int64_t top = (h.size() - height) / 2, left = (w.size() - width) / 2;
  const ValueId rows = c.slice(c.x(), static_cast<std::int64_t>(first), top, top + height);
  return {c.slice(rows, static_cast<std::int64_t>(first) + 1, left, left + width)};
}

Values embedding(LayerContext& c) {
  if (c.flag("mask_zero", false)) c.unsupported("mask_zero");
  return {c.op(ops::Gather{}, {c.weight({"embeddings"}, 0), c.convert(c.x(), ElementType::i64), c.i64_scalar(0)})};
}

// The layer sees the steps as a batch.
Values time_distributed(LayerContext& c) {
  const ValueId x = c.x();
  const auto& shape = c.shape(x);
  if (!shape.ranked() || shape.rank() < 3) c.unsupported("an input of rank below 3");
  const auto dims_behind = [&](ValueId v, std::size_t from, Ints start) {
    for (std::size_t d = from; d < c.rank(v); ++d) {
      if (!c.shape(v)[d].is_static()) c.unsupported("steps of unknown size");
      start.push_back(c.shape(v)[d].size());
    }
    return start;
  };
  const graph::Dimension steps = shape[1], batch = shape[0];
  if (!steps.is_static() && !batch.is_static()) c.unsupported("an unknown number of steps");
  const Values inner = c.inner(member(c.config(), "layer"), "layer", {c.reshape(x, dims_behind(x, 2, {-1}))});
  const Ints front = steps.is_static() ? Ints{-1, steps.size()} : Ints{batch.size(), -1};
  Values out;
  for (ValueId v : inner) out.push_back(c.reshape(v, dims_behind(v, 1, front)));
  return out;
}

constexpr Row kShapeRows[] = {
    {"ActivityRegularization", identity},
    {"AlphaDropout", identity},
    {"CenterCrop", center_crop},
    {"Cropping1D", cropping<1>},
    {"Cropping2D", cropping<2>},
    {"Cropping3D", cropping<3>},
    {"Dropout", identity},
    {"Embedding", embedding},
    {"FixedDropout", identity},
    {"Flatten", flatten},
    {"GaussianDropout", identity},
    {"GaussianNoise", identity},
    {"Identity", identity},
    {"InputLayer", identity},
    {"Lambda", lambda},
    {"Permute", permute},
    {"RandomBrightness", identity},
    {"RandomContrast", identity},
    {"RandomFlip", identity},
    {"RandomHeight", identity},
    {"RandomRotation", identity},
    {"RandomTranslation", identity},
    {"RandomWidth", identity},
    {"RandomZoom", identity},
    {"RepeatVector", repeat_vector},
    {"Reshape", reshape},
    {"Resizing", resizing},
    {"SpatialDropout1D", identity},
    {"SpatialDropout2D", identity},
    {"SpatialDropout3D", identity},
    {"StochasticDepth", identity},
    {"TimeDistributed", time_distributed},
    {"UpSampling1D", up_sampling<1>},
    {"UpSampling2D", up_sampling<2>},
    {"UpSampling3D", up_sampling<3>},
    {"ZeroPadding1D", zero_padding<1>},
    {"ZeroPadding2D", zero_padding<2>},
    {"ZeroPadding3D", zero_padding<3>},
};

}  // namespace

std::span<const Row> shape_rows() { return kShapeRows; }

}  // namespace saccade::keras
