// SPDX-License-Identifier: Apache-2.0
// What requests cost when nothing is asked of them, and how many threads they take, by processor time: whatever else runs on the
// machine does not matter. A virtual machine that its host stops counts that time too, so the least of some rounds is judged.
#include <gtest/gtest.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/cpu.h"
#include "graph/text.h"
#include "ops/registry.h"
#include "saccade/core.h"

namespace saccade {
namespace {

constexpr const char* kNetwork = R"(graph(%image: f32[1,16,96,96]) {
  %a = Relu(Convolution(%image, f32[64,16,3,3]{random 1}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]})
  %b = Relu(Convolution(%a, f32[64,64,1,1]{random 2}) {strides=[1,1]})
  return Softmax(%b) {axis=1}
})";

double process_ms() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
}

std::size_t threads_of_process() {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) count += !entry.path().empty();
  return count;
}

Model model() { return Model(std::make_shared<graph::Graph>(graph::parse(kNetwork, ops::find_op))); }

constexpr int kRounds = 12;

double idle_ms() {
  const double before = process_ms();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  return process_ms() - before;
}

TEST(Idle, AfterARequest) {
  const CompiledModel compiled = Core().compile_model(model(), "CPU", {properties::threads(2)});
  InferRequest request = compiled.create_infer_request();
  request.set_input_tensor(Tensor(ElementType::f32, {1, 16, 96, 96}));
  double least_ms = 1e9;
  for (int i = 0; i < kRounds; ++i) {
    request.infer();
    least_ms = std::min(least_ms, idle_ms());
  }
  EXPECT_LT(least_ms, 1.0);
}

TEST(Idle, AfterRequestsInStreams) {
  const CompiledModel compiled = Core().compile_model(model(), "CPU", {properties::hint(Hint::throughput), properties::threads(2)});
  std::vector<InferRequest> requests;
  for (int i = 0; i < compiled.optimal_requests(); ++i) {
    requests.push_back(compiled.create_infer_request());
    requests.back().set_input_tensor(Tensor(ElementType::f32, {1, 16, 96, 96}));
  }
  double least_ms = 1e9;
  for (int round = 0; round < kRounds; ++round) {
    for (InferRequest& request : requests) request.start_async();
    for (InferRequest& request : requests) request.wait();
    least_ms = std::min(least_ms, idle_ms());
  }
  EXPECT_LT(least_ms, 1.0);
}

TEST(Threads, OneRequestTakesNoMoreThanCanRun) {
  const std::size_t before = threads_of_process();
  const CompiledModel compiled = Core().compile_model(model(), "CPU", {properties::threads(64)});
  InferRequest request = compiled.create_infer_request();
  request.set_input_tensor(Tensor(ElementType::f32, {1, 16, 96, 96}));
  request.infer();
  // besides the caller, who is one of them: the workers, and the stream's thread
  EXPECT_LE(threads_of_process(), before + static_cast<std::size_t>(most_threads()));
}

TEST(Threads, OfOneCoreIsTheCallerAlone) {
  cpu_set_t before, one;
  ASSERT_EQ(0, sched_getaffinity(0, sizeof before, &before));
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(affinity().front()), &one);
  ASSERT_EQ(0, sched_setaffinity(0, sizeof one, &one));
  const std::size_t threads = threads_of_process();
  {
    const CompiledModel compiled = Core().compile_model(model());
    InferRequest request = compiled.create_infer_request();
    request.set_input_tensor(Tensor(ElementType::f32, {1, 16, 96, 96}));
    request.infer();
    EXPECT_LE(threads_of_process(), threads + 1);
  }
  ASSERT_EQ(0, sched_setaffinity(0, sizeof before, &before));
}

}  // namespace
}  // namespace saccade
