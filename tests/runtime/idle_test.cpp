// SPDX-License-Identifier: Apache-2.0
// What requests cost when nothing is asked of them, and how many threads they take, by processor time: whatever else runs on the
// machine does not matter.
#include <gtest/gtest.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <string>
#include <thread>
#include <vector>

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

// Processor time that each thread of this process has taken, by its number. The clocks of the threads are read one by one: the
// process's own leaves out what a thread on another core has done since that core's last tick, 4 ms at worst.
std::map<pid_t, double> thread_ms() {
  std::map<pid_t, double> times;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
    const pid_t thread = std::stoi(entry.path().filename().string());
    timespec t;
    // what pthread_getcpuclockid() returns for a thread that has a pthread_t
    if (clock_gettime(static_cast<clockid_t>(~thread) * 8 + 6, &t) == 0) times[thread] = static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) * 1e-6;
  }
  return times;
}

std::size_t threads_of_process() { return thread_ms().size(); }

Model model() { return Model(std::make_shared<graph::Graph>(graph::parse(kNetwork, ops::find_op))); }

// The processor time that all threads take within 50 ms after run(): the median of some rounds, for a virtual machine that its host
// stops may count that time too.
template <class Run>
double idle_ms(Run run) {
  std::vector<double> rounds;
  for (int round = 0; round < 15; ++round) {
    run();
    std::map<pid_t, double> before = thread_ms();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    double sum = 0;
    for (const auto& [thread, ms] : thread_ms()) sum += ms - before[thread];
    rounds.push_back(sum);
  }
  std::ranges::nth_element(rounds, rounds.begin() + 7);
  return rounds[7];
}

TEST(Idle, AfterARequest) {
  const CompiledModel compiled = Core().compile_model(model(), "CPU", {properties::threads(2)});
  InferRequest request = compiled.create_infer_request();
  request.set_input_tensor(Tensor(ElementType::f32, {1, 16, 96, 96}));
  EXPECT_LT(idle_ms([&] { request.infer(); }), 1.0);
}

TEST(Idle, AfterRequestsInStreams) {
  const CompiledModel compiled = Core().compile_model(model(), "CPU", {properties::hint(Hint::throughput), properties::threads(2)});
  std::vector<InferRequest> requests;
  for (int i = 0; i < compiled.optimal_requests(); ++i) {
    requests.push_back(compiled.create_infer_request());
    requests.back().set_input_tensor(Tensor(ElementType::f32, {1, 16, 96, 96}));
  }
  const auto run = [&] {
    for (InferRequest& request : requests) request.start_async();
    for (InferRequest& request : requests) request.wait();
  };
  EXPECT_LT(idle_ms(run), 1.0);
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
