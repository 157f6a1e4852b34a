// SPDX-License-Identifier: Apache-2.0
// Reading and running operator cases.
#include "sct/op_case.h"

#include <fstream>
#include <sstream>

#include "base/error.h"
#include "devices/registry.h"
#include "graph/edit.h"
#include "graph/verify.h"
#include "ops/registry.h"
#include "sct/compare.h"
#include "tensor/numeric.h"

namespace saccade::sct {
namespace {

using graph::TextReader;

Argument read_argument(TextReader& r, bool first) {
  Argument a;
  if (r.accept("none")) {
    a.present = false;
    return a;
  }
  const bool forced_constant = r.accept("const"), forced_input = !forced_constant && r.accept("input");
  auto literal = r.literal();
  a.type = literal.type;
  a.tensor = literal.tensor;
  a.parameter = forced_constant || (!forced_input && !first && !is_float(a.type.element));
  return a;
}

OpCase read_case(TextReader& r, const std::string& file) {
  OpCase test;
  test.file = file;
  test.line = r.line();
  r.expect("case");
  r.expect(":");
  test.title = r.rest_of_line();
  while (r.accept("skip")) {
    const std::string what = r.word();
    test.skips[what] = r.quoted();
  }
  if (r.at("graph")) {
    test.graph = r.graph();
    if (r.accept("with")) do
        test.inputs.push_back(r.tensor());
      while (r.accept(","));
  } else {
    const std::string name = r.word();
    r.expect("(");
    while (!r.accept(")")) {
      if (!test.arguments.empty()) r.expect(",");
      test.arguments.push_back(read_argument(r, test.arguments.empty()));
    }
    test.op = r.op(name);
  }
  r.expect("->");
  if (r.accept("error")) {
    test.error_code = r.word();
    if (r.at("\"")) test.error_text = r.quoted();
    return test;
  }
  do {
    if (r.accept("_")) {
      test.outputs.emplace_back();
    } else {
      auto literal = r.literal();
      test.outputs.push_back({literal.type, literal.tensor});
    }
  } while (r.accept(","));
  if (r.accept("within")) test.tolerance = r.number();
  return test;
}

graph::PartialShape unknown_dimensions(const Tensor& t) { return graph::PartialShape::of_rank(static_cast<std::size_t>(t.rank())); }

bool fits(const Shape& shape, const graph::PartialShape& partial) {
  if (!partial.ranked()) return true;
  if (partial.rank() != shape.size()) return false;
  for (std::size_t d = 0; d < shape.size(); ++d)
    if (shape[d] < partial[d].min || shape[d] > partial[d].max) return false;
  return true;
}

// What infer says must hold for what came out.
std::string contradiction(const graph::Fact& fact, const Tensor& got) {
  if (fact.type.element != got.type() || !fits(got.shape(), fact.type.shape))
    return fmt::format("infer says {}, evaluate gave {}", to_string(fact.type), graph::tensor_text(got, 32));
  if (fact.constant.defined())
    if (auto d = difference(got, fact.constant, 1e-6); !d.empty()) return "infer's constant: " + d;
  for (std::size_t i = 0; i < fact.contents.size(); ++i) {
    if (static_cast<std::int64_t>(fact.contents.size()) != got.size()) return "infer states as many contents as there are not";
    const std::int64_t v = element_as_i64(got, static_cast<std::int64_t>(i));
    if (v < fact.contents[i].min || v > fact.contents[i].max) return fmt::format("infer says that entry {} is {}, it is {}", i, to_string(fact.contents[i]), v);
  }
  return {};
}

}  // namespace

std::string check_outputs(const OpCase& test, const std::vector<Tensor>& got) {
  if (got.size() != test.outputs.size()) return fmt::format("{} outputs, expected {}", got.size(), test.outputs.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    const Tensor& expected = test.outputs[i].tensor;
    if (!test.outputs[i].type || !expected.defined()) continue;
    const double tolerance = test.tolerance.value_or(default_tolerance(expected.type()));
    if (auto d = difference(got[i], expected, tolerance); !d.empty()) return fmt::format("output {}: {}", i, d);
  }
  return {};
}

namespace {

std::string check_types(const OpCase& test) {
  std::vector<graph::Fact> facts;
  for (const auto& a : test.arguments) {
    graph::Fact fact = a.present ? graph::Fact(a.type) : graph::Fact::absent();
    fact.constant = a.tensor;
    facts.push_back(std::move(fact));
  }
  const auto out = test.op->infer(facts);
  if (out.size() != test.outputs.size()) return fmt::format("{} outputs, expected {}", out.size(), test.outputs.size());
  for (std::size_t i = 0; i < out.size(); ++i)
    if (test.outputs[i].type && !(out[i].type == *test.outputs[i].type))
      return fmt::format("output {} is inferred as {}, expected {}", i, to_string(out[i].type), to_string(*test.outputs[i].type));
  return {};
}

// With every argument a known constant, infer may state contents: they must be right.
std::string check_known(const OpCase& test, const std::vector<Tensor>& got) {
  std::vector<graph::Fact> facts;
  for (const auto& a : test.arguments) {
    graph::Fact fact = a.present ? graph::Fact(a.type) : graph::Fact::absent();
    fact.constant = a.tensor;
    facts.push_back(std::move(fact));
  }
  const auto out = test.op->infer(facts);
  for (std::size_t i = 0; i < out.size() && i < got.size(); ++i)
    if (auto c = contradiction(out[i], got[i]); !c.empty()) return fmt::format("output {} with all inputs known: {}", i, c);
  return {};
}

std::string execute(const OpCase& test, graph::Graph graph, const std::vector<Tensor>& inputs, const std::string& device) {
  graph::verify(graph);
  auto shared = std::make_shared<const graph::Graph>(std::move(graph));
  const auto compiled = devices::make_device(device)->compile(shared, {});
  std::vector<Tensor> outputs;
  compiled->request()->run(inputs, outputs);
  if (auto d = check_outputs(test, outputs); !d.empty()) return d;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (auto c = contradiction(shared->fact(shared->outputs()[i].value), outputs[i]); !c.empty()) return fmt::format("output {}: {}", i, c);
  return test.op ? check_known(test, outputs) : std::string();
}

}  // namespace

graph::Graph graph_of(const OpCase& test, Variant variant, std::vector<Tensor>& inputs) {
  if (test.graph) {
    inputs = test.inputs;
    return *test.graph;
  }
  graph::Graph graph;
  graph::Edit edit(graph);
  std::vector<graph::ValueId> values;
  for (const auto& a : test.arguments) {
    if (!a.present) {
      values.emplace_back();
    } else if (!a.tensor.defined()) {
      values.push_back(edit.input(fmt::format("in{}", values.size()), a.type));
    } else if (a.parameter && variant != Variant::runtime) {
      values.push_back(edit.constant(a.tensor));
    } else {
      const auto shape = variant == Variant::dynamic ? unknown_dimensions(a.tensor) : a.type.shape;
      values.push_back(edit.input(fmt::format("in{}", values.size()), {a.type.element, shape}));
      inputs.push_back(a.tensor);
    }
  }
  for (graph::ValueId out : edit.node(*test.op, values)) edit.output(out, fmt::format("out{}", graph.outputs().size()));
  return graph;
}

namespace {

std::string run_unguarded(const OpCase& test, Variant variant, const std::string& device) {
  if (test.graph) return execute(test, *test.graph, test.inputs, device);
  if (test.infers_only() && test.error_code.empty()) return check_types(test);
  std::vector<Tensor> inputs;
  graph::Graph graph = graph_of(test, variant, inputs);
  if (test.infers_only()) return {};
  return execute(test, std::move(graph), inputs, device);
}

}  // namespace

std::string_view to_string(Variant variant) {
  switch (variant) {
    case Variant::fixed: return "fixed";
    case Variant::dynamic: return "dynamic";
    case Variant::runtime: return "runtime";
  }
  return "?";
}

bool OpCase::infers_only() const {
  for (const auto& a : arguments)
    if (a.present && !a.tensor.defined()) return true;
  return false;
}

std::vector<OpCase> read_op_cases(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  SACCADE_CHECK(stream.good(), not_found, "cannot read {}", file);
  std::stringstream buffer;
  buffer << stream.rdbuf();
  const std::string text = buffer.str();
  TextReader reader(text, ops::find_op);
  std::vector<OpCase> cases;
  while (!reader.at_end()) cases.push_back(read_case(reader, file));
  return cases;
}

std::string run(const OpCase& test, Variant variant, const std::string& device) {
  std::string problem;
  try {
    problem = run_unguarded(test, variant, device);
  } catch (const Error& e) {
    if (test.error_code.empty()) return e.what();
    if (to_string(e.code()) != test.error_code || e.message().find(test.error_text) == std::string::npos)
      return fmt::format("expected error {} \"{}\", got {}", test.error_code, test.error_text, e.what());
    return {};
  }
  if (!test.error_code.empty()) return fmt::format("expected error {} \"{}\", but there was none", test.error_code, test.error_text);
  return problem;
}

}  // namespace saccade::sct
