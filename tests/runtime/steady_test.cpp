// SPDX-License-Identifier: Apache-2.0
// The steady state: inferences that allocate nothing, thousands of them with changing shapes and many requests at once in
// memory that does not grow, the same bits each time.
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include "graph/text.h"
#include "ops/registry.h"
#include "saccade/core.h"

namespace {

std::atomic<long> allocations{0};

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define SACCADE_COUNTS_ALLOCATIONS
// Every allocation of the process passes here, those of the engine's library too.
extern "C" {
void* __libc_malloc(std::size_t size);
void* __libc_calloc(std::size_t count, std::size_t size);
void* __libc_realloc(void* block, std::size_t size);
void* malloc(std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_calloc(count, size);
}
void* realloc(void* block, std::size_t size) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return __libc_realloc(block, size);
}
}
#endif

namespace saccade {
namespace {

// A stem, an inverted residual that streams rows, Winograd, a split and concat, pooling, softmax: a small network with most
// of what the plan knows.
constexpr const char* kNetwork = R"(graph(%image: f32[n,3,h,w]) {
  %stem = Relu(Add(Convolution(%image, f32[16,3,3,3]{random 1}) {strides=[2,2] pads_begin=[1,1] pads_end=[1,1]}, f32[1,16,1,1]{random 2}))
  %wide = HSwish(Convolution(%stem, f32[96,16,1,1]{random 3}) {strides=[1,1] pads_begin=[0,0] pads_end=[0,0]})
  %deep = Relu(GroupConvolution(%wide, f32[96,1,1,3,3]{random 4}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]})
  %narrow = Add(%stem, Convolution(%deep, f32[16,96,1,1]{random 5}) {strides=[1,1] pads_begin=[0,0] pads_end=[0,0]})
  %third = Convolution(%narrow, f32[32,16,3,3]{random 6}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]}
  %act = Multiply(%third, Sigmoid(%third))
  %a, %b = Split(%act, i64{1}) {num_splits=2}
  %joined = Concat(%b, Relu(%a), %narrow) {axis=1}
  %pooled = ReduceMean(%joined, i64[2]{2,3}) {keep_dims=false}
  return Softmax(%pooled) {axis=1} as "classes", MaxPool(%joined) {kernel=[2,2] strides=[2,2] pads_begin=[0,0] pads_end=[0,0]} as "map"
})";

Model network() { return Model(std::make_shared<const graph::Graph>(graph::parse(kNetwork, ops::find_op))); }

Tensor image(std::int64_t n, std::int64_t h, std::int64_t w, unsigned seed) {
  Tensor t(ElementType::f32, {n, 3, h, w});
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  for (float& v : t.values<float>()) v = normal(generator);
  return t;
}

double resident_mb() {
  long pages = 0, resident = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * 4096 / 1e6;
}

bool same_bits(const Tensor& a, const Tensor& b) { return a.shape() == b.shape() && std::memcmp(a.raw(), b.raw(), a.size_bytes()) == 0; }

#ifdef SACCADE_COUNTS_ALLOCATIONS
TEST(Steady, AnInferenceAllocatesNothing) {
  for (int threads : {1, 2}) {
    Model model = network();
    model.reshape({{"image", {1, 3, 64, 64}}});
    InferRequest request = Core().compile_model(model, "CPU", {properties::threads(threads)}).create_infer_request();
    request.set_input_tensor(image(1, 64, 64, 1));
    for (int i = 0; i < 3; ++i) request.infer();
    const long before = allocations.load();
    for (int i = 0; i < 50; ++i) request.infer();
    EXPECT_EQ(allocations.load() - before, 0) << threads << " threads";
  }
}
#endif

TEST(Steady, ManyRequestsAndShapesInFlatMemory) {
  constexpr int kThreads = 8, kShapes = 6;
#ifdef SACCADE_COUNTS_ALLOCATIONS
  constexpr int kRuns = 10000;
#else
  constexpr int kRuns = 600;
#endif
  const Core core;
  const CompiledModel compiled = core.compile_model(network(), "CPU", {properties::threads(2)});
  std::vector<Tensor> inputs, want;
  for (int s = 0; s < kShapes; ++s) {
    inputs.push_back(image(1 + s % 2, 16 + 3 * s, 20 + 5 * (s % 3), static_cast<unsigned>(s)));
    InferRequest request = compiled.create_infer_request();
    request.set_input_tensor(inputs.back());
    request.infer();
    want.push_back(request.get_output_tensor("map").clone());
  }
  std::atomic<int> next{0}, wrong{0};
  std::atomic<double> settled{0}, highest{0};
  const auto work = [&] {
    InferRequest request = compiled.create_infer_request();
    for (int i = next++; i < kRuns; i = next++) {
      const int s = i * 7 % kShapes;
      request.set_input_tensor(inputs[static_cast<std::size_t>(s)]);
      if (i % 3 == 0) {
        request.start_async();
        request.wait();
      } else {
        request.infer();
      }
      if (!same_bits(request.get_output_tensor("map"), want[static_cast<std::size_t>(s)])) ++wrong;
      if (i == kRuns / 5) settled = resident_mb();
      if (i > kRuns / 5 && i % 100 == 0) highest = std::max(highest.load(), resident_mb());
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work);
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong.load(), 0);
#ifdef SACCADE_COUNTS_ALLOCATIONS
  EXPECT_LT(highest.load() - settled.load(), 4.0) << "MB more than after a fifth of the runs";
#endif
}

TEST(Steady, TheSameBitsForAnyNumberOfThreads) {
  const Model model = network();
  const Tensor input = image(2, 70, 66, 3);
  std::vector<Tensor> first;
  for (int threads : {1, 2, 3, 5}) {
    InferRequest request = Core().compile_model(model, "CPU", {properties::threads(threads)}).create_infer_request();
    request.set_input_tensor(input);
    request.infer();
    if (first.empty()) {
      first = {request.get_output_tensor("classes").clone(), request.get_output_tensor("map").clone()};
      continue;
    }
    EXPECT_TRUE(same_bits(first[0], request.get_output_tensor("classes"))) << threads;
    EXPECT_TRUE(same_bits(first[1], request.get_output_tensor("map"))) << threads;
  }
}

}  // namespace
}  // namespace saccade
