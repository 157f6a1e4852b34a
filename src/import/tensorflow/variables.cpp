// SPDX-License-Identifier: Apache-2.0
// Finding variables in a checkpoint.
//
// TensorFlow 1: RestoreV2(prefix, names, slices):k → Assign(VariableV2) or AssignVariableOp(VarHandleOp), in the main graph.
// TensorFlow 2: the same in a function that the main graph calls with the handles as arguments; the names are paths of objects.
#include "import/tensorflow/variables.h"

#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "base/error.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {
namespace {

constexpr std::string_view kObjectGraph = "_CHECKPOINTABLE_OBJECT_GRAPH";

bool is_call(std::string_view op) { return op == "StatefulPartitionedCall" || op == "PartitionedCall"; }

const std::vector<std::string_view>* strings(const Network& network, Port p) {
  p = network.origin(p);
  if (!p.valid() || network.at(p).op != "Const" || network.at(p).def == nullptr) return nullptr;
  const AttrValue* value = network.at(p).def->find("value");
  return value != nullptr && value->tensor ? &value->tensor->strings : nullptr;
}

}  // namespace

CheckpointVariables::CheckpointVariables(Checkpoint& checkpoint, const Network& main, Library& library) : checkpoint_(checkpoint) {
  learn(main, {});
  for (const Node& node : main.nodes) {
    if (!is_call(node.op) || node.def == nullptr) continue;
    const AttrValue* f = node.def->find("f");
    if (f == nullptr || f->kind != AttrValue::Kind::function || !library.uses(f->s, "RestoreV2")) continue;
    const NetworkPtr body = library.network(f->s);
    std::map<int, std::string> of_parameter;
    for (std::size_t k = 0; k < node.inputs.size() && k < body->parameters.size(); ++k) {
      const Node& from = main.at(main.origin(node.inputs[k]));
      if (from.op == "VarHandleOp") of_parameter.emplace(body->parameters[k], from.name);
    }
    learn(*body, of_parameter);
  }
}

void CheckpointVariables::learn(const Network& network, const std::map<int, std::string>& of_parameter) {
  for (const Node& node : network.nodes) {
    if ((node.op != "Assign" && node.op != "AssignVariableOp") || node.inputs.size() < 2) continue;
    const Port from = network.origin(node.inputs[1]), to = network.origin(node.inputs[0]);
    const Node& restore = network.at(from);
    if (restore.op != "RestoreV2" || restore.inputs.size() < 2) continue;
    const auto* names = strings(network, restore.inputs[1]);
    if (names == nullptr || static_cast<std::size_t>(from.slot) >= names->size()) continue;
    const auto parameter = of_parameter.find(to.node);
    if (parameter != of_parameter.end())
      key_of_node_.emplace(parameter->second, (*names)[static_cast<std::size_t>(from.slot)]);
    else
      key_of_node_.emplace(network.at(to).name, (*names)[static_cast<std::size_t>(from.slot)]);
  }
}

// TrackableObjectGraph: nodes = 1 { attributes = 2 { full_name = 2, checkpoint_key = 3 } }
void CheckpointVariables::learn_names() {
  knows_names_ = true;
  if (!checkpoint_.has(kObjectGraph)) return;
  const auto texts = checkpoint_.read_strings(kObjectGraph);
  if (texts.empty()) return;
  const auto bytes = [](std::uint32_t tag) { return protozero::tag_and_type(tag, protozero::pbf_wire_type::length_delimited); };
  try {
    protozero::pbf_reader graph(texts[0].data(), texts[0].size());
    while (graph.next()) {
      if (graph.tag_and_type() != bytes(1)) {
        graph.skip();
        continue;
      }
      auto object = graph.get_message();
      while (object.next()) {
        if (object.tag_and_type() != bytes(2)) {
          object.skip();
          continue;
        }
        std::string name, key;
        auto attribute = object.get_message();
        while (attribute.next()) {
          if (attribute.tag_and_type() == bytes(2))
            name = attribute.get_string();
          else if (attribute.tag_and_type() == bytes(3))
            key = attribute.get_string();
          else
            attribute.skip();
        }
        if (!name.empty() && !key.empty()) key_of_name_.emplace(std::move(name), std::move(key));
      }
    }
  } catch (const protozero::exception& e) {
    fail(ErrorCode::invalid_model, "the object graph in the checkpoint is damaged ({})", e.what());
  }
}

Tensor CheckpointVariables::read(const Resource& variable) {
  if (const auto it = read_.find(variable.name); it != read_.end()) return it->second;
  std::string key;
  if (const auto it = key_of_node_.find(variable.name); it != key_of_node_.end() && checkpoint_.has(it->second)) {
    key = it->second;
  } else {
    for (const std::string& name : {variable.shared_name, variable.name, variable.shared_name + "/.ATTRIBUTES/VARIABLE_VALUE"})
      if (key.empty() && !name.empty() && checkpoint_.has(name)) key = name;
    if (key.empty()) {
      if (!knows_names_) learn_names();
      if (const auto known = key_of_name_.find(variable.shared_name); known != key_of_name_.end() && checkpoint_.has(known->second)) key = known->second;
    }
  }
  SACCADE_CHECK(!key.empty(), invalid_model, "the checkpoint '{}' holds no variable '{}': it belongs to another model", checkpoint_.prefix(),
                shown(variable.shared_name.empty() ? variable.name : variable.shared_name));
  return read_.emplace(variable.name, checkpoint_.read(key)).first->second;
}

}  // namespace saccade::tensorflow
