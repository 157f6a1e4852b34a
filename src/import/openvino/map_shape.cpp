// SPDX-License-Identifier: Apache-2.0
// Layers that cut, shuffle and rearrange, and those that have to be put together.
#include <algorithm>
#include <numeric>

#include "import/openvino/map.h"
#include "ops/concat.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/normalization.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/scatter.h"
#include "ops/signal.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/transpose.h"
#include "ops/yolo.h"
#include "tensor/numeric.h"

namespace saccade::openvino {
namespace {

using ops::BinaryKind;
using i64 = std::int64_t;

constexpr i64 kFar = std::numeric_limits<std::int32_t>::max();

bool set_at(const std::vector<i64>& mask, std::size_t i) { return i < mask.size() && mask[i] != 0; }

// One entry of an index vector, where it is not known.
ValueId entry(LayerContext& c, ValueId vector, std::size_t i) { return c.op(ops::Slice{}, {vector, c.i64({static_cast<i64>(i)}), c.i64({static_cast<i64>(i) + 1}), c.i64({1})}); }

// Ranges of all axes; masks leave ends open, and insert, take away or skip axes.
Values strided_slice(LayerContext& c) {
  const auto begin_mask = c.ints("begin_mask"), end_mask = c.ints("end_mask"), new_axis = c.ints("new_axis_mask"), shrink = c.ints("shrink_axis_mask"), ellipsis = c.ints("ellipsis_mask");
  const PartialShape starts = c.shape(1);
  if (!starts.ranked() || starts.rank() != 1 || !starts[0].is_static()) c.unsupported("a number of ranges that is not known before a run");
  const auto n = static_cast<std::size_t>(starts[0].size());
  if (n > 64) c.invalid("{} ranges", n);
  const auto begin = c.integers(1), end = c.integers(2);
  const auto step = c.has(3) ? c.integers(3) : std::optional(std::vector<i64>(n, 1));
  if (!step) c.unsupported("steps that are not known before a run");
  if ((begin && begin->size() != n) || (end && end->size() != n) || step->size() != n) c.invalid("ranges of different numbers of axes");
  std::size_t skipped = 0;
  for (std::size_t i = 0; i < n; ++i) skipped += set_at(ellipsis, i);
  if (skipped > 1) c.invalid("two ellipses");
  // axes of the data that the ranges name
  std::size_t named = 0;
  for (std::size_t i = 0; i < n; ++i) named += !set_at(ellipsis, i) && !set_at(new_axis, i);
  std::size_t axis = 0;
  std::vector<i64> from, to, steps, axes, added, removed;
  Values from_values, to_values;
  bool known = true;
  std::vector<std::pair<i64, std::size_t>> gathered;  // axes taken at an index that is not known
  std::size_t out = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (set_at(ellipsis, i)) {
      const std::size_t rank = c.rank(0);
      if (named > rank) c.invalid("{} ranges for data of rank {}", named, rank);
      axis += rank - named;
      out += rank - named;
      continue;
    }
    if (set_at(new_axis, i)) {
      added.push_back(static_cast<i64>(out++));
      continue;
    }
    const auto a = static_cast<i64>(axis++);
    if (set_at(shrink, i)) {
      if (!begin) {
        gathered.emplace_back(a, i);
        removed.push_back(a);
        continue;
      }
      const i64 at = set_at(begin_mask, i) ? 0 : (*begin)[i];
      from.push_back(at);
      to.push_back(at == -1 ? kFar : at + 1);
      steps.push_back(1);
      axes.push_back(a);
      removed.push_back(a);
      continue;
    }
    ++out;
    const bool open_begin = set_at(begin_mask, i), open_end = set_at(end_mask, i);
    if (open_begin && open_end && (*step)[i] == 1) continue;
    if ((*step)[i] == 0) c.invalid("a step of 0");
    known = known && (open_begin || begin) && (open_end || end);
    from.push_back(open_begin ? ((*step)[i] > 0 ? 0 : kFar) : begin ? (*begin)[i] : 0);
    to.push_back(open_end ? ((*step)[i] > 0 ? kFar : -kFar) : end ? (*end)[i] : 0);
    steps.push_back((*step)[i]);
    axes.push_back(a);
    from_values.resize(from.size());
    to_values.resize(to.size());
    if (!open_begin && !begin) from_values.back() = entry(c, c.in(1), i);
    if (!open_end && !end) to_values.back() = entry(c, c.in(2), i);
  }
  ValueId y = c.in(0);
  const auto bounds = [&](const std::vector<i64>& numbers, Values values) {
    if (known) return c.i64(numbers);
    values.resize(numbers.size());
    for (std::size_t k = 0; k < numbers.size(); ++k) values[k] = values[k].valid() ? c.converted(values[k], ElementType::i64) : c.i64({numbers[k]});
    return c.op(ops::Concat{0}, values);
  };
  if (!axes.empty()) y = c.op(ops::Slice{}, {y, bounds(from, from_values), bounds(to, to_values), c.i64(steps), c.i64(axes)});
  for (const auto& [a, i] : gathered) y = c.op(ops::Gather{}, {y, entry(c, c.in(1), i), c.i64_scalar(a)});
  if (!removed.empty()) y = c.op(ops::Squeeze{}, {y, c.i64(removed)});
  if (!added.empty()) y = c.op(ops::Unsqueeze{}, {y, c.i64(added)});
  return {y};
}

// Channels as [groups, members], turned round.
Values shuffle_channels(LayerContext& c) {
  const auto rank = static_cast<i64>(c.rank(0));
  i64 axis = c.i("axis", 1);
  const i64 group = c.i("group", 1);
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank || group < 1) c.invalid("axis {} and {} groups for rank {}", axis, group, rank);
  const PartialShape shape = c.shape(0);
  std::vector<i64> split, joined, order;
  const auto a = static_cast<std::size_t>(axis);
  if (!shape[a].is_static() || shape[a].size() % group != 0) c.unsupported("{} groups of {} channels", group, to_string(shape[a]));
  std::size_t unknown = 0;
  for (std::size_t d = 0; d < shape.rank(); ++d) {
    const i64 size = shape[d].is_static() ? shape[d].size() : -1;
    unknown += size < 0;
    joined.push_back(size);
    if (d == a) {
      split.push_back(group);
      split.push_back(size / group);
    } else {
      split.push_back(size);
    }
  }
  if (unknown > 1) c.unsupported("more than one size that is not known before a run");
  order.resize(split.size());
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[a], order[a + 1]);
  return {c.reshaped(c.transposed(c.reshaped(c.in(0), split), order), joined)};
}

// Windows of an image as channels: a convolution with ones at one place each; the order is row, column, channel.
Values extract_image_patches(LayerContext& c) {
  const auto sizes = c.ints("sizes"), strides = c.ints("strides"), rates = c.ints("rates");
  const PartialShape shape = c.shape(0);
  if (c.rank(0) != 4 || !shape[1].is_static() || sizes.size() != 2 || strides.size() != 2 || rates.size() != 2) c.unsupported("patches of {} dimensions", sizes.size());
  const i64 channels = shape[1].size(), h = sizes[0], w = sizes[1];
  if (h < 1 || w < 1 || channels < 1 || h > 4096 || w > 4096 || channels > (i64{1} << 24) / (h * w) / channels) c.unsupported("patches of {} x {} of {} channels", h, w, channels);
  Tensor weights(c.element(0), {h * w * channels, channels, h, w});
  for (i64 y = 0; y < h; ++y)
    for (i64 x = 0; x < w; ++x)
      for (i64 k = 0; k < channels; ++k) set_element_f64(weights, ((((y * w + x) * channels + k) * channels + k) * h + y) * w + x, 1);
  ops::Convolution op;
  op.window.strides = strides;
  op.window.dilations = rates;
  const std::string pad = c.s("auto_pad");
  if (pad == "valid") op.window.auto_pad = ops::AutoPad::valid;
  else if (pad == "same_upper") op.window.auto_pad = ops::AutoPad::same_upper;
  else if (pad == "same_lower") op.window.auto_pad = ops::AutoPad::same_lower;
  else c.unsupported("auto_pad '{}'", shown(pad));
  return {c.op(op, {c.in(0), c.constant_of(weights)})};
}

// x / √(Σ x² + bias) over the channels.
Values grn(LayerContext& c) {
  return {c.op(ops::NormalizeL2{c.f("bias"), ops::NormalizeL2Mode::add}, {c.in(0), c.i64({1})})};
}

// Old writers gave the one stride as "stride".
Values reorg_yolo(LayerContext& c) {
  const auto strides = c.given("stride") ? c.ints("stride") : c.ints("strides");
  c.ignore({"strides"});
  if (strides.empty() || std::any_of(strides.begin(), strides.end(), [&](i64 s) { return s != strides[0]; })) c.unsupported("different strides for the two axes");
  ops::ReorgYolo op;
  op.stride = strides[0];
  return {c.op(op, {c.in(0)})};
}

Values region_yolo(LayerContext& c) {
  c.ignore({"anchors"});
  return {c.op(c.filled(ops::RegionYolo{}), {c.in(0)})};
}

// Transforms of pairs of numbers along any axes, one after the other.
Values transform(LayerContext& c, bool inverse, bool from_reals, bool to_reals) {
  const auto given = c.integers(1);
  if (!given) c.unsupported("axes that are not known before a run");
  const auto sizes = c.has(2) ? c.integers(2) : std::optional(std::vector<i64>(given->size(), -1));
  if (!sizes || sizes->size() != given->size()) c.unsupported("sizes that are not known before a run");
  ValueId y = c.in(0);
  if (from_reals) y = c.op(ops::Unsqueeze{}, {y, c.i64({-1})});
  const auto rank = static_cast<i64>(c.rank(y));
  for (std::size_t k = 0; k < given->size(); ++k) {
    // real bins along the last axis given: first there and back last
    const std::size_t at = from_reals ? given->size() - 1 - k : k;
    const i64 axis = (*given)[at] < 0 ? (*given)[at] + rank - 1 : (*given)[at], size = (*sizes)[at];
    const bool half = (from_reals || to_reals) && at + 1 == given->size();
    Values inputs{y, size >= 0 ? c.i64_scalar(size) : ValueId{}, c.i64_scalar(axis)};
    y = c.op(ops::Dft{inverse, half}, inputs);
  }
  if (to_reals) y = c.op(ops::Squeeze{}, {y, c.i64({-1})});
  return {y};
}

Values dft(LayerContext& c) { return transform(c, false, false, false); }
Values idft(LayerContext& c) { return transform(c, true, false, false); }
Values rdft(LayerContext& c) { return transform(c, false, true, false); }
Values irdft(LayerContext& c) { return transform(c, true, false, true); }

// How many boundaries lie below, or not above, each value.
Values bucketize(LayerContext& c) {
  const ElementType type = c.type_attribute("output_type", ElementType::i64);
  const bool right = c.flag("with_right_bound", true);
  const ValueId x = c.op(ops::Unsqueeze{}, {c.in(0), c.i64({-1})}), edges = c.converted(c.in(1), c.element(0));
  const ValueId beyond = c.binary(right ? BinaryKind::Greater : BinaryKind::GreaterEqual, x, edges);
  return {c.op(ops::Reduce{ops::ReduceKind::Sum}, {c.converted(beyond, type), c.i64({-1})})};
}

// Rows of the data scattered over a range: the indices of the range along each axis, one axis.
Values slice_scatter(LayerContext& c) {
  const auto start = c.integers(2), stop = c.integers(3), step = c.integers(4), axes = c.has(5) ? c.integers(5) : std::optional(std::vector<i64>{0});
  const PartialShape shape = c.shape(0);
  if (!start || !stop || !step || !axes || start->size() != 1 || axes->size() != 1 || !shape.ranked()) c.unsupported("more than one axis, or ranges that are not known before a run");
  const i64 axis = (*axes)[0] < 0 ? (*axes)[0] + static_cast<i64>(shape.rank()) : (*axes)[0];
  if (axis < 0 || axis >= static_cast<i64>(shape.rank()) || !shape[static_cast<std::size_t>(axis)].is_static()) c.unsupported("a size that is not known before a run");
  const auto range = ops::resolve_slice((*start)[0], (*stop)[0], (*step)[0], shape[static_cast<std::size_t>(axis)].size());
  std::vector<i64> indices;
  for (i64 k = 0; k < range.count; ++k) indices.push_back(range.begin + k * range.step);
  return {c.op(ops::ScatterUpdate{}, {c.in(0), c.i64(indices), c.in(1), c.i64_scalar(axis)})};
}

constexpr Row kShapeRows[] = {
    {"Bucketize", 3, bucketize},
    {"DFT", 7, dft},
    {"ExtractImagePatches", 3, extract_image_patches},
    {"GRN", 1, grn},
    {"IDFT", 7, idft},
    {"IRDFT", 9, irdft},
    {"RDFT", 9, rdft},
    {"RegionYolo", 1, region_yolo},
    {"ReorgYolo", 1, reorg_yolo},
    {"ShuffleChannels", 1, shuffle_channels},
    {"SliceScatter", 15, slice_scatter},
    {"StridedSlice", 1, strided_slice},
};

}  // namespace

std::span<const Row> shape_rows() { return kShapeRows; }

}  // namespace saccade::openvino
