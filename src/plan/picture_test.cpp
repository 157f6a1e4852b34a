// SPDX-License-Identifier: Apache-2.0
// Pictures: graphs that prepare their input before a stem, as one step, against the reference executor on every level.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "base/cpu.h"
#include "base/thread_pool.h"
#include "graph/text.h"
#include "ops/evaluate_graph.h"
#include "ops/registry.h"
#include "plan/program.h"
#include "tensor/numeric.h"

namespace saccade::plan {
namespace {

using graph::Graph;

// The stem's windows begin before the picture and end within it or behind it.
constexpr const char* kStem = R"(
  return Relu(Convolution(%p, f32[6,3,3,3]{random 9}) {strides=[2,2] pads_begin=[0,1] pads_end=[1,0]}) as "out"
})";

Graph picture(const std::string& type, const std::string& preparation, const std::string& stem = kStem) {
  return graph::parse("graph(%x: " + type + ") {" + preparation + stem, ops::find_op);
}

Tensor random_bytes(const graph::TensorType& type) {
  std::mt19937 random(3);
  std::vector<double> values;
  for (std::int64_t i = 0; i < element_count(type.shape.shape()); ++i) values.push_back(static_cast<double>(random() % 256));
  return from_f64(type.element, type.shape.shape(), values);
}

struct Ran {
  Tensor out;
  std::shared_ptr<const Compilation> compilation;
  bool in_one_step() const { return compilation->plan->steps[0]->kernel.starts_with("picture"); }
};

Ran run(const Graph& graph, Isa isa, ThreadPool* pool, const Answers& answers = {}) {
  Program program(std::make_shared<Machine>(kernels::select(isa), false, answers), std::make_shared<Graph>(graph));
  const std::vector<Tensor> inputs{random_bytes(graph.type(graph.inputs()[0]))};
  Workspace workspace(pool);
  std::vector<Tensor> got;
  workspace.run(program, inputs, got);
  return {got.at(0), program.compile_for(inputs)};
}

// Whether it becomes one step; what it computes is the same in any case, on every level, with one thread and with two.
bool in_one_step(const Graph& graph) {
  static ThreadPool pool(ThreadPoolOptions{2, {}, false});
  const auto want = to_f64(ops::evaluate(graph, std::vector<Tensor>{random_bytes(graph.type(graph.inputs()[0]))})[0]);
  double largest = 0;
  for (const double v : want) largest = std::max(largest, std::fabs(v));
  bool all = true;
  for (Isa isa : {Isa::scalar, Isa::avx2, Isa::avx512}) {
    if (isa > highest_isa()) continue;
    for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
      const Ran ran = run(graph, isa, threads);
      const auto got = to_f64(ran.out);
      EXPECT_EQ(want.size(), got.size());
      for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(want[i], got[i], 2e-6 * largest) << i << " at level " << to_string(isa);
      all = all && ran.in_one_step();
    }
  }
  return all;
}

constexpr const char* kBytesToPlanes = "%t = Convert(Transpose(%x, i64[4]{0,3,1,2})) {destination_type=f32}";

TEST(Picture, LayoutMeanAndScale) {
  EXPECT_TRUE(
      in_one_step(picture("u8[2,9,14,3]", std::string(kBytesToPlanes) +
                                              "%p = Divide(Subtract(%t, f32[1,3,1,1]{123.7, 116.3, 103.5}), f32[1,3,1,1]{58, 57, 59})")));
  EXPECT_TRUE(in_one_step(picture("u8[1,9,13,3]", std::string(kBytesToPlanes) + "%p = Add(Multiply(%t, f32{0.0078}), f32{-1})")));
  EXPECT_TRUE(
      in_one_step(picture("u8[1,9,13,3]", std::string(kBytesToPlanes) + "%p = Subtract(f32[3,1,1]{1,2,3}, Multiply(%t, f32{0.1}))")));
  // the numbers lie along the last dimension before the Transpose
  EXPECT_TRUE(
      in_one_step(picture("u8[1,8,13,3]", "%p = Transpose(Subtract(Convert(%x) {destination_type=f32}, f32[3]{7,8,9}), i64[4]{0,3,1,2})")));
  // bytes are exact in half precision
  EXPECT_TRUE(in_one_step(picture("u8[1,3,9,13]", "%p = Convert(Convert(%x) {destination_type=f16}) {destination_type=f32}")));
}

TEST(Picture, Planes) {
  EXPECT_TRUE(in_one_step(picture("u8[2,3,9,13]", "%p = Add(Convert(%x) {destination_type=f32}, f32[1,3,1,1]{1,2,3})")));
  EXPECT_TRUE(in_one_step(picture("f32[2,3,10,13]", "%p = Subtract(%x, f32[1,3,1,1]{1,2,3})")));
  EXPECT_TRUE(in_one_step(picture("f32[2,10,13,3]", "%p = Subtract(Transpose(%x, i64[4]{0,3,1,2}), f32{5})")));
}

TEST(Picture, OrderOfChannels) {
  EXPECT_TRUE(in_one_step(
      picture("u8[1,9,13,3]", std::string(kBytesToPlanes) + "%p = Subtract(Gather(%t, i64[3]{2,1,0}, i64{1}), f32[1,3,1,1]{10,20,30})")));
  EXPECT_TRUE(in_one_step(
      picture("u8[1,9,13,3]", std::string(kBytesToPlanes) + "%p = Gather(Subtract(%t, f32[1,3,1,1]{10,20,30}), i64[3]{2,-2,0}, i64{1})")));
  EXPECT_TRUE(
      in_one_step(picture("u8[1,9,13,3]", std::string(kBytesToPlanes) + "%p = Slice(%t, i64[1]{-1}, i64[1]{-9}, i64[1]{-1}, i64[1]{1})")));
  EXPECT_TRUE(in_one_step(picture(
      "u8[1,9,13,3]", std::string(kBytesToPlanes) + "%a, %b, %c = Split(%t, i64{1}) {num_splits=3} %p = Concat(%c, %a, %b) {axis=1}")));
  EXPECT_TRUE(in_one_step(picture("u8[1,9,13,3]",
                                  "%a, %b = VariadicSplit(Convert(%x) {destination_type=f32}, i64{-1}, i64[2]{1,2}) %p = "
                                  "Transpose(Concat(%b, %a) {axis=3}, i64[4]{0,3,1,2})")));
  EXPECT_FALSE(in_one_step(
      picture("u8[1,4,9,3]", std::string(kBytesToPlanes) + "%a, %b = Split(%t, i64{2}) {num_splits=2} %p = Concat(%b, %a) {axis=2}")));
  // without the fourth
  EXPECT_TRUE(
      in_one_step(picture("u8[1,9,13,4]", std::string(kBytesToPlanes) + "%p = Slice(%t, i64[1]{0}, i64[1]{3}, i64[1]{1}, i64[1]{1})")));
  // one for three
  EXPECT_TRUE(in_one_step(picture("u8[1,9,13,1]", std::string(kBytesToPlanes) + "%p = Gather(%t, i64[3]{0,0,0}, i64{1})")));
}

TEST(Picture, Resize) {
  for (const char* how : {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"})
    for (const char* size : {"5,21", "18,26", "9,13", "2,7"})
      EXPECT_TRUE(in_one_step(picture("u8[2,11,17,3]", std::string(kBytesToPlanes) +
                                                           "%n = Add(Multiply(%t, f32{0.01}), f32{-1}) %p = Resize(%n, i64[2]{" + size +
                                                           "}) {axes=[2,3] mode=linear coordinates=" + how + "}")))
          << how << size;
  EXPECT_TRUE(in_one_step(picture("u8[1,11,17,3]",
                                  "%p = Convert(Transpose(Resize(%x, i64[2]{8,30}) {axes=[1,2] coordinates=asymmetric nearest=floor}, "
                                  "i64[4]{0,3,1,2})) {destination_type=f32}")));
  EXPECT_TRUE(
      in_one_step(picture("f32[1,3,11,17]", "%p = Resize(%x, f32[2]{0.7, 1.6}) {axes=[2,3] mode=linear shape_calculation=scales}")));
}

TEST(Picture, OtherNodesRunAsTheyAre) {
  // interpolated bytes are rounded, which the step does not do
  EXPECT_FALSE(
      in_one_step(picture("u8[1,3,11,17]", "%p = Convert(Resize(%x, i64[2]{8,9}) {axes=[2,3] mode=linear}) {destination_type=f32}")));
  EXPECT_FALSE(
      in_one_step(picture("u8[1,3,11,17]", "%p = Resize(Convert(%x) {destination_type=f32}, i64[2]{8,9}) {axes=[2,3] mode=cubic}")));
  // a mean image
  EXPECT_FALSE(in_one_step(picture("u8[1,3,4,5]", "%p = Subtract(Convert(%x) {destination_type=f32}, f32[1,3,4,5]{random 4})")));
  EXPECT_FALSE(in_one_step(picture("u8[1,3,9,9]", "%p = Sqrt(Convert(%x) {destination_type=f32})")));
  // more channels, and a convolution of single pixels
  EXPECT_FALSE(in_one_step(picture("u8[1,5,9,9]", "%p = Gather(Convert(%x) {destination_type=f32}, i64[3]{4,3,0}, i64{1})")));
  EXPECT_FALSE(in_one_step(picture("u8[1,3,9,9]", "%p = Convert(%x) {destination_type=f32}",
                                   "return Convolution(%p, f32[8,3,1,1]{random 2}) {strides=[1,1]} }")));
  // somebody else reads what was prepared
  EXPECT_FALSE(in_one_step(picture("u8[1,3,9,9]", "%p = Convert(%x) {destination_type=f32}",
                                   "return Convolution(%p, f32[8,3,3,3]{random 2}) {strides=[1,1]}, %p }")));
}

TEST(Picture, PaddingBeyondThePicture) {
  EXPECT_TRUE(in_one_step(picture("u8[1,3,1,1]", "%p = Add(Convert(%x) {destination_type=f32}, f32{1})",
                                  "return Convolution(%p, f32[8,3,2,2]{random 2}) {strides=[5,5] pads_begin=[5,5]} }")));
  EXPECT_TRUE(in_one_step(picture("u8[1,3,2,2]", "%p = Add(Convert(%x) {destination_type=f32}, f32{1})",
                                  "return Convolution(%p, f32[8,3,2,2]{random 2}) {strides=[1,1] pads_begin=[5,3] pads_end=[4,4]} }")));
}

TEST(Picture, TheChoiceIsToldAndObeyed) {
  const Graph graph = picture("u8[1,9,13,3]", std::string(kBytesToPlanes) + "%p = Add(%t, f32{-1})");
  const Ran one = run(graph, highest_isa(), nullptr);
  ASSERT_EQ(1u, one.compilation->plan->choices.size());
  const Choice& choice = one.compilation->plan->choices[0];
  EXPECT_EQ("picture u8 3x9x13>3x9x13 n1", choice.key);
  EXPECT_EQ("Transpose+Convert+Add and the stem's padding in one pass over the picture", choice.why);
  EXPECT_EQ("picture: u8 channels last", one.compilation->plan->steps[0]->kernel);
  const Ran several = run(graph, highest_isa(), nullptr, {{choice.key, false}});
  EXPECT_FALSE(several.in_one_step());
  EXPECT_LT(one.compilation->plan->steps.size(), several.compilation->plan->steps.size());
}

}  // namespace
}  // namespace saccade::plan
