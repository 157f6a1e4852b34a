// SPDX-License-Identifier: Apache-2.0
// Nodes whose outputs are known are replaced by constants.
//   %s = ShapeOf(%x: f32[1,3,8,8])          →  i64[4]{1,3,8,8}
//   %c = Multiply(f32[2]{1,2}, f32{2})      →  f32[2]{2,4}
#include <algorithm>

#include "base/error.h"
#include "ops/control_flow.h"
#include "ops/convolution.h"
#include "ops/fake_quantize.h"
#include "ops/matmul.h"
#include "ops/quantize.h"
#include "passes/all.h"

namespace saccade::passes {
namespace {

constexpr std::size_t kMaxGrowthBytes = 16u << 20;
constexpr double kMaxMacs = 5e8;

bool all_known(const Graph& g, const std::vector<ValueId>& values) {
  return std::all_of(values.begin(), values.end(), [&](ValueId v) { return !v.valid() || g.constant(v).defined(); });
}

std::size_t known_bytes(const Graph& g, const std::vector<ValueId>& values) {
  std::size_t bytes = 0;
  for (ValueId v : values)
    if (v.valid() && g.constant(v).defined()) bytes += g.constant(v).size_bytes();
  return bytes;
}

// The bytes of a node's outputs as inferred, if that is known and not absurd.
std::optional<double> inferred_bytes(const Graph& g, const Node& node) {
  double bytes = 0;
  for (ValueId v : node.outputs) {
    if (!g.type(v).is_static()) return std::nullopt;
    double count = 1;
    for (const auto& d : g.type(v).shape.dimensions()) count *= static_cast<double>(d.size());
    bytes += count * static_cast<double>(size_in_bytes(g.type(v).element));
  }
  return bytes;
}

// Whether the value, moved about, is the weight of an operator that computes on quantised data: these run on integers.
bool is_quantised_weight(const Graph& g, ValueId value, int depth = 0) {
  if (depth > 8) return false;
  for (const auto& use : g[value].uses) {
    const Node& user = g[use.node];
    const bool product = user.op.is<ops::Convolution>() || user.op.is<ops::GroupConvolution>() || user.op.is<ops::ConvolutionBackpropData>() ||
                         user.op.is<ops::GroupConvolutionBackpropData>() || user.op.is<ops::MatMul>();
    if (product && use.input == 1) {
      const Node* data = g.producer(user.inputs[0]);
      if (data && (data->op.is<ops::Dequantize>() || data->op.is<ops::FakeQuantize>())) return true;
    }
    if (user.outputs.size() == 1 && !product && all_known(g, {user.inputs.begin() + 1, user.inputs.end()}) && is_quantised_weight(g, user.outputs[0], depth + 1)) return true;
  }
  return false;
}

std::string reason_not_to(const Graph& g, const Node& node) {
  if (node.op.is<ops::Loop>() || node.op.is<ops::Scan>() || node.op.is<ops::If>()) return "control flow is left to the run";
  if ((node.op.is<ops::Dequantize>() || node.op.is<ops::FakeQuantize>()) && is_quantised_weight(g, node.outputs[0])) return "quantised weights stay quantised";
  const auto bytes = inferred_bytes(g, node);
  if (bytes && *bytes > static_cast<double>(known_bytes(g, node.inputs) + kMaxGrowthBytes)) return fmt::format("it would grow to {:.0f} MB", *bytes / 1e6);
  if (node.op.cost(g.input_facts(node), g.output_facts(node)).macs > kMaxMacs) return "it would take too long";
  return {};
}

void replace_outputs(Graph& graph, const Node& node, std::vector<Tensor> results) {
  Edit edit(graph);
  const std::vector<ValueId> outputs = node.outputs;  // the edits move nodes
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (graph.use_count(outputs[i]) > 0) edit.replace(outputs[i], edit.constant(std::move(results[i]), graph[outputs[i]].name));
}

void fold_constants_of(Graph& graph, PassContext& context) {
  for (NodeId id : graph.order()) {
    const Node& node = graph[id];
    if (std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return graph.use_count(v) == 0; })) continue;
    std::vector<Tensor> results;
    if (all_known(graph, node.outputs)) {
      if (is_quantised_weight(graph, node.outputs[0])) continue;
      for (ValueId v : node.outputs) results.push_back(graph.constant(v));
    } else if (all_known(graph, node.inputs)) {
      if (const std::string reason = reason_not_to(graph, node); !reason.empty()) {
        context.refuse(node, reason);
        continue;
      }
      std::vector<Tensor> arguments;
      for (ValueId v : node.inputs) arguments.push_back(v.valid() ? graph.constant(v) : Tensor());
      try {
        results = node.op.evaluate(arguments);
      } catch (const Error& e) {
        context.refuse(node, std::string("it cannot be computed: ") + e.message());  // and will say so when it is run
        continue;
      }
    } else {
      continue;
    }
    if (!context.rewrite(graph::describe(node) + " → a constant")) return;
    replace_outputs(graph, node, std::move(results));
  }
}

}  // namespace

Pass fold_constants() { return {"fold_constants", {}, fold_constants_of}; }

}  // namespace saccade::passes
