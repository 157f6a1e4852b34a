// SPDX-License-Identifier: Apache-2.0
// saccade info: what a model is, without running it.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "command.h"
#include "graph/graph.h"
#include "model_options.h"
#include "saccade/core.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

using Json = nlohmann::ordered_json;

/// Finds the bodies among an operator's attributes.
class BodyFinder final : public graph::FieldVisitor {
 public:
  std::vector<graph::GraphPtr> bodies;

 private:
  void integer(std::string_view, std::int64_t&) override {}
  void real(std::string_view, double&) override {}
  void boolean(std::string_view, bool&) override {}
  void text(std::string_view, std::string&) override {}
  void integers(std::string_view, std::vector<std::int64_t>&) override {}
  void reals(std::string_view, std::vector<double>&) override {}
  void texts(std::string_view, std::vector<std::string>&) override {}
  void element_type(std::string_view, ElementType&) override {}
  void tensor(std::string_view, Tensor&) override {}
  void graph(std::string_view, graph::GraphPtr& body) override {
    if (body != nullptr) bodies.push_back(body);
  }
  void enumeration(std::string_view, std::int64_t&, std::span<const std::string_view>) override {}
};

struct OperatorTotal {
  std::int64_t count = 0;
  double macs = 0;
};

struct Totals {
  std::map<std::string, OperatorTotal> operators;
  std::int64_t nodes = 0, in_bodies = 0, unsized_nodes = 0;  // unsized: a shape is not known, so the work is not either
  std::int64_t parameters = 0, parameter_bytes = 0;
  double macs = 0;
};

bool all_static(const std::vector<graph::Fact>& facts) {
  return std::all_of(facts.begin(), facts.end(), [](const graph::Fact& fact) { return !fact.present || fact.type.is_static(); });
}

void add(Totals& totals, const graph::Graph& graph, bool body) {
  for (std::size_t v = 0; v < graph.value_limit(); ++v) {
    const graph::Value& value = graph[graph::ValueId{static_cast<std::int32_t>(v)}];
    if (!value.alive || !value.is_constant() || value.uses.empty()) continue;
    totals.parameters += value.fact.constant.size();
    totals.parameter_bytes += static_cast<std::int64_t>(value.fact.constant.size_bytes());
  }
  for (const graph::NodeId id : graph.order()) {
    const graph::Node& node = graph[id];
    OperatorTotal& row = totals.operators[std::string(node.op.name())];
    ++row.count;
    ++(body ? totals.in_bodies : totals.nodes);
    const auto inputs = graph.input_facts(node), outputs = graph.output_facts(node);
    if (all_static(inputs) && all_static(outputs)) {
      const double macs = node.op.cost(inputs, outputs).macs;
      row.macs += macs;
      totals.macs += macs;
    } else {
      ++totals.unsized_nodes;
    }
    BodyFinder finder;
    node.op.visit(finder);
    for (const auto& inner : finder.bodies) add(totals, *inner, true);
  }
}

std::vector<std::pair<std::string, OperatorTotal>> by_count(const Totals& totals) {
  std::vector<std::pair<std::string, OperatorTotal>> rows(totals.operators.begin(), totals.operators.end());
  std::stable_sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.count > b.second.count; });
  return rows;
}

Json to_json(const ModelOptions& options, const Model& model, const Totals& totals) {
  const auto ports = [](const std::vector<Port>& list) {
    Json all = Json::array();
    for (const Port& port : list) {
      Json sizes;
      if (port.ranked) sizes = port.shape;
      all.push_back({{"name", port.name}, {"type", to_string(port.type)}, {"shape", sizes}, {"shape_text", port.shape_text}});
    }
    return all;
  };
  Json operators = Json::object();
  for (const auto& [name, row] : by_count(totals)) operators[name] = {{"count", row.count}, {"macs", row.macs}};
  return {{"model", options.path}, {"name", model.name()}, {"inputs", ports(model.inputs())}, {"outputs", ports(model.outputs())},
          {"nodes", totals.nodes}, {"nodes_in_bodies", totals.in_bodies}, {"nodes_of_unknown_size", totals.unsized_nodes}, {"operators", operators},
          {"parameters", totals.parameters}, {"parameter_bytes", totals.parameter_bytes}, {"macs", totals.macs}, {"unsupported", Json::array()},
          {"metadata", model.metadata()}};
}

std::string in_millions(double number) { return number >= 1e9 ? fmt::format("{:.2f} G", number * 1e-9) : fmt::format("{:.2f} M", number * 1e-6); }

void print(const ModelOptions& options, const Model& model, const Totals& totals) {
  fmt::print("{}{}\n", options.path, model.name().empty() ? "" : fmt::format(" ({})", model.name()));
  const auto ports = [](const char* title, const std::vector<Port>& list) {
    fmt::print("{}\n", title);
    for (const Port& port : list) fmt::print("  {:32} {}{}\n", port.name, to_string(port.type), port.shape_text);
  };
  ports("inputs", model.inputs());
  ports("outputs", model.outputs());
  fmt::print("size\n  {:32} {} ({:.2f} MB)\n", "parameters", with_commas(totals.parameters), static_cast<double>(totals.parameter_bytes) * 1e-6);
  const std::string unknown = totals.unsized_nodes == 0 ? "" : fmt::format(", and {} nodes of unknown size; --shape gives the inputs sizes", totals.unsized_nodes);
  fmt::print("  {:32} {}{}\n", "multiply-accumulates", in_millions(totals.macs), unknown);
  const std::string inner = totals.in_bodies == 0 ? "" : fmt::format(" and {} in the bodies of If, Loop and Scan", totals.in_bodies);
  fmt::print("operators: {} nodes{}, all supported\n", totals.nodes, inner);
  for (const auto& [name, row] : by_count(totals)) fmt::print("  {:32} {:6}{}\n", name, row.count, row.macs > 0 ? fmt::format("   {:>10} MACs", in_millions(row.macs)) : "");
  if (model.metadata().empty()) return;
  fmt::print("metadata\n");
  for (const auto& [key, value] : model.metadata()) fmt::print("  {:32} {}\n", key, value.size() > 200 ? value.substr(0, 200) + "…" : value);
}

}  // namespace

int verb_info(int argc, char** argv) {
  Command command("info", "Say what a model is: inputs, outputs, operators with counts, parameters, multiply-accumulates, metadata, and what is unsupported.",
                  "saccade info yolov8n.onnx --shape 1,3,640,640");
  ModelOptions options;
  options.add_model(command, ModelOptions::Cuts::also_input_and_output);
  options.add_shapes(command);
  command.add_json_option();
  bool plan = false, exact = false;
  command.add("--plan", plan, "Print how the CPU device would run it too: every step with its kernel, the memory plan");
  command.add("--exact", exact, "with --plan: " + std::string(kExactHelp));
  return command.run(argc, argv, [&] {
    try {
      const Model model = options.read();
      Totals totals;
      add(totals, *model.graph(), false);
      if (command.json()) command.write_json(to_json(options, model, totals).dump(2));
      if (!command.json_on_stdout()) print(options, model, totals);
      if (plan && !command.json_on_stdout()) {
        const CompiledModel compiled = Core().compile_model(model, "CPU", {properties::exact(exact)});
        print_warnings("info", compiled.warnings());
        fmt::print("plan\n{}", compiled.describe());
      }
      return kDone;
    } catch (const Error& error) {
      if (error.code() == ErrorCode::unsupported && command.json())
        command.write_json(Json({{"model", options.path}, {"unsupported", Json::array({error.message()})}}).dump(2));
      throw;
    }
  });
}

}  // namespace saccade::cli
