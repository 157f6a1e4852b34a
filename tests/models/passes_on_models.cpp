// SPDX-License-Identifier: Apache-2.0
// The passes on whole models: passes_on_models [--print] [--no-run] MODEL…. Prints how many nodes of each operator there are before
// and after; fails if the optimised graph does not verify, changes when optimised again, or computes something else on random input, in f64.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <map>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/text.h"
#include "graph/verify.h"
#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "passes/passes.h"
#include "sct/pass_case.h"
#include "tensor/numeric.h"

namespace {

using namespace saccade;

std::map<std::string, int> histogram(const graph::Graph& g) {
  std::map<std::string, int> counts;
  for (graph::NodeId id : g.order()) ++counts[std::string(g[id].op.name())];
  return counts;
}

// max |a − b| / max(std, 1e-3 · max |b|)
double distance(const Tensor& a, const Tensor& b) {
  if (a.type() != b.type() || a.shape() != b.shape()) return INFINITY;
  const auto x = to_f64(a), y = to_f64(b);
  double mean = 0, square = 0, top = 0, worst = 0;
  for (double v : y) mean += v / static_cast<double>(y.size());
  for (double v : y) square += (v - mean) * (v - mean) / static_cast<double>(y.size()), top = std::max(top, std::fabs(v));
  for (std::size_t i = 0; i < x.size(); ++i) worst = std::max(worst, x[i] == y[i] || (std::isnan(x[i]) && std::isnan(y[i])) ? 0 : std::fabs(x[i] - y[i]));
  const double scale = std::max(std::sqrt(square), 1e-3 * top);
  return worst == 0 ? 0 : worst / scale;
}

// Reads and writes element types of attributes: f32 becomes f64.
class Widener final : public graph::FieldVisitor {
  void integer(std::string_view, std::int64_t&) override {}
  void real(std::string_view, double&) override {}
  void boolean(std::string_view, bool&) override {}
  void text(std::string_view, std::string&) override {}
  void integers(std::string_view, std::vector<std::int64_t>&) override {}
  void reals(std::string_view, std::vector<double>&) override {}
  void texts(std::string_view, std::vector<std::string>&) override {}
  void tensor(std::string_view, Tensor&) override {}
  void graph(std::string_view, graph::GraphPtr&) override {}
  void enumeration(std::string_view, std::int64_t&, std::span<const std::string_view>) override {}
  void element_type(std::string_view, ElementType& type) override {
    if (type == ElementType::f32) type = ElementType::f64;
  }
};

// The same network in f64, where rounding does not hide whether a pass is exact.
graph::Graph widened(const graph::Graph& from) {
  graph::Graph to;
  graph::Edit edit(to);
  std::vector<graph::ValueId> values(from.value_limit());
  for (graph::ValueId in : from.inputs()) {
    graph::TensorType type = from.type(in);
    if (type.element == ElementType::f32) type.element = ElementType::f64;
    values[static_cast<std::size_t>(in.index)] = edit.input(from[in].name, type);
  }
  const auto value = [&](graph::ValueId v) {
    if (!v.valid()) return v;
    auto& known = values[static_cast<std::size_t>(v.index)];
    const Tensor& t = from.constant(v);
    if (!known.valid()) known = edit.constant(t.type() == ElementType::f32 ? from_f64(ElementType::f64, t.shape(), to_f64(t)) : t);
    return known;
  };
  for (graph::NodeId id : from.order()) {
    const graph::Node& node = from[id];
    std::vector<graph::ValueId> inputs;
    for (graph::ValueId in : node.inputs) inputs.push_back(value(in));
    Widener widener;
    const auto outputs = edit.node(node.op.edited(widener), std::move(inputs), node.name);
    for (std::size_t i = 0; i < outputs.size(); ++i) values[static_cast<std::size_t>(node.outputs[i].index)] = outputs[i];
  }
  for (const auto& out : from.outputs()) edit.output(value(out.value), out.name);
  return to;
}

int check(const std::string& path, bool print, bool run) {
  using Clock = std::chrono::steady_clock;
  const auto before = import::read_model(path);
  graph::Graph after = *before;
  passes::PipelineOptions options;
  passes::PassLog log;
  const auto begin = Clock::now();
  passes::optimise(after, options, &log);
  const double ms = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  graph::verify(after);
  std::cout << fmt::format("{}: {} nodes, {} after {:.1f} ms\n", path, before->node_count(), after.node_count(), ms);
  auto counts = histogram(*before);
  const auto counts_after = histogram(after);
  for (const auto& [name, n] : counts_after) counts[name];
  for (const auto& [name, n] : counts) {
    const auto it = counts_after.find(name);
    std::cout << fmt::format("  {:28} {:5} {:5}\n", name, histogram(*before)[name], it == counts_after.end() ? 0 : it->second);
  }
  if (print) std::cout << to_string(log) << graph::print(after, {.max_constant_elements = 16}) << "\n";
  int failures = 0;
  const std::string text = graph::print(after, {.max_constant_elements = 64, .canonical = true});
  passes::optimise(after, options);
  if (graph::print(after, {.max_constant_elements = 64, .canonical = true}) != text) {
    std::cout << "  FAILED: optimised again, it changes\n";
    ++failures;
  }
  if (!run) return failures;
  std::vector<Tensor> inputs;
  for (graph::ValueId in : before->inputs()) inputs.push_back(sct::random_input(before->type(in), inputs.size() + 1, {{"batch", 1}, {"height", 64}, {"width", 96}}));
  const graph::Graph wide = widened(*before);
  for (Tensor& t : inputs)
    if (t.type() == ElementType::f32) t = from_f64(ElementType::f64, t.shape(), to_f64(t));
  graph::Graph wide_after = wide;
  passes::optimise(wide_after, options);
  const auto expected = ops::evaluate(wide, inputs), got = ops::evaluate(wide_after, inputs);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = distance(got[i], expected[i]);
    std::cout << fmt::format("  output {:24} {} differs by {:.2g}\n", after.outputs()[i].name, saccade::to_string(expected[i].shape()), d);
    if (!(d <= 1e-4)) std::cout << "  FAILED: more than 1e-4\n", ++failures;
  }
  return failures;
}

}  // namespace

int main(int argc, char** argv) {
  bool print = false, run = true;
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--print") {
      print = true;
    } else if (argument == "--no-run") {
      run = false;
    } else {
      try {
        failures += check(argument, print, run);
      } catch (const Error& e) {
        std::cout << argument << ": FAILED: " << e.what() << "\n";
        ++failures;
      }
    }
  }
  return failures ? 1 : 0;
}
