// SPDX-License-Identifier: Apache-2.0
// The driver's options: leaving passes out, stopping, the log. What passes do is in tests/passes.
#include "passes/passes.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "graph/text.h"
#include "graph/verify.h"
#include "ops/registry.h"
#include "saccade/error.h"

namespace saccade::passes {
namespace {

constexpr const char* kText = R"(graph(%x: f32[4]) {
  %a = Multiply(Relu(Add(%x, f32{0})), f32{1})
  %b = Multiply(%x, Sigmoid(%x))
  return Add(%a, %b)
})";

graph::Graph example() { return graph::parse(kText, ops::find_op); }

TEST(Pipeline, SkipsByName) {
  graph::Graph g = example();
  optimise(g, {.skip = {"fuse_activations"}, .verify = true});
  EXPECT_NE(print(g).find("Sigmoid"), std::string::npos);
  optimise(g, {.verify = true});
  EXPECT_EQ(print(g).find("Sigmoid"), std::string::npos);
}

TEST(Pipeline, OnlyByName) {
  graph::Graph g = example();
  optimise(g, {.only = {"drop_identities"}, .verify = true});
  EXPECT_EQ(g.node_count(), 4u);
}

TEST(Pipeline, StopsAfterEveryNumberOfRewrites) {
  PassLog all;
  graph::Graph complete = example();
  optimise(complete, {.verify = true}, &all);
  const auto total = std::count_if(all.entries.begin(), all.entries.end(), [](const auto& e) { return e.done; });
  ASSERT_GE(total, 3);
  for (std::int64_t n = 0; n <= total; ++n) {
    PassLog log;
    graph::Graph g = example();
    optimise(g, {.stop_after = n, .verify = true}, &log);
    EXPECT_EQ(std::count_if(log.entries.begin(), log.entries.end(), [](const auto& e) { return e.done; }), n);
    graph::verify(g);
  }
}

TEST(Pipeline, UnknownPass) {
  graph::Graph g = example();
  try {
    optimise(g, {.skip = {"fuse_activation"}});
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::invalid_argument);
    EXPECT_NE(e.message().find("fuse_activations"), std::string::npos);
  }
}

TEST(Pipeline, LogTellsTimesAndReasons) {
  PassLog log;
  graph::Graph g = graph::parse("graph(%x: f32[4]) { return Divide(%x, f32{3}) }", ops::find_op);
  optimise(g, {}, &log);
  EXPECT_EQ(log.times.size(), pass_names().size());
  EXPECT_NE(to_string(log).find("1/c is not exact"), std::string::npos);
}

}  // namespace
}  // namespace saccade::passes
