// SPDX-License-Identifier: Apache-2.0
// The frame of lowering: places of values, copies on disagreement, the fall back on `evaluate`.
#include "plan/lowering.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "plan/lower.h"
#include "plan/program.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using graph::NodeId;
using graph::ValueId;

namespace {

std::size_t index_of(ValueId v) { return static_cast<std::size_t>(v.index); }
std::size_t index_of(NodeId n) { return static_cast<std::size_t>(n.index); }

Place dense_place(BufferId buffer, ElementType type, const Shape& dims) { return {buffer, type, 0, dims, dense_strides(dims)}; }

}  // namespace

Lowering::Lowering(const graph::Graph& g, Machine& machine, Plan& plan)
    : graph(g),
      k(machine.k),
      packs(machine.packs),
      exact(machine.exact),
      answers_(machine.answers),
      plan_(plan),
      layouts_(choose_layouts(g)),
      places_(g.value_limit()),
      absorbed_(g.node_limit(), 0),
      positions_(g.node_limit(), 0) {
  for (std::size_t i = 0; i < g.inputs().size(); ++i) {
    const ValueId v = g.inputs()[i];
    Buffer b;
    b.kind = Buffer::Kind::input;
    b.index = static_cast<int>(i);
    plan_.buffers.push_back(std::move(b));
    places_[index_of(v)] = dense_place(static_cast<BufferId>(plan_.buffers.size() - 1), element(v), shape(v));
    plan_.inputs.push_back(places_[index_of(v)]);
  }
  for (std::size_t i = 0; i < g.outputs().size(); ++i) {
    Buffer b;
    b.kind = Buffer::Kind::output;
    b.index = static_cast<int>(i);
    plan_.buffers.push_back(std::move(b));
    output_buffers_.push_back(static_cast<BufferId>(plan_.buffers.size() - 1));
    plan_.outputs.push_back(dense_place(output_buffers_.back(), element(g.outputs()[i].value), shape(g.outputs()[i].value)));
  }
  for (const auto& wanted : layouts_.wanted)
    if (wanted && wanted->root.valid()) shared_.insert(root_buffer(wanted->root));
}

void Lowering::run() {
  const std::vector<NodeId> order = graph.order();
  for (std::size_t i = 0; i < order.size(); ++i) positions_[index_of(order[i])] = i;
  for (NodeId id : order) {
    const Node& node = graph[id];
    current_ = &node;
    ErrorContext scope(node.op.name(), node.name);
    if (const auto it = deferred_.find(id.index); it != deferred_.end()) {
      const auto action = std::move(it->second);
      deferred_.erase(it);
      action();
    } else if (!absorbed_[index_of(id)]) {
      lower(node);
    }
  }
  current_ = nullptr;
  place_outputs();
  plan_memory(plan_);
}

void Lowering::lower(const Node& node) {
  if (lower_picture(*this, node)) return;
  const LowerFunction function = find_lowering(node);
  if (function == nullptr || !function(*this, node)) fallback(node);
}

BufferId Lowering::root_buffer(ValueId v) {
  const auto it = roots_.find(v.index);
  if (it != roots_.end()) return it->second;
  const Shape dims = shape(v);
  const Place p = scratch(element(v), dims, layouts_.own_strides(v, dims), 16);
  roots_[v.index] = p.buffer;
  return p.buffer;
}

const Place& Lowering::place(ValueId v) {
  Place& p = places_[index_of(v)];
  if (const auto postponed = postponed_.find(v.index); !p.valid() && postponed != postponed_.end()) {
    const auto copy = std::move(postponed->second.copy);
    postponed_.erase(postponed);
    copy();
  }
  if (!p.valid()) {
    SACCADE_ASSERT(graph.constant(v).defined());
    p = constant(graph.constant(v));
  }
  return p;
}

Place Lowering::destination(ValueId v) {
  const Shape dims = shape(v);
  Place p{-1, element(v), 0, dims, {}};
  const auto& wanted = layouts_.wanted[index_of(v)];
  if (wanted && suits(wanted->strides, dims, layouts_.order[index_of(v)])) {
    p.buffer = wanted->root.valid() ? root_buffer(wanted->root) : output_buffers_[static_cast<std::size_t>(wanted->output)];
    p.offset = wanted->offset;
    p.strides = wanted->strides;
  } else {
    p.buffer = root_buffer(v);
    p.strides = layouts_.own_strides(v, dims);
  }
  places_[index_of(v)] = p;
  return p;
}

Place Lowering::destination_along(ValueId v, std::size_t axis) {
  Place p = destination(v);
  if (p.strides[axis] == 1 || p.dims[axis] == 1) return p;
  std::vector<int> order;
  for (std::size_t d = 0; d < p.dims.size(); ++d)
    if (d != axis) order.push_back(static_cast<int>(d));
  order.push_back(static_cast<int>(axis));
  p = scratch(p.type, p.dims, ordered_strides(p.dims, order, p.dims[axis]), 16);
  alias(v, p);
  return p;
}

void Lowering::alias(ValueId v, Place p) { places_[index_of(v)] = std::move(p); }

void Lowering::postpone(ValueId v, Pixels pixels, std::function<void()> copy) {
  postponed_.emplace(v.index, Postponed{std::move(pixels), std::move(copy)});
}

const Pixels* Lowering::pixels(ValueId v) const {
  const auto postponed = postponed_.find(v.index);
  return postponed == postponed_.end() ? nullptr : &postponed->second.pixels;
}

Place Lowering::contiguous_along(ValueId v, std::size_t axis) {
  const Place p = place(v);
  if (p.dims[axis] == 1 || p.strides[axis] == 1) return p;
  Place& cached = converted_[{v.index, static_cast<int>(axis)}];
  if (cached.valid()) return cached;
  std::vector<int> order;
  for (std::size_t d = 0; d < p.dims.size(); ++d)
    if (d != axis) order.push_back(static_cast<int>(d));
  order.push_back(static_cast<int>(axis));
  const std::int64_t size = p.dims[axis];
  cached = scratch(p.type, p.dims, ordered_strides(p.dims, order, size < 16 ? size : padded(size)), 16);
  copy(p, cached, graph[v].name, fmt::format("dimension {} innermost", axis));
  return cached;
}

Place Lowering::dense(ValueId v) {
  const Place p = place(v);
  if (is_dense(p)) return p;
  Place& cached = converted_[{v.index, -1}];
  if (cached.valid()) return cached;
  cached = scratch_dense(p.type, p.dims);
  copy(p, cached, graph[v].name, "row-major");
  return cached;
}

Place Lowering::scratch(ElementType type, const Shape& dims, const Strides& strides, std::int64_t slack) {
  Buffer b;
  b.bytes = static_cast<std::size_t>(span_elements(dims, strides) + slack) * size_in_bytes(type);
  plan_.buffers.push_back(std::move(b));
  return {static_cast<BufferId>(plan_.buffers.size() - 1), type, 0, dims, strides};
}

Place Lowering::scratch_dense(ElementType type, const Shape& dims) { return scratch(type, dims, dense_strides(dims), 16); }

Place Lowering::constant(Tensor tensor) {
  Buffer b;
  b.kind = Buffer::Kind::constant;
  const ElementType type = tensor.type();
  const Shape dims = tensor.shape();
  b.constant = std::move(tensor);
  plan_.buffers.push_back(std::move(b));
  return dense_place(static_cast<BufferId>(plan_.buffers.size() - 1), type, dims);
}

void Lowering::copy(const Place& from, const Place& to, std::string name, std::string why) {
  auto step = std::make_unique<CopyStep>(from, to);
  step->name = std::move(name);
  step->kind = "Copy";
  step->kernel = "copy: " + why;
  emit(std::move(step));
}

bool Lowering::decide(Choice choice) {
  for (const Choice& made : plan_.choices)
    if (made.node == choice.node && made.key == choice.key) return made.taken;
  if (const auto answer = answers_.find(choice.key); answer != answers_.end()) {
    choice.taken = answer->second;
    choice.measured = true;
  }
  plan_.choices.push_back(std::move(choice));
  return plan_.choices.back().taken;
}

void Lowering::emit(std::unique_ptr<Step> step) {
  if (current_ != nullptr) {
    if (step->name.empty()) step->name = current_->name;
    if (step->kind.empty()) step->kind = current_->op.name();
  }
  const std::size_t weight_bytes = packs.taken_bytes();
  if (step->bytes == 0) {
    step->bytes = static_cast<double>(weight_bytes);
    for (const auto* places : {&step->reads, &step->writes})
      for (const Place& p : *places) step->bytes += static_cast<double>(element_count(p.dims)) * static_cast<double>(size_in_bytes(p.type));
  }
  plan_.scratch_bytes = std::max(plan_.scratch_bytes, (step->scratch_bytes + 4095) / 4096 * 4096);
  plan_.steps.push_back(std::move(step));
}

void Lowering::fallback(const Node& node) {
  std::vector<Place> inputs;
  for (ValueId in : node.inputs) inputs.push_back(in.valid() ? dense(in) : Place{});
  std::vector<Place> outputs;
  for (ValueId out : node.outputs) outputs.push_back(destination(out));
  auto step = std::make_unique<EvaluateStep>(node.op, std::move(inputs), std::move(outputs));
  step->kernel = "evaluate";
  plan_.has_evaluate = true;
  emit(std::move(step));
}

bool Lowering::owns_padding(const Place& p, std::int64_t pitch) const {
  return !shared_.contains(p.buffer) && plan_.buffers[static_cast<std::size_t>(p.buffer)].kind == Buffer::Kind::arena && p.offset % 16 == 0 && pitch % 16 == 0;
}

void Lowering::place_outputs() {
  for (std::size_t i = 0; i < graph.outputs().size(); ++i) {
    const ValueId v = graph.outputs()[i].value;
    const Place& from = place(v);
    const Place& to = plan_.outputs[i];
    if (from.buffer == to.buffer && from.offset == to.offset && is_dense(from)) continue;
    copy(from, to, graph.outputs()[i].name, "output");
  }
}

void Lowering::defer(const std::vector<NodeId>& nodes, NodeId last, std::function<void()> action) {
  for (NodeId n : nodes) absorbed_[index_of(n)] = 1;
  if (last == current_->id)
    action();
  else
    deferred_[last.index] = std::move(action);
}

std::int64_t Lowering::new_bytes(const std::vector<ValueId>& values) const {
  std::set<std::int32_t> roots;
  std::int64_t bytes = 0;
  const auto written = [&](ValueId root) {
    const auto buffer = roots_.find(root.index);
    return buffer != roots_.end() && std::any_of(plan_.steps.begin(), plan_.steps.end(), [&](const auto& step) {
             return std::any_of(step->writes.begin(), step->writes.end(), [&](const Place& p) { return p.buffer == buffer->second; });
           });
  };
  for (ValueId v : values) {
    const auto& wanted = layouts_.wanted[index_of(v)];
    const bool moved = wanted && suits(wanted->strides, shape(v), layouts_.order[index_of(v)]);
    if (moved && !wanted->root.valid()) continue;
    const ValueId root = moved ? wanted->root : v;
    if (!roots.insert(root.index).second || written(root)) continue;
    bytes += element_count(shape(root)) * static_cast<std::int64_t>(size_in_bytes(element(root)));
  }
  return bytes;
}

std::unique_ptr<Plan> make_plan(const graph::Graph& graph, Machine& machine) {
  auto plan = std::make_unique<Plan>();
  Lowering(graph, machine, *plan).run();
  return plan;
}

}  // namespace saccade::plan
