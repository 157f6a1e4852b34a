// SPDX-License-Identifier: Apache-2.0
// What a device is to the rest: it compiles a graph, and requests run it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graph/cache_format.h"
#include "graph/graph.h"
#include "plan/choices.h"
#include "saccade/tensor.h"

namespace saccade::devices {

enum class Hint { latency, throughput };

/// Settings of a compilation; devices ignore what does not concern them.
struct CompileOptions {
  int threads = 0;  ///< threads of one request; 0: all that affinity and quota allow
  int streams = 0;  ///< requests that run at once; 0: by the hint
  Hint hint = Hint::latency;
  bool profile = false;  ///< requests keep per-step times
  bool prepared = false;   ///< the graph is Prepared::graph of the same device
  const graph::CacheContents* cached = nullptr;  ///< packed weights of the graph, from a file; read during compile() alone
  std::string cache_folder;  ///< for whoever compiles: devices do not read it
  std::string tuning;    ///< a file of choices measured by `saccade tune`; empty: none
  plan::Answers answers; ///< choices that go before those of the file
  bool exact = false;    ///< sums of products as the operators define them, without fast algorithms that round otherwise
};

/// One step's time in the last run.
struct StepProfile {
  std::string name, kind, kernel;  ///< the node's name, the operator, the kernel that ran it
  double ms = 0;
  double flops = 0, bytes = 0;  ///< arithmetic and memory traffic of one run
};

/// One inference at a time; not thread safe. Different requests of one compilation may run at once.
class Request {
 public:
  virtual ~Request() = default;
  /// Runs on `inputs` (one per graph input, in order) and stores one tensor per graph output into `outputs`. A tensor
  /// already there is written in place if its type and shape fit and nobody else shares it, so a steady loop allocates nothing.
  virtual void run(std::span<const Tensor> inputs, std::vector<Tensor>& outputs) = 0;
  /// Steps of the last run, in order; empty unless compiled with `profile`.
  virtual std::vector<StepProfile> profile() const { return {}; }
};

/// What a cache keeps of a graph prepared for a device.
struct Prepared {
  std::shared_ptr<const graph::Graph> graph;  ///< as it is planned
  std::vector<graph::PackedConstant> packs;
  std::size_t fresh = 0;  ///< packs that did not come from CompileOptions::cached
};

/// A graph prepared for a device. Thread safe. Must outlive its requests.
class Compiled {
 public:
  virtual ~Compiled() = default;
  virtual std::unique_ptr<Request> request() = 0;
  /// The plan, for people.
  virtual std::string describe() const = 0;
  /// The choices made in planning; empty where there is no plan yet.
  virtual std::vector<plan::Choice> choices() const { return {}; }
  /// Nothing where there is nothing to keep.
  virtual std::optional<Prepared> prepared() const { return std::nullopt; }
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string_view name() const = 0;
  /// Whether it can go on with a graph that passes have changed, and keeps packed weights.
  virtual bool uses_cache() const { return false; }
  /// The graph as imported; the device runs its own passes.
  virtual std::unique_ptr<Compiled> compile(std::shared_ptr<const graph::Graph> graph, const CompileOptions& options) = 0;
};

}  // namespace saccade::devices
