// SPDX-License-Identifier: Apache-2.0
// Keras' layers that join tensors, the operations of Keras 3 (calls of keras.ops in a model), and the functions of TensorFlow
// that Keras 2 writes as TFOpLambda.
#include <algorithm>

#include "import/keras/build.h"
#include "import/keras/layer.h"
#include "ops/concat.h"
#include "ops/matmul.h"
#include "ops/normalization.h"
#include "ops/reshape.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "tensor/numeric.h"

namespace saccade::keras {
namespace {

using ops::BinaryKind;
using ops::ReduceKind;
using Ints = std::vector<std::int64_t>;

ValueId operand(const LayerContext& c, const Arg& arg, ValueId like) {
  if (arg.is_tensor) return arg.value;
  if (arg.constant.is_number() || arg.constant.is_boolean())
    return c.like(like, arg.constant.is_boolean() ? (arg.constant.get<bool>() ? 1 : 0) : arg.constant.get<double>());
  if (arg.constant.is_array() && std::all_of(arg.constant.begin(), arg.constant.end(), [](const json& v) { return v.is_number(); })) {
    const auto values = arg.constant.get<std::vector<double>>();
    return c.constant(from_f64(c.element(like), {static_cast<std::int64_t>(values.size())}, values));
  }
  c.unsupported("an argument that is neither a tensor nor a number");
}

// The operands: those of a list (a layer), or the two arguments of an operation, either of which may be a number.
Values operands(const LayerContext& c) {
  Values out;
  const Arg* first = c.arg(0, "x1");
  if (!first) first = c.arg(0, "x");
  if (!first) c.invalid("no input");
  if (first->is_list) {
    for (const Arg& a : first->list) out.push_back(operand(c, a, c.x()));
    return out;
  }
  const Arg* second = c.arg(1, "x2");
  if (!second) second = c.arg(1, "y");
  ValueId like;
  if (first->is_tensor) like = first->value;
  if (second && second->is_tensor && !like.valid()) like = second->value;
  if (!like.valid()) c.invalid("no tensor among the arguments");
  out.push_back(operand(c, *first, like));
  if (second) out.push_back(operand(c, *second, like));
  return out;
}

template <BinaryKind kind>
Values merge(LayerContext& c) {
  const Values values = operands(c);
  ValueId y = values.at(0);
  for (std::size_t i = 1; i < values.size(); ++i) y = c.binary(kind, y, values[i]);
  return {y};
}

Values average(LayerContext& c) {
  const Values values = operands(c);
  ValueId y = values.at(0);
  for (std::size_t i = 1; i < values.size(); ++i) y = c.add(y, values[i]);
  return {c.multiply(y, c.like(y, 1.0 / static_cast<double>(values.size())))};
}

std::int64_t axis_of(const LayerContext& c, std::int64_t otherwise) {
  if (const Arg* a = c.arg(1, "axis"); a && a->constant.is_number_integer()) return a->constant.get<std::int64_t>();
  return c.i("axis", otherwise);
}

Values concatenate(LayerContext& c) {
  if (c.inputs().empty()) c.invalid("no input");
  return {c.concat(c.inputs(), axis_of(c, -1))};
}

// The product of two tensors of rank 2 or 3 over one axis of each.
Values dot(LayerContext& c) {
  if (c.inputs().size() != 2) c.invalid("{} inputs", c.inputs().size());
  ValueId a = c.inputs()[0], b = c.inputs()[1];
  Ints axes = c.list("axes");
  if (axes.size() == 1) axes.push_back(axes[0]);
  const auto ra = static_cast<std::int64_t>(c.rank(a)), rb = static_cast<std::int64_t>(c.rank(b));
  if (axes.size() != 2 || ra > 3 || rb > 3 || ra < 2 || rb < 2) c.unsupported("ranks {} and {}", ra, rb);
  for (auto& x : axes)
    if (x < 0) x += &x == &axes[0] ? ra : rb;
  if (axes[0] < 1 || axes[0] >= ra || axes[1] < 1 || axes[1] >= rb) c.invalid("axes outside of the operands");
  if (c.flag("normalize", false)) {
    a = c.op(ops::NormalizeL2{1e-12, ops::NormalizeL2Mode::max}, {a, c.i64({axes[0]})});
    b = c.op(ops::NormalizeL2{1e-12, ops::NormalizeL2Mode::max}, {b, c.i64({axes[1]})});
  }
  if (ra == 2) a = c.unsqueeze(a, {1});
  if (rb == 2) b = c.unsqueeze(b, {2});
  ValueId y = c.op(ops::MatMul{ra == 3 && axes[0] == 1, rb == 3 && axes[1] == 2}, {a, b});
  if (ra == 2 && rb == 2) return {c.squeeze(y, {2})};
  if (ra == 2) y = c.squeeze(y, {1});
  if (rb == 2) y = c.squeeze(y, {2});
  return {y};
}

Ints integers(const LayerContext& c, const Arg* a, const char* key) {
  const json* v = a ? &a->constant : c.find(key);
  if (!v) return {};
  if (v->is_object() && v->contains("items")) v = &(*v)["items"];
  Ints out;
  if (v->is_number_integer()) return {v->get<std::int64_t>()};
  if (!v->is_array()) c.unsupported("'{}' that is no list of integers", key);
  for (const auto& n : *v) {
    if (!n.is_number_integer()) c.unsupported("'{}' that holds tensors", key);
    out.push_back(n.get<std::int64_t>());
  }
  return out;
}

template <ReduceKind kind>
Values reduce(LayerContext& c) {
  Ints axes = integers(c, c.arg(1, "axis"), "axis");
  if (axes.empty())
    for (std::size_t d = 0; d < c.rank(c.x()); ++d) axes.push_back(static_cast<std::int64_t>(d));
  const Arg* keep = c.arg(2, "keepdims");
  const bool kept = keep ? keep->constant == true : c.flag("keepdims", false);
  return {c.reduce(kind, c.x(), axes, kept)};
}

Values reshape_call(LayerContext& c) { return {c.reshape(c.x(), integers(c, c.arg(1, "shape"), "shape"))}; }

Values transpose(LayerContext& c) {
  Ints order = integers(c, c.arg(1, c.layer().class_name == "TFOpLambda" ? "perm" : "axes"), "axes");
  if (order.empty())
    for (std::size_t d = c.rank(c.x()); d-- > 0;) order.push_back(static_cast<std::int64_t>(d));
  Ints sorted = order;
  std::sort(sorted.begin(), sorted.end());
  for (std::size_t d = 0; d < sorted.size(); ++d)
    if (sorted[d] != static_cast<std::int64_t>(d) || sorted.size() != c.rank(c.x()))
      c.invalid("not an order of {} dimensions", c.rank(c.x()));
  return {c.transpose(c.x(), order)};
}

Values squeeze(LayerContext& c) {
  const Ints axes = integers(c, c.arg(1, "axis"), "axis");
  return {axes.empty() ? c.op(ops::Squeeze{}, {c.x()}) : c.op(ops::Squeeze{}, {c.x(), c.i64(axes)})};
}

Values expand_dims(LayerContext& c) { return {c.op(ops::Unsqueeze{}, {c.x(), c.i64(integers(c, c.arg(1, "axis"), "axis"))})}; }
Values matmul(LayerContext& c) {
  const Values v = operands(c);
  if (v.size() != 2) c.invalid("{} operands", v.size());
  return {c.op(ops::MatMul{}, v)};
}
Values softmax_of(LayerContext& c) { return {c.op(ops::Softmax{axis_of(c, -1)}, {c.x()})}; }

Values clip(LayerContext& c) {
  const auto bound = [&](std::size_t position, const char* name) {
    const Arg* a = c.arg(position, name);
    const json* v = a ? &a->constant : c.find(name);
    if (!v || !v->is_number()) c.unsupported("limits that are no numbers");
    return v->get<double>();
  };
  return {c.clamp(c.x(), bound(1, c.keras_version() >= 3 ? "x_min" : "clip_value_min"),
                  bound(2, c.keras_version() >= 3 ? "x_max" : "clip_value_max"))};
}

Values cast(LayerContext& c) {
  const Arg* a = c.arg(1, "dtype");
  const json* v = a ? &a->constant : c.find("dtype");
  if (!v || !v->is_string()) c.unsupported("a type that is not named");
  const std::string name = v->get<std::string>();
  static constexpr std::pair<const char*, ElementType> kTypes[] = {
      {"float32", ElementType::f32}, {"float16", ElementType::f16}, {"float64", ElementType::f64}, {"int32", ElementType::i32},
      {"int64", ElementType::i64},   {"uint8", ElementType::u8},    {"bool", ElementType::boolean}};
  for (const auto& [text, type] : kTypes)
    if (name == text) return {c.convert(c.x(), type)};
  c.unsupported("the type '{}'", name.substr(0, 40));
}

// Indices and slices in the order of the dimensions.
Values get_item(LayerContext& c) {
  const Arg* key = c.arg(1, "key");
  if (!key) key = c.arg(1, "slice_spec");
  if (!key) c.unsupported("a key that is not known");
  const json* spec = &key->constant;
  if (spec->is_object() && spec->contains("items")) spec = &(*spec)["items"];
  const json list = spec->is_array() ? *spec : json::array({*spec});
  Ints start, stop, step, axes, dropped, added;
  std::int64_t axis = 0, result = 0;
  constexpr std::int64_t kEnd = std::int64_t{1} << 60;
  const auto rank = static_cast<std::int64_t>(c.rank(c.x()));
  std::int64_t named = 0;
  for (const auto& item : list)
    named += !item.is_null() && item != "Ellipsis" &&
             !(item.is_object() && item.contains("class_name") && (item["class_name"] == "__ellipsis__"));
  for (const auto& item : list) {
    const bool ellipsis = item == "Ellipsis" || (item.is_object() && item.contains("class_name") && item["class_name"] == "__ellipsis__");
    if (ellipsis) {
      axis += rank - named;
      result += rank - named;
      continue;
    }
    if (item.is_null()) {
      added.push_back(result++);
      continue;
    }
    axes.push_back(axis);
    if (item.is_number_integer()) {
      const auto i = item.get<std::int64_t>();
      start.push_back(i);
      stop.push_back(i == -1 ? kEnd : i + 1);
      step.push_back(1);
      dropped.push_back(axis);
    } else {
      const json* s = &item;
      if (item.is_object() && item.contains("config")) s = &item["config"];
      const auto part = [&](const char* name, std::size_t position, std::int64_t otherwise) {
        const json* v = nullptr;
        if (s->is_object() && s->contains(name)) v = &(*s)[name];
        if (s->is_array() && position < s->size()) v = &(*s)[position];
        if (!v || v->is_null()) return otherwise;
        if (!v->is_number_integer()) c.unsupported("a slice by tensors");
        return v->get<std::int64_t>();
      };
      if (!s->is_object() && !s->is_array()) c.unsupported("a key that is not known");
      const std::int64_t by = part("step", 2, 1);
      if (by == 0) c.invalid("a step of 0");
      start.push_back(part("start", 0, by > 0 ? 0 : kEnd));
      stop.push_back(part("stop", 1, by > 0 ? kEnd : -kEnd));
      step.push_back(by);
      ++result;
    }
    ++axis;
  }
  if (named > rank) c.invalid("{} indices for {} dimensions", named, rank);
  ValueId y = c.x();
  if (!axes.empty()) y = c.op(ops::Slice{}, {y, c.i64(start), c.i64(stop), c.i64(step), c.i64(axes)});
  if (!dropped.empty()) y = c.op(ops::Squeeze{}, {y, c.i64(dropped)});
  if (!added.empty()) y = c.op(ops::Unsqueeze{}, {y, c.i64(added)});
  return {y};
}

// Inception-ResNet's own layer.
Values scaled_residual(LayerContext& c) {
  const Values v = operands(c);
  if (v.size() != 2) c.invalid("{} operands", v.size());
  return {c.add(v[0], c.multiply(v[1], c.like(v[1], c.f("scale", 1))))};
}

Values function(LayerContext& c) {
  const std::string name = c.s("function", "");
  const Row* row = function_row(name);
  if (!row) c.unsupported("the function '{}'", name.substr(0, 80));
  return row->map(c);
}

template <ops::UnaryKind kind>
Values unary_call(LayerContext& c) {
  return {c.unary(kind, c.x())};
}
Values relu6_call(LayerContext& c) { return {c.clamp(c.x(), 0, 6)}; }
Values unchanged(LayerContext& c) { return {c.x()}; }

constexpr Row kMergeRows[] = {
    {"Add", merge<BinaryKind::Add>},
    {"Amax", reduce<ReduceKind::Max>},
    {"Amin", reduce<ReduceKind::Min>},
    {"Average", average},
    {"Cast", cast},
    {"Clip", clip},
    {"Concatenate", concatenate},
    {"CustomScaleLayer", scaled_residual},
    {"Divide", merge<BinaryKind::Divide>},
    {"Dot", dot},
    {"ExpandDims", expand_dims},
    {"GetItem", get_item},
    {"Matmul", matmul},
    {"Max", reduce<ReduceKind::Max>},
    {"Maximum", merge<BinaryKind::Maximum>},
    {"Mean", reduce<ReduceKind::Mean>},
    {"Min", reduce<ReduceKind::Min>},
    {"Minimum", merge<BinaryKind::Minimum>},
    {"Multiply", merge<BinaryKind::Multiply>},
    {"Power", merge<BinaryKind::Power>},
    {"SlicingOpLambda", get_item},
    {"Squeeze", squeeze},
    {"Subtract", merge<BinaryKind::Subtract>},
    {"Sum", reduce<ReduceKind::Sum>},
    {"TFOpLambda", function},
    {"Transpose", transpose},
    {"TrueDivide", merge<BinaryKind::Divide>},
};

constexpr Row kFunctions[] = {
    {"__operators__.add", merge<BinaryKind::Add>},
    {"__operators__.getitem", get_item},
    {"__operators__.mul", merge<BinaryKind::Multiply>},
    {"__operators__.sub", merge<BinaryKind::Subtract>},
    {"__operators__.truediv", merge<BinaryKind::Divide>},
    {"cast", cast},
    {"clip_by_value", clip},
    {"compat.v1.transpose", transpose},
    {"concat", concatenate},
    {"expand_dims", expand_dims},
    {"identity", unchanged},
    {"linalg.matmul", matmul},
    {"math.abs", unary_call<ops::UnaryKind::Abs>},
    {"math.add", merge<BinaryKind::Add>},
    {"math.divide", merge<BinaryKind::Divide>},
    {"math.exp", unary_call<ops::UnaryKind::Exp>},
    {"math.log", unary_call<ops::UnaryKind::Log>},
    {"math.maximum", merge<BinaryKind::Maximum>},
    {"math.minimum", merge<BinaryKind::Minimum>},
    {"math.multiply", merge<BinaryKind::Multiply>},
    {"math.pow", merge<BinaryKind::Power>},
    {"math.reduce_max", reduce<ReduceKind::Max>},
    {"math.reduce_mean", reduce<ReduceKind::Mean>},
    {"math.reduce_sum", reduce<ReduceKind::Sum>},
    {"math.rsqrt", unary_call<ops::UnaryKind::Rsqrt>},
    {"math.sigmoid", unary_call<ops::UnaryKind::Sigmoid>},
    {"math.sqrt", unary_call<ops::UnaryKind::Sqrt>},
    {"math.square", unary_call<ops::UnaryKind::Square>},
    {"math.subtract", merge<BinaryKind::Subtract>},
    {"math.tanh", unary_call<ops::UnaryKind::Tanh>},
    {"math.truediv", merge<BinaryKind::Divide>},
    {"nn.relu", unary_call<ops::UnaryKind::Relu>},
    {"nn.relu6", relu6_call},
    {"nn.sigmoid", unary_call<ops::UnaryKind::Sigmoid>},
    {"nn.silu", unary_call<ops::UnaryKind::Swish>},
    {"nn.softmax", softmax_of},
    {"reshape", reshape_call},
    {"squeeze", squeeze},
    {"transpose", transpose},
};

}  // namespace

std::span<const Row> merge_rows() { return kMergeRows; }
std::span<const Row> function_rows() { return kFunctions; }

}  // namespace saccade::keras
