// SPDX-License-Identifier: Apache-2.0
// Another batch for graphs that were exported with a fixed one.
#include <gtest/gtest.h>

#include "graph/text.h"
#include "ops/evaluate_graph.h"
#include "ops/registry.h"
#include "saccade/error.h"
#include "saccade/model.h"

namespace saccade {
namespace {

Model model_of(const char* text) { return Model(std::make_shared<const graph::Graph>(graph::parse(text, ops::find_op))); }

TEST(SetBatch, ReshapesFollowTheirData) {
  Model model = model_of(R"(graph(%x: f32[1,4,2,2]) {
      %head = Reshape(Relu(%x), i64[3]{1,2,-1})
      %row = Reshape(f32[1,6]{iota}, i64[3]{1,2,3})
      return %head, %row
    })");
  model.set_batch(5);
  EXPECT_EQ(model.outputs()[0].shape, (Shape{5, 2, 8}));
  EXPECT_EQ(model.outputs()[1].shape, (Shape{1, 2, 3}));
  const auto results = ops::evaluate(*model.graph(), std::vector{Tensor(ElementType::f32, {5, 4, 2, 2})});
  EXPECT_EQ(results[0].shape(), (Shape{5, 2, 8}));
  model.set_batch(2);
  EXPECT_EQ(model.outputs()[0].shape, (Shape{2, 2, 8}));
}

TEST(SetBatch, RefusesWhatTheNetworkCannotTake) {
  Model model = model_of(R"(graph(%x: f32[1,4]) { return Add(%x, f32[3,4]{random 1}), Reshape(%x, i64[1]{4}) })");
  EXPECT_THROW(model.set_batch(2), Error);
  EXPECT_EQ(model.inputs()[0].shape, (Shape{1, 4}));
}

}  // namespace
}  // namespace saccade
