// SPDX-License-Identifier: Apache-2.0
// What the public headers promise, on a model that is one Relu.
#include <gtest/gtest.h>
#include <saccade/core.h>

#include <atomic>
#include <cmath>
#include <numeric>

namespace {

using namespace saccade;

Tensor ramp(const Shape& shape) {
  Tensor tensor(ElementType::f32, shape);
  std::iota(tensor.values<float>().begin(), tensor.values<float>().end(), -5.0f);
  return tensor;
}

template <class F>
ErrorCode code_of(F&& f, std::string* message = nullptr) {
  try {
    f();
  } catch (const Error& error) {
    if (message != nullptr) *message = error.message();
    return error.code();
  }
  return ErrorCode::internal;
}

class PublicApi : public ::testing::TestWithParam<std::string> {
 protected:
  Core core;
  Model model = core.read_model(SACCADE_TINY_MODEL);
  CompiledModel compiled = core.compile_model(model, GetParam());
};

TEST_P(PublicApi, TellsWhatTheModelIs) {
  ASSERT_EQ(model.inputs().size(), 1u);
  EXPECT_EQ(model.input("image").shape, (Shape{1, 3, 4, 4}));
  EXPECT_EQ(model.input("image").shape_text, "[1,3,4,4]");
  EXPECT_TRUE(model.output("scores").is_static());
  EXPECT_EQ(code_of([&] { model.input("imag"); }), ErrorCode::not_found);
}

TEST_P(PublicApi, Infers) {
  InferRequest request = compiled.create_infer_request();
  EXPECT_EQ(code_of([&] { request.infer(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { request.get_output_tensor(); }), ErrorCode::invalid_argument);
  request.set_input_tensor("image", ramp({1, 3, 4, 4}));
  request.infer();
  const Tensor scores = request.get_output_tensor("scores");
  ASSERT_EQ(scores.shape(), (Shape{1, 3, 4, 4}));
  for (int i = 0; i < 48; ++i) EXPECT_EQ(scores.data<float>()[i], std::max(0.0f, static_cast<float>(i) - 5));
  EXPECT_GT(request.latency_ms(), 0);
}

TEST_P(PublicApi, KeepsOutputsThatAreHeld) {
  InferRequest request = compiled.create_infer_request();
  request.set_input_tensor(ramp({1, 3, 4, 4}));
  request.infer();
  const Tensor held = request.get_output_tensor();
  Tensor other(ElementType::f32, {1, 3, 4, 4});
  request.set_input_tensor(other);
  request.infer();
  EXPECT_EQ(held.data<float>()[47], 42);
  EXPECT_EQ(request.get_output_tensor().data<float>()[47], 0);
}

TEST_P(PublicApi, FillsInputsInPlace) {
  InferRequest request = compiled.create_infer_request();
  request.get_input_tensor().data<float>()[3] = 7;
  request.infer();
  EXPECT_EQ(request.get_output_tensor().data<float>()[3], 7);
}

TEST_P(PublicApi, RejectsWhatDoesNotSuit) {
  InferRequest request = compiled.create_infer_request();
  EXPECT_EQ(code_of([&] { request.set_input_tensor("picture", ramp({1, 3, 4, 4})); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { request.set_input_tensor(ramp({1, 3, 4, 5})); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { request.set_input_tensor(ramp({3, 4, 4})); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { request.set_input_tensor(Tensor(ElementType::u8, {1, 3, 4, 4})); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { request.set_input_tensor(Tensor()); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { request.set_input_tensor(1, ramp({1, 3, 4, 4})); }), ErrorCode::not_found);
}

TEST_P(PublicApi, RunsAsynchronously) {
  std::vector<InferRequest> requests;
  std::atomic<int> calls = 0;
  for (int i = 0; i < 4; ++i) {
    requests.push_back(compiled.create_infer_request());
    requests[i].set_input_tensor(Tensor::from<float>({1, 3, 4, 4}, std::vector<float>(48, static_cast<float>(i))));
    requests[i].set_callback([&](std::exception_ptr failure) { calls += failure == nullptr ? 1 : 100; });
    requests[i].start_async();
  }
  for (int i = 0; i < 4; ++i) {
    requests[i].wait();
    EXPECT_TRUE(requests[i].wait_for(0));
    EXPECT_EQ(requests[i].get_output_tensor().data<float>()[0], static_cast<float>(i));
  }
  EXPECT_EQ(calls, 4);
}

TEST_P(PublicApi, CallbackMayStartAgain) {
  InferRequest request = compiled.create_infer_request();
  request.set_input_tensor(ramp({1, 3, 4, 4}));
  int runs = 0;
  request.set_callback([&](std::exception_ptr) {
    if (++runs < 5) request.start_async();
  });
  request.start_async();
  request.wait();
  EXPECT_EQ(runs, 5);
}

TEST_P(PublicApi, OutlivesItsModel) {
  InferRequest request = core.compile_model(SACCADE_TINY_MODEL, GetParam()).create_infer_request();
  request.set_input_tensor(ramp({1, 3, 4, 4}));
  request.start_async();
  request = InferRequest();  // the run in progress is the last owner of everything
}

TEST_P(PublicApi, Reshapes) {
  Model other = model;
  other.reshape({{"image", {2, 3, -1, 8}}});
  EXPECT_EQ(other.outputs()[0].shape, (Shape{2, 3, -1, 8}));
  EXPECT_EQ(model.outputs()[0].shape, (Shape{1, 3, 4, 4}));
  other.set_batch(5);
  InferRequest request = core.compile_model(other, GetParam()).create_infer_request();
  EXPECT_EQ(code_of([&] { request.get_input_tensor(); }), ErrorCode::invalid_argument);
  request.set_input_tensor(ramp({5, 3, 2, 8}));
  request.infer();
  EXPECT_EQ(request.get_output_tensor().shape(), (Shape{5, 3, 2, 8}));
  request.set_input_tensor(ramp({5, 3, 1, 8}));
  request.infer();
  EXPECT_EQ(request.get_output_tensor().shape(), (Shape{5, 3, 1, 8}));
  EXPECT_EQ(code_of([&] { other.reshape({{"images", {1}}}); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { other.reshape({{"image", {1, -2}}}); }), ErrorCode::invalid_argument);
}

TEST_P(PublicApi, TakesPictures) {
  Tensor picture(ElementType::u8, {1, 4, 4, 3});
  for (std::int64_t i = 0; i < picture.size(); ++i) picture.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(i * 5);
  Tensor prepared(ElementType::f32, {1, 3, 4, 4});
  for (std::int64_t i = 0; i < 48; ++i) {
    const std::int64_t c = i / 16, pixel = i % 16;
    prepared.data<float>()[i] = (static_cast<float>(picture.data<std::uint8_t>()[pixel * 3 + 2 - c]) - static_cast<float>(c)) / 2;
  }
  const auto run = [&](const Model& which, const Tensor& input) {
    InferRequest request = core.compile_model(which, GetParam()).create_infer_request();
    request.set_input_tensor(input);
    request.infer();
    return request.get_output_tensor();
  };
  Model pictures = model;
  pictures.add_preprocessing({.reverse_channels = true, .mean = {0, 1, 2}, .scale = {2}});
  EXPECT_EQ(pictures.inputs()[0].type, ElementType::u8);
  EXPECT_EQ(pictures.inputs()[0].shape, (Shape{1, 4, 4, 3}));
  EXPECT_EQ(model.inputs()[0].type, ElementType::f32);
  const Tensor want = run(model, prepared), got = run(pictures, picture);
  for (std::int64_t i = 0; i < want.size(); ++i) EXPECT_NEAR(want.data<float>()[i], got.data<float>()[i], 1e-4f * std::abs(want.data<float>()[i]));

  Model resized = model;
  resized.add_preprocessing({.input = "image", .height = -1, .width = -1});
  EXPECT_EQ(resized.inputs()[0].shape, (Shape{1, -1, -1, 3}));
  EXPECT_EQ(run(resized, Tensor(ElementType::u8, {1, 9, 5, 3})).shape(), (Shape{1, 3, 4, 4}));

  EXPECT_EQ(code_of([&] { resized.add_preprocessing({}); }), ErrorCode::invalid_argument);  // bytes already
  EXPECT_EQ(code_of([&] { Model(model).add_preprocessing({.input = "images"}); }), ErrorCode::not_found);
  EXPECT_EQ(code_of([&] { Model(model).add_preprocessing({.layout = "CHWN"}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { Model(model).add_preprocessing({.height = 5}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { Model(model).add_preprocessing({.height = 1 << 20, .width = 1 << 20}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { Model(model).add_preprocessing({.mean = {1, 2}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { Model(model).add_preprocessing({.scale = {0}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { Model().add_preprocessing({}); }), ErrorCode::invalid_argument);
}

TEST_P(PublicApi, Profiles) {
  InferRequest request = core.compile_model(model, GetParam(), {properties::profile(true)}).create_infer_request();
  request.set_input_tensor(ramp({1, 3, 4, 4}));
  request.infer();
  ASSERT_FALSE(request.profile().empty());
  EXPECT_NE(request.profile()[0].kernel, "");
}

TEST_P(PublicApi, StreamsFollowTheHint) {
  EXPECT_EQ(compiled.optimal_requests(), 1);
  EXPECT_EQ(core.compile_model(model, GetParam(), {properties::hint(Hint::throughput), properties::threads(3)}).optimal_requests(), 3);
  EXPECT_EQ(core.compile_model(model, GetParam(), {{"PERFORMANCE_HINT", "throughput"}, {"NUM_STREAMS", "2"}}).optimal_requests(), 2);
}

INSTANTIATE_TEST_SUITE_P(Devices, PublicApi, ::testing::ValuesIn(Core().available_devices()));

TEST(Properties, SuggestTheNearest) {
  const Core core;
  const Model model = core.read_model(SACCADE_TINY_MODEL);
  std::string message;
  EXPECT_EQ(code_of([&] { core.compile_model(model, "CPU", {{"INFERENCE_NUM_THREAD", 2}}); }, &message), ErrorCode::invalid_argument);
  EXPECT_NE(message.find("INFERENCE_NUM_THREADS"), std::string::npos) << message;
  EXPECT_EQ(code_of([&] { core.compile_model(model, "CPU", {{"NUM_STREAMS", "two"}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { core.compile_model(model, "CPU", {{"PERF_COUNT", 1.5}}); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([&] { core.compile_model(model, "CPUS"); }, &message), ErrorCode::not_found);
  EXPECT_NE(message.find("'CPU'"), std::string::npos) << message;
}

TEST(EmptyHandles, Throw) {
  EXPECT_EQ(code_of([] { Model().inputs(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { CompiledModel().create_infer_request(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { InferRequest().infer(); }), ErrorCode::invalid_argument);
  EXPECT_EQ(code_of([] { Core().compile_model(Model()); }), ErrorCode::invalid_argument);
}

TEST(ReadModel, SaysWhatIsWrong) {
  EXPECT_EQ(code_of([] { Core().read_model("there/is/no.onnx"); }), ErrorCode::not_found);
  EXPECT_NE(code_of([] { Core().read_model("/"); }), ErrorCode::internal);
}

}  // namespace
