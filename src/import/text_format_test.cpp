// SPDX-License-Identifier: Apache-2.0
// Protobuf's text format: what is read, what is refused and with which line.
#include "import/text_format.h"

#include <gtest/gtest.h>

#include <cmath>

#include "saccade/error.h"

namespace saccade::import {
namespace {

TEST(TextFormat, ReadsFieldsInOrder) {
  const std::string text = "# a net\nname: 'net' # named\nlayer { name: \"a\" dim: 1 dim: 2 on: true mode: MAX }\nlayer: <name: 'b'; scale: -1.5e-3,>\n";
  const TextDocument document = parse_text_format(text);
  EXPECT_EQ(document.root.text("name"), "net");
  const auto layers = document.root.all("layer");
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_EQ(layers[0]->line, 3);
  EXPECT_EQ(layers[0]->message.integers("dim"), (std::vector<std::int64_t>{1, 2}));
  EXPECT_TRUE(layers[0]->message.boolean("on"));
  EXPECT_EQ(layers[0]->message.text("mode"), "MAX");
  EXPECT_EQ(layers[1]->message.real("scale"), -1.5e-3);
  EXPECT_EQ(layers[1]->message.integer("absent", 7), 7);
  EXPECT_FALSE(document.root.has("absent"));
}

TEST(TextFormat, ReadsListsAndSkipsExtensions) {
  const TextDocument document = parse_text_format("d: [1, 2,3] e: [] [a.b.C] { x: 1 } [type.googleapis.com/x.Y]: <z {}> m [{v: 1}, <v: 2>] last: 4");
  EXPECT_EQ(document.root.integers("d"), (std::vector<std::int64_t>{1, 2, 3}));
  EXPECT_FALSE(document.root.has("e"));
  EXPECT_EQ(document.root.all("m").size(), 2u);
  EXPECT_EQ(document.root.find("m")->message.integer("v"), 2);
  EXPECT_EQ(document.root.integer("last"), 4);
  EXPECT_EQ(document.root.fields.size(), 6u);
}

TEST(TextFormat, ReadsStrings) {
  const TextDocument document = parse_text_format(R"(a: "x\n\t\\\"\'" b: 'a' "b"
  'c' c: "\001\377\x41\101\u00e9" d: "plain" e: "")");
  EXPECT_EQ(document.root.text("a"), "x\n\t\\\"'");
  EXPECT_EQ(document.root.text("b"), "abc");
  EXPECT_EQ(document.root.text("c"), std::string_view("\x01\xff\x41\x41\xc3\xa9"));
  EXPECT_EQ(document.root.text("d"), "plain");
  EXPECT_EQ(document.root.text("e"), "");
  EXPECT_TRUE(document.root.has("e"));
  EXPECT_EQ(parse_text_format(std::string_view("n: \"\\000a\"")).root.text("n").size(), 2u);
}

TEST(TextFormat, ReadsNumbers) {
  const TextDocument document = parse_text_format("a: 0x1F b: 017 c: - 5 d: 1.5f e: inf f: -inf g: nan h: .5 i: 1e+3 j: 18446744073709551615 k: -9223372036854775808 l: 1e-400 m: 0");
  const TextMessage& m = document.root;
  EXPECT_EQ(m.integer("a"), 31);
  EXPECT_EQ(m.integer("b"), 15);
  EXPECT_EQ(m.integer("c"), -5);
  EXPECT_EQ(m.real("c"), -5);
  EXPECT_EQ(m.real("d"), 1.5);
  EXPECT_EQ(m.real("e"), INFINITY);
  EXPECT_EQ(m.real("f"), -INFINITY);
  EXPECT_TRUE(std::isnan(m.real("g")));
  EXPECT_EQ(m.real("h"), 0.5);
  EXPECT_EQ(m.real("i"), 1000);
  EXPECT_EQ(m.integer("j"), -1);
  EXPECT_EQ(m.integer("k"), INT64_MIN);
  EXPECT_EQ(m.real("l"), 0);
  EXPECT_EQ(m.integer("m"), 0);
}

void expect_error(std::string_view text, std::string_view part) {
  try {
    parse_text_format(text);
    ADD_FAILURE() << "accepted: " << text.substr(0, 60);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::invalid_model);
    EXPECT_NE(error.message().find(part), std::string::npos) << error.message() << " for " << text.substr(0, 60);
  }
}

TEST(TextFormat, SaysWhereItIsDamaged) {
  expect_error("a: 1\nlayer {\n  b: 2\n", "line 4: the text ends in a message that line 2 opened");
  expect_error("a: 1\n}", "line 2: '}'");
  expect_error("a: \"x\ny\"", "line 1: a string that does not end");
  expect_error("a: \"x", "does not end");
  expect_error("a: \"\\q\"", "escape '\\q'");
  expect_error("a: \"\\xg\"", "without digits");
  expect_error("a 1", "line 1: ':' or '{' is missing after 'a'");
  expect_error("a: ", "ends where a value");
  expect_error("a: [1 2]", "where ']' is needed");
  expect_error("a: [1,", "ends where a value");
  expect_error("[a", "'[' without ']'");
  expect_error("a { b: 1 >", "'>'");
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "a{";
  expect_error(deep, "nested more than 100 deep");
  expect_error(std::string_view("a: \0", 4), "where a value is needed");
}

TEST(TextFormat, SaysWhichFieldIsOfTheWrongKind) {
  const TextDocument document = parse_text_format("\nn: 1.5 s: 'x' m { } w: abc b: 99999999999999999999");
  const auto check = [](auto get, std::string_view part) {
    try {
      get();
      ADD_FAILURE() << part;
    } catch (const Error& error) {
      EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
    }
  };
  const TextMessage& m = document.root;
  check([&] { m.integer("n"); }, "line 2: 'n' is '1.5' where an integer is needed");
  check([&] { m.integer("s"); }, "'s' is 'x'");
  check([&] { m.integer("b"); }, "an integer");
  check([&] { m.real("w"); }, "a number");
  check([&] { m.boolean("w"); }, "true or false");
  check([&] { m.text("m"); }, "'m' is a message");
  check([&] { m.message("n"); }, "a message is needed");
}

}  // namespace
}  // namespace saccade::import
