// SPDX-License-Identifier: Apache-2.0
// Operators that move or make elements.
#include <algorithm>
#include <limits>
#include <numeric>

#include "export/openvino/rules.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/loss.h"
#include "ops/non_max_suppression.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/scatter.h"
#include "ops/select.h"
#include "ops/signal.h"
#include "ops/slice.h"
#include "ops/trilu.h"
#include "tensor/numeric.h"

namespace saccade::exporter::openvino {
namespace {

using ops::Binary;
using ops::BinaryKind;
using i64 = std::int64_t;

// What has only constants as inputs is one.
Values computed_movement(Rewriting& r) {
  std::vector<Tensor> inputs;
  for (std::size_t i = 0; i < r.count(); ++i) {
    if (r.has(i) && !r.constant(i).defined()) r.inexpressible("inputs that are not known before a run");
    inputs.push_back(r.has(i) ? r.constant(i) : Tensor());
  }
  Values outputs;
  for (Tensor& t : r.node().op.evaluate(inputs)) outputs.push_back(r.constant_of(std::move(t)));
  return outputs;
}

// 0, 1 … along dimension `axis` of x, as a column (or a row).
ValueId indices(Rewriting& r, ValueId x, i64 axis, bool column) {
  const ValueId length = r.op(ops::Gather{}, {r.shape_of(x), r.i64_scalar(axis), r.i64_scalar(0)});
  const ValueId range = r.op(ops::Range{}, {r.i64_scalar(0), length, r.i64_scalar(1)});
  return column ? r.reshape(range, {-1, 1}) : range;
}

Values trilu(Rewriting& r) {
  const ValueId x = r.in(0);
  ValueId rows = indices(r, x, -2, true);
  if (r.has(1)) rows = r.add(rows, r.reshape(r.convert(r.in(1), ElementType::i64), {}));
  const auto kind = r.as<ops::Trilu>().upper ? BinaryKind::LessEqual : BinaryKind::GreaterEqual;
  return {r.op(ops::Select{}, {r.op(Binary{kind}, {rows, indices(r, x, -1, false)}), x, r.like(x, 0)})};
}

// The index of each element of the padded axis, computed where the sizes are known; Gather repeats the rows.
Values pad_wrap(Rewriting& r) {
  const auto begin = r.integers(1), end = r.integers(2);
  if (!begin || !end || !r.type(0).is_static()) r.inexpressible("sizes that are not known before a run");
  const Shape shape = r.type(0).shape.shape();
  ValueId y = r.in(0);
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const i64 before = begin->at(d), size = shape[d];
    if (before == 0 && end->at(d) == 0) continue;
    std::vector<i64> from;
    for (i64 i = -before; i < size + end->at(d); ++i) from.push_back(((i % size) + size) % size);
    y = r.op(ops::Gather{}, {y, r.i64(from), r.i64_scalar(static_cast<i64>(d))});
  }
  return {y};
}

// Before operator set 8: constants as the starts, stops and steps of all axes.
Values slice(Rewriting& r) {
  if (r.level > 8) return {};
  const auto start = r.integers(1), stop = r.integers(2), step = r.integers(3);
  const auto axes = r.has(4) ? r.integers(4) : std::optional<std::vector<i64>>();
  if (!start || !stop || !step || (r.has(4) && !axes)) return {};
  const std::size_t rank = r.rank(0);
  std::vector<i64> b(rank, 0), e(rank, 0), s(rank, 1);
  std::vector<char> touched(rank, 0);
  for (std::size_t k = 0; k < start->size(); ++k) {
    const i64 axis = axes ? (*axes)[k] : static_cast<i64>(k);
    const auto d = static_cast<std::size_t>(axis < 0 ? axis + static_cast<i64>(rank) : axis);
    // a stop before the first element has no place in StridedSlice
    if ((*step)[k] < 0) return {};
    b[d] = (*start)[k];
    e[d] = (*stop)[k];
    s[d] = (*step)[k];
    touched[d] = 1;
  }
  std::string begin_mask, end_mask, zeros;
  for (std::size_t d = 0; d < rank; ++d) {
    begin_mask += touched[d] ? ",0" : ",1";
    zeros += ",0";
  }
  begin_mask.erase(0, 1);
  zeros.erase(0, 1);
  end_mask = begin_mask;
  return r.node(IrLayer{"StridedSlice", 1, {"begin_mask", begin_mask, "end_mask", end_mask, "new_axis_mask", zeros, "shrink_axis_mask", zeros, "ellipsis_mask", zeros}, {r.type(r.out(0))}},
                {r.in(0), r.i64(b), r.i64(e), r.i64(s)});
}

// Elements at their places in a flat tensor of zeros.
Values max_unpool(Rewriting& r) {
  const TensorType to = r.type(r.out(0));
  if (!to.is_static() || !r.type(0).is_static()) r.inexpressible("sizes that are not known before a run");
  const auto& op = r.as<ops::MaxUnpool>();
  Shape natural = r.type(0).shape.shape();
  for (std::size_t d = 2; d < natural.size(); ++d) {
    const auto at = [&](const std::vector<i64>& v, i64 otherwise) { return d - 2 < v.size() ? v[d - 2] : otherwise; };
    natural[d] = at(op.window.strides, 1) * (natural[d] - 1) + op.kernel.at(d - 2) - at(op.window.pads_begin, 0) - at(op.window.pads_end, 0);
  }
  const Shape target = to.shape.shape();
  if (target != natural) r.inexpressible("an output shape other than the natural one");
  const ValueId zeros = r.constant_of(Tensor(r.element(0), {element_count(target)}));
  const ValueId flat = r.op(ops::ScatterElementsUpdate{}, {zeros, r.reshape(r.convert(r.in(1), ElementType::i64), {-1}), r.reshape(r.in(0), {-1}), r.i64_scalar(0)});
  return {r.op(ops::Reshape{}, {flat, r.i64(target)})};
}

// −weight[target] · x[target], with targets to be ignored moved to class 0 and their weight to 0.
Values loss(Rewriting& r) {
  const auto& op = r.as<ops::NegativeLogLikelihoodLoss>();
  const ValueId x = r.in(0);
  ValueId target = r.in(1), weight;
  ValueId ignored;
  if (op.has_ignore_index) {
    ignored = r.op(Binary{BinaryKind::Equal}, {target, r.like(target, static_cast<double>(op.ignore_index))});
    target = r.op(ops::Select{}, {ignored, r.like(target, 0), target});
  }
  const ValueId picked = r.op(ops::Squeeze{}, {r.op(ops::GatherElements{1}, {x, r.op(ops::Unsqueeze{}, {target, r.i64({1})})}), r.i64({1})});
  if (r.has(2)) weight = r.op(ops::Gather{}, {r.in(2), target, r.i64_scalar(0)});
  if (ignored.valid()) {
    const ValueId one = r.like(x, 1), all = weight.valid() ? weight : one;
    weight = r.op(ops::Select{}, {ignored, r.like(x, 0), all});
  }
  ValueId each = r.op(ops::Unary::of(ops::UnaryKind::Negative), {picked});
  if (weight.valid()) each = r.multiply(each, weight);
  if (op.reduction == ops::LossReduction::none) return {each};
  std::vector<i64> axes(r.rank(1));
  std::iota(axes.begin(), axes.end(), 0);
  const ValueId sum = r.op(ops::Reduce{ops::ReduceKind::Sum}, {each, r.i64(axes)});
  if (op.reduction == ops::LossReduction::sum) return {sum};
  if (!weight.valid()) return {r.op(ops::Reduce{ops::ReduceKind::Mean}, {each, r.i64(axes)})};
  return {r.divide(sum, r.op(ops::Reduce{ops::ReduceKind::Sum}, {weight, r.i64(axes)}))};
}

// IR's layer has all inputs, and a threshold below every score where ours is absent.
Values non_max_suppression(Rewriting& r) {
  bool complete = r.count() >= 5;
  for (std::size_t i = 2; i < 5; ++i) complete = complete && r.has(i);
  if (complete) return {};
  Values inputs = r.inputs();
  inputs.resize(std::max<std::size_t>(inputs.size(), 5));
  if (!inputs[2].valid()) inputs[2] = r.i64_scalar(0);
  if (!inputs[3].valid()) inputs[3] = r.scalar(ElementType::f32, 0);
  if (!inputs[4].valid()) inputs[4] = r.scalar(ElementType::f32, -std::numeric_limits<float>::max());
  return r.node(r.node().op, inputs);
}

// IR has four transforms: of complex numbers and back, of real ones to half of the bins and back.
Values dft(Rewriting& r) {
  const auto& op = r.as<ops::Dft>();
  const std::size_t rank = r.rank(0);
  const auto axis = r.has(2) ? r.integers(2) : std::optional(std::vector<i64>{-2});
  if (!axis || axis->size() != 1) r.inexpressible("an axis that is not known before a run");
  const PartialShape shape = r.type(0).shape;
  if (!shape[rank - 1].is_static()) r.inexpressible("parts of numbers that are not known before a run");
  const bool real = shape[rank - 1].size() == 1;
  const i64 a = (*axis)[0] < 0 ? (*axis)[0] + static_cast<i64>(rank) : (*axis)[0];
  Values inputs{r.in(0), r.i64({a})};
  if (r.has(1)) inputs.push_back(r.reshape(r.convert(r.in(1), ElementType::i64), {-1}));
  const TensorType type = r.type(r.out(0));
  if (op.onesided && !op.inverse) {
    if (!real) r.inexpressible("half of the bins of complex numbers");
    inputs[0] = r.op(ops::Squeeze{}, {r.in(0), r.i64({-1})});
    return r.node(IrLayer{"RDFT", 9, {}, {type}}, inputs);
  }
  if (op.onesided) {
    auto dims = type.shape.dimensions();
    if (real) inputs[0] = r.op(ops::Pad{}, {r.in(0), r.i64(std::vector<i64>(rank, 0)), [&] { std::vector<i64> end(rank, 0); end.back() = 1; return r.i64(end); }()});
    dims.pop_back();
    const ValueId y = r.node(IrLayer{"IRDFT", 9, {}, {{type.element, PartialShape(dims)}}}, inputs)[0];
    return {r.op(ops::Unsqueeze{}, {y, r.i64({-1})})};
  }
  if (real) {
    std::vector<i64> end(rank, 0);
    end.back() = 1;
    inputs[0] = r.op(ops::Pad{}, {r.in(0), r.i64(std::vector<i64>(rank, 0)), r.i64(end)});
  }
  return r.node(IrLayer{op.inverse ? "IDFT" : "DFT", 7, {}, {type}}, inputs);
}

// OpenVINO's CPU plugin crops by negative amounts, but then forgets the value.
Values pad(Rewriting& r) {
  auto begin = r.integers(1), end = r.integers(2);
  if (!begin || !end) return {};
  std::vector<i64> from, to, steps, axes;
  for (std::size_t d = 0; d < begin->size() && d < end->size(); ++d) {
    i64 &b = (*begin)[d], &e = (*end)[d];
    if (b >= 0 && e >= 0) continue;
    const PartialShape shape = r.type(0).shape;
    // more is cut off than there is, and comes out of the padding
    if (!shape.ranked() || !shape[d].is_static() || std::max<i64>(0, -b) + std::max<i64>(0, -e) > shape[d].size()) return {};
    from.push_back(std::max<i64>(0, -b));
    to.push_back(e < 0 ? e : std::numeric_limits<std::int32_t>::max());
    steps.push_back(1);
    axes.push_back(static_cast<i64>(d));
    b = std::max<i64>(0, b);
    e = std::max<i64>(0, e);
  }
  if (axes.empty()) return {};
  // other modes continue what is cut away
  if (r.as<ops::Pad>().mode != ops::PadMode::constant) return {};
  Values inputs{r.op(ops::Slice{}, {r.in(0), r.i64(from), r.i64(to), r.i64(steps), r.i64(axes)}), r.i64(*begin), r.i64(*end)};
  if (r.has(3)) inputs.push_back(r.in(3));
  return {r.op(r.node().op, inputs)};
}

// OpenVINO counts these indices from the front alone.
Values scatter_update(Rewriting& r) {
  const auto indices = r.integers(1), axis = r.integers(3);
  if (!indices || std::all_of(indices->begin(), indices->end(), [](i64 v) { return v >= 0; })) return {};
  const PartialShape shape = r.type(0).shape;
  if (!axis || axis->size() != 1 || !shape.ranked()) r.inexpressible("negative indices along an axis that is not known before a run");
  const i64 a = (*axis)[0] < 0 ? (*axis)[0] + static_cast<i64>(shape.rank()) : (*axis)[0];
  if (a < 0 || a >= static_cast<i64>(shape.rank()) || !shape[static_cast<std::size_t>(a)].is_static()) r.inexpressible("negative indices along a size that is not known before a run");
  std::vector<i64> positive = *indices;
  for (i64& v : positive)
    if (v < 0) v += shape[static_cast<std::size_t>(a)].size();
  const ValueId moved = r.constant_of(Tensor::from<i64>(r.type(1).shape.shape(), positive));
  return {r.op(ops::ScatterUpdate{}, {r.in(0), r.convert(moved, r.element(1)), r.in(2), r.in(3)})};
}

// To boolean is a comparison; OpenVINO's CPU plugin rounds first.
Values convert(Rewriting& r) {
  if (r.as<ops::Convert>().destination_type != ElementType::boolean || r.element(0) == ElementType::boolean) return {};
  return {r.op(Binary{BinaryKind::NotEqual}, {r.in(0), r.like(r.in(0), 0)})};
}

constexpr RuleRow kMovementRules[] = {
    {"Convert", convert},
    {"DiscreteFourierTransform", dft},
    {"MaxUnpool", max_unpool},
    {"MelWeightMatrix", computed_movement},
    {"NegativeLogLikelihoodLoss", loss},
    {"NonMaxSuppression", non_max_suppression},
    {"Pad", pad},
    {"PadWrap", pad_wrap},
    {"ScatterUpdate", scatter_update},
    {"Slice", slice},
    {"Trilu", trilu},
    {"WindowFunction", computed_movement},
};

}  // namespace

std::span<const RuleRow> movement_rules() { return kMovementRules; }

}  // namespace saccade::exporter::openvino
