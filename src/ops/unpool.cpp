// SPDX-License-Identifier: Apache-2.0
// MaxUnpool and ROIPooling.
#include <algorithm>
#include <cmath>

#include "ops/convolve.h"
#include "ops/pool.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr i64 kMaxUnpooledExtent = i64{1} << 31;

i64 entry_or(const std::vector<i64>& list, std::size_t axis, i64 otherwise) { return axis < list.size() ? list[axis] : otherwise; }

i64 natural_size(const MaxUnpool& op, std::size_t axis, i64 input) {
  const i64 stride = entry_or(op.window.strides, axis, 1), kernel = op.kernel[axis], begin = entry_or(op.window.pads_begin, axis, 0),
            end = entry_or(op.window.pads_end, axis, 0);
  SACCADE_CHECK(stride >= 1 && stride < kMaxUnpooledExtent && kernel >= 1 && kernel < kMaxUnpooledExtent && begin >= 0 && begin < kMaxUnpooledExtent && end >= 0 &&
                    end < kMaxUnpooledExtent && input < kMaxUnpooledExtent,
                invalid_model, "a window's attributes are out of range");
  const i64 size = stride * (input - 1) + kernel - begin - end;
  SACCADE_CHECK(size >= 0, invalid_model, "an output of {} elements", size);
  return size;
}

}  // namespace

std::vector<Fact> infer(const MaxUnpool& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 3);
  const std::size_t spatial = op.kernel.size();
  SACCADE_CHECK(spatial >= 1 && spatial <= 3, invalid_model, "a pool of {} dimensions; 1 to 3 are possible", spatial);
  SACCADE_CHECK(op.window.auto_pad == AutoPad::explicit_ && op.window.dilations.empty(), invalid_model,
                "MaxUnpool knows neither auto_pad nor dilations");
  check_window(op.window, spatial);
  const PartialShape& x = inputs[0].type.shape;
  SACCADE_CHECK(!x.ranked() || x.rank() == spatial + 2, invalid_model, "a pool of {} dimensions over data of rank {}", spatial, x.rank());
  PartialShape out = PartialShape::of_rank(spatial + 2);
  if (has(inputs, 2)) {
    const auto dims = known_dimensions(inputs, 2);
    SACCADE_CHECK(!dims || dims->size() == spatial + 2, invalid_model, "an output shape of {} entries for data of rank {}", dims->size(),
                  spatial + 2);
    for (std::size_t d = 0; dims && d < spatial + 2; ++d) {
      SACCADE_CHECK(!(*dims)[d].is_static() || (*dims)[d].size() >= 0, invalid_model, "output_shape holds {}", (*dims)[d].size());
      out[d] = (*dims)[d].min >= 0 ? (*dims)[d] : Dimension::unknown();
    }
    return {Fact(inputs[0].type.element, std::move(out))};
  }
  for (std::size_t d = 0; x.ranked() && d < spatial + 2; ++d)
    out[d] = d < 2 ? x[d] : x[d].is_static() ? Dimension::fixed(natural_size(op, d - 2, x[d].size())) : Dimension::unknown();
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const MaxUnpool& op, std::span<const Tensor> inputs) {
  const Shape& x = inputs[0].shape();
  SACCADE_CHECK(x.size() == op.kernel.size() + 2, invalid_model, "a pool of {} dimensions over shape {}", op.kernel.size(), to_string(x));
  SACCADE_CHECK(inputs[1].size() == inputs[0].size(), invalid_model, "{} indices for {} elements", inputs[1].size(), inputs[0].size());
  Shape natural(x.begin(), x.begin() + 2);
  for (std::size_t d = 0; d < op.kernel.size(); ++d) natural.push_back(natural_size(op, d, x[2 + d]));
  Shape shape = natural;
  if (has(inputs, 2)) {
    shape = to_i64(inputs[2]);
    SACCADE_CHECK(shape.size() == x.size(), invalid_model, "an output shape of {} entries for data of rank {}", shape.size(), x.size());
    for (i64 s : shape) SACCADE_CHECK(s >= 0, invalid_model, "output_shape holds {}", s);
  }
  // The indices count in the natural shape, whose planes and rows may be smaller than the given ones.
  const Strides natural_strides = dense_strides(natural), strides = dense_strides(shape);
  Tensor out(inputs[0].type(), shape);
  const std::vector<i64> indices = to_i64(inputs[1]);
  const std::vector<double> values = to_f64(inputs[0]);
  for (std::size_t i = 0; i < indices.size(); ++i) {
    i64 rest = indices[i], to = 0;
    bool inside = rest >= 0 && rest < element_count(natural);
    for (std::size_t d = 0; inside && d < shape.size(); ++d) {
      const i64 index = rest / natural_strides[d];
      rest %= natural_strides[d];
      inside = index < shape[d];
      to += index * strides[d];
    }
    SACCADE_CHECK(inside, invalid_model, "index {} is outside of the output {}", indices[i], to_string(shape));
    set_element_f64(out, to, values[i]);
  }
  return {out};
}

std::vector<Fact> infer(const RoiPooling& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 2);
  check_same_element(inputs, 0, 1);
  SACCADE_CHECK(op.output_roi.size() == 2 && op.output_roi[0] >= 1 && op.output_roi[1] >= 1 && op.output_roi[0] < kMaxUnpooledExtent &&
                    op.output_roi[1] < kMaxUnpooledExtent,
                invalid_model, "output_roi must be two positive sizes");
  const PartialShape &x = inputs[0].type.shape, &rois = inputs[1].type.shape;
  SACCADE_CHECK((!x.ranked() || x.rank() == 4) && (!rois.ranked() || rois.rank() == 2), invalid_model, "ROIPooling over {} with regions {}",
                to_string(x), to_string(rois));
  PartialShape out = PartialShape::of_rank(4);
  if (rois.ranked()) out[0] = rois[0];
  if (x.ranked()) out[1] = x[1];
  for (std::size_t d = 0; d < 2; ++d) out[2 + d] = Dimension::fixed(op.output_roi[d]);
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const RoiPooling& op, std::span<const Tensor> inputs) {
  const Shape &x = inputs[0].shape(), &r = inputs[1].shape();
  SACCADE_CHECK(x.size() == 4 && r.size() == 2 && r[1] == 5 && op.output_roi.size() == 2, invalid_model,
                "ROIPooling over {} with regions {}", to_string(x), to_string(r));
  const i64 c = x[1], h = x[2], w = x[3], ph = op.output_roi[0], pw = op.output_roi[1];
  SACCADE_CHECK(h < kMaxUnpooledExtent && w < kMaxUnpooledExtent && ph >= 1 && pw >= 1, invalid_model, "ROIPooling sizes are out of range");
  const std::vector<double> data = to_f64(inputs[0]), rois = to_f64(inputs[1]);
  const Shape shape{r[0], c, ph, pw};
  std::vector<double> out(wide_count(shape));
  std::size_t to = 0;
  const auto pixel = [&](double v) {
    if (std::isnan(v)) return -kMaxUnpooledExtent;
    return static_cast<i64>(std::clamp(std::round(v), -static_cast<double>(kMaxUnpooledExtent), static_cast<double>(kMaxUnpooledExtent)));
  };
  for (i64 n = 0; n < r[0] && !out.empty(); ++n) {
    const double* roi = rois.data() + n * 5;
    SACCADE_CHECK(roi[0] >= 0 && roi[0] < static_cast<double>(x[0]), invalid_model, "region {} of batch {}", n, roi[0]);
    const auto batch = static_cast<i64>(roi[0]);
    const double s = op.spatial_scale;
    const i64 x1 = pixel(roi[1] * s), y1 = pixel(roi[2] * s), x2 = pixel(roi[3] * s), y2 = pixel(roi[4] * s);
    const double bin_h = static_cast<double>(std::max<i64>(y2 - y1 + 1, 1)) / static_cast<double>(ph);
    const double bin_w = static_cast<double>(std::max<i64>(x2 - x1 + 1, 1)) / static_cast<double>(pw);
    for (i64 ch = 0; ch < c; ++ch) {
      const double* plane = data.data() + (batch * c + ch) * h * w;
      for (i64 by = 0; by < ph; ++by)
        for (i64 bx = 0; bx < pw; ++bx, ++to) {
          if (op.method == RoiPoolingMethod::bilinear) {
            const auto place = [](double low, double high, i64 bin, i64 bins, i64 size) {
              const auto last = static_cast<double>(size - 1);
              if (bins == 1) return 0.5 * (low + high) * last;
              if (bin == bins - 1) return high * last;  // as a sum it may come out beyond the edge
              return low * last + static_cast<double>(bin) * ((high - low) * last / static_cast<double>(bins - 1));
            };
            const double py = place(roi[2], roi[4], by, ph, h), px = place(roi[1], roi[3], bx, pw, w);
            if (!(py >= 0 && px >= 0 && py <= static_cast<double>(h - 1) && px <= static_cast<double>(w - 1))) continue;
            const auto y0 = static_cast<i64>(py), x0 = static_cast<i64>(px);
            const i64 yn = std::min(y0 + 1, h - 1), xn = std::min(x0 + 1, w - 1);
            const double fy = py - static_cast<double>(y0), fx = px - static_cast<double>(x0);
            out[to] = (1 - fy) * ((1 - fx) * plane[y0 * w + x0] + fx * plane[y0 * w + xn]) +
                      fy * ((1 - fx) * plane[yn * w + x0] + fx * plane[yn * w + xn]);
            continue;
          }
          const auto edge = [](double bin, i64 start, i64 size, bool up) {
            return std::clamp<i64>(static_cast<i64>(up ? std::ceil(bin) : std::floor(bin)) + start, 0, size);
          };
          const i64 top = edge(static_cast<double>(by) * bin_h, y1, h, false),
                    bottom = edge(static_cast<double>(by + 1) * bin_h, y1, h, true);
          const i64 left = edge(static_cast<double>(bx) * bin_w, x1, w, false),
                    right = edge(static_cast<double>(bx + 1) * bin_w, x1, w, true);
          if (top >= bottom || left >= right) continue;  // an empty bin is zero
          double best = plane[top * w + left];
          for (i64 v = top; v < bottom; ++v)
            for (i64 u = left; u < right; ++u) best = std::max(best, plane[v * w + u]);
          out[to] = best;
        }
    }
  }
  return {from_f64(inputs[0].type(), shape, out)};
}

}  // namespace saccade::ops
