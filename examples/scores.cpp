// SPDX-License-Identifier: Apache-2.0
// scores MODEL: runs a classifier on noise, several requests at once, and prints the best scores.
#include <saccade/core.h>

#include <algorithm>
#include <cstdio>
#include <numeric>
#include <random>
#include <vector>

namespace {

/// The positions of the five largest scores, best first.
std::vector<int> best_of(const saccade::Tensor& scores) {
  std::vector<int> order(static_cast<std::size_t>(scores.size()));
  std::iota(order.begin(), order.end(), 0);
  const auto values = scores.values<float>();
  const auto middle = order.begin() + std::min<std::ptrdiff_t>(5, std::ssize(order));
  std::partial_sort(order.begin(), middle, order.end(), [&](int a, int b) { return values[a] > values[b]; });
  order.erase(middle, order.end());
  return order;
}

void run(const char* path) {
  const saccade::Core core;
  const saccade::Model model = core.read_model(path);
  for (const saccade::Port& port : model.inputs()) std::printf("input  %s %s\n", port.name.c_str(), port.shape_text.c_str());
  for (const saccade::Port& port : model.outputs()) std::printf("output %s %s\n", port.name.c_str(), port.shape_text.c_str());

  const saccade::CompiledModel compiled = core.compile_model(model, "CPU", {saccade::properties::hint(saccade::Hint::throughput)});
  std::vector<saccade::InferRequest> requests;
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  for (int i = 0; i < compiled.optimal_requests(); ++i) {
    saccade::InferRequest& request = requests.emplace_back(compiled.create_infer_request());
    saccade::Tensor image = request.get_input_tensor();
    for (float& value : image.values<float>()) value = normal(random);
    request.start_async();
  }
  for (saccade::InferRequest& request : requests) {
    request.wait();
    const saccade::Tensor scores = request.get_output_tensor();
    std::printf("%.3f ms:", request.latency_ms());
    for (const int i : best_of(scores)) std::printf("  %d %.4f", i, scores.data<float>()[i]);
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: scores MODEL\n");
    return 2;
  }
  try {
    run(argv[1]);
    return 0;
  } catch (const saccade::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
