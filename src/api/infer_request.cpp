// SPDX-License-Identifier: Apache-2.0
// InferRequest: checks what comes in, runs on the caller's thread or a stream's.
#include "saccade/infer_request.h"

#include <algorithm>
#include <chrono>

#include "api/ports.h"
#include "api/state.h"
#include "base/error.h"

namespace saccade {
namespace {

bool suits(const Port& port, const Tensor& tensor) {
  if (!port.ranked) return true;
  return std::equal(port.shape.begin(), port.shape.end(), tensor.shape().begin(), tensor.shape().end(),
                    [](std::int64_t want, std::int64_t have) { return want < 0 || want == have; });
}

}  // namespace

InferRequest::State& InferRequest::state() const {
  SACCADE_CHECK(state_ != nullptr, invalid_argument, "the request is empty");
  return *state_;
}

void InferRequest::State::require_idle() const {
  std::lock_guard lock(mutex);
  SACCADE_CHECK(!running, invalid_argument, "a run of this request is in progress; wait() for it first");
}

void InferRequest::set_input_tensor(std::string_view name, Tensor tensor) {
  set_input_tensor(api::index_of(state().model->inputs, name, "input"), std::move(tensor));
}

void InferRequest::set_input_tensor(Tensor tensor) {
  SACCADE_CHECK(state().inputs.size() == 1, invalid_argument, "the model has {} inputs; say which one the tensor is for", state().inputs.size());
  set_input_tensor(std::size_t{0}, std::move(tensor));
}

void InferRequest::set_input_tensor(std::size_t index, Tensor tensor) {
  State& s = state();
  s.require_idle();
  SACCADE_CHECK(index < s.inputs.size(), not_found, "there is no input {}; the model has {}", index, s.inputs.size());
  const Port& port = s.model->inputs[index];
  SACCADE_CHECK(tensor.defined(), invalid_argument, "the tensor for input '{}' is undefined", port.name);
  SACCADE_CHECK(tensor.type() == port.type, invalid_argument, "input '{}' takes {}, not {}", port.name, to_string(port.type), to_string(tensor.type()));
  SACCADE_CHECK(suits(port, tensor), invalid_argument, "input '{}' takes {}, not {}; reshape the model to change that", port.name, port.shape_text,
                to_string(tensor.shape()));
  s.inputs[index] = std::move(tensor);
}

Tensor InferRequest::get_input_tensor(std::string_view name) { return get_input_tensor(api::index_of(state().model->inputs, name, "input")); }

Tensor InferRequest::get_input_tensor(std::size_t index) {
  State& s = state();
  SACCADE_CHECK(index < s.inputs.size(), not_found, "there is no input {}; the model has {}", index, s.inputs.size());
  const Port& port = s.model->inputs[index];
  if (!s.inputs[index].defined()) {
    s.require_idle();
    SACCADE_CHECK(port.is_static(), invalid_argument, "input '{}' is {}; set a tensor of the size you want", port.name, port.shape_text);
    s.inputs[index] = Tensor(port.type, port.shape);
  }
  return s.inputs[index];
}

Tensor InferRequest::get_output_tensor(std::string_view name) const { return get_output_tensor(api::index_of(state().model->outputs, name, "output")); }

Tensor InferRequest::get_output_tensor(std::size_t index) const {
  const State& s = state();
  s.require_idle();
  SACCADE_CHECK(index < s.outputs.size(), not_found, "there is no output {}; the model has {}", index, s.outputs.size());
  SACCADE_CHECK(s.has_run, invalid_argument, "there are no outputs before the first run");
  return s.outputs[index];
}

void InferRequest::State::start() {
  for (std::size_t i = 0; i < inputs.size(); ++i)
    SACCADE_CHECK(inputs[i].defined(), invalid_argument, "input '{}' has no tensor", model->inputs[i].name);
  std::lock_guard lock(mutex);
  SACCADE_CHECK(!running, invalid_argument, "a run of this request is in progress; wait() for it first");
  running = true;
}

void InferRequest::State::run() {
  const auto start = std::chrono::steady_clock::now();
  has_run = false;
  request->run(inputs, outputs);
  latency_ms = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  has_run = true;
}

void InferRequest::infer() {
  State& s = state();
  s.start();
  struct Ended {
    State& s;
    ~Ended() {
      std::lock_guard lock(s.mutex);
      s.running = false;
    }
  } ended{s};
  s.run();
}

void InferRequest::start_async() {
  State& s = state();
  s.start();
  {
    std::lock_guard lock(s.mutex);
    ++s.pending;
    s.failure = nullptr;
  }
  s.model->executor->post([self = state_] {
    State& request = *self;
    std::exception_ptr failure;
    try {
      request.run();
    } catch (...) {
      failure = std::current_exception();
    }
    {
      std::lock_guard lock(request.mutex);
      request.running = false;
      request.failure = failure;
    }
    if (request.callback) request.callback(failure);
    {
      std::lock_guard lock(request.mutex);
      --request.pending;
    }
    request.finished.notify_all();
  });
}

void InferRequest::set_callback(std::function<void(std::exception_ptr)> callback) {
  State& s = state();
  s.require_idle();
  s.callback = std::move(callback);
}

void InferRequest::wait() { wait_for(-1); }

bool InferRequest::wait_for(double milliseconds) {
  State& s = state();
  std::unique_lock lock(s.mutex);
  const auto done = [&] { return s.pending == 0; };
  if (milliseconds < 0)
    s.finished.wait(lock, done);
  else if (!s.finished.wait_for(lock, std::chrono::duration<double, std::milli>(milliseconds), done))
    return false;
  if (s.failure) std::rethrow_exception(std::exchange(s.failure, nullptr));
  return true;
}

double InferRequest::latency_ms() const {
  state().require_idle();
  return state().latency_ms;
}

std::vector<LayerProfile> InferRequest::profile() const {
  state().require_idle();
  std::vector<LayerProfile> layers;
  for (devices::StepProfile& step : state().request->profile())
    layers.push_back({std::move(step.name), std::move(step.kind), std::move(step.kernel), step.ms, step.flops, step.bytes});
  return layers;
}

}  // namespace saccade
