// SPDX-License-Identifier: Apache-2.0
// From GraphDef and FunctionDef to networks: names become edges, calls are inlined.
#include <algorithm>
#include <charconv>

#include "base/error.h"
#include "import/tensorflow/network.h"
#include "import/tensorflow/structure.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {
namespace {

// Functions that call each other twice at every level grow without bound from a small file.
constexpr std::size_t kMaxInlinedNodes = 300'000;
constexpr std::size_t kMaxCallDepth = 64;

// In a function an output is written "node:argument:index". Only operators with several output arguments are listed; of all
// others the index alone counts, as their only argument is one tensor or a list.
struct Arguments {
  std::string_view op;
  std::vector<std::string_view> outputs;
};

const std::vector<Arguments>& several_outputs() {
  static const std::vector<Arguments> table{
      {"FusedBatchNorm", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
      {"FusedBatchNormV2", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2"}},
      {"FusedBatchNormV3", {"y", "batch_mean", "batch_variance", "reserve_space_1", "reserve_space_2", "reserve_space_3"}},
      {"TopK", {"values", "indices"}},
      {"TopKV2", {"values", "indices"}},
      {"NonMaxSuppressionV4", {"selected_indices", "valid_outputs"}},
      {"NonMaxSuppressionV5", {"selected_indices", "selected_scores", "valid_outputs"}},
      {"CombinedNonMaxSuppression", {"nmsed_boxes", "nmsed_scores", "nmsed_classes", "valid_detections"}},
      {"Unique", {"y", "idx"}},
      {"UniqueV2", {"y", "idx"}},
      {"UniqueWithCounts", {"y", "idx", "count"}},
      {"UniqueWithCountsV2", {"y", "idx", "count"}},
      {"ListDiff", {"out", "idx"}},
      {"Switch", {"output_false", "output_true"}},
      {"Merge", {"output", "value_index"}},
      {"TensorArrayV3", {"handle", "flow"}},
      {"TensorArrayConcatV3", {"value", "lengths"}},
      {"TensorListPopBack", {"output_handle", "tensor"}},
      {"TensorListConcat", {"tensor", "lengths"}},
      {"TensorListConcatV2", {"tensor", "lengths"}},
      {"MaxPoolWithArgmax", {"output", "argmax"}},
      {"Moments", {"mean", "variance"}},
      {"SparseSoftmaxCrossEntropyWithLogits", {"loss", "backprop"}},
      {"SoftmaxCrossEntropyWithLogits", {"loss", "backprop"}},
      {"SampleDistortedBoundingBox", {"begin", "size", "bboxes"}},
      {"SampleDistortedBoundingBoxV2", {"begin", "size", "bboxes"}},
      {"Qr", {"q", "r"}},
      {"Svd", {"s", "u", "v"}},
      {"QuantizeV2", {"output", "output_min", "output_max"}},
      {"Requantize", {"output", "output_min", "output_max"}},
      {"BroadcastGradientArgs", {"r0", "r1"}},
      {"LSTMBlockCell", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"BlockLSTM", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"BlockLSTMV2", {"i", "cs", "f", "o", "ci", "co", "h"}},
      {"GRUBlockCell", {"r", "u", "c", "h"}},
      {"IteratorGetNextAsOptional", {"optional"}},
  };
  return table;
}

std::optional<int> slot_number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 && value <= 0xffff ? std::optional(value) : std::nullopt;
}

// "node:argument:index", "node:index" (as in the main graph) or "argument".
Port function_port(const Network& network, const std::unordered_map<std::string_view, int>& by_name, std::string_view text) {
  if (const auto it = by_name.find(text); it != by_name.end()) return {it->second, 0};
  const auto last = text.rfind(':');
  if (last == std::string_view::npos) return {};
  const auto index = slot_number(text.substr(last + 1));
  std::string_view rest = text.substr(0, last), argument;
  if (!index) {  // "node:argument"
    const auto it = by_name.find(rest);
    if (it == by_name.end()) return {};
    argument = text.substr(last + 1);
  } else if (!by_name.contains(rest)) {
    const auto colon = rest.rfind(':');
    if (colon == std::string_view::npos) return {};
    argument = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
  }
  const auto it = by_name.find(rest);
  if (it == by_name.end()) return {};
  const std::string_view op = network[it->second].op;
  int base = 0;
  if (!argument.empty())
    for (const auto& several : several_outputs()) {
      if (several.op != op) continue;
      const auto found = std::find(several.outputs.begin(), several.outputs.end(), argument);
      if (found != several.outputs.end()) base = static_cast<int>(found - several.outputs.begin());
    }
  return {it->second, base + index.value_or(0)};
}

template <class Resolve>
void connect(Network& network, const std::unordered_map<std::string_view, int>& by_name, int first, std::span<const NodeDef> defs, Resolve&& resolve) {
  for (std::size_t i = 0; i < defs.size(); ++i) {
    Node& node = network[first + static_cast<int>(i)];
    for (const std::string_view in : defs[i].inputs) {
      if (in.starts_with('^')) {
        if (const auto it = by_name.find(in.substr(1)); it != by_name.end()) node.controls.push_back(it->second);
        continue;
      }
      const Port p = resolve(in);
      SACCADE_CHECK(p.valid(), invalid_model, "input '{}' of {} '{}' is produced by nothing", shown(in), shown(node.op), shown(node.name));
      node.inputs.push_back(p);
    }
  }
}

}  // namespace

Library::Library(const GraphDef& graph, std::shared_ptr<void> owner) : graph_(graph), owner_(std::move(owner)), made_(std::make_shared<std::deque<NodeDef>>()) {
  for (const auto& f : graph.functions) functions_.emplace(f.name, &f);
}

const FunctionDef* Library::find(std::string_view name) const {
  const auto it = functions_.find(name);
  return it == functions_.end() ? nullptr : it->second;
}

const FunctionDef& Library::get(std::string_view name) const {
  const FunctionDef* f = find(name);
  SACCADE_CHECK(f != nullptr, invalid_model, "the file holds no function '{}'", shown(name));
  return *f;
}

NetworkPtr Library::network(std::string_view function) { return instance(get(function), nullptr); }

bool Library::uses(std::string_view function, std::string_view op) const {
  const FunctionDef* f = find(function);
  return f != nullptr && std::any_of(f->nodes.begin(), f->nodes.end(), [&](const NodeDef& n) { return n.op == op; });
}

NetworkPtr Library::main() {
  auto network = std::make_shared<Network>();
  network->owner = owner_;
  std::unordered_map<std::string_view, int> by_name;
  for (const auto& def : graph_.nodes) {
    const int i = network->add({.name = std::string(def.name), .op = def.op, .def = &def});
    SACCADE_CHECK(by_name.emplace(def.name, i).second, invalid_model, "two nodes are called '{}'", shown(def.name));
  }
  nodes_ += network->nodes.size();
  connect(*network, by_name, 0, graph_.nodes, [&](std::string_view in) { return port_of(by_name, in); });
  return network;
}

// A node of a function may say "as the attribute x of the call" where it has an attribute.
const NodeDef* Library::resolved(const NodeDef& node, const AttrList* attributes) {
  const bool refers = std::any_of(node.attributes.begin(), node.attributes.end(), [](const Attr& a) { return a.value.kind == AttrValue::Kind::placeholder; });
  if (!refers) return &node;
  NodeDef copy = node;
  std::erase_if(copy.attributes, [&](Attr& a) {
    if (a.value.kind != AttrValue::Kind::placeholder) return false;
    if (attributes != nullptr)
      for (const Attr& given : attributes->attributes)
        if (given.name == a.value.s) {
          a.value = given.value;
          return false;
        }
    return true;
  });
  made_->push_back(std::move(copy));
  return &made_->back();
}

NetworkPtr Library::instance(const FunctionDef& f, const AttrList* attributes) {
  auto network = std::make_shared<Network>();
  network->owner = owner_;
  nodes_ += f.nodes.size() + f.inputs.size();
  SACCADE_CHECK(nodes_ <= kMaxInlinedNodes, invalid_model, "the functions unfold into more than {} nodes", kMaxInlinedNodes);
  std::unordered_map<std::string_view, int> by_name;
  for (const auto& argument : f.inputs) {
    SACCADE_CHECK(argument.number_attr.empty() && argument.type_list_attr.empty(), unsupported, "function '{}' takes a list of arguments", shown(f.name));
    const int i = network->add({.name = std::string(argument.name), .op = "_Arg"});
    network->parameters.push_back(i);
    SACCADE_CHECK(by_name.emplace(argument.name, i).second, invalid_model, "function '{}' has two arguments called '{}'", shown(f.name), shown(argument.name));
  }
  const int first = static_cast<int>(network->nodes.size());
  for (const auto& def : f.nodes) {
    const int i = network->add({.name = std::string(def.name), .op = def.op, .def = resolved(def, attributes)});
    SACCADE_CHECK(by_name.emplace(def.name, i).second, invalid_model, "function '{}' has two nodes called '{}'", shown(f.name), shown(def.name));
  }
  const auto resolve = [&](std::string_view in) { return function_port(*network, by_name, in); };
  connect(*network, by_name, first, f.nodes, resolve);
  for (const auto& argument : f.outputs) {
    const auto it = std::find_if(f.returns.begin(), f.returns.end(), [&](const auto& r) { return r.first == argument.name; });
    SACCADE_CHECK(it != f.returns.end(), invalid_model, "function '{}' does not return '{}'", shown(f.name), shown(argument.name));
    const Port p = resolve(it->second);
    SACCADE_CHECK(p.valid(), invalid_model, "'{}', which function '{}' returns, is produced by nothing", shown(it->second), shown(f.name));
    network->outputs.push_back({p, std::string(argument.name)});
  }
  structure_control_flow(*network);
  return network;
}

void Library::expand(Network& network) {
  std::vector<const FunctionDef*> stack;
  expand(network, stack);
}

void Library::expand(Network& network, std::vector<const FunctionDef*>& stack) {
  // what a call brings in has been expanded, so one pass is enough
  for (const int i : network.order()) {
    const Node& node = network[i];
    if (!node.bodies.empty() || node.def == nullptr) continue;
    const std::string op(node.op), name = shown(node.name);
    ErrorContext frame(op, name);
    const auto function = [&](std::string_view attribute) -> std::pair<const FunctionDef*, const AttrList*> {
      const AttrValue* a = node.def->find(attribute);
      SACCADE_CHECK(a != nullptr && a->kind == AttrValue::Kind::function, invalid_model, "attribute '{}' names no function", attribute);
      return {&get(a->s), a->list.get()};
    };
    const auto enter = [&](const FunctionDef& f) {
      SACCADE_CHECK(std::find(stack.begin(), stack.end(), &f) == stack.end(), invalid_model, "function '{}' calls itself", shown(f.name));
      SACCADE_CHECK(stack.size() < kMaxCallDepth, invalid_model, "functions are nested more than {} deep", kMaxCallDepth);
      stack.push_back(&f);
    };
    const auto body = [&](const FunctionDef* f, const AttrList* attributes) {
      enter(*f);
      NetworkPtr made = instance(*f, attributes);
      expand(*made, stack);
      stack.pop_back();
      network[i].bodies.push_back(std::move(made));
    };
    if (op == "PartitionedCall" || op == "StatefulPartitionedCall") {
      const auto [f, attributes] = function("f");
      enter(*f);
      inline_call(network, i, *f, stack);
      stack.pop_back();
    } else if (op == "While" || op == "StatelessWhile") {
      for (const std::string_view attribute : {"cond", "body"}) {
        const auto [f, attributes] = function(attribute);
        body(f, attributes);
      }
    } else if (op == "If" || op == "StatelessIf") {
      for (const std::string_view attribute : {"then_branch", "else_branch"}) {
        const auto [f, attributes] = function(attribute);
        body(f, attributes);
      }
    } else if (op == "Case" || op == "StatelessCase") {
      const AttrValue* a = node.def->find("branches");
      SACCADE_CHECK(a != nullptr && a->list && !a->list->functions.empty(), invalid_model, "attribute 'branches' names no functions");
      for (const std::string_view f : a->list->functions) body(&get(f), nullptr);
    } else if (const FunctionDef* f = find(op)) {
      enter(*f);
      inline_call(network, i, *f, stack);
      stack.pop_back();
    }
  }
}

void Library::inline_call(Network& network, int call, const FunctionDef& f, std::vector<const FunctionDef*>& stack) {
  const AttrList* attributes = nullptr;
  if (const AttrValue* a = network[call].def->find("f"); a != nullptr && a->list) attributes = a->list.get();
  AttrList own;
  if (attributes == nullptr) {
    own.attributes = network[call].def->attributes;
    attributes = &own;
  }
  const NetworkPtr inner = instance(f, attributes);
  expand(*inner, stack);
  const std::vector<Port> inputs = network[call].inputs;
  SACCADE_CHECK(inputs.size() == inner->parameters.size(), invalid_model, "{} arguments for function '{}', which takes {}", inputs.size(), shown(f.name), inner->parameters.size());
  const int base = static_cast<int>(network.nodes.size());
  const std::string prefix = network[call].name + "/";
  for (Node& node : inner->nodes) {
    node.name = prefix + node.name;
    for (Port& p : node.inputs) p.node += base;
    for (int& c : node.controls) c += base;
    network.add(std::move(node));
  }
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    Node& argument = network[base + inner->parameters[k]];
    argument.op = "Identity";
    argument.inputs = {inputs[k]};
  }
  // the call stays as a tuple of what it returns, so that its readers need not be looked for
  Node& node = network[call];
  node.op = "IdentityN";
  node.inputs.clear();
  for (const auto& out : inner->outputs) node.inputs.push_back({out.port.node + base, out.port.slot});
}

}  // namespace saccade::tensorflow
