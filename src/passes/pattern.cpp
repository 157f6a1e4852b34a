// SPDX-License-Identifier: Apache-2.0
// Matching by backtracking: every choice (operand order, alternative) is tried until the rest of the pattern fits as well.
#include "passes/pattern.h"

#include <concepts>
#include <span>

#include "base/error.h"
#include "passes/values.h"

namespace saccade::passes {

struct Pattern::Shape {
  std::function<bool(const graph::Op&)> accepts;  // none: any value
  bool any_inputs = true;
  bool commutative = false;
  bool once = false;
  std::vector<Pattern> inputs;
  std::vector<Pattern> alternatives;
  std::vector<std::function<bool(const Graph&, ValueId)>> conditions;
};

class Matcher {
 public:
  Matcher(const Graph& graph, Match& match) : g_(graph), m_(match) {
    m_.graph_ = &graph;
    m_.bound_.clear();
  }

  // What must fit besides; refers to a callable that outlives the call.
  class Rest {
   public:
    template <class F>
      requires(!std::same_as<std::remove_cvref_t<F>, Rest>)
    Rest(const F& f) : object_(&f), call_([](const void* o) { return (*static_cast<const F*>(o))(); }) {}
    bool operator()() const { return call_(object_); }

   private:
    const void* object_;
    bool (*call_)(const void*);
  };

  bool fits(const Pattern& pattern, ValueId value, const Rest& rest) {
    const Pattern::Shape* shape = pattern.shape_.get();
    if (!value.valid()) return false;
    if (const ValueId* bound = m_.find(shape)) return same(*bound, value) && rest();
    if (shape->accepts) {  // most attempts end here
      const Node* node = g_.producer(value);
      if (!node || node->outputs[0] != value || !shape->accepts(node->op)) return false;
    }
    if (shape->once && g_.use_count(value) != 1) return false;
    for (const auto& condition : shape->conditions)
      if (!condition(g_, value)) return false;
    const std::size_t mark = m_.bound_.size();
    m_.bound_.emplace_back(shape, value);
    if (inside(*shape, value, rest)) return true;
    m_.bound_.resize(mark);
    return false;
  }

 private:
  // Equal small constants are as good as the same value.
  bool same(ValueId a, ValueId b) const {
    if (a == b) return true;
    const Tensor &x = g_.constant(a), &y = g_.constant(b);
    return x.defined() && y.defined() && x.size() == 1 && equal_contents(x, y);
  }

  bool inside(const Pattern::Shape& shape, ValueId value, const Rest& rest) {
    if (!shape.alternatives.empty()) {
      for (const auto& alternative : shape.alternatives)
        if (fits(alternative, value, rest)) return true;
      return false;
    }
    if (!shape.accepts || shape.any_inputs) return rest();
    const auto& values = g_.producer(value)->inputs;
    if (values.size() != shape.inputs.size() || values.empty()) return false;
    if (inputs(shape, values, 0, rest)) return true;
    const ValueId swapped[] = {values.size() > 1 ? values[1] : ValueId{}, values[0]};
    return shape.commutative && inputs(shape, swapped, 0, rest);
  }

  bool inputs(const Pattern::Shape& shape, std::span<const ValueId> values, std::size_t i, const Rest& rest) {
    if (i == values.size()) return rest();
    const auto others = [&] { return inputs(shape, values, i + 1, rest); };
    return fits(shape.inputs[i], values[i], others);
  }

  const Graph& g_;
  Match& m_;
};

Pattern Pattern::once() const {
  auto copy = std::make_shared<Shape>(*shape_);
  copy->once = true;
  return Pattern(std::move(copy));
}

Pattern Pattern::where(std::function<bool(const Graph&, ValueId)> condition) const {
  auto copy = std::make_shared<Shape>(*shape_);
  copy->conditions.push_back(std::move(condition));
  return Pattern(std::move(copy));
}

Pattern any() { return Pattern(std::make_shared<Pattern::Shape>()); }

Pattern constant() {
  return any().where([](const Graph& g, ValueId v) { return g.constant(v).defined(); });
}

Pattern number(double value) {
  return any().where([value](const Graph& g, ValueId v) {
    const auto found = single(g, v);
    return found && nearly(*found, value, g.type(v).element);
  });
}

Pattern one_of(std::vector<Pattern> alternatives) {
  auto shape = std::make_shared<Pattern::Shape>();
  shape->alternatives = std::move(alternatives);
  return Pattern(std::move(shape));
}

Pattern node(std::function<bool(const graph::Op&)> accepts) {
  auto shape = std::make_shared<Pattern::Shape>();
  shape->accepts = std::move(accepts);
  return Pattern(std::move(shape));
}

Pattern node(std::function<bool(const graph::Op&)> accepts, std::vector<Pattern> inputs, bool commutative) {
  auto shape = std::make_shared<Pattern::Shape>();
  SACCADE_ASSERT(!commutative || inputs.size() == 2);
  shape->accepts = std::move(accepts);
  shape->inputs = std::move(inputs);
  shape->any_inputs = false;
  shape->commutative = commutative;
  return Pattern(std::move(shape));
}

Pattern unary(ops::UnaryKind kind, Pattern x) {
  return op<ops::Unary>({std::move(x)}, [kind](const ops::Unary& u) { return u.kind == kind; });
}

Pattern clamp(Pattern x, double min, double max) {
  return op<ops::Unary>({std::move(x)}, [=](const ops::Unary& u) { return u.kind == ops::UnaryKind::Clamp && u.a == min && u.b == max; });
}

Pattern binary(ops::BinaryKind kind, Pattern a, Pattern b) {
  const bool commutative = kind == ops::BinaryKind::Add || kind == ops::BinaryKind::Multiply || kind == ops::BinaryKind::Maximum || kind == ops::BinaryKind::Minimum;
  return node([kind](const graph::Op& o) { return o.is<ops::Binary>() && o.as<ops::Binary>()->kind == kind; }, {std::move(a), std::move(b)}, commutative);
}

Pattern reduce(ops::ReduceKind kind, Pattern data, Pattern axes) {
  return op<ops::Reduce>({std::move(data), std::move(axes)}, [kind](const ops::Reduce& r) { return r.kind == kind; });
}

Pattern operator+(Pattern a, Pattern b) { return binary(ops::BinaryKind::Add, std::move(a), std::move(b)); }
Pattern operator*(Pattern a, Pattern b) { return binary(ops::BinaryKind::Multiply, std::move(a), std::move(b)); }
Pattern operator-(Pattern a, Pattern b) { return binary(ops::BinaryKind::Subtract, std::move(a), std::move(b)); }
Pattern operator/(Pattern a, Pattern b) { return binary(ops::BinaryKind::Divide, std::move(a), std::move(b)); }

ValueId Match::operator[](const Pattern& part) const {
  const ValueId* bound = find(part.shape_.get());
  SACCADE_ASSERT(bound != nullptr);
  return *bound;
}

bool Match::has(const Pattern& part) const { return find(part.shape_.get()) != nullptr; }

const ValueId* Match::find(const Pattern::Shape* shape) const {
  for (const auto& [part, value] : bound_)
    if (part == shape) return &value;
  return nullptr;
}

const Node& Match::node(const Pattern& part) const {
  const Node* node = graph_->producer((*this)[part]);
  SACCADE_ASSERT(node != nullptr);
  return *node;
}

bool matches(const Graph& graph, const Pattern& pattern, ValueId root, Match& match) {
  const auto done = [] { return true; };
  return Matcher(graph, match).fits(pattern, root, done);
}

}  // namespace saccade::passes
