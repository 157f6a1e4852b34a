// SPDX-License-Identifier: Apache-2.0
// The REFERENCE device: the graph as it is, node by node through `evaluate`. Slow, exact, never wrong: every other
// device is tested against it.
#include <chrono>

#include "devices/device.h"
#include "graph/text.h"
#include "ops/evaluate_graph.h"

namespace saccade::devices::reference {
namespace {

class ReferenceRequest : public Request {
 public:
  ReferenceRequest(std::shared_ptr<const graph::Graph> graph, bool profiling) : graph_(std::move(graph)), profiling_(profiling) {}

  void run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs) override {
    if (!profiling_) {
      outputs = ops::evaluate(*graph_, inputs);
      return;
    }
    using Clock = std::chrono::steady_clock;
    profile_.clear();
    auto last = Clock::now();
    outputs = ops::evaluate(*graph_, inputs, [&](const graph::Node& node, std::span<const Tensor>) {
      const auto now = Clock::now();
      const graph::Cost cost = node.op.cost(graph_->input_facts(node), graph_->output_facts(node));
      profile_.push_back({.name = node.name,
                          .kind = std::string(node.op.name()),
                          .kernel = "evaluate",
                          .ms = std::chrono::duration<double, std::milli>(now - last).count(),
                          .flops = 2 * cost.macs + cost.ops});
      last = Clock::now();
    });
  }

  std::vector<StepProfile> profile() const override { return profile_; }

 private:
  std::shared_ptr<const graph::Graph> graph_;
  bool profiling_;
  std::vector<StepProfile> profile_;
};

class ReferenceCompiled : public Compiled {
 public:
  ReferenceCompiled(std::shared_ptr<const graph::Graph> graph, bool profiling) : graph_(std::move(graph)), profiling_(profiling) {}

  std::unique_ptr<Request> request() override { return std::make_unique<ReferenceRequest>(graph_, profiling_); }
  std::string describe() const override { return graph::print(*graph_, {.max_constant_elements = 16}); }

 private:
  std::shared_ptr<const graph::Graph> graph_;
  bool profiling_;
};

class ReferenceDevice : public Device {
 public:
  std::string_view name() const override { return "REFERENCE"; }
  std::unique_ptr<Compiled> compile(std::shared_ptr<const graph::Graph> graph, const CompileOptions& options) override {
    return std::make_unique<ReferenceCompiled>(std::move(graph), options.profile);
  }
};

}  // namespace

std::unique_ptr<Device> make_device() { return std::make_unique<ReferenceDevice>(); }

}  // namespace saccade::devices::reference
