// SPDX-License-Identifier: Apache-2.0
// What stands behind the handles CompiledModel and InferRequest.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

#include "api/streams.h"
#include "devices/device.h"
#include "saccade/compiled_model.h"

namespace saccade {

struct CompiledModel::State {
  std::string device_name;
  std::vector<Port> inputs, outputs;
  int streams = 1;
  bool loaded_from_cache = false;
  std::vector<std::string> warnings;
  std::unique_ptr<devices::Device> device;
  std::unique_ptr<devices::Compiled> compiled;
  mutable std::unique_ptr<api::Streams> executor;  // last: it ends before what its jobs use
};

struct InferRequest::State {
  std::shared_ptr<const CompiledModel::State> model;  // outlives the request
  std::unique_ptr<devices::Request> request;
  std::vector<Tensor> inputs, outputs;
  std::function<void(std::exception_ptr)> callback;
  double latency_ms = 0;
  bool has_run = false;

  mutable std::mutex mutex;
  std::condition_variable finished;
  bool running = false;       // between the start and the end of a run
  int pending = 0;            // asynchronous runs whose callback has not returned
  std::exception_ptr failure;  // of an asynchronous run, until somebody waits

  void run();
  void start();
  void require_idle() const;
};

}  // namespace saccade
