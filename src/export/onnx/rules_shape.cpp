// SPDX-License-Identifier: Apache-2.0
// Operators that move, pick and make elements.
#include <algorithm>
#include <limits>
#include <numeric>

#include "export/onnx/rules.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/non_zero.h"
#include "ops/one_hot.h"
#include "ops/pad.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/reverse_sequence.h"
#include "ops/scatter.h"
#include "ops/select.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/space_to_depth.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "ops/trilu.h"
#include "tensor/numeric.h"

namespace saccade::exporter::onnx {
namespace {

using i64 = std::int64_t;
using ops::Binary;
using ops::BinaryKind;

i64 normal(Rewriting& r, i64 axis, std::size_t rank) {
  if (axis < 0) axis += static_cast<i64>(rank);
  if (axis < 0 || axis >= static_cast<i64>(rank)) r.inexpressible("axis {} of rank {}", axis, rank);
  return axis;
}

Values concat(Rewriting& r) { return emit(r, "Concat", r.inputs(), {{"axis", r.as<ops::Concat>().axis}}); }

Values split(Rewriting& r) { return emit(r, "Split", {r.in(0)}, {{"axis", known_scalar(r, 1)}, {"num_outputs", r.as<ops::Split>().num_splits}}); }

Values variadic_split(Rewriting& r) {
  const i64 axis = known_scalar(r, 1);
  auto lengths = known(r, 2);
  i64 sum = 0;
  for (const i64 l : lengths) sum += std::max<i64>(l, 0);
  for (i64& l : lengths) {
    if (l >= 0) continue;
    const PartialShape shape = r.type(0).shape;
    const graph::Dimension size = shape[static_cast<std::size_t>(normal(r, axis, r.rank(0)))];
    if (!size.is_static()) r.inexpressible("a part that takes the rest of a size that is not known before a run");
    l = size.size() - sum;
  }
  return emit(r, "Split", {r.in(0), r.i64(lengths)}, {{"axis", axis}});
}

Values slice(Rewriting& r) {
  Values inputs{r.in(0), r.convert(r.in(1), ElementType::i64), r.convert(r.in(2), ElementType::i64)};
  if (r.has(4)) inputs.push_back(r.convert(r.in(4), ElementType::i64));
  else {
    const PartialShape starts = r.type(1).shape;
    if (!starts.is_static() || starts.rank() != 1) r.inexpressible("a number of axes that is not known before a run");
    std::vector<i64> axes(static_cast<std::size_t>(starts[0].size()));
    std::iota(axes.begin(), axes.end(), 0);
    inputs.push_back(r.i64(axes));
  }
  inputs.push_back(r.convert(r.in(3), ElementType::i64));
  return emit(r, "Slice", inputs);
}

// Batch dimensions are GatherND's, where the axis follows them.
Values gather(Rewriting& r) {
  const auto& op = r.as<ops::Gather>();
  const i64 axis = normal(r, known_scalar(r, 2), r.rank(0));
  if (op.batch_dims == 0) return emit(r, "Gather", {r.in(0), r.in(1)}, {{"axis", axis}});
  const i64 batch = op.batch_dims < 0 ? op.batch_dims + static_cast<i64>(r.rank(1)) : op.batch_dims;
  if (axis != batch) r.inexpressible("batch dimensions that the axis does not follow");
  return emit(r, "GatherND", {r.in(0), r.op(ops::Unsqueeze{}, {r.convert(r.in(1), ElementType::i64), r.i64({-1})})}, {{"batch_dims", batch}});
}

Values gather_elements(Rewriting& r) { return emit(r, "GatherElements", r.inputs(), {{"axis", r.as<ops::GatherElements>().axis}}); }
Values gather_nd(Rewriting& r) { return emit(r, "GatherND", {r.in(0), r.convert(r.in(1), ElementType::i64)}, {{"batch_dims", r.as<ops::GatherND>().batch_dims}}); }

const char* reduction_name(Rewriting& r, std::string_view reduction) {
  constexpr std::pair<std::string_view, const char*> kNames[] = {{"none", "none"}, {"sum", "add"}, {"prod", "mul"}, {"min", "min"}, {"max", "max"}};
  for (const auto& [ours, theirs] : kNames)
    if (ours == reduction) return theirs;
  r.inexpressible("the reduction {}", reduction);
}

Values scatter_elements(Rewriting& r) {
  const auto& op = r.as<ops::ScatterElementsUpdate>();
  constexpr std::string_view kNames[] = {"none", "sum", "prod", "min", "max", "mean"};
  const char* reduction = reduction_name(r, kNames[static_cast<std::size_t>(op.reduction)]);
  if (!op.use_init_val && op.reduction != ops::ScatterElementsReduction::none) r.inexpressible("use_init_val 'false'");
  return emit(r, "ScatterElements", {r.in(0), r.in(1), r.in(2)}, {{"axis", known_scalar(r, 3)}, {"reduction", std::string(reduction)}});
}

Values scatter_nd(Rewriting& r) {
  const auto& op = r.as<ops::ScatterNDUpdate>();
  const ValueId indices = r.convert(r.in(1), ElementType::i64);
  if (op.reduction == ops::ScatterNDReduction::sub) {
    const ValueId negative = r.op(ops::Unary::of(ops::UnaryKind::Negative), {r.in(2)});
    return emit(r, "ScatterND", {r.in(0), indices, negative}, {{"reduction", std::string("add")}});
  }
  constexpr std::string_view kNames[] = {"none", "sum", "sub", "prod", "min", "max"};
  return emit(r, "ScatterND", {r.in(0), indices, r.in(2)}, {{"reduction", std::string(reduction_name(r, kNames[static_cast<std::size_t>(op.reduction)]))}});
}

// Slices replaced along an axis: that axis in front, ScatterND, and back.
Values scatter_update(Rewriting& r) {
  const std::size_t rank = r.rank(0);
  const i64 axis = normal(r, known_scalar(r, 3), rank);
  const ValueId indices = r.op(ops::Unsqueeze{}, {r.convert(r.in(1), ElementType::i64), r.i64({-1})});
  if (axis == 0) return emit(r, "ScatterND", {r.in(0), indices, r.in(2)});
  const auto k = static_cast<i64>(r.rank(1));
  std::vector<i64> to_front{axis}, back(rank), updates;
  for (i64 d = 0; d < static_cast<i64>(rank); ++d)
    if (d != axis) to_front.push_back(d);
  for (std::size_t d = 0; d < rank; ++d) back[static_cast<std::size_t>(to_front[d])] = static_cast<i64>(d);
  // the updates' axes that stand for the indices are [axis, axis + k)
  for (i64 d = 0; d < k; ++d) updates.push_back(axis + d);
  for (i64 d = 0; d < static_cast<i64>(rank) - 1 + k; ++d)
    if (d < axis || d >= axis + k) updates.push_back(d);
  const ValueId y = r.op(ops::ScatterNDUpdate{}, {r.transpose(r.in(0), to_front), indices, r.transpose(r.in(2), updates)});
  return {r.transpose(y, back)};
}

// Expand lets both sides broadcast, of which numpy's rule is a part.
Values broadcast(Rewriting& r) {
  const auto& op = r.as<ops::Broadcast>();
  ValueId x = r.in(0);
  if (op.mode == ops::BroadcastMode::explicit_) {
    const auto axes = known(r, 2);
    const PartialShape target = r.type(1).shape;
    if (!target.is_static() || target.rank() != 1) r.inexpressible("a target of unknown rank");
    std::vector<i64> added;
    for (i64 d = 0; d < target[0].size(); ++d)
      if (std::find(axes.begin(), axes.end(), d) == axes.end()) added.push_back(d);
    if (!std::is_sorted(axes.begin(), axes.end())) r.inexpressible("axes out of order");
    if (!added.empty()) x = r.op(ops::Unsqueeze{}, {x, r.i64(added)});
  }
  return emit(r, "Expand", {x, r.convert(r.in(1), ElementType::i64)});
}

Values reshape(Rewriting& r) {
  const auto& op = r.as<ops::Reshape>();
  OnnxAttributes attributes;
  if (!op.special_zero) {
    const auto target = r.integers(1);
    const bool zero = !target || std::find(target->begin(), target->end(), 0) != target->end();
    const bool open = target && std::find(target->begin(), target->end(), -1) != target->end();
    if (zero && target && open) r.inexpressible("an empty dimension beside one that is worked out");
    if (zero && target) attributes.push_back({"allowzero", i64{1}});
  }
  return emit(r, "Reshape", {r.in(0), r.convert(r.in(1), ElementType::i64)}, attributes);
}

Values squeeze(Rewriting& r) { return emit(r, "Squeeze", r.has(1) ? Values{r.in(0), r.convert(r.in(1), ElementType::i64)} : Values{r.in(0)}); }
Values unsqueeze(Rewriting& r) { return emit(r, "Unsqueeze", {r.in(0), r.convert(r.in(1), ElementType::i64)}); }

Values transpose(Rewriting& r) {
  const auto order = known(r, 1);
  if (order.empty()) return emit(r, "Transpose", {r.in(0)});
  return emit(r, "Transpose", {r.in(0)}, {{"perm", order}});
}

// ONNX repeats every axis of the data, no more and no fewer.
Values tile(Rewriting& r) {
  const PartialShape repeats = r.type(1).shape;
  if (!repeats.is_static() || repeats.rank() != 1) r.inexpressible("a number of axes that is not known before a run");
  ValueId x = r.in(0), times = r.convert(r.in(1), ElementType::i64);
  const auto rank = static_cast<i64>(r.rank(0)), n = repeats[0].size();
  if (n < rank) times = r.op(ops::Concat{0}, {r.i64(std::vector<i64>(static_cast<std::size_t>(rank - n), 1)), times});
  if (n > rank) {
    std::vector<i64> axes(static_cast<std::size_t>(n - rank));
    std::iota(axes.begin(), axes.end(), 0);
    x = r.op(ops::Unsqueeze{}, {x, r.i64(axes)});
  }
  return emit(r, "Tile", {x, times});
}

ValueId both(Rewriting& r) { return r.op(ops::Concat{0}, {r.convert(r.in(1), ElementType::i64), r.convert(r.in(2), ElementType::i64)}); }

Values pad(Rewriting& r) {
  constexpr const char* kModes[] = {"constant", "edge", "reflect", "symmetric"};
  const auto mode = r.as<ops::Pad>().mode;
  if (mode == ops::PadMode::symmetric) r.inexpressible("pad_mode 'symmetric'");
  Values inputs{r.in(0), both(r)};
  if (r.has(3) && mode == ops::PadMode::constant) inputs.push_back(r.rank(3) == 0 ? r.in(3) : r.reshape(r.in(3), {}));
  return emit(r, "Pad", inputs, {{"mode", std::string(kModes[static_cast<std::size_t>(mode)])}});
}

Values pad_wrap(Rewriting& r) {
  need(r, 19);
  return emit(r, "Pad", {r.in(0), both(r)}, {{"mode", std::string("wrap")}});
}

Values shape_of(Rewriting& r) {
  TensorType type = r.type(r.out(0));
  type.element = ElementType::i64;
  return {r.convert(emit_as(r, "Shape", {r.in(0)}, type), r.as<ops::ShapeOf>().output_type)};
}

Values non_zero(Rewriting& r) {
  TensorType type = r.type(r.out(0));
  type.element = ElementType::i64;
  return {r.convert(emit_as(r, "NonZero", {r.in(0)}, type), r.as<ops::NonZero>().output_type)};
}

Values range(Rewriting& r) {
  const ElementType element = r.type(r.out(0)).element;
  const bool direct = element == ElementType::f32 || element == ElementType::f64 || element == ElementType::i16 || element == ElementType::i32 || element == ElementType::i64;
  const ElementType work = direct ? element : is_float(element) ? ElementType::f32 : ElementType::i64;
  TensorType type = r.type(r.out(0));
  type.element = work;
  Values inputs;
  for (std::size_t i = 0; i < 3; ++i) {
    const ValueId v = r.rank(i) == 0 ? r.in(i) : r.reshape(r.in(i), {});
    inputs.push_back(r.convert(v, work));
  }
  return {r.convert(emit_as(r, "Range", inputs, type), element)};
}

// What has only constants as inputs is one.
Values computed_shape(Rewriting& r) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < r.count(); ++i) {
    if (r.has(i) && !r.constant(i).defined()) r.inexpressible("inputs that are not known before a run");
    inputs.push_back(r.has(i) ? r.constant(i) : Tensor());
  }
  Values outputs;
  for (Tensor& t : r.node().op.evaluate(inputs)) outputs.push_back(r.constant_of(std::move(t)));
  return outputs;
}

// Negative indices count from the end in ONNX; to be ignored they are moved beyond it.
Values one_hot(Rewriting& r) {
  const auto& op = r.as<ops::OneHot>();
  ValueId index = r.in(0);
  const ValueId depth = r.rank(1) == 0 ? r.in(1) : r.reshape(r.in(1), {});
  if (op.negative_indices == ops::NegativeIndices::ignore)
    index = r.op(ops::Select{}, {r.op(Binary{BinaryKind::Less}, {index, r.like(index, 0)}), r.convert(depth, r.element(0)), index});
  const auto vector = [&](std::size_t i) { return r.reshape(r.in(i), {1}); };
  return emit(r, "OneHot", {index, depth, r.op(ops::Concat{0}, {vector(3), vector(2)})}, {{"axis", op.axis}});
}

Values depth_to_space(Rewriting& r) {
  const auto& op = r.as<ops::DepthToSpace>();
  if (r.rank(0) != 4) r.inexpressible("data of rank {}", r.rank(0));
  return emit(r, "DepthToSpace", {r.in(0)}, {{"blocksize", op.block_size}, {"mode", std::string(op.mode == ops::DepthMode::blocks_first ? "DCR" : "CRD")}});
}

Values space_to_depth(Rewriting& r) {
  const auto& op = r.as<ops::SpaceToDepth>();
  if (r.rank(0) != 4) r.inexpressible("data of rank {}", r.rank(0));
  const ValueId y = emit_as(r, "SpaceToDepth", {r.in(0)}, r.type(r.out(0)), {{"blocksize", op.block_size}});
  if (op.mode == ops::DepthMode::blocks_first) return {y};
  // [n, blocks · c, …] as [n, c · blocks, …]
  const PartialShape shape = r.type(r.out(0)).shape;
  if (!shape.is_static()) r.inexpressible("mode 'depth_first' for sizes that are not known before a run");
  const i64 blocks = op.block_size * op.block_size, n = shape[0].size(), c = shape[1].size() / blocks, h = shape[2].size(), w = shape[3].size();
  constexpr i64 kOrder[] = {0, 2, 1, 3, 4};
  return {r.reshape(r.transpose(r.reshape(y, {n, blocks, c, h, w}), kOrder), {n, c * blocks, h, w})};
}

// One size of a tensor as a vector, where it is not known from its shape.
ValueId size_at(Rewriting& r, ValueId shape, const PartialShape& known_shape, std::size_t d) {
  if (known_shape[d].is_static()) return r.i64({known_shape[d].size()});
  return r.op(ops::Gather{}, {shape, r.i64({static_cast<i64>(d)}), r.i64_scalar(0)});
}

ValueId joined(Rewriting& r, Values parts) { return r.op(ops::Concat{0}, std::move(parts)); }

// Blocks to the batch: padded, every axis cut into places and blocks, the blocks moved in front.
Values space_to_batch(Rewriting& r) {
  const auto block = known(r, 1);
  const std::size_t rank = r.rank(0);
  if (block.size() != rank || block[0] != 1) r.inexpressible("a block of the batch");
  const ValueId padded = r.op(ops::Pad{}, {r.in(0), r.in(2), r.in(3)}), shape = r.shape_of(padded);
  const PartialShape sizes = r.type(padded).shape;
  Values split, target{r.i64({-1})};
  std::vector<i64> order;
  for (std::size_t d = 0; d < rank; ++d) {
    const ValueId places = r.divide(size_at(r, shape, sizes, d), r.i64({block[d]}));
    split.push_back(places);
    split.push_back(r.i64({block[d]}));
    if (d > 0) target.push_back(places);
  }
  for (std::size_t d = 1; d < rank; ++d) order.push_back(static_cast<i64>(2 * d + 1));
  order.push_back(1);
  for (std::size_t d = 0; d < rank; ++d) order.push_back(static_cast<i64>(2 * d));
  return {r.op(ops::Reshape{}, {r.transpose(r.op(ops::Reshape{}, {padded, joined(r, split)}), order), joined(r, target)})};
}

Values batch_to_space(Rewriting& r) {
  const auto block = known(r, 1);
  const PartialShape sizes = r.type(0).shape;
  const std::size_t rank = r.rank(0);
  if (block.size() != rank || block[0] != 1) r.inexpressible("a block of the batch");
  i64 blocks = 1;
  for (const i64 b : block) blocks *= b;
  const ValueId shape = r.shape_of(r.in(0)), batch = r.divide(size_at(r, shape, sizes, 0), r.i64({blocks}));
  Values split, target{batch};
  std::vector<i64> order{static_cast<i64>(rank - 1)}, steps(rank, 1), axes;
  for (std::size_t d = 1; d < rank; ++d) split.push_back(r.i64({block[d]}));
  split.push_back(batch);
  for (std::size_t d = 1; d < rank; ++d) {
    const ValueId places = size_at(r, shape, sizes, d);
    split.push_back(places);
    order.push_back(static_cast<i64>(rank - 1 + d));
    order.push_back(static_cast<i64>(d - 1));
    target.push_back(r.multiply(places, r.i64({block[d]})));
  }
  for (std::size_t d = 0; d < rank; ++d) axes.push_back(static_cast<i64>(d));
  const ValueId whole = joined(r, target);
  const ValueId y = r.op(ops::Reshape{}, {r.transpose(r.op(ops::Reshape{}, {r.in(0), joined(r, split)}), order), whole});
  return {r.op(ops::Slice{}, {y, r.convert(r.in(2), ElementType::i64), r.subtract(whole, r.convert(r.in(3), ElementType::i64)), r.i64(steps), r.i64(axes)})};
}

Values reverse_sequence(Rewriting& r) {
  const auto& op = r.as<ops::ReverseSequence>();
  const i64 batch = normal(r, op.batch_axis, r.rank(0)), time = normal(r, op.seq_axis, r.rank(0));
  if (batch > 1 || time > 1) r.inexpressible("axes other than 0 and 1");
  return emit(r, "ReverseSequence", {r.in(0), r.convert(r.in(1), ElementType::i64)}, {{"batch_axis", batch}, {"time_axis", time}});
}

// A cyclic shift is two slices exchanged.
Values roll(Rewriting& r) {
  const auto shifts = known(r, 1), axes = known(r, 2);
  ValueId x = r.in(0);
  const PartialShape shape = r.type(0).shape;
  for (std::size_t k = 0; k < axes.size(); ++k) {
    const i64 axis = normal(r, axes[k], r.rank(0));
    const graph::Dimension size = shape[static_cast<std::size_t>(axis)];
    if (!size.is_static()) r.inexpressible("sizes that are not known before a run");
    const i64 n = size.size(), given = shifts.size() == 1 ? shifts[0] : shifts.at(k);
    if (n == 0) continue;
    const i64 shift = ((given % n) + n) % n;
    if (shift == 0) continue;
    const auto part = [&](i64 from, i64 to) { return r.op(ops::Slice{}, {x, r.i64({from}), r.i64({to}), r.i64({1}), r.i64({axis})}); };
    x = r.op(ops::Concat{axis}, {part(n - shift, n), part(0, n - shift)});
  }
  return {x};
}

Values trilu(Rewriting& r) {
  Values inputs{r.in(0)};
  if (r.has(1)) inputs.push_back(r.rank(1) == 0 ? r.convert(r.in(1), ElementType::i64) : r.reshape(r.convert(r.in(1), ElementType::i64), {}));
  return emit(r, "Trilu", inputs, {{"upper", i64{r.as<ops::Trilu>().upper}}});
}

Values unique(Rewriting& r) {
  const auto& op = r.as<ops::Unique>();
  OnnxAttributes attributes{{"sorted", i64{op.sorted}}};
  if (r.has(1)) attributes.push_back({"axis", known_scalar(r, 1)});
  std::vector<TensorType> types;
  for (const ValueId out : r.node().outputs) types.push_back(r.type(out));
  for (std::size_t k = 1; k < types.size(); ++k) types[k].element = ElementType::i64;
  Values out = r.node(OnnxNode{"Unique", attributes, types}, {r.in(0)});
  for (std::size_t k = 1; k < out.size(); ++k) out[k] = r.convert(out[k], r.type(r.out(k)).element);
  return out;
}

constexpr RuleRow kShapeRules[] = {
    {"BatchToSpace", batch_to_space},
    {"Broadcast", broadcast},
    {"Concat", concat},
    {"DepthToSpace", depth_to_space},
    {"Eye", computed_shape},
    {"Gather", gather},
    {"GatherElements", gather_elements},
    {"GatherND", gather_nd},
    {"NonZero", non_zero},
    {"OneHot", one_hot},
    {"Pad", pad},
    {"PadWrap", pad_wrap},
    {"PriorBox", computed_shape},
    {"PriorBoxClustered", computed_shape},
    {"Range", range},
    {"Reshape", reshape},
    {"ReverseSequence", reverse_sequence},
    {"Roll", roll},
    {"ScatterElementsUpdate", scatter_elements},
    {"ScatterNDUpdate", scatter_nd},
    {"ScatterUpdate", scatter_update},
    {"ShapeOf", shape_of},
    {"Slice", slice},
    {"SpaceToBatch", space_to_batch},
    {"SpaceToDepth", space_to_depth},
    {"Split", split},
    {"Squeeze", squeeze},
    {"Tile", tile},
    {"Transpose", transpose},
    {"Trilu", trilu},
    {"Unique", unique},
    {"Unsqueeze", unsqueeze},
    {"VariadicSplit", variadic_split},
};

}  // namespace

std::span<const RuleRow> shape_rules() { return kShapeRules; }

}  // namespace saccade::exporter::onnx
