// SPDX-License-Identifier: Apache-2.0
// Elementwise operators that take more than one node: broadcasting before version 7, mixed element types, masks.
#include "import/onnx/map.h"
#include "ops/broadcast.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/reshape.h"
#include "ops/select.h"
#include "ops/shape_of.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

using ops::Binary;
using ops::BinaryKind;
using Values = std::vector<ValueId>;

// Before version 7 the second operand was broadcast only on request, and then aligned at `axis` instead of at the end.
ValueId aligned(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  const bool broadcast = c.flag("broadcast", false);
  if (!c.given("axis") || !broadcast) return c.in(1);
  const auto rank = static_cast<std::int64_t>(c.rank(0)), width = static_cast<std::int64_t>(c.rank(1));
  std::int64_t axis = c.i("axis");
  if (axis < 0) axis += rank;
  if (axis < 0 || axis + width > rank) c.invalid("axis {} with operands of rank {} and {}", axis, rank, width);
  std::vector<std::int64_t> trailing;
  for (std::int64_t d = width; d < rank - axis; ++d) trailing.push_back(d);
  return trailing.empty() ? c.in(1) : c.op(ops::Unsqueeze{}, {c.in(1), c.i64(trailing)});
}

template <BinaryKind kind>
Values binary_1(NodeContext& c) {
  return {c.op(Binary{kind}, {c.in(0), aligned(c)})};
}

Values power_of(NodeContext& c, ValueId base, ValueId exponent) {
  const ElementType type = c.element(0), other = c.element(1);
  if (type == other) return {c.op(Binary{BinaryKind::Power}, {base, exponent})};
  if (is_float(type)) return {c.op(Binary{BinaryKind::Power}, {base, c.op(ops::Convert{type}, {exponent})})};
  if (!is_float(other) && is_signed(type) && is_signed(other)) {
    const ValueId wide = c.op(Binary{BinaryKind::Power}, {c.op(ops::Convert{ElementType::i64}, {base}), c.op(ops::Convert{ElementType::i64}, {exponent})});
    return {c.op(ops::Convert{type}, {wide})};
  }
  const ValueId wide = c.op(Binary{BinaryKind::Power}, {c.op(ops::Convert{ElementType::f64}, {base}), c.op(ops::Convert{ElementType::f64}, {exponent})});
  return {c.op(ops::Convert{type}, {wide})};
}
Values power_1(NodeContext& c) { return power_of(c, c.in(0), aligned(c)); }
Values power(NodeContext& c) { return power_of(c, c.in(0), c.in(1)); }

// One slope a channel, or one for all.
Values prelu_1(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  const std::size_t rank = c.rank(0);
  if (c.rank(1) != 1 || rank <= 2 || (c.shape(1).is_static() && c.shape(1)[0].size() == 1)) return {c.op(Binary{BinaryKind::Prelu}, {c.in(0), c.in(1)})};
  std::vector<std::int64_t> spatial;
  for (std::size_t d = 2; d < rank; ++d) spatial.push_back(static_cast<std::int64_t>(d) - 1);
  return {c.op(Binary{BinaryKind::Prelu}, {c.in(0), c.op(ops::Unsqueeze{}, {c.in(1), c.i64(spatial)})})};
}

Values where(NodeContext& c) { return {c.op(ops::Select{}, {c.in(0), c.in(1), c.in(2)})}; }

// The data themselves, and a mask of the data's shape that lets all through.
Values without_dropout(NodeContext& c, ElementType mask) {
  if (!c.wants(1)) return {c.in(0)};
  return {c.in(0), c.op(ops::Broadcast{}, {c.scalar(mask, 1), c.op(ops::ShapeOf{}, {c.in(0)})})};
}
Values dropout_1(NodeContext& c) {
  c.ignore({"consumed_inputs"});
  if (!c.flag("is_test", false) && c.f("ratio", 0.5) != 0) c.unsupported("training mode (is_test = 0)");
  return without_dropout(c, c.element(0));
}
Values dropout_7(NodeContext& c) {
  c.ignore({"ratio"});
  return without_dropout(c, c.element(0));
}
Values dropout_10(NodeContext& c) {
  c.ignore({"ratio"});
  return without_dropout(c, ElementType::boolean);
}
Values dropout(NodeContext& c) {
  c.ignore({"seed"});
  if (c.has(2)) {
    const Tensor* training = c.constant(2);
    const Tensor* ratio = c.constant(1);
    const bool off = training && training->size() == 1 && element_as_i64(*training, 0) == 0;
    const bool nothing = ratio && ratio->size() == 1 && element_as_f64(*ratio, 0) == 0;
    if (!off && !nothing) c.unsupported("training mode");
  }
  return without_dropout(c, ElementType::boolean);
}

constexpr Row kMixedElementwiseRows[] = {
    {"", "Add", 1, binary_1<BinaryKind::Add>},
    {"", "And", 1, binary_1<BinaryKind::LogicalAnd>},
    {"", "Div", 1, binary_1<BinaryKind::Divide>},
    {"", "Dropout", 1, dropout_1},
    {"", "Dropout", 7, dropout_7},
    {"", "Dropout", 10, dropout_10},
    {"", "Dropout", 12, dropout},
    {"", "Equal", 1, binary_1<BinaryKind::Equal>},
    {"", "Greater", 1, binary_1<BinaryKind::Greater>},
    {"", "Less", 1, binary_1<BinaryKind::Less>},
    {"", "Mul", 1, binary_1<BinaryKind::Multiply>},
    {"", "Or", 1, binary_1<BinaryKind::LogicalOr>},
    {"", "PRelu", 1, prelu_1},
    {"", "Pow", 1, power_1},
    {"", "Pow", 7, power},
    {"", "Sub", 1, binary_1<BinaryKind::Subtract>},
    {"", "Where", 9, where},
    {"", "Xor", 1, binary_1<BinaryKind::LogicalXor>},
};

}  // namespace

std::span<const Row> mixed_elementwise_rows() { return kMixedElementwiseRows; }

}  // namespace saccade::onnx
