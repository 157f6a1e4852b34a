// SPDX-License-Identifier: Apache-2.0
// Op: a type-erased, immutable, shared handle of an operator with its attributes. An operator is an aggregate T with
//   static constexpr std::string_view kName;            or std::string_view name() const;
//   void fields(FieldVisitor&);
// and free functions in T's namespace
//   std::vector<Fact> infer(const T&, std::span<const Fact> inputs);
//   std::vector<Tensor> evaluate(const T&, std::span<const Tensor> inputs);
//   Cost cost(const T&, std::span<const Fact> inputs, std::span<const Fact> outputs);      optional
#pragma once

#include <concepts>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <vector>

#include "graph/fields.h"
#include "graph/type.h"
#include "saccade/tensor.h"

namespace saccade::graph {

/// What is known of a value: its type and, where known, its contents.
struct Fact {
  TensorType type;
  /// The whole contents, or undefined.
  Tensor constant;
  /// Rank-0 or rank-1 integer contents with unknown entries (shape arithmetic), at most 64; empty if nothing is known.
  std::vector<Dimension> contents;

  Fact() = default;
  Fact(TensorType t) : type(std::move(t)) {}
  Fact(ElementType element, PartialShape shape) : type{element, std::move(shape)} {}

  bool present = true;  // false: an optional input that is absent
  static Fact absent() {
    Fact f;
    f.present = false;
    return f;
  }
};

/// Multiply-accumulates and other arithmetic of one node, for reports.
struct Cost {
  double macs = 0, ops = 0;
};

class Op;

/// What an operator is defined by. An Op is none: to ask whether it can be copied would ask this again.
template <class T>
concept OpDefinition = !std::same_as<T, Op> && std::copyable<T> &&
                       requires(T op, const T& constant, FieldVisitor& v, std::span<const Fact> facts, std::span<const Tensor> tensors) {
  op.fields(v);
  { infer(constant, facts) } -> std::same_as<std::vector<Fact>>;
  { evaluate(constant, tensors) } -> std::same_as<std::vector<Tensor>>;
};

class Op {
 public:
  /// Defined in graph/op_model.h, which only those include who define an operator: ops/models.cpp instantiates it for all of ops/.
  template <OpDefinition T>
  Op(T definition);

  std::string_view name() const { return self_->name(); }
  /// Types and known contents of the outputs; throws Error(invalid_model) if the inputs do not suit the operator.
  std::vector<Fact> infer(std::span<const Fact> inputs) const { return self_->infer(inputs); }
  /// The outputs; absent optional inputs are undefined tensors.
  std::vector<Tensor> evaluate(std::span<const Tensor> inputs) const { return self_->evaluate(inputs); }
  Cost cost(std::span<const Fact> inputs, std::span<const Fact> outputs) const { return self_->cost(inputs, outputs); }
  /// Shows the attributes to a visitor that only reads.
  void visit(FieldVisitor& visitor) const { self_->visit(visitor); }

  /// A copy whose attributes the visitor may have changed.
  Op edited(FieldVisitor& visitor) const { return Op(self_->edited(visitor)); }
  /// Equal names and equal attributes; bodies are compared by their text, tensors by type, shape and contents.
  bool operator==(const Op& other) const;

  /// The definition if this is a T, else nullptr.
  template <class T>
  const T* as() const {
    return self_->type() == typeid(T) ? static_cast<const T*>(self_->definition()) : nullptr;
  }
  template <class T>
  bool is() const {
    return self_->type() == typeid(T);
  }

 private:
  struct Concept {
    virtual ~Concept() = default;
    virtual std::string_view name() const = 0;
    virtual const std::type_info& type() const = 0;
    virtual const void* definition() const = 0;
    virtual std::vector<Fact> infer(std::span<const Fact>) const = 0;
    virtual std::vector<Tensor> evaluate(std::span<const Tensor>) const = 0;
    virtual Cost cost(std::span<const Fact>, std::span<const Fact>) const = 0;
    virtual void visit(FieldVisitor&) const = 0;
    virtual std::shared_ptr<const Concept> edited(FieldVisitor&) const = 0;
  };

  template <class T>
  struct Model;

  explicit Op(std::shared_ptr<const Concept> self) : self_(std::move(self)) {}

  std::shared_ptr<const Concept> self_;
};

}  // namespace saccade::graph
