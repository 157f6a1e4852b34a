// SPDX-License-Identifier: Apache-2.0
// Building graphs from nodes: names, order, functions, sub-graphs.
#include "import/onnx/build.h"

#include <algorithm>
#include <queue>
#include <unordered_set>

#include "base/error.h"
#include "tensor/numeric.h"

namespace saccade::onnx {
namespace {

// Functions that call each other twice at every level grow without bound from a small file.
constexpr std::size_t kMaxNodes = 300'000;
constexpr int kMaxDepth = 64;
// No dimension of a real tensor comes near; sums and products of a few of them still fit into 64 bits.
constexpr std::int64_t kMaxDimension = std::int64_t{1} << 40;

std::string_view plain_domain(std::string_view domain) { return domain == "ai.onnx" ? std::string_view() : domain; }

PartialShape shape_of(const TypeProto& type) {
  if (!type.has_shape) return {};
  std::vector<graph::Dimension> dims;
  for (const auto& d : type.dims) {
    if (!d.has_value) {
      dims.push_back(graph::Dimension::unknown(std::string(d.parameter)));
      continue;
    }
    SACCADE_CHECK(d.value >= -1 && d.value <= kMaxDimension, invalid_model, "dimension {}", d.value);
    dims.push_back(d.value < 0 ? graph::Dimension::unknown() : graph::Dimension::fixed(d.value));
  }
  PartialShape shape(std::move(dims));
  if (shape.is_static()) {
    try {
      element_count(shape.shape());
    } catch (const Error& e) {
      fail(ErrorCode::invalid_model, "{}", e.message());
    }
  }
  return shape;
}

std::string_view kind_name(TypeProto::Kind kind) {
  switch (kind) {
    case TypeProto::Kind::sequence: return "a sequence";
    case TypeProto::Kind::map: return "a map";
    case TypeProto::Kind::optional: return "an optional";
    case TypeProto::Kind::sparse_tensor: return "a sparse tensor";
    default: return "not a tensor";
  }
}

// Names that a sub-graph takes from around itself.
void free_names(const GraphProto& g, std::unordered_set<std::string_view> bound, std::vector<std::string_view>& out) {
  for (const auto& v : g.inputs) bound.insert(v.name);
  for (const auto& t : g.initializers) bound.insert(t.name);
  for (const auto& t : g.sparse_initializers) bound.insert(t.values.name);
  for (const auto& n : g.nodes)
    for (auto o : n.outputs) bound.insert(o);
  const auto use = [&](std::string_view name) {
    if (!name.empty() && !bound.contains(name)) out.push_back(name);
  };
  for (const auto& n : g.nodes) {
    for (auto in : n.inputs) use(in);
    for (const auto& a : n.attributes)
      if (a.g) {
        std::vector<std::string_view> inner;
        free_names(*a.g, {}, inner);
        for (auto name : inner) use(name);
      }
  }
  for (const auto& v : g.outputs) use(v.name);
}

std::vector<std::string_view> names_used(const NodeProto& node) {
  std::vector<std::string_view> names = node.inputs;
  for (const auto& a : node.attributes)
    if (a.g) free_names(*a.g, {}, names);
  return names;
}

}  // namespace

bool GraphInProgress::is_fixed(ValueId value) {
  std::vector<ValueId> stack{value};
  while (!stack.empty()) {
    const ValueId v = stack.back();
    if (fixed_.contains(v.index)) {
      stack.pop_back();
      continue;
    }
    const graph::Node* producer = graph->producer(v);
    bool fixed = producer != nullptr || (*graph)[v].is_constant(), pending = false;
    if (producer != nullptr)
      for (ValueId in : producer->inputs) {
        if (!in.valid()) continue;
        const auto known = fixed_.find(in.index);
        if (known != fixed_.end()) {
          fixed &= known->second;
        } else {
          stack.push_back(in);
          pending = true;
        }
      }
    if (pending) continue;
    fixed_[v.index] = fixed;
    stack.pop_back();
  }
  return fixed_[value.index];
}

std::string_view name_of(const NodeProto& node) {
  if (!node.name.empty()) return node.name;
  for (auto o : node.outputs)
    if (!o.empty()) return o;
  return {};
}

ModelBuilder::ModelBuilder(const ModelProto& model, TensorSource& source) : model_(model), source_(source) {
  for (const Row& r : all_rows()) rows_[{r.domain, r.op}].push_back(r);
  for (auto& [key, rows] : rows_) std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.since < b.since; });
  for (const auto& f : model.functions)
    SACCADE_CHECK(functions_.emplace(std::tuple(plain_domain(f.domain), f.name, f.overload), &f).second, invalid_model, "two functions are called '{}'", shown(f.name));
}

std::int64_t ModelBuilder::version(const Scope& scope, std::string_view domain) const {
  if (scope.call != nullptr)
    for (const auto& o : scope.call->function->opsets)
      if (plain_domain(o.domain) == domain) return o.version;
  for (const auto& o : model_.opsets)
    if (plain_domain(o.domain) == domain) return o.version;
  return domain.empty() ? 1 : 0;
}

const FunctionProto* ModelBuilder::function(const NodeProto& node) const {
  const auto it = functions_.find({plain_domain(node.domain), node.op_type, node.overload});
  return it == functions_.end() ? nullptr : it->second;
}

const Row* ModelBuilder::row(std::string_view domain, std::string_view op, std::int64_t version) const {
  const auto it = rows_.find({domain, op});
  if (it == rows_.end()) return nullptr;
  const Row* best = nullptr;
  for (const Row& r : it->second)
    if (r.since <= version) best = &r;
  return best && best->map ? best : nullptr;
}

void ModelBuilder::report(const Scope& scope, const NodeProto& node, std::string reason) {
  const auto domain = plain_domain(node.domain);
  const std::string prefix = domain.empty() ? "" : shown(domain) + ".";
  problems_.add(fmt::format("{}{} (opset {})", prefix, shown(node.op_type), version(scope, domain)), std::move(reason), shown(name_of(node)));
}

void ModelBuilder::bind(Scope& scope, std::string_view name, Binding binding) {
  SACCADE_CHECK(!scope.initializers.contains(name) && !scope.sparse_initializers.contains(name), invalid_model, "'{}' is both an initializer and the output of a node", shown(name));
  SACCADE_CHECK(scope.names.emplace(name, binding).second, invalid_model, "'{}' is defined twice", shown(name));
}

std::optional<Binding> ModelBuilder::lookup(Scope& scope, std::string_view name) {
  if (const auto it = scope.names.find(name); it != scope.names.end()) return it->second;
  const auto dense = scope.initializers.find(name);
  const auto sparse = scope.sparse_initializers.find(name);
  if (dense != scope.initializers.end() || sparse != scope.sparse_initializers.end()) {
    Binding made;
    try {
      Tensor tensor = dense != scope.initializers.end() ? source_.tensor(*dense->second) : source_.tensor(*sparse->second);
      made.value = scope.target.edit.constant(std::move(tensor), std::string(name));
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      problems_.add("initializer", e.message(), shown(name));
      made.poisoned = true;
    }
    scope.names.emplace(name, made);
    return made;
  }
  if (scope.outer == nullptr) return std::nullopt;
  const auto around = lookup(*scope.outer, name);
  if (!around) return std::nullopt;
  Binding inner = *around;
  if (!inner.poisoned && inner.value.valid() && &scope.outer->target != &scope.target) {
    GraphInProgress& target = scope.target;
    const auto known = target.captured_as.find(inner.value.index);
    if (known != target.captured_as.end()) {
      inner.value = known->second;
    } else {
      const graph::Value outside = (*scope.outer->target.graph)[inner.value];
      if (outside.fact.constant.defined() && scope.outer->target.is_fixed(outside.id)) {
        inner.value = target.edit.constant(outside.fact.constant, outside.name);
      } else {
        target.captures.push_back(inner.value);
        inner.value = target.edit.input(std::string(name), outside.fact.type);
        Fact fact = outside.fact;
        // known contents go on as contents: an input is no constant
        if (fact.constant.defined() && is_integer(fact.type.element) && fact.constant.rank() <= 1 && fact.constant.size() <= 64 && fact.contents.empty())
          for (std::int64_t i = 0; i < fact.constant.size(); ++i) fact.contents.push_back(graph::Dimension::fixed(element_as_i64(fact.constant, i)));
        fact.constant = Tensor();
        target.edit.set_fact(inner.value, std::move(fact));
      }
      target.captured_as.emplace(around->value.index, inner.value);
    }
  }
  scope.names.emplace(name, inner);
  return inner;
}

void ModelBuilder::declare(Scope& scope, const GraphProto& proto) {
  for (const auto& t : proto.initializers)
    SACCADE_CHECK(scope.initializers.emplace(t.name, &t).second, invalid_model, "two initializers are called '{}'", shown(t.name));
  for (const auto& t : proto.sparse_initializers)
    SACCADE_CHECK(!scope.initializers.contains(t.values.name) && scope.sparse_initializers.emplace(t.values.name, &t).second, invalid_model,
                  "two initializers are called '{}'", shown(t.values.name));
  for (const auto& v : proto.value_infos) scope.declared.emplace(v.name, &v.type);
}

std::shared_ptr<graph::Graph> ModelBuilder::build() {
  GraphInProgress target;
  Scope scope{target};
  declare(scope, model_.graph);
  for (const auto& v : model_.graph.inputs) {
    if (scope.initializers.contains(v.name) || scope.sparse_initializers.contains(v.name)) continue;
    const std::string name = shown(v.name);
    ErrorContext frame("input", name);
    Binding made;
    try {
      SACCADE_CHECK(v.type.kind == TypeProto::Kind::tensor, unsupported, "{}", kind_name(v.type.kind));
      made.value = target.edit.input(std::string(v.name), {element_type(v.type.element), shape_of(v.type)});
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      problems_.add("input", e.message(), name);
      made.poisoned = true;
    }
    bind(scope, v.name, made);
  }
  std::vector<std::string_view> needed;
  for (const auto& v : model_.graph.outputs) needed.push_back(v.name);
  nodes(scope, model_.graph.nodes, needed);
  outputs(scope, model_.graph, true);
  problems_.throw_if_any();
  target.edit.remove_dead();
  return target.graph;
}

void ModelBuilder::outputs(Scope& scope, const GraphProto& proto, bool check_types) {
  for (const auto& v : proto.outputs) {
    const auto bound = lookup(scope, v.name);
    SACCADE_CHECK(bound, invalid_model, "output '{}' is produced by nothing", shown(v.name));
    if (bound->poisoned) continue;
    SACCADE_CHECK(bound->value.valid(), invalid_model, "output '{}' is an absent input", shown(v.name));
    if (check_types && v.type.kind == TypeProto::Kind::tensor && v.type.element != 0) {
      const ElementType declared = element_type(v.type.element), found = scope.target.graph->type(bound->value).element;
      SACCADE_CHECK(declared == found, invalid_model, "output '{}' is declared as {} but computed as {}", shown(v.name), to_string(declared), to_string(found));
    }
    scope.target.edit.output(bound->value, std::string(v.name));
  }
}

void ModelBuilder::nodes(Scope& scope, const std::vector<NodeProto>& protos, const std::vector<std::string_view>& needed) {
  std::unordered_map<std::string_view, std::size_t> producer;
  for (std::size_t i = 0; i < protos.size(); ++i)
    for (auto o : protos[i].outputs)
      if (!o.empty()) SACCADE_CHECK(producer.emplace(o, i).second, invalid_model, "'{}' is the output of two nodes", shown(o));

  // the nodes that the outputs need
  std::vector<std::vector<std::size_t>> depends(protos.size());
  std::vector<char> wanted(protos.size(), 0);
  std::vector<std::size_t> stack;
  const auto want = [&](std::string_view name) -> std::optional<std::size_t> {
    const auto it = producer.find(name);
    if (it == producer.end()) return std::nullopt;
    if (!wanted[it->second]) {
      wanted[it->second] = 1;
      stack.push_back(it->second);
    }
    return it->second;
  };
  for (auto name : needed) want(name);
  while (!stack.empty()) {
    const std::size_t i = stack.back();
    stack.pop_back();
    for (auto name : names_used(protos[i]))
      if (const auto d = want(name)) depends[i].push_back(*d);
  }

  // in the file's order as far as it is a possible one
  std::vector<std::vector<std::size_t>> users(protos.size());
  std::vector<std::size_t> missing(protos.size(), 0);
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready;
  std::size_t left = 0;
  for (std::size_t i = 0; i < protos.size(); ++i) {
    if (!wanted[i]) continue;
    ++left;
    missing[i] = depends[i].size();
    for (auto d : depends[i]) users[d].push_back(i);
    if (missing[i] == 0) ready.push(i);
  }
  std::vector<char> done(protos.size(), 0);
  while (!ready.empty()) {
    const std::size_t i = ready.top();
    ready.pop();
    done[i] = 1;
    --left;
    node(scope, protos[i]);
    for (auto u : users[i])
      if (--missing[u] == 0) ready.push(u);
  }
  if (left == 0) return;
  // every node that is left depends on one that is left, so following these leads into a cycle
  std::size_t at = 0;
  while (!wanted[at] || done[at]) ++at;
  std::vector<std::size_t> path;
  while (std::find(path.begin(), path.end(), at) == path.end() && path.size() < 1000) {
    path.push_back(at);
    at = *std::find_if(depends[at].begin(), depends[at].end(), [&](std::size_t d) { return !done[d]; });
  }
  fail(ErrorCode::invalid_model, "the graph has a cycle through {} '{}'", shown(protos[at].op_type), shown(name_of(protos[at])));
}

NodeProto ModelBuilder::resolved(const Scope& scope, const NodeProto& node) const {
  NodeProto out = node;
  std::vector<AttributeProto> attributes;
  for (auto& a : out.attributes) {
    if (a.reference.empty()) {
      attributes.push_back(std::move(a));
      continue;
    }
    SACCADE_CHECK(scope.call != nullptr, invalid_model, "attribute '{}' refers to an attribute of a function, but stands in none", shown(a.name));
    const auto it = scope.call->attributes.find(a.reference);
    if (it == scope.call->attributes.end()) continue;  // not given by the caller: the operator's default holds
    SACCADE_CHECK(!it->second->g, unsupported, "the sub-graph '{}' is an attribute of a function", shown(a.name));
    AttributeProto value = *it->second;
    value.name = a.name;
    attributes.push_back(std::move(value));
  }
  out.attributes = std::move(attributes);
  return out;
}

void ModelBuilder::scan(const Scope& scope, const NodeProto& node) {
  if (++nodes_built_ > kMaxNodes) return;
  if (function(node) == nullptr && row(plain_domain(node.domain), node.op_type, version(scope, plain_domain(node.domain))) == nullptr)
    report(scope, node, "not supported");
  for (const auto& a : node.attributes)
    if (a.g)
      for (const auto& inner : a.g->nodes) scan(scope, inner);
}

void ModelBuilder::node(Scope& scope, const NodeProto& proto) {
  const std::string kind = shown(proto.op_type), name = shown(name_of(proto));
  ErrorContext frame(kind, name);
  SACCADE_CHECK(++nodes_built_ <= kMaxNodes, invalid_model, "the model unfolds into more than {} nodes", kMaxNodes);

  std::vector<Binding> inputs;
  bool poisoned = false;
  for (auto in : proto.inputs) {
    Binding bound;
    if (!in.empty()) {
      const auto found = lookup(scope, in);
      SACCADE_CHECK(found, invalid_model, "input '{}' is produced by nothing", shown(in));
      bound = *found;
    }
    poisoned |= bound.poisoned;
    inputs.push_back(bound);
  }

  std::vector<Binding> results(proto.outputs.size(), Binding{{}, true});
  try {
    const bool refers = std::any_of(proto.attributes.begin(), proto.attributes.end(), [](const auto& a) { return !a.reference.empty(); });
    const NodeProto copy = refers ? resolved(scope, proto) : NodeProto();
    const NodeProto& node = refers ? copy : proto;
    if (const FunctionProto* f = function(node)) return call(scope, node, *f, inputs);
    const Row* r = row(plain_domain(node.domain), node.op_type, version(scope, plain_domain(node.domain)));
    if (poisoned || r == nullptr) {
      scan(scope, node);
    } else {
      std::vector<ValueId> ids;
      for (const auto& b : inputs) ids.push_back(b.value);
      const auto values = mapped(scope, node, *r, std::move(ids));
      for (std::size_t i = 0; i < results.size(); ++i) {
        if (proto.outputs[i].empty()) continue;
        if (i >= values.size() || !values[i].valid()) fail(ErrorCode::unsupported, "output {}", i);
        results[i] = {values[i], false};
      }
    }
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    report(scope, proto, e.message());
  } catch (const Poisoned&) {
  }
  for (std::size_t i = 0; i < results.size(); ++i)
    if (!proto.outputs[i].empty()) bind(scope, proto.outputs[i], results[i]);
}

std::vector<ValueId> ModelBuilder::mapped(Scope& scope, const NodeProto& node, const Row& row, std::vector<ValueId> inputs) {
  NodeContext context(*this, scope, node, std::move(inputs), version(scope, plain_domain(node.domain)));
  std::vector<ValueId> values = row.map(context);
  if (const auto unread = context.unread(); !unread.empty()) fail(ErrorCode::unsupported, "attribute '{}'", fmt::join(unread, "', '"));
  const graph::Graph& graph = *scope.target.graph;
  Edit& edit = scope.target.edit;
  for (std::size_t i = 0; i < values.size() && i < node.outputs.size(); ++i) {
    if (!values[i].valid() || node.outputs[i].empty()) continue;
    if (graph[values[i]].name.empty()) edit.rename(values[i], std::string(node.outputs[i]));
    if (graph.type(values[i]).shape.ranked()) continue;
    // operators whose results cannot be foreseen: what the file says is better than nothing
    const auto stated = scope.declared.find(node.outputs[i]);
    if (stated == scope.declared.end() || !stated->second->has_shape) continue;
    Fact fact = graph.fact(values[i]);
    fact.type.shape = shape_of(*stated->second);
    edit.set_fact(values[i], std::move(fact));
  }
  return values;
}

void ModelBuilder::call(Scope& scope, const NodeProto& node, const FunctionProto& f, const std::vector<Binding>& inputs) {
  Call frame{&f, {}, scope.call};
  int depth = 0;
  for (const Call* c = scope.call; c != nullptr; c = c->outer) {
    SACCADE_CHECK(c->function != &f, invalid_model, "function '{}' calls itself", shown(f.name));
    SACCADE_CHECK(++depth <= kMaxDepth, invalid_model, "functions are nested more than {} deep", kMaxDepth);
  }
  for (const auto& a : f.attribute_defaults) frame.attributes[a.name] = &a;
  for (const auto& a : node.attributes) frame.attributes[a.name] = &a;
  SACCADE_CHECK(inputs.size() <= f.inputs.size() && node.outputs.size() <= f.outputs.size(), invalid_model, "function '{}' has {} inputs and {} outputs", shown(f.name),
                f.inputs.size(), f.outputs.size());
  Scope inner{scope.target};
  inner.call = &frame;
  for (std::size_t i = 0; i < f.inputs.size(); ++i) bind(inner, f.inputs[i], i < inputs.size() ? inputs[i] : Binding{});
  std::vector<std::string_view> needed;
  for (std::size_t i = 0; i < node.outputs.size(); ++i)
    if (!node.outputs[i].empty()) needed.push_back(f.outputs[i]);
  nodes(inner, f.nodes, needed);
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    const auto result = lookup(inner, f.outputs[i]);
    SACCADE_CHECK(result, invalid_model, "output '{}' of function '{}' is produced by nothing", shown(f.outputs[i]), shown(f.name));
    if (!result->poisoned && result->value.valid() && scope.target.graph->producer(result->value)) scope.target.edit.rename(result->value, std::string(node.outputs[i]));
    bind(scope, node.outputs[i], *result);
  }
}

std::vector<ValueId> ModelBuilder::inlined(Scope& scope, const GraphProto& proto, const std::vector<ValueId>& inputs) {
  SACCADE_CHECK(inputs.size() == proto.inputs.size(), invalid_model, "a sub-graph of {} inputs where {} are fed", proto.inputs.size(), inputs.size());
  Scope inner{scope.target, &scope, scope.call};
  declare(inner, proto);
  for (std::size_t i = 0; i < inputs.size(); ++i) bind(inner, proto.inputs[i].name, {inputs[i], false});
  std::vector<std::string_view> needed;
  for (const auto& v : proto.outputs) needed.push_back(v.name);
  nodes(inner, proto.nodes, needed);
  std::vector<ValueId> results;
  for (const auto& v : proto.outputs) {
    const auto bound = lookup(inner, v.name);
    SACCADE_CHECK(bound, invalid_model, "output '{}' is produced by nothing", shown(v.name));
    if (bound->poisoned) throw Poisoned{};
    results.push_back(bound->value);
  }
  return results;
}

Body ModelBuilder::body(Scope& scope, const GraphProto& proto, std::span<const TensorType> inputs) {
  SACCADE_CHECK(depth_ < kMaxDepth, invalid_model, "sub-graphs are nested more than {} deep", kMaxDepth);
  struct Level {
    int& depth;
    explicit Level(int& d) : depth(d) { ++depth; }
    ~Level() { --depth; }
  } level(depth_);
  const std::size_t problems = problems_.size();
  GraphInProgress target;
  target.graph->name = std::string(proto.name);
  Scope inner{target, &scope, scope.call};
  declare(inner, proto);
  for (std::size_t i = 0; i < proto.inputs.size(); ++i) {
    const auto& v = proto.inputs[i];
    const std::string name = shown(v.name);
    ErrorContext frame("sub-graph input", name);
    const bool declared = v.type.kind == TypeProto::Kind::tensor && v.type.element != 0;
    if (!declared && v.type.kind != TypeProto::Kind::tensor && v.type.kind != TypeProto::Kind::none) fail(ErrorCode::unsupported, "sub-graph input '{}' is {}", name, kind_name(v.type.kind));
    SACCADE_CHECK(declared || i < inputs.size(), invalid_model, "the type is not stated");
    TensorType type;
    if (declared) type = {element_type(v.type.element), shape_of(v.type)};
    if (i < inputs.size()) {
      SACCADE_CHECK(!declared || type.element == inputs[i].element, invalid_model, "declared as {} but fed with {}", to_string(type.element), to_string(inputs[i].element));
      type.element = inputs[i].element;
      try {
        type.shape = meet(type.shape, inputs[i].shape);
      } catch (const Error&) {
        type.shape = inputs[i].shape;  // what will be fed counts, exporters state wrong sizes
      }
    }
    bind(inner, v.name, {target.edit.input(std::string(v.name), std::move(type)), false});
  }
  std::vector<std::string_view> needed;
  for (const auto& v : proto.outputs) needed.push_back(v.name);
  nodes(inner, proto.nodes, needed);
  outputs(inner, proto, false);
  if (problems_.size() != problems || target.graph->outputs().size() != proto.outputs.size()) throw Poisoned{};
  target.edit.remove_dead();
  return {target.graph, proto.inputs.size(), std::move(target.captures)};
}

}  // namespace saccade::onnx
