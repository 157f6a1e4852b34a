// SPDX-License-Identifier: Apache-2.0
// The CPU device: a graph becomes a Program on our own kernels and threads, and requests run it.
#include <fmt/format.h>

#include <map>
#include <mutex>

#include "base/cpu.h"
#include "base/knobs.h"
#include "base/thread_pool.h"
#include "devices/cpu/tuning.h"
#include "devices/device.h"
#include "kernels/table.h"
#include "passes/passes.h"
#include "plan/program.h"

namespace saccade::devices::cpu {
namespace {

// One pool of worker threads a process and size, shared by all models: requests that find it busy run alone.
std::shared_ptr<ThreadPool> shared_pool(int threads) {
  static std::mutex mutex;
  static std::map<int, std::weak_ptr<ThreadPool>> pools;
  std::scoped_lock lock(mutex);
  auto pool = pools[threads].lock();
  if (!pool) pools[threads] = pool = std::make_shared<ThreadPool>(ThreadPoolOptions{threads, {}, true});
  return pool;
}

class CpuRequest final : public Request {
 public:
  CpuRequest(std::shared_ptr<plan::Program> program, std::shared_ptr<ThreadPool> pool, bool profile)
      : program_(std::move(program)), pool_(std::move(pool)), workspace_(pool_.get(), profile) {}

  void run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs) override {
    workspace_.clear_times();
    workspace_.run(*program_, inputs, outputs);
  }

  std::vector<StepProfile> profile() const override {
    std::vector<StepProfile> out;
    for (const auto& t : workspace_.times()) {
      if (t.step != nullptr)
        out.push_back({t.step->name, t.step->kind, t.step->kernel, t.ms, t.step->flops, t.step->bytes});
      else
        out.push_back({t.dynamic, "", "evaluate", t.ms, 0, 0});
    }
    return out;
  }

 private:
  std::shared_ptr<plan::Program> program_;
  std::shared_ptr<ThreadPool> pool_;
  plan::Workspace workspace_;
};

class CpuCompiled final : public Compiled {
 public:
  CpuCompiled(std::shared_ptr<plan::Program> program, std::shared_ptr<ThreadPool> pool, bool profile)
      : program_(std::move(program)), pool_(std::move(pool)), profile_(profile) {}

  std::unique_ptr<Request> request() override { return std::make_unique<CpuRequest>(program_, pool_, profile_); }

  std::string describe() const override {
    const auto compilation = planned();
    if (!compilation) return "planned when the input shapes are known\n";
    std::string text = plan::print(*compilation->plan);
    for (const auto& node : compilation->dynamic) text += fmt::format("then {} '{}', whose shapes depend on data\n", node.op.name(), node.name);
    return text;
  }

  std::vector<plan::Choice> choices() const override {
    const auto compilation = planned();
    return compilation ? compilation->plan->choices : std::vector<plan::Choice>();
  }

  std::optional<Prepared> prepared() const override {
    const plan::PackStore& packs = program_->machine().packs;
    return Prepared{program_->shared_graph(), packs.all(), packs.packed_here()};
  }

 private:
  // The plan for the graph's own input shapes; null unless all are known.
  std::shared_ptr<const plan::Compilation> planned() const {
    std::vector<Shape> shapes;
    for (graph::ValueId v : program_->graph().inputs()) {
      if (!program_->graph().type(v).is_static()) return nullptr;
      shapes.push_back(program_->graph().type(v).shape.shape());
    }
    return program_->compile(shapes);
  }

  std::shared_ptr<plan::Program> program_;
  std::shared_ptr<ThreadPool> pool_;
  bool profile_;
};

class CpuDevice final : public Device {
 public:
  std::string_view name() const override { return "CPU"; }
  bool uses_cache() const override { return true; }

  std::unique_ptr<Compiled> compile(std::shared_ptr<const graph::Graph> graph, const CompileOptions& options) override {
    if (!options.prepared) {
      auto optimised = std::make_shared<graph::Graph>(*graph);
      passes::optimise(*optimised);
      graph = std::move(optimised);
    }
    const int usable = usable_cores();
    int threads = options.threads > 0 ? options.threads : usable;
    if (options.hint == Hint::throughput) threads = 1;  // one request a core
    auto machine = std::make_shared<plan::Machine>(kernels::select(allowed_isa(), kernels::probe_dense(allowed_isa()).chosen), options.exact);
    machine->answers = options.answers;
    if (const std::string file = options.tuning.empty() ? knob(Knob::tuning) : options.tuning; !file.empty())
      machine->answers.merge(read_tunings(file)[this_machine()]);
    if (options.cached != nullptr) machine->packs.offer(options.cached->packs, options.cached->unverified);
    auto program = std::make_shared<plan::Program>(machine, std::move(graph), options.prepared ? plan::Program::State::prepared : plan::Program::State::optimised);
    // a model with fixed shapes is planned now, so that the first inference is like the others
    std::vector<Shape> shapes;
    for (graph::ValueId v : program->graph().inputs())
      if (program->graph().type(v).is_static()) shapes.push_back(program->graph().type(v).shape.shape());
    if (shapes.size() == program->graph().inputs().size()) program->compile(shapes);
    return std::make_unique<CpuCompiled>(std::move(program), threads > 1 ? shared_pool(threads) : nullptr, options.profile);
  }
};

}  // namespace

std::unique_ptr<Device> make_device() { return std::make_unique<CpuDevice>(); }

}  // namespace saccade::devices::cpu
