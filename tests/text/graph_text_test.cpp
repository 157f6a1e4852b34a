// SPDX-License-Identifier: Apache-2.0
// The text form of graphs: what is printed parses to what prints the same; bad text gives an error with its place.
#include "graph/text.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/verify.h"
#include "ops/control_flow.h"
#include "ops/elementwise.h"
#include "ops/registry.h"

namespace saccade {
namespace {

using namespace graph;

std::string again(const std::string& text) { return print(parse(text, ops::find_op)); }

TEST(GraphText, RoundTrip) {
  const std::string texts[] = {
      R"(graph "a \"net\"" (%x: f32[n,?,"h / 2",1..8,m(2..),k(1..9)], %"in/put": i64[]) {
  %w = f32[2,2]{1,-0,0.1,nan}
  %y: f32[2,2] = Add(%w, f32{inf}) @"node/1"
  %0: f32[2,2] = Clamp(%y) {min=-1.5 max=6}
  return %0 as "out", %x, %"in/put"
})",
      "graph(%x: f32[...]) {\n  %0: f32[...] = Relu(%x)\n  return %0\n}",
      "graph() {\n  %c = u64[2]{18446744073709551615,0}\n  %d = boolean[1,2]{1,0}\n  %e = f64[1,9]{all 0.1}\n  return %c, %d, %e\n}",
  };
  for (const auto& text : texts) EXPECT_EQ(again(text), text);
}

TEST(GraphText, Bodies) {
  Graph body;
  Edit inner(body);
  const ValueId in = inner.input("b", {ElementType::f32, Shape{2}});
  inner.output(inner(ops::Unary::of(ops::UnaryKind::Relu), {in}), "r");
  const auto shared = std::make_shared<const Graph>(std::move(body));
  const Op op = ops::If{shared, shared};
  // attributes alone, as no value is needed to print and read them
  const std::string text = "If {" + attributes_text(op) + "}";
  TextReader reader(text, ops::find_op);
  const std::string name = reader.word();
  ASSERT_TRUE(ops::find_op(name));
  EXPECT_EQ(attributes_text(reader.op(name)), attributes_text(op));
}

TEST(GraphText, CanonicalIgnoresNamesAndAge) {
  const auto canonical = [](const std::string& text) { return print(parse(text, ops::find_op), {.canonical = true}); };
  EXPECT_EQ(canonical("graph(%x: f32[2]) { %a = Relu(%x) %b = Exp(%x) return Add(%a, %b) as \"o\" }"),
            canonical("graph(%x: f32[2]) { %dead = Tanh(%x) %b = Exp(%x) @n return Add(Relu(%x), %b) }"));
}

TEST(GraphText, StatedTypesRefine) {
  const Graph g = parse("graph(%x: f32[?]) { %y: f32[4] = Relu(%x) return %y }", ops::find_op);
  EXPECT_EQ(to_string(g.type(g.outputs()[0].value)), "f32[4]");
  verify(g);
}

TEST(GraphText, Errors) {
  const struct {
    const char *text, *message;
  } cases[] = {
      {"", "1:1: expected 'graph', at the end"},
      {"graph(", "1:7: expected '%'"},
      {"graph(%x: f32[2]) {\n  return %z }", "2:10: a value that is not defined above"},
      {"graph(%x: f33[2]) { return %x }", "1:11: "},
      {"graph(%x: f32[2], %x: f32[2]) { return %x }", "a name that is taken"},
      {"graph(%x: f32[2]) { return Rilu(%x) }", "1:28: there is no operator 'Rilu'"},
      {"graph(%x: f32[2]) { return Relu(%x) {alpha=1} }", "Relu has no attribute 'alpha'"},
      {"graph(%x: f32[2]) { return Clamp(%x) {min=1 min=2} }", "attribute 'min' twice"},
      {"graph(%x: f32[2]) { return Clamp(%x) {min=[} }", "1:43: expected a number"},
      {"graph(%x: f32[2]) { return Clamp(%x) {min=\"", "without its end"},
      {"graph(%x: f32[2]) { %y: f32[3] = Relu(%x) return %y }", "contradict"},
      {"graph(%x: f32[2]) { %y: i32[2] = Relu(%x) return %y }", "is stated"},
      {"graph() { return f32[2]{1} }", "1 elements for [2]"},
      {"graph() { return f32[2]{1,2,3} }", "more than 2 elements"},
      {"graph() { return f32[4611686018427387904,4]{1} }", "1:"},
      {"graph() { return f32[1000000,1000000]{all 0} }", "too large"},
      {"graph() { return f32[?]{1} }", "without unknowns"},
      {"graph(%x: f32[3..2]) { return %x }", "empty interval"},
      {"graph(%x: f32[-1]) { return %x }", "negative dimension"},
      {"graph(%x: f32[2]) { return none }", "absent"},
      {"graph(%x: f32[2]) { return %x } trailing", "expected the end"},
  };
  for (const auto& c : cases) {
    try {
      parse(c.text, ops::find_op);
      ADD_FAILURE() << "no error for " << c.text;
    } catch (const Error& e) {
      EXPECT_NE(e.message().find(c.message), std::string::npos) << c.text << "\n" << e.what();
    }
  }
}

TEST(GraphText, DeepNestingIsAnError) {
  std::string text = "graph(%x: f32[2]) { return ";
  for (int i = 0; i < 100000; ++i) text += "Relu(";
  EXPECT_THROW(parse(text, ops::find_op), Error);
}

TEST(GraphText, EveryTruncationIsAnError) {
  const std::string text = "graph(%x: f32[n,2(1..4)]) { %y: f32[n,?] = Clamp(%x) {min=-1 max=2} @a return Add(%y, f32[1]{1}) as \"o\" }";
  for (std::size_t n = 0; n < text.size(); ++n) EXPECT_THROW(parse(text.substr(0, n), ops::find_op), Error) << n;
}

TEST(Verify, AcceptsWhatEditMakes) {
  Graph g;
  Edit edit(g);
  const ValueId x = edit.input("x", {ElementType::f32, Shape{2}});
  const ValueId y = edit(ops::Unary::of(ops::UnaryKind::Relu), {x});
  edit.output(y, "y");
  edit.output(y, "z");
  verify(g);
}

TEST(Verify, NamesEqualOutputs) {
  Graph g;
  Edit edit(g);
  const ValueId x = edit.input("x", {ElementType::f32, Shape{2}});
  edit.output(x, "y");
  edit.output(x, "y");
  EXPECT_THROW(verify(g), Error);
}

TEST(Verify, FindsTypesThatInferDoesNotAllow) {
  Graph g;
  Edit edit(g);
  const ValueId x = edit.input("x", {ElementType::f32, Shape{2}});
  const ValueId y = edit(ops::Unary::of(ops::UnaryKind::Relu), {x});
  edit.output(y, "y");
  edit.set_fact(y, Fact(ElementType::f32, Shape{3}));
  EXPECT_THROW(verify(g), Error);
  verify(g, VerifyTypes::no);
}

}  // namespace
}  // namespace saccade
