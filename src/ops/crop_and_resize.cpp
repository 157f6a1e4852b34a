// SPDX-License-Identifier: Apache-2.0
// CropAndResize.
#include "ops/crop_and_resize.h"

#include <cmath>

#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

void check_attributes(const CropAndResize& op) {
  SACCADE_CHECK(op.crop_size.size() == 2, invalid_model, "crop_size has {} entries", op.crop_size.size());
  for (i64 size : op.crop_size) SACCADE_CHECK(size >= 1 && size <= i64{1} << 20, invalid_model, "a crop of size {}", size);
}

// One sample along one axis.
struct CropSample {
  i64 low = 0, high = 0;
  double fraction = 0;
  bool outside = true;
};

std::vector<CropSample> samples_of(const CropAndResize& op, float from, float to, i64 size, i64 count) {
  std::vector<CropSample> samples(static_cast<std::size_t>(count));
  const float last = static_cast<float>(size - 1);
  const float step = count > 1 ? (to - from) * last / static_cast<float>(count - 1) : 0.0f;
  for (i64 i = 0; i < count; ++i) {
    const float x = count > 1 ? from * last + static_cast<float>(i) * step : 0.5f * (from + to) * last;
    if (!(x >= 0 && x <= last)) continue;
    CropSample& s = samples[static_cast<std::size_t>(i)];
    s.outside = false;
    if (op.method == CropMethod::nearest) {
      s.low = s.high = static_cast<i64>(std::round(x));
    } else {
      s.low = static_cast<i64>(std::floor(x));
      s.high = static_cast<i64>(std::ceil(x));
      s.fraction = static_cast<double>(x) - static_cast<double>(s.low);
    }
  }
  return samples;
}

// Samples of one channel.
template <class T>
void crop(const T* plane, i64 width, const std::vector<CropSample>& rows, const std::vector<CropSample>& columns, double extrapolation, T* to) {
  for (const CropSample& y : rows) {
    const T *top = plane + y.low * width, *bottom = plane + y.high * width;
    for (const CropSample& x : columns) {
      double value = extrapolation;
      if (!y.outside && !x.outside) {
        const auto mix = [](double a, double b, double f) { return f == 0 ? a : a + (b - a) * f; };
        value = mix(mix(static_cast<double>(top[x.low]), static_cast<double>(top[x.high]), x.fraction),
                    mix(static_cast<double>(bottom[x.low]), static_cast<double>(bottom[x.high]), x.fraction), y.fraction);
      }
      *to++ = static_cast<T>(value);
    }
  }
}

template <class T>
void run(const CropAndResize& op, const Shape& shape, const T* data, std::span<const Tensor> inputs, T* to) {
  const i64 regions = inputs[1].shape()[0], channels = shape[1], height = shape[2], width = shape[3];
  const std::vector<double> boxes = to_f64(inputs[1]);
  const std::vector<i64> images = to_i64(inputs[2]);
  for (i64 r = 0; r < regions; ++r) {
    const i64 image = images[static_cast<std::size_t>(r)];
    SACCADE_CHECK(image >= 0 && image < shape[0], invalid_model, "region {} is in image {} of {}", r, image, shape[0]);
    const auto edge = [&](i64 i) { return static_cast<float>(boxes[static_cast<std::size_t>(r * 4 + i)]); };
    const auto rows = samples_of(op, edge(0), edge(2), height, op.crop_size[0]), columns = samples_of(op, edge(1), edge(3), width, op.crop_size[1]);
    for (i64 c = 0; c < channels; ++c, to += op.crop_size[0] * op.crop_size[1])
      crop(data + (image * channels + c) * height * width, width, rows, columns, op.extrapolation_value, to);
  }
}

}  // namespace

std::vector<Fact> infer(const CropAndResize& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  check_attributes(op);
  SACCADE_CHECK(is_float(inputs[0].type.element) && is_float(inputs[1].type.element) && is_integer(inputs[2].type.element), invalid_model,
                "data, boxes and indices of element types {}, {} and {}", to_string(inputs[0].type.element), to_string(inputs[1].type.element),
                to_string(inputs[2].type.element));
  const PartialShape &x = inputs[0].type.shape, &boxes = inputs[1].type.shape, &index = inputs[2].type.shape;
  SACCADE_CHECK((!x.ranked() || x.rank() == 4) && (!boxes.ranked() || boxes.rank() == 2) && (!index.ranked() || index.rank() == 1), invalid_model,
                "CropAndResize over {} with boxes {} of images {}", to_string(x), to_string(boxes), to_string(index));
  PartialShape out = PartialShape::of_rank(4);
  if (boxes.ranked()) {
    SACCADE_CHECK(!boxes[1].is_static() || boxes[1].size() == 4, invalid_model, "boxes of shape {}", to_string(boxes));
    out[0] = boxes[0];
  }
  if (index.ranked()) out[0] = meet(out[0], index[0]);
  if (x.ranked()) out[1] = x[1];
  out[2] = Dimension::fixed(op.crop_size[0]);
  out[3] = Dimension::fixed(op.crop_size[1]);
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const CropAndResize& op, std::span<const Tensor> inputs) {
  check_attributes(op);
  const Shape &x = inputs[0].shape(), &b = inputs[1].shape();
  SACCADE_CHECK(x.size() == 4 && b.size() == 2 && b[1] == 4 && inputs[2].shape() == Shape{b[0]}, invalid_model,
                "CropAndResize over {} with boxes {} of images {}", to_string(x), to_string(b), to_string(inputs[2].shape()));
  const Shape shape{b[0], x[1], op.crop_size[0], op.crop_size[1]};
  const std::size_t count = wide_count(shape);
  SACCADE_CHECK(count == 0 || (x[2] > 0 && x[3] > 0), invalid_model, "crops of an empty image {}", to_string(x));
  if (inputs[0].type() == ElementType::f32) {
    Tensor out(ElementType::f32, shape);
    run<float>(op, x, inputs[0].data<float>(), inputs, out.data<float>());
    return {out};
  }
  std::vector<double> out(count);
  run<double>(op, x, to_f64(inputs[0]).data(), inputs, out.data());
  return {from_f64(inputs[0].type(), shape, out)};
}

}  // namespace saccade::ops
