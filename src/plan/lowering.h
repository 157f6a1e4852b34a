// SPDX-License-Identifier: Apache-2.0
// Lowering: from a graph with static types to a plan's steps. The families of operators (lower_*.cpp) are rows of
// lower.def and see the graph and the plan through this class.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "graph/graph.h"
#include "kernels/table.h"
#include "plan/layout.h"
#include "plan/packs.h"
#include "plan/pixels.h"
#include "plan/plan.h"

namespace saccade::ops {
struct Unary;
}

namespace saccade::plan {

/// What is fused behind an accumulating operator: see kernels::Epilogue for the order of things.
struct Chain {
  std::vector<graph::NodeId> nodes;  ///< the fused nodes, first the operator itself
  graph::ValueId result;             ///< what the last node produces
  Tensor scale, bias;                ///< per channel, f32, or undefined
  kernels::Activation first, second;
  Tensor slope;                      ///< of a prelu
  graph::ValueId other;              ///< a second operand of the result's shape, or one row for all
  kernels::Combine combine = kernels::Combine::none;
  bool before = false;
};

struct Machine;

/// The store of packed weights, and how many bytes of them the step in the making has taken.
class Packs {
 public:
  explicit Packs(PackStore& store) : store_(store) {}
  Tensor get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack) {
    Tensor packed = store_.get(constant, key, floats, pack);
    taken_bytes_ += packed.size_bytes();
    return packed;
  }
  /// Since the last call.
  std::size_t taken_bytes() { return std::exchange(taken_bytes_, 0); }

 private:
  PackStore& store_;
  std::size_t taken_bytes_ = 0;
};

class Lowering {
 public:
  Lowering(const graph::Graph& graph, Machine& machine, Plan& plan);
  /// Fills the plan.
  void run();

  const graph::Graph& graph;
  const kernels::KernelTable& k;
  Packs packs;
  const bool exact;  ///< see Machine

  /// Where a value lies. Constants get a buffer on first demand.
  const Place& place(graph::ValueId value);
  /// Where the value should be written: its wanted place if the innermost dimension of its order is contiguous there,
  /// else a buffer of its own. Recorded as the value's place.
  Place destination(graph::ValueId value);
  /// The same for an operator that can only write along dimension `axis`: a place where that is contiguous.
  Place destination_along(graph::ValueId value, std::size_t axis);
  /// The value is a view of memory that exists already.
  void alias(graph::ValueId value, Place place);
  /// The value gets its place by `copy`, which emits a step, when somebody asks for the place: who reads `pixels` need not.
  void postpone(graph::ValueId value, Pixels pixels, std::function<void()> copy);
  /// The pixels of a postponed value that has no place yet; else null.
  const Pixels* pixels(graph::ValueId value) const;
  /// The value with dimension `axis` contiguous (stride 1), through a copy if need be.
  Place contiguous_along(graph::ValueId value, std::size_t axis);
  /// The value row-major without gaps, through a copy if need be.
  Place dense(graph::ValueId value);
  /// A temporary or constant buffer.
  Place scratch(ElementType type, const Shape& dims, const Strides& strides, std::int64_t slack_elements = 0);
  Place scratch_dense(ElementType type, const Shape& dims);
  Place constant(Tensor tensor);
  /// A copy of from's elements into `to` (same dims).
  void copy(const Place& from, const Place& to, std::string name, std::string why);

  /// Records the choice and says whether it is taken: as measured, else as it proposes. Asked again about a node, it is as it was.
  bool decide(Choice choice);

  /// Emits a step; name and kind come from the node being lowered unless they are set.
  void emit(std::unique_ptr<Step> step);
  Shape shape(graph::ValueId value) const { return graph.type(value).shape.shape(); }
  ElementType element(graph::ValueId value) const { return graph.type(value).element; }
  /// Runs the node through its `evaluate`.
  void fallback(const graph::Node& node);

  /// What can be fused behind the node's only output, whose channels are dimension `channel_axis`.
  Chain chain_behind(const graph::Node& node, std::size_t channel_axis, bool allow_other);
  /// Lowers `node` when the last node of the chain is reached, so that every operand exists.
  void defer(const Chain& chain, std::function<void()> lower) { defer(chain.nodes, chain.nodes.back(), std::move(lower)); }
  /// Lowers the nodes, one of which is being lowered now, when `last` is reached.
  void defer(const std::vector<graph::NodeId>& nodes, graph::NodeId last, std::function<void()> lower);
  /// The node is lowered with the one in the making.
  void absorb(graph::NodeId node) { absorbed_[static_cast<std::size_t>(node.index)] = 1; }
  /// Whether the node is lowered with an earlier one.
  bool absorbed(graph::NodeId node) const { return absorbed_[static_cast<std::size_t>(node.index)] != 0; }
  /// When the node is reached; what it makes exists from then on.
  std::size_t position(graph::NodeId node) const { return positions_[static_cast<std::size_t>(node.index)]; }
  /// The bytes of those buffers that first come to life when the values are written; graph outputs do not count.
  std::int64_t new_bytes(const std::vector<graph::ValueId>& values) const;
  /// The chain's activation parameters and buffers as a kernel's epilogue; pointers to constants are final, `other` is
  /// patched for each run.
  kernels::Epilogue epilogue(const Chain& chain);
  std::string kind(const Chain& chain) const;
  /// Whether the lanes up to the pitch (of rows that start at multiples of it) belong to this place alone.
  bool owns_padding(const Place& place, std::int64_t pitch) const;

 private:
  void lower(const graph::Node& node);
  void place_outputs();
  BufferId root_buffer(graph::ValueId value);

  const Answers& answers_;
  Plan& plan_;
  Layouts layouts_;
  std::vector<Place> places_;
  std::unordered_map<std::int32_t, BufferId> roots_;  // buffers of values that others are placed in
  std::vector<BufferId> output_buffers_;
  std::set<BufferId> shared_;                         // several values, or views of them, are written there
  std::map<std::pair<std::int32_t, int>, Place> converted_;  // copies by value and innermost axis, -1: row-major
  struct Postponed {
    Pixels pixels;
    std::function<void()> copy;
  };
  std::unordered_map<std::int32_t, Postponed> postponed_;  // by value
  std::vector<char> absorbed_;  // node is part of a chain of an earlier node
  std::vector<std::size_t> positions_;                                // of nodes, in the graph's order
  std::unordered_map<std::int32_t, std::function<void()>> deferred_;  // by the last node of a chain
  const graph::Node* current_ = nullptr;
};

/// The kernel's form of a unary operator, where it has one.
std::optional<kernels::Activation> activation_of(const ops::Unary& op);

/// One row of lower.def: returns false if this node is not for it (the step falls back to `evaluate`).
using LowerFunction = bool (*)(Lowering&, const graph::Node&);
LowerFunction find_lowering(const graph::Node& node);

/// The plan of a graph whose values all have static types. Not thread safe; constants are packed through the machine's store.
std::unique_ptr<Plan> make_plan(const graph::Graph& graph, Machine& machine);

}  // namespace saccade::plan
