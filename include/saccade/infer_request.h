// SPDX-License-Identifier: Apache-2.0
// InferRequest: one run of a compiled model, again and again.
//
// Example:
//   saccade::CompiledModel compiled = saccade::Core().compile_model("classifier.onnx");
//   saccade::InferRequest request = compiled.create_infer_request();
//   request.set_input_tensor(saccade::Tensor(saccade::ElementType::f32, {1, 3, 224, 224}));
//   request.start_async();
//   while (!request.wait_for(10)) std::puts("still running");
//   const float first_score = request.get_output_tensor().data<float>()[0];
//   std::printf("%f\n", first_score);
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/tensor.h"

namespace saccade {

/// One step of the last run of a request, for profiles.
struct LayerProfile {
  std::string name;    ///< the node in the model
  std::string kind;    ///< the operator
  std::string kernel;  ///< what ran it
  double ms = 0;
  double flops = 0, bytes = 0;  ///< arithmetic and memory traffic of one run; 0: not known
};

/// One inference at a time. Not thread safe, but different requests of one CompiledModel may be used in different threads.
/// Copies stand for the same request. Keeps its CompiledModel alive.
class InferRequest {
 public:
  /// No request; every member throws Error(invalid_argument).
  InferRequest() = default;

  /// The tensor for an input. It is shared, not copied: keep its contents unchanged while a run is in progress.
  /// Throws Error(not_found) for an unknown input, Error(invalid_argument) if the element type or the shape does not suit, or while running.
  void set_input_tensor(std::string_view name, Tensor tensor);
  void set_input_tensor(std::size_t index, Tensor tensor);
  /// For models with one input.
  void set_input_tensor(Tensor tensor);
  /// The tensor that was set, or a new zero one if the input's shape is static. Fill it in place to avoid copies.
  Tensor get_input_tensor(std::string_view name);
  Tensor get_input_tensor(std::size_t index = 0);

  /// An output of the last finished run. The next run may write into the same memory if the caller holds no copy of the
  /// tensor any more; a tensor that is still held is never overwritten. Throws Error(invalid_argument) before the first run.
  Tensor get_output_tensor(std::string_view name) const;
  Tensor get_output_tensor(std::size_t index = 0) const;

  /// Runs on the calling thread (and the model's threads) and returns when the outputs are there.
  /// Throws Error(invalid_argument) if an input is missing or a run is in progress, or whatever stopped the run.
  void infer();

  /// Starts a run and returns at once. Runs beyond the model's streams wait for their turn. Throws as infer() does for wrong use;
  /// an error of the run itself comes from wait(), wait_for() and to the callback.
  void start_async();
  /// Called on the engine's thread after each asynchronous run, before wait() returns; null unless the run failed.
  /// It may start the request again. Must not throw. Not to be changed while running.
  void set_callback(std::function<void(std::exception_ptr)> callback);
  /// Returns when the run has finished; at once if none was started. Throws what stopped the run, once.
  void wait();
  /// The same within a time: 0 only looks, a negative time waits without end. False: still running. Throws what stopped the run, once.
  bool wait_for(double milliseconds);

  /// The time of the last finished run in milliseconds, without waiting for its turn.
  double latency_ms() const;
  /// The steps of the last run, in order; empty unless the model was compiled with properties::profile.
  std::vector<LayerProfile> profile() const;

 private:
  friend class CompiledModel;
  struct State;
  explicit InferRequest(std::shared_ptr<State> state) : state_(std::move(state)) {}
  State& state() const;

  std::shared_ptr<State> state_;
};

}  // namespace saccade
