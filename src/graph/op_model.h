// SPDX-License-Identifier: Apache-2.0
// What stands behind an Op: the constructor that wraps an operator's definition. Whoever makes an Op only needs
// graph/op.h; this is for the one source that instantiates `Op::Op` for a definition.
#pragma once

#include "graph/op.h"

namespace saccade::graph {

// Member functions of Op's model would hide the free functions from argument-dependent lookup; these do not.
namespace detail {
template <class T>
std::vector<Fact> call_infer(const T& op, std::span<const Fact> in) {
  return infer(op, in);
}
template <class T>
std::vector<Tensor> call_evaluate(const T& op, std::span<const Tensor> in) {
  return evaluate(op, in);
}
template <class T>
Cost call_cost(const T& op, std::span<const Fact> in, std::span<const Fact> out) {
  if constexpr (requires { cost(op, in, out); })
    return cost(op, in, out);
  else
    return {};
}
}  // namespace detail

template <class T>
struct Op::Model final : Concept {
  explicit Model(T d) : d(std::move(d)) {}
  std::string_view name() const override {
    if constexpr (requires { T::kName; })
      return T::kName;
    else
      return d.name();
  }
  const std::type_info& type() const override { return typeid(T); }
  const void* definition() const override { return &d; }
  std::vector<Fact> infer(std::span<const Fact> in) const override { return detail::call_infer(d, in); }
  std::vector<Tensor> evaluate(std::span<const Tensor> in) const override { return detail::call_evaluate(d, in); }
  Cost cost(std::span<const Fact> in, std::span<const Fact> out) const override { return detail::call_cost(d, in, out); }
  void visit(FieldVisitor& v) const override {
    T copy = d;
    copy.fields(v);
  }
  std::shared_ptr<const Concept> edited(FieldVisitor& v) const override {
    T copy = d;
    copy.fields(v);
    return std::make_shared<Model<T>>(std::move(copy));
  }
  T d;
};

template <OpDefinition T>
Op::Op(T definition) : self_(std::make_shared<Model<T>>(std::move(definition))) {}

}  // namespace saccade::graph
