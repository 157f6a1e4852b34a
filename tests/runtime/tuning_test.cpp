// SPDX-License-Identifier: Apache-2.0
// Measured choices: the file that keeps them, and what they change in a plan.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include "devices/cpu/tuning.h"
#include "devices/registry.h"
#include "graph/text.h"
#include "ops/registry.h"
#include "saccade/core.h"
#include "saccade/error.h"

namespace saccade {
namespace {

using devices::cpu::parse_tunings, devices::cpu::print_tunings, devices::cpu::this_machine;

// Stages that can be streamed row by row, then convolutions of one image that Winograd's algorithm can run, and others that it cannot.
constexpr const char* kNetwork = R"(graph(%image: f32[1,24,28,28]) {
  %wide = Clamp(Convolution(%image, f32[144,24,1,1]{random 3}) {strides=[1,1]}) {min=0 max=6}
  %deep = Clamp(GroupConvolution(%wide, f32[144,1,1,3,3]{random 4}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]}) {min=0 max=6}
  %narrow = Convolution(%deep, f32[32,144,1,1]{random 5}) {strides=[1,1]}
  %a = Relu(Convolution(%narrow, f32[64,32,3,3]{random 6}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]})
  %b = Convolution(%narrow, f32[48,32,3,3]{random 7}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]}
  %c = Sigmoid(Convolution(%narrow, f32[12,32,1,1]{random 8}) {strides=[1,1]})
  %d = Convolution(%narrow, f32[21,32,1,1]{random 9}) {strides=[1,1]}
  return Concat(%a, %b, %c, %d) {axis=1} as "out"
})";

std::unique_ptr<devices::Compiled> compile(const std::string& tuning, const plan::Answers& answers = {}) {
  devices::CompileOptions options;
  options.threads = 1;
  options.tuning = tuning;
  options.answers = answers;
  return devices::make_device("CPU")->compile(std::make_shared<graph::Graph>(graph::parse(kNetwork, ops::find_op)), options);
}

Tensor run(devices::Compiled& compiled) {
  Tensor image(ElementType::f32, {1, 24, 28, 28});
  for (std::int64_t i = 0; i < image.size(); ++i) image.data<float>()[i] = static_cast<float>(i % 23) * 0.1f - 1.1f;
  std::vector<Tensor> outputs;
  compiled.request()->run(std::vector<Tensor>{image}, outputs);
  return outputs.at(0);
}

class TuningFile : public ::testing::Test {
 protected:
  void write(const std::string& text) const { std::ofstream(path) << text; }
  ~TuningFile() override { std::filesystem::remove(path); }
  const std::filesystem::path path = std::filesystem::temp_directory_path() / ("saccade_tuning_" + std::to_string(::getpid()) + ".txt");
};

TEST(Tuning, IsReadAsItIsPrinted) {
  const devices::cpu::Tunings tunings{{"some machine, avx2, 512 KB", {{"winograd 64>64 56x56 n1", true}, {"rows 144 3x3/1>24 56x56 n1", false}}}, {"another", {{"a = b", true}}}};
  EXPECT_EQ(tunings, parse_tunings(print_tunings(tunings)));
}

TEST(Tuning, SaysWhichLineIsWrong) {
  for (const char* text : {"", "no such file", "saccade tuning 2\n", "saccade tuning 1\nkey = yes\n", "saccade tuning 1\n[m]\nkey = maybe\n", "saccade tuning 1\n[m]\n = yes\n", "saccade tuning 1\n[m]\nkey\n"})
    EXPECT_THROW(parse_tunings(text), Error) << text;
  try {
    parse_tunings("saccade tuning 1\n\n[m]\nkey = maybe\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string::npos, std::string(error.what()).find("line 4")) << error.what();
  }
}

// Every choice turned round is obeyed, and the network still computes the same.
TEST_F(TuningFile, TurnsEveryChoiceRound) {
  const auto untuned = compile("");
  const Tensor expected = run(*untuned);
  float largest = 0;
  for (const float v : expected.values<float>()) largest = std::max(largest, std::abs(v));
  const auto choices = untuned->choices();
  ASSERT_FALSE(choices.empty());
  for (const plan::Choice& choice : choices) {
    EXPECT_FALSE(choice.measured);
    write(print_tunings({{"some other machine", {{choice.key, choice.taken}}}, {this_machine(), {{choice.key, !choice.taken}}}}));
    const auto tuned = compile(path.string());
    const auto made = tuned->choices();
    const auto same = std::find_if(made.begin(), made.end(), [&](const plan::Choice& c) { return c.key == choice.key; });
    ASSERT_NE(made.end(), same) << choice.key;
    EXPECT_TRUE(same->measured) << choice.key;
    EXPECT_EQ(!choice.taken, same->taken) << choice.key;
    EXPECT_NE(std::string::npos, tuned->describe().find("as measured"));
    const Tensor out = run(*tuned);
    for (std::int64_t i = 0; i < out.size(); ++i) ASSERT_NEAR(expected.data<float>()[i], out.data<float>()[i], 1e-5f * largest) << choice.key;
  }
}

TEST_F(TuningFile, OfOtherMachinesIsLeftAside) {
  const auto choices = compile("")->choices();
  ASSERT_FALSE(choices.empty());
  write(print_tunings({{"some other machine", {{choices[0].key, !choices[0].taken}}}}));
  const auto tuned = compile(path.string())->choices();
  EXPECT_EQ(choices[0].taken, tuned.at(0).taken);
  EXPECT_FALSE(tuned[0].measured);
}

TEST_F(TuningFile, AnswersGoBeforeTheFile) {
  const auto choices = compile("")->choices();
  ASSERT_FALSE(choices.empty());
  write(print_tunings({{this_machine(), {{choices[0].key, choices[0].taken}}}}));
  EXPECT_EQ(!choices[0].taken, compile(path.string(), {{choices[0].key, !choices[0].taken}})->choices().at(0).taken);
}

TEST_F(TuningFile, IsAProperty) {
  EXPECT_THROW(compile((path / "absent").string()), Error);
  write("saccade tuning 1\n");
  const Model model(std::make_shared<graph::Graph>(graph::parse(kNetwork, ops::find_op)));
  EXPECT_FALSE(Core().compile_model(model, "CPU", {properties::tuning(path.string())}).empty());
  write("something else");
  EXPECT_THROW(Core().compile_model(model, "CPU", {{"TUNING", path.string()}}), Error);
}

}  // namespace
}  // namespace saccade
