// SPDX-License-Identifier: Apache-2.0
// Program: a graph that runs on this machine for whatever input shapes come. For each set of shapes it keeps a
// Compilation: the plan of everything whose shapes follow from the inputs' shapes, then the nodes whose output shapes
// depend on data (and If, Loop, Scan), then a further Program for what comes after those.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/arena.h"
#include "graph/graph.h"
#include "plan/packs.h"
#include "plan/plan.h"

namespace saccade::plan {

/// What the programs of one model share.
struct Machine {
  const kernels::KernelTable& k;
  bool exact = false;  ///< only algorithms that add the products of the definition up
  Answers answers = {};  ///< of `saccade tune`
  PackStore packs = {};
};

class Program;

/// Where a tensor of a compilation's tail comes from.
struct Source {
  enum class From { plan, dynamic, rest, constant } from = From::plan;
  std::size_t index = 0;  ///< plan output, value of the dynamic nodes, output of the rest
  Tensor constant;
};

/// A node that runs between plans.
struct DynamicNode {
  graph::Op op;
  std::string name;
  std::vector<Source> inputs;  ///< absent inputs: an undefined constant
  std::size_t first_output = 0, output_count = 0;  ///< among the dynamic values
  std::vector<std::shared_ptr<Program>> bodies;
};

/// A graph for concrete input shapes. Immutable, shared by requests.
struct Compilation {
  std::unique_ptr<Plan> plan;
  std::vector<DynamicNode> dynamic;
  std::size_t dynamic_values = 0;
  std::shared_ptr<Program> rest;  ///< null: nothing comes after the dynamic nodes
  std::vector<Source> rest_inputs;
  std::vector<Source> outputs;    ///< of the graph; for a static graph simply the plan's
  bool is_static() const { return dynamic.empty(); }
};

/// Thread safe. Holds at most `kMaxCompilations` compilations, the least recently used is dropped first.
class Program {
 public:
  /// What the graph has been through. `prepared`: it is the shared_graph() of another program.
  enum class State { optimised, prepared };
  Program(std::shared_ptr<Machine> machine, std::shared_ptr<const graph::Graph> graph, State state = State::optimised);

  std::shared_ptr<const Compilation> compile(std::span<const Shape> input_shapes);
  std::shared_ptr<const Compilation> compile_for(std::span<const Tensor> inputs);
  const graph::Graph& graph() const { return *graph_; }
  const std::shared_ptr<const graph::Graph>& shared_graph() const { return graph_; }
  Machine& machine() { return *machine_; }

  static constexpr std::size_t kMaxCompilations = 16;

 private:
  std::shared_ptr<Machine> machine_;
  std::shared_ptr<const graph::Graph> graph_;
  std::mutex mutex_;
  struct Entry {
    std::vector<Shape> shapes;
    std::shared_ptr<const Compilation> compilation;
  };
  std::list<Entry> recent_;  // most recent first
};

/// One step's time in the last run of a workspace.
struct StepTime {
  const Step* step;
  std::string dynamic;  ///< of a node between plans, where step is null
  double ms = 0;
};

/// The memory of one request: arenas by plan, reused from run to run. Not thread safe.
class Workspace {
 public:
  explicit Workspace(ThreadPool* pool, bool profile = false) : pool_(pool), profile_(profile) {}

  /// Runs the program; see devices::Request::run for `outputs`.
  void run(Program& program, std::span<const Tensor> inputs, std::vector<Tensor>& outputs);
  const std::vector<StepTime>& times() const { return times_; }
  void clear_times() { times_.clear(); }

 private:
  struct Instance {
    std::shared_ptr<const Compilation> compilation;
    Arena arena;
    std::vector<std::byte*> bases;
    std::vector<Tensor> outputs;  // of the plan, where the graph's outputs are not simply these
  };
  Instance& instance(const std::shared_ptr<const Compilation>& compilation);
  void run_plan(const Program& program, Instance& instance, std::span<const Tensor> inputs, std::vector<Tensor>& outputs);
  std::vector<Tensor> run_dynamic(const DynamicNode& node, std::span<const Tensor> inputs);
  std::vector<Tensor> run_if(const DynamicNode& node, std::span<const Tensor> inputs);
  std::vector<Tensor> run_loop(const DynamicNode& node, std::span<const Tensor> inputs);

  static constexpr std::size_t kMaxInstances = 24;
  ThreadPool* pool_;
  bool profile_;
  std::list<Instance> instances_;  // most recent first
  Arena scratch_;                  // of all threads, for the plan that needs most
  std::vector<StepTime> times_;
};

/// A copy of the graph with these input shapes, inferred again and folded.
graph::Graph specialise(const graph::Graph& graph, std::span<const Shape> input_shapes);

}  // namespace saccade::plan
