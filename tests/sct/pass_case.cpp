// SPDX-License-Identifier: Apache-2.0
// Reading and running pass cases.
#include "sct/pass_case.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/verify.h"
#include "ops/evaluate_graph.h"
#include "ops/registry.h"
#include "passes/passes.h"
#include "sct/compare.h"
#include "tensor/numeric.h"

namespace saccade::sct {
namespace {

using graph::TextReader;

PassCase read_case(TextReader& r, const std::string& file, const std::vector<std::string>& default_passes) {
  PassCase test;
  test.file = file;
  test.line = r.line();
  test.passes = default_passes;
  r.expect("case");
  r.expect(":");
  test.title = r.rest_of_line();
  if (r.accept("passes")) {
    test.passes.clear();
    if (!r.accept("all")) do
        test.passes.push_back(r.word());
      while (r.accept(","));
  }
  if (r.accept("sizes")) do {
      const std::string symbol = r.word();
      r.expect("=");
      test.sizes[symbol] = static_cast<std::int64_t>(r.number());
    } while (r.accept(","));
  if (r.accept("unchecked")) test.unchecked = r.quoted();
  test.before = r.graph();
  r.expect("=>");
  test.unchanged = r.accept("same");
  if (!test.unchanged) test.after = r.graph();
  if (r.accept("within")) test.tolerance = r.number();
  while (r.accept("no")) {
    const std::string pass = r.word();
    test.refusals.push_back({pass, r.quoted()});
  }
  return test;
}

std::string canonical(const graph::Graph& graph) { return print(graph, {.canonical = true}); }

passes::PipelineOptions options_of(const PassCase& test) {
  passes::PipelineOptions options;
  options.only = test.passes;
  options.verify = true;
  return options;
}

std::string compare_results(const PassCase& test, const graph::Graph& optimised) {
  std::vector<Tensor> inputs;
  for (graph::ValueId in : test.before.inputs()) inputs.push_back(random_input(test.before.type(in), inputs.size() + 1, test.sizes));
  const auto expected = ops::evaluate(test.before, inputs);
  const auto got = ops::evaluate(optimised, inputs);
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (auto d = difference(got[i], expected[i], is_float(expected[i].type()) ? test.tolerance : 0); !d.empty()) return fmt::format("output {} differs: {}", i, d);
  return {};
}

std::string run_unguarded(const PassCase& test) {
  graph::verify(test.before);
  graph::Graph graph = test.before;
  passes::PassLog log;
  passes::optimise(graph, options_of(test), &log);
  const std::string got = canonical(graph), expected = canonical(test.unchanged ? test.before : test.after);
  if (got != expected) return fmt::format("got\n{}\nexpected\n{}\nfrom\n{}\nlog\n{}", got, expected, canonical(test.before), to_string(log));
  for (const auto& refusal : test.refusals) {
    const bool found = std::any_of(log.entries.begin(), log.entries.end(), [&](const auto& e) { return !e.done && e.pass == refusal.pass && e.text.find(refusal.reason) != std::string::npos; });
    if (!found) return fmt::format("{} did not refuse because \"{}\"; log\n{}", refusal.pass, refusal.reason, to_string(log));
  }
  for (std::size_t i = 0; i < graph.outputs().size(); ++i)
    if (graph.outputs()[i].name != test.before.outputs()[i].name) return fmt::format("output {} lost its name", i);
  graph::Graph again = graph;
  passes::optimise(again, options_of(test));
  if (canonical(again) != got) return fmt::format("once more changes it to\n{}", canonical(again));
  return test.unchecked.empty() ? compare_results(test, graph) : std::string();
}

}  // namespace

Tensor random_input(const graph::TensorType& type, std::uint64_t seed, const std::map<std::string, std::int64_t>& sizes) {
  SACCADE_CHECK(type.shape.ranked(), invalid_argument, "an input of unknown rank needs 'unchecked'");
  Shape shape;
  for (const auto& d : type.shape.dimensions()) {
    const auto found = sizes.find(d.symbol);
    shape.push_back(std::clamp<std::int64_t>(found != sizes.end() ? found->second : 5, d.min, d.max));
  }
  std::mt19937_64 random(seed);
  const auto count = static_cast<std::size_t>(element_count(shape));
  if (is_float(type.element)) {
    std::vector<double> values(count);
    std::normal_distribution<double> normal;
    for (auto& v : values) v = normal(random);
    return from_f64(type.element, shape, values);
  }
  std::vector<std::int64_t> values(count);
  for (auto& v : values) v = static_cast<std::int64_t>(random() % (type.element == ElementType::boolean ? 2 : 4));
  return from_i64(type.element, shape, values);
}

std::vector<PassCase> read_pass_cases(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  SACCADE_CHECK(stream.good(), not_found, "cannot read {}", file);
  std::stringstream buffer;
  buffer << stream.rdbuf();
  const std::string text = buffer.str();
  const std::string stem = std::filesystem::path(file).stem().string();
  const auto names = passes::pass_names();
  std::vector<std::string> default_passes;
  if (std::find(names.begin(), names.end(), stem) != names.end()) default_passes = {stem};
  TextReader reader(text, ops::find_op);
  std::vector<PassCase> cases;
  while (!reader.at_end()) cases.push_back(read_case(reader, file, default_passes));
  return cases;
}

std::string run(const PassCase& test) {
  try {
    return run_unguarded(test);
  } catch (const Error& e) {
    return e.what();
  }
}

}  // namespace saccade::sct
