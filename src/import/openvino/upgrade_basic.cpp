// SPDX-License-Identifier: Apache-2.0
// Older versions of operators brought to the newest one.
#include "import/openvino/map.h"
#include "ops/broadcast.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/non_max_suppression.h"
#include "ops/normalization.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/topk.h"

#include <numeric>

namespace saccade::openvino {
namespace {

using ops::BinaryKind;

// (gamma, beta, data, mean, variance) in operator set 1.
Values batch_norm_1(LayerContext& c) {
  const double epsilon = c.given("eps") ? c.f("eps") : c.f("epsilon");
  c.ignore({"epsilon"});
  return {c.op(ops::BatchNormInference{epsilon}, {c.in(2), c.in(0), c.in(1), c.in(3), c.in(4)})};
}

Values broadcast_1(LayerContext& c) {
  const std::string mode = c.s("mode", "numpy");
  if (mode == "none") return {c.op(ops::Broadcast{ops::BroadcastMode::numpy}, {c.in(0), c.in(1)})};
  return c.node(c.filled(ops::Broadcast{}), c.inputs());
}

// Indices counted from the front alone.
Values gather_1(LayerContext& c) { return {c.op(ops::Gather{}, {c.in(0), c.in(1), c.in(2)})}; }
Values gather_7(LayerContext& c) { return {c.op(ops::Gather{c.i("batch_dims", 0)}, {c.in(0), c.in(1), c.in(2)})}; }

// The batch dimensions were joined in the output.
Values gather_nd_5(LayerContext& c) {
  const std::int64_t batch = c.i("batch_dims", 0);
  ValueId y = c.op(ops::GatherND{batch}, {c.in(0), c.in(1)});
  if (batch <= 1) return {y};
  std::vector<std::int64_t> shape{-1};
  const PartialShape full = c.type(y).shape;
  if (!full.ranked()) c.unsupported("batch_dims with an output of unknown rank");
  for (std::size_t d = static_cast<std::size_t>(batch); d < full.rank(); ++d) {
    if (!full[d].is_static()) c.unsupported("batch_dims with sizes that are not known before a run");
    shape.push_back(full[d].size());
  }
  return {c.reshaped(y, shape)};
}

// Over the channels or from the channels on.
Values mvn_2(LayerContext& c) {
  const double eps = c.f("eps");
  std::vector<std::int64_t> axes = c.ints("reduction_axes");
  const bool across = c.flag("across_channels", true), given = c.given("reduction_axes");
  if (!given)
    for (std::size_t d = across ? 1 : 2; d < c.rank(0); ++d) axes.push_back(static_cast<std::int64_t>(d));
  return {c.op(ops::MVN{c.flag("normalize_variance", true), eps, ops::EpsMode::inside_sqrt}, {c.in(0), c.i64(axes)})};
}

Values shape_of_1(LayerContext& c) { return {c.op(ops::ShapeOf{ElementType::i64}, {c.in(0)})}; }

Values range_1(LayerContext& c) { return {c.op(ops::Range{c.element(0)}, {c.in(0), c.in(1), c.in(2)})}; }

// Where nothing else is said indices are i32; equal elements may come in any order, ours is the first first.
Values top_k(LayerContext& c) {
  ops::TopK op;
  op.index_element_type = ElementType::i32;
  op.stable = false;
  const Op filled = c.filled(op);
  return c.node(filled, {c.in(0), c.in(1)});
}

// Before operator set 9 there is one output, and an absent count takes no box.
Values non_max_suppression(LayerContext& c) {
  ops::NonMaxSuppression op;
  op.output_type = c.type_attribute("output_type", ElementType::i64);
  op.sort_result_descending = c.flag("sort_result_descending", true);
  const std::string encoding = c.s("box_encoding", "corner");
  if (encoding != "corner" && encoding != "center") c.unsupported("box_encoding '{}'", shown(encoding));
  op.box_encoding = encoding == "center" ? ops::BoxEncoding::center : ops::BoxEncoding::corner;
  Values inputs = c.inputs();
  inputs.resize(std::max<std::size_t>(5, inputs.size()));
  if (!inputs[2].valid()) inputs[2] = c.i64_scalar(0);
  if (!inputs[3].valid()) inputs[3] = c.scalar(ElementType::f32, 0);
  if (!inputs[4].valid()) inputs[4] = c.scalar(ElementType::f32, 0);
  for (std::size_t i = 2; i < inputs.size(); ++i)
    if (inputs[i].valid() && c.rank(inputs[i]) != 0) inputs[i] = c.reshaped(inputs[i], {});
  inputs[2] = c.converted(inputs[2], ElementType::i64);
  return c.node(op, inputs);
}

constexpr Row kUpgradeBasicRows[] = {
    {"BatchNormInference", 1, batch_norm_1},
    {"Broadcast", 1, broadcast_1},
    {"Gather", 1, gather_1},
    {"Gather", 7, gather_7},
    {"GatherND", 5, gather_nd_5},
    {"MVN", 2, mvn_2},
    {"NonMaxSuppression", 1, non_max_suppression},
    {"Range", 1, range_1},
    {"ShapeOf", 1, shape_of_1},
    {"TopK", 1, top_k},
};

}  // namespace

std::span<const Row> upgrade_rows() { return kUpgradeBasicRows; }

}  // namespace saccade::openvino
