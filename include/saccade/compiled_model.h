// SPDX-License-Identifier: Apache-2.0
// CompiledModel: a model prepared for a device; it makes the requests that run it.
//
// Example:
//   saccade::CompiledModel compiled = saccade::Core().compile_model("classifier.onnx");
//   std::puts(compiled.describe().c_str());
//   std::vector<saccade::InferRequest> requests;
//   for (int i = 0; i < compiled.optimal_requests(); ++i) requests.push_back(compiled.create_infer_request());
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "saccade/infer_request.h"
#include "saccade/model.h"

namespace saccade {

/// A model prepared for a device. Thread safe. Copies share it; it lives as long as a copy or one of its requests.
class CompiledModel {
 public:
  /// Nothing; every member but empty() throws Error(invalid_argument).
  CompiledModel() = default;

  bool empty() const noexcept { return state_ == nullptr; }
  /// As in the model that was compiled.
  const std::vector<Port>& inputs() const;
  const std::vector<Port>& outputs() const;
  /// The name of the device, for example "CPU".
  const std::string& device() const;
  /// How many requests keep the device busy: one for the latency hint, one a stream for the throughput hint.
  int optimal_requests() const;
  /// Whether it came from a cache (properties::cache_dir) and was only mapped.
  bool loaded_from_cache() const;
  /// What went wrong without harm, in words: that a cache could not be written, for example.
  const std::vector<std::string>& warnings() const;
  /// The plan, for people.
  std::string describe() const;

  InferRequest create_infer_request() const;

 private:
  friend class Core;
  friend class InferRequest;
  struct State;
  explicit CompiledModel(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const;

  std::shared_ptr<const State> state_;
};

}  // namespace saccade
