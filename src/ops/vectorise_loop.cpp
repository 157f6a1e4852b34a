// SPDX-License-Identifier: Apache-2.0
// Spreading a loop's body over its iterations, operator by operator.
//
// A value of the body is the same in every iteration (`same`), or is held for all of them with the iterations as dimension 0 (`spread`).
// If it has a first dimension of size 1, that one may be the iterations' (`merged`): so an image that a body gives a batch dimension, resizes
// and takes out of it again is resized as part of the batch.
#include "ops/vectorise_loop.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <unordered_map>

#include "base/error.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/control_flow.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/fake_quantize.h"
#include "ops/gather.h"
#include "ops/pad.h"
#include "ops/range.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/resize.h"
#include "ops/select.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/split.h"
#include "ops/tile.h"
#include "ops/transpose.h"
#include "tensor/numeric.h"

namespace saccade::ops {
namespace {

using graph::Edit;
using graph::Graph;
using graph::Node;
using graph::Op;
using graph::ValueId;
using i64 = std::int64_t;

struct Refusal {
  std::string reason;
};

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw Refusal{fmt::format(format, std::forward<Args>(args)...)};
}

enum class Form { same, spread, merged, index };

/// `index`: the number of the iteration plus `offset`; it has no value until one is needed.
struct Held {
  Form form = Form::same;
  ValueId value;
  i64 offset = 0;
  ElementType element = ElementType::i64;
};

constexpr int kMaxDepth = 16;

class Spreader {
 public:
  Spreader(Edit& edit, const Graph& body, ValueId trips, int depth) : edit_(edit), body_(body), trips_(trips), depth_(depth), held_(body.value_limit()) {
    if (depth > kMaxDepth) refuse("the body is nested too deeply");
  }

  void give(ValueId inner, Held held) { held_[at(inner)] = held; }

  void run() {
    for (const graph::NodeId id : body_.order()) node(body_[id]);
  }

  const Held& operator[](ValueId inner) {
    Held& h = held_[at(inner)];
    if (!h.value.valid() && h.form != Form::index) {
      SACCADE_CHECK(body_.constant(inner).defined(), internal, "a value of a loop's body that nothing computes");
      h.value = edit_.constant(body_.constant(inner), body_[inner].name);
    }
    return h;
  }

  /// With the iterations as dimension 0.
  ValueId spread(const Held& h) {
    if (h.form == Form::spread) return h.value;
    if (h.form == Form::merged) return op(Unsqueeze{}, {h.value, list({1})});
    if (h.form == Form::index) {
      const ValueId first = edit_.constant(from_i64(ElementType::i64, {}, std::vector{h.offset}));
      const ValueId last = op(Binary{BinaryKind::Add}, {trips_, first});
      const ValueId numbers = op(Range{ElementType::i64}, {first, last, edit_.constant(Tensor::scalar<i64>(1))});
      return h.element == ElementType::i64 ? numbers : op(Convert{h.element}, {numbers});
    }
    const ValueId one = op(Unsqueeze{}, {h.value, list({0})});
    return op(Broadcast{}, {one, op(Concat{0}, {trip_list(), op(ShapeOf{}, {h.value})})});
  }

 private:
  static std::size_t at(ValueId v) { return static_cast<std::size_t>(v.index); }
  ValueId op(Op definition, std::vector<ValueId> inputs) { return edit_(std::move(definition), std::move(inputs), name_); }
  ValueId list(const std::vector<i64>& values) { return edit_.constant(i64_vector(values)); }
  ValueId trip_list() { return op(Reshape{}, {trips_, list({1})}); }
  const graph::Fact& fact(ValueId v) const { return edit_.graph().fact(v); }

  // The rank that the value has in the body.
  std::size_t rank(const Held& h) const {
    if (h.form == Form::index) return 0;
    const graph::PartialShape& shape = fact(h.value).type.shape;
    if (!shape.ranked()) refuse("a value of unknown rank");
    return shape.rank() - (h.form == Form::spread ? 1 : 0);
  }

  std::vector<i64> integers(const Held& h, std::string_view what) const {
    if (h.form != Form::same || !fact(h.value).constant.defined() || !is_integer(fact(h.value).constant.type())) refuse("{} that are not constant", what);
    return to_i64(fact(h.value).constant);
  }

  static i64 normal(i64 axis, std::size_t rank) {
    const auto r = static_cast<i64>(rank);
    if (axis < -r || axis >= r) refuse("an axis out of range");
    return axis < 0 ? axis + r : axis;
  }

  // Axes of the body as axes of the spread value.
  static std::vector<i64> shifted(std::vector<i64> axes, std::size_t rank) {
    for (i64& a : axes) a = normal(a, rank) + 1;
    return axes;
  }

  void set(const Node& n, std::size_t output, Form form, ValueId value) { held_[at(n.outputs[output])] = {form, value, 0, ElementType::i64}; }
  void set_all(const Node& n, Form form, const std::vector<ValueId>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) set(n, i, form, values[i]);
  }

  void node(const Node& n) {
    name_ = n.name;
    std::vector<Held> in;
    bool all_same = true;
    for (const ValueId v : n.inputs) {
      in.push_back(v.valid() ? (*this)[v] : Held{});
      all_same &= in.back().form == Form::same;
    }
    if (all_same) {
      std::vector<ValueId> values;
      for (const Held& h : in) values.push_back(h.value);
      set_all(n, Form::same, edit_.node(n.op, values, n.name));
      return;
    }
    if (in[0].form == Form::index && number(n, in)) return;
    for (std::size_t i = 0; i < in.size(); ++i)
      if (in[i].form == Form::index && !(n.op.is<Gather>() && i == 1)) in[i] = {Form::spread, spread(in[i]), 0, ElementType::i64};
    if (!spread_node(n, in)) refuse("{} is not spread over iterations", n.op.name());
  }

  // What leaves the number of the iteration a number.
  bool number(const Node& n, const std::vector<Held>& in) {
    Held h = in[0];
    if (const auto* convert = n.op.as<Convert>()) {
      if (!is_integer(convert->destination_type)) return false;
      h.element = convert->destination_type;
    } else if (n.op.is<Reshape>()) {
      if (in[1].form != Form::same || !fact(in[1].value).constant.defined() || fact(in[1].value).constant.size() != 0) return false;
    } else if (const auto* binary = n.op.as<Binary>(); binary && binary->kind == BinaryKind::Add) {
      const Tensor by = in[1].form == Form::same ? fact(in[1].value).constant : Tensor();
      if (!by.defined() || by.rank() != 0 || !is_integer(by.type()) || std::abs(element_as_i64(by, 0)) > 1 << 20) return false;
      h.offset += element_as_i64(by, 0);
    } else {
      return false;
    }
    held_[at(n.outputs[0])] = h;
    return true;
  }

  bool spread_node(const Node& n, std::vector<Held>& in) {
    if (n.op.is<Unary>() || n.op.is<Convert>()) {
      set(n, 0, in[0].form, op(n.op, {in[0].value}));
      return true;
    }
    if (n.op.is<Binary>() || n.op.is<Select>() || n.op.is<FakeQuantize>()) return elementwise(n, in);
    if (n.op.is<Gather>()) return gather(n, in);
    if (n.op.is<ShapeOf>()) return shape_of(n, in[0]);
    if (n.op.is<Reshape>()) return reshape(n, in);
    if (n.op.is<Squeeze>() || n.op.is<Unsqueeze>()) return squeeze(n, in);
    if (n.op.is<Transpose>()) return transpose(n, in);
    if (n.op.is<Concat>()) return concat(n, in);
    if (n.op.is<Split>() || n.op.is<VariadicSplit>()) return split(n, in);
    if (n.op.is<Slice>()) return slice(n, in);
    if (n.op.is<Resize>()) return resize(n, in);
    if (n.op.is<Pad>()) return pad(n, in);
    if (n.op.is<Reduce>()) return reduce(n, in);
    if (n.op.is<Broadcast>() || n.op.is<Tile>()) return repeat(n, in);
    if (n.op.is<If>()) return choice(n, in);
    return false;
  }

  bool parameters_same(const std::vector<Held>& in, std::size_t from = 1) const {
    return std::all_of(in.begin() + static_cast<std::ptrdiff_t>(std::min(from, in.size())), in.end(), [](const Held& h) { return h.form == Form::same; });
  }

  bool elementwise(const Node& n, const std::vector<Held>& in) {
    std::size_t most = 0;
    for (const Held& h : in) most = std::max(most, rank(h));
    std::vector<ValueId> values;
    // one merged operand, and others that broadcast over its first dimension
    const auto merged = std::count_if(in.begin(), in.end(), [](const Held& h) { return h.form == Form::merged; });
    const auto suits = [&](const Held& h) { return h.form == Form::merged ? rank(h) == most : h.form == Form::same && fits_merged(h, most); };
    if (merged >= 1 && std::all_of(in.begin(), in.end(), suits)) {
      for (const Held& h : in) values.push_back(h.value);
      set(n, 0, Form::merged, op(n.op, values));
      return true;
    }
    for (const Held& h : in) {
      if (h.form == Form::same) {
        values.push_back(h.value);
        continue;
      }
      ValueId v = spread(h);
      if (const std::size_t r = rank(h); r < most) {
        std::vector<i64> axes;
        for (std::size_t d = r; d < most; ++d) axes.push_back(static_cast<i64>(d - r) + 1);
        v = op(Unsqueeze{}, {v, list(axes)});
      }
      values.push_back(v);
    }
    set(n, 0, Form::spread, op(n.op, values));
    return true;
  }

  // Whether a value that stays has a first dimension of 1, or none, beside operands of that rank.
  bool fits_merged(const Held& h, std::size_t most) const {
    const std::size_t r = rank(h);
    const graph::PartialShape& shape = fact(h.value).type.shape;
    return r < most || (shape[0].is_static() && shape[0].size() == 1);
  }

  // Whether the value has as many items as there are iterations, as far as that can be seen.
  bool as_many_as_trips(ValueId tensor) const {
    const Graph& g = edit_.graph();
    const graph::Dimension& size = fact(tensor).type.shape[0];
    const graph::Fact& trips = fact(trips_);
    if (trips.constant.defined()) return size.is_static() && size.size() == element_as_i64(trips.constant, 0);
    if (trips.contents.size() == 1 && !trips.contents[0].symbol.empty() && trips.contents[0].symbol == size.symbol) return true;
    // the trip count taken from the shape of this very tensor
    ValueId v = trips_;
    for (int i = 0; i < 16; ++i) {
      const Node* p = g.producer(v);
      if (p == nullptr) return false;
      if (p->op.is<Convert>() || p->op.is<Reshape>() || p->op.is<Squeeze>() || p->op.is<Unsqueeze>()) {
        v = p->inputs[0];
      } else if (p->op.is<Slice>() || p->op.is<Gather>()) {
        const Tensor& first = g.constant(p->inputs[1]);
        if (!first.defined() || first.size() != 1 || element_as_i64(first, 0) != 0) return false;
        v = p->inputs[0];
      } else {
        return p->op.is<ShapeOf>() && p->inputs[0] == tensor;
      }
    }
    return false;
  }

  bool gather(const Node& n, const std::vector<Held>& in) {
    const Gather& g = *n.op.as<Gather>();
    const std::vector<i64> axes = integers(in[2], "axes");
    if (axes.size() != 1) return false;
    if (in[1].form == Form::index) {
      const Held& x = in[0];
      if (x.form != Form::same || rank(x) == 0 || normal(axes[0], rank(x)) != 0 || g.batch_dims != 0) return false;
      ValueId whole = x.value;
      if (in[1].offset != 0 || !as_many_as_trips(whole)) {
        if (in[1].offset < 0) return false;
        const ValueId first = list({in[1].offset});
        whole = op(Slice{}, {whole, first, op(Binary{BinaryKind::Add}, {trip_list(), first}), list({1}), list({0})});
      }
      set(n, 0, Form::spread, whole);
      return true;
    }
    if (g.batch_dims != 0) return false;
    const i64 axis = normal(axes[0], rank(in[0]));
    const auto scalar = [&](i64 a) { return edit_.constant(Tensor::scalar<i64>(a)); };
    if (in[1].form == Form::same) {
      set(n, 0, Form::spread, op(Gather{0}, {spread(in[0]), in[1].value, scalar(axis + 1)}));
    } else if (in[0].form == Form::same) {
      if (axis != 0) return false;
      set(n, 0, Form::spread, op(Gather{0}, {in[0].value, spread(in[1]), scalar(0)}));
    } else {
      set(n, 0, Form::spread, op(Gather{1}, {spread(in[0]), spread(in[1]), scalar(axis + 1)}));
    }
    return true;
  }

  bool shape_of(const Node& n, const Held& x) {
    const ElementType type = n.op.as<ShapeOf>()->output_type;
    const ValueId all = op(ShapeOf{type}, {x.value});
    const ValueId rest = op(Slice{}, {all, list({1}), list({std::numeric_limits<std::int32_t>::max()}), list({1}), list({0})});
    set(n, 0, Form::same, x.form == Form::merged ? op(Concat{0}, {edit_.constant(from_i64(type, {1}, std::vector<i64>{1})), rest}) : rest);
    return true;
  }

  bool reshape(const Node& n, const std::vector<Held>& in) {
    if (!parameters_same(in) || n.op.as<Reshape>()->special_zero) return false;
    ValueId shape = in[1].value;
    if (fact(shape).type.element != ElementType::i64) shape = op(Convert{ElementType::i64}, {shape});
    set(n, 0, Form::spread, op(Reshape{}, {spread(in[0]), op(Concat{0}, {trip_list(), shape})}));
    return true;
  }

  bool squeeze(const Node& n, const std::vector<Held>& in) {
    const bool adds = n.op.is<Unsqueeze>();
    if (in.size() < 2 || !in[1].value.valid()) return false;
    std::vector<i64> axes = integers(in[1], "axes");
    const std::size_t r = rank(in[0]);
    for (i64& a : axes) a = normal(a, adds ? r + axes.size() : r);
    if (axes == std::vector<i64>{0}) {
      if (adds && in[0].form == Form::spread) {
        set(n, 0, Form::merged, in[0].value);
        return true;
      }
      if (!adds && in[0].form == Form::merged) {
        set(n, 0, Form::spread, in[0].value);
        return true;
      }
    }
    for (i64& a : axes) ++a;
    set(n, 0, Form::spread, op(n.op, {spread(in[0]), list(axes)}));
    return true;
  }

  bool transpose(const Node& n, const std::vector<Held>& in) {
    const std::vector<i64> order = integers(in[1], "orders");
    if (order.empty()) return false;
    if (in[0].form == Form::merged && order[0] == 0) {
      set(n, 0, Form::merged, op(n.op, {in[0].value, in[1].value}));
      return true;
    }
    std::vector<i64> wider{0};
    for (i64 d : order) wider.push_back(d + 1);
    set(n, 0, Form::spread, op(Transpose{}, {spread(in[0]), list(wider)}));
    return true;
  }

  bool concat(const Node& n, const std::vector<Held>& in) {
    const i64 axis = normal(n.op.as<Concat>()->axis, rank(in[0]));
    std::vector<ValueId> values;
    for (const Held& h : in) values.push_back(spread(h));
    set(n, 0, Form::spread, op(Concat{axis + 1}, values));
    return true;
  }

  bool split(const Node& n, const std::vector<Held>& in) {
    if (!parameters_same(in)) return false;
    const std::vector<i64> axes = integers(in[1], "axes");
    if (axes.size() != 1) return false;
    std::vector<ValueId> values{spread(in[0]), edit_.constant(Tensor::scalar<i64>(normal(axes[0], rank(in[0])) + 1))};
    for (std::size_t i = 2; i < in.size(); ++i) values.push_back(in[i].value);
    set_all(n, Form::spread, edit_.node(n.op, values, name_));
    return true;
  }

  bool slice(const Node& n, const std::vector<Held>& in) {
    if (!parameters_same(in)) return false;
    std::vector<i64> axes;
    if (in.size() > 4 && in[4].value.valid()) {
      axes = integers(in[4], "axes");
    } else {
      const graph::PartialShape& count = fact(in[1].value).type.shape;
      if (!count.ranked() || count.rank() != 1 || !count[0].is_static() || count[0].size() > 64) return false;
      for (i64 d = 0; d < count[0].size(); ++d) axes.push_back(d);
    }
    set(n, 0, Form::spread, op(Slice{}, {spread(in[0]), in[1].value, in[2].value, in[3].value, list(shifted(axes, rank(in[0])))}));
    return true;
  }

  bool resize(const Node& n, const std::vector<Held>& in) {
    if (!parameters_same(in)) return false;
    Resize r = *n.op.as<Resize>();
    const std::size_t dims = rank(in[0]);
    if (r.axes.empty())
      for (std::size_t d = 0; d < dims; ++d) r.axes.push_back(static_cast<i64>(d));
    for (i64& a : r.axes) a = normal(a, dims);
    const bool merged = in[0].form == Form::merged && std::find(r.axes.begin(), r.axes.end(), 0) == r.axes.end();
    if (!merged)
      for (i64& a : r.axes) ++a;
    std::vector<ValueId> values{merged ? in[0].value : spread(in[0])};
    for (std::size_t i = 1; i < in.size(); ++i) values.push_back(in[i].value);
    set(n, 0, merged ? Form::merged : Form::spread, op(r, values));
    return true;
  }

  bool pad(const Node& n, const std::vector<Held>& in) {
    if (!parameters_same(in)) return false;
    const auto with_none = [&](const Held& amounts) {
      const ValueId wide = fact(amounts.value).type.element == ElementType::i64 ? amounts.value : op(Convert{ElementType::i64}, {amounts.value});
      return op(Concat{0}, {list({0}), wide});
    };
    std::vector<ValueId> values{spread(in[0]), with_none(in[1]), with_none(in[2])};
    if (in.size() > 3) values.push_back(in[3].value);
    set(n, 0, Form::spread, op(n.op, values));
    return true;
  }

  bool reduce(const Node& n, const std::vector<Held>& in) {
    if (!parameters_same(in)) return false;
    set(n, 0, Form::spread, op(n.op, {spread(in[0]), list(shifted(integers(in[1], "axes"), rank(in[0])))}));
    return true;
  }

  // Broadcast to a shape, or Tile: the new first dimension keeps its size.
  bool repeat(const Node& n, const std::vector<Held>& in) {
    if (!parameters_same(in) || in.size() != 2) return false;
    if (const auto* b = n.op.as<Broadcast>(); b && b->mode != BroadcastMode::numpy) return false;
    const graph::PartialShape& count = fact(in[1].value).type.shape;
    if (!count.ranked() || count.rank() != 1 || !count[0].is_static()) return false;
    const auto target = static_cast<std::size_t>(count[0].size());
    const std::size_t r = rank(in[0]);
    if (target < r) return false;
    ValueId x = spread(in[0]);
    if (target > r) {
      std::vector<i64> axes;
      for (std::size_t d = r; d < target; ++d) axes.push_back(static_cast<i64>(d - r) + 1);
      x = op(Unsqueeze{}, {x, list(axes)});
    }
    ValueId amounts = in[1].value;
    if (fact(amounts).type.element != ElementType::i64) amounts = op(Convert{ElementType::i64}, {amounts});
    set(n, 0, Form::spread, op(n.op, {x, op(Concat{0}, {n.op.is<Tile>() ? list({1}) : trip_list(), amounts})}));
    return true;
  }

  // A condition that is the same for all iterations chooses between branches over all of them.
  bool choice(const Node& n, const std::vector<Held>& in) {
    if (in[0].form != Form::same) return false;
    const If& branches = *n.op.as<If>();
    std::vector<ValueId> arguments{in[0].value};
    std::vector<graph::GraphPtr> bodies;
    std::size_t next = 1;
    for (const graph::GraphPtr& body : {branches.then_body, branches.else_body}) {
      auto made = std::make_shared<Graph>();
      made->name = body->name;
      Edit inside(*made);
      const ValueId trips = inside.input("trips", fact(trips_).type);
      inside.set_fact(trips, without_constant(fact(trips_)));
      arguments.push_back(trips_);
      Spreader branch(inside, *body, trips, depth_ + 1);
      for (const ValueId parameter : body->inputs()) {
        Held h = in[next++];
        if (h.form == Form::index) h = {Form::spread, spread(h), 0, ElementType::i64};
        arguments.push_back(h.value);
        const ValueId here = inside.input((*body)[parameter].name, fact(h.value).type);
        inside.set_fact(here, without_constant(fact(h.value)));
        branch.give(parameter, {h.form, here, 0, ElementType::i64});
      }
      branch.run();
      for (const auto& out : body->outputs()) inside.output(branch.spread(branch[out.value]), out.name);
      inside.remove_dead();
      bodies.push_back(std::move(made));
    }
    set_all(n, Form::spread, edit_.node(If{bodies[0], bodies[1]}, arguments, name_));
    return true;
  }

  static graph::Fact without_constant(graph::Fact f) {
    f.constant = Tensor();
    return f;
  }

  Edit& edit_;
  const Graph& body_;
  ValueId trips_;  // i64 scalar
  int depth_;
  std::vector<Held> held_;
  std::string name_;
};

// The constant that a carried variable grows by from one iteration to the next, if that is 1.
bool counts(const Graph& body, ValueId variable, ValueId next) {
  const Node* add = body.producer(next);
  const auto* binary = add == nullptr ? nullptr : add->op.as<Binary>();
  if (binary == nullptr || binary->kind != BinaryKind::Add) return false;
  const ValueId step = add->inputs[0] == variable ? add->inputs[1] : add->inputs[1] == variable ? add->inputs[0] : ValueId{};
  if (!step.valid()) return false;
  const Tensor& by = body.constant(step);
  return by.defined() && is_integer(by.type()) && by.size() == 1 && by.rank() == 0 && element_as_i64(by, 0) == 1;
}

std::vector<ValueId> spread_loop(Edit& edit, const Node& node) {
  const Graph& g = edit.graph();
  const Loop& loop = *node.op.as<Loop>();
  const Graph& body = *loop.body;
  const auto carried = static_cast<std::size_t>(loop.num_carried);
  if (!node.inputs[0].valid()) refuse("the number of iterations is not known");
  const auto holds = [](const Tensor& t) { return t.defined() && t.size() == 1 && element_as_f64(t, 0) != 0; };
  if (node.inputs[1].valid() && !holds(g.constant(node.inputs[1]))) refuse("it may not run at all");
  if (!holds(body.constant(body.outputs()[0].value))) refuse("a condition can end it");
  // not negative, as many as the loop runs
  ValueId trips = node.inputs[0];
  if (const auto& known = g.fact(trips); known.constant.defined() ? element_as_i64(known.constant, 0) < 0 : known.contents.size() != 1 || known.contents[0].min < 0)
    trips = edit(Binary{BinaryKind::Maximum}, {trips, edit.constant(Tensor::scalar<i64>(0))}, node.name);
  Spreader spreader(edit, body, trips, 0);
  spreader.give(body.inputs()[0], {Form::index, {}, 0, ElementType::i64});
  std::vector<i64> starts;
  for (std::size_t k = 0; k < carried; ++k) {
    const Tensor& start = g.constant(node.inputs[2 + k]);
    const ValueId variable = body.inputs()[2 + k];
    if (!counts(body, variable, body.outputs()[1 + k].value) || !start.defined() || start.size() != 1 || start.rank() != 0) refuse("iterations depend on each other");
    starts.push_back(element_as_i64(start, 0));
    if (starts.back() < -(i64{1} << 40) || starts.back() > i64{1} << 40) refuse("it counts from an odd number");
    spreader.give(variable, {Form::index, {}, starts.back(), start.type()});
  }
  for (std::size_t i = 2 + carried; i < node.inputs.size(); ++i) spreader.give(body.inputs()[i], {Form::same, node.inputs[i], 0, ElementType::i64});
  if (body.inputs().size() != node.inputs.size()) refuse("its inputs are not those of its body");
  spreader.run();
  std::vector<ValueId> outputs;
  for (std::size_t k = 0; k < carried; ++k) {
    ValueId last;
    if (g.use_count(node.outputs[k]) > 0) {
      last = edit(Binary{BinaryKind::Add}, {trips, edit.constant(Tensor::scalar<i64>(starts[k]))}, node.name);
      if (const ElementType type = g.type(node.outputs[k]).element; type != ElementType::i64) last = edit(Convert{type}, {last}, node.name);
    }
    outputs.push_back(last);
  }
  for (std::size_t i = 1 + carried; i < body.outputs().size(); ++i) outputs.push_back(spreader.spread(spreader[body.outputs()[i].value]));
  return outputs;
}

}  // namespace

std::optional<std::vector<ValueId>> vectorise_loop(Edit& edit, graph::NodeId loop, std::string& reason) {
  const Node node = edit.graph()[loop];  // a copy: adding nodes moves them
  if (!node.op.is<Loop>()) {
    reason = "not a loop";
    return std::nullopt;
  }
  try {
    return spread_loop(edit, node);
  } catch (const Refusal& r) {
    reason = r.reason;
  } catch (const Error& e) {
    if (e.code() == ErrorCode::out_of_memory) throw;
    reason = e.message();
  }
  return std::nullopt;
}

void vectorise_loops(graph::Graph& graph) {
  Edit edit(graph);
  bool any = false;
  for (const graph::NodeId id : graph.order()) {
    std::string reason;
    if (!graph[id].op.is<Loop>()) continue;
    const auto made = vectorise_loop(edit, id, reason);
    any = true;
    if (!made) continue;
    const std::vector<ValueId> outputs = graph[id].outputs;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      if (graph.use_count(outputs[i]) > 0) edit.replace(outputs[i], (*made)[i]);
  }
  if (any) edit.remove_dead();
}

}  // namespace saccade::ops
