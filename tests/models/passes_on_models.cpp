// SPDX-License-Identifier: Apache-2.0
// The passes on whole models: passes_on_models [--print] [--no-run] [--pixels] MODEL…. Prints how many nodes of each operator there are before
// and after; fails if the optimised graph does not verify, changes when optimised again, or computes something else on random input.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <map>

#include "base/error.h"
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

// Numbers as in photos, for networks that take 0 to 255: on others' scale their activations are mostly rounding.
Tensor as_pixels(const Tensor& t) {
  if (!is_float(t.type())) return t;
  auto values = to_f64(t);
  for (double& v : values) v = std::clamp(std::round(128 + 60 * v), 0.0, 255.0);
  return from_f64(t.type(), t.shape(), values);
}

int check(const std::string& path, bool print, bool run, bool pixels) {
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
  if (pixels) std::transform(inputs.begin(), inputs.end(), inputs.begin(), as_pixels);
  const auto expected = ops::evaluate(*before, inputs), got = ops::evaluate(after, inputs);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = distance(got[i], expected[i]);
    std::cout << fmt::format("  output {:24} {} differs by {:.2g}\n", after.outputs()[i].name, saccade::to_string(expected[i].shape()), d);
    if (!(d <= 1e-4)) std::cout << "  FAILED: more than 1e-4\n", ++failures;
  }
  return failures;
}

}  // namespace

int main(int argc, char** argv) {
  bool print = false, run = true, pixels = false;
  int failures = 0;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--print") {
      print = true;
    } else if (argument == "--no-run") {
      run = false;
    } else if (argument == "--pixels") {
      pixels = true;
    } else {
      try {
        failures += check(argument, print, run, pixels);
      } catch (const Error& e) {
        std::cout << argument << ": FAILED: " << e.what() << "\n";
        ++failures;
      }
    }
  }
  return failures ? 1 : 0;
}
