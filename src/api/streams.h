// SPDX-License-Identifier: Apache-2.0
// Streams: the threads on which asynchronous requests of one compiled model run, so many at once.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace saccade::api {

/// Thread safe. Threads start with the first job. The destructor finishes the jobs that wait; it may run on a stream's own thread.
class Streams {
 public:
  explicit Streams(int count) : queue_(std::make_shared<Queue>()), count_(count) {}
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  /// Runs the job, which must not throw, on a stream when one is free; in the order of the calls.
  void post(std::function<void()> job);

 private:
  // Owned by the threads too: the last job may end the Streams that it came from.
  struct Queue {
    std::mutex mutex;
    std::condition_variable filled;
    std::deque<std::function<void()>> jobs;
    bool closed = false;
  };
  static void serve(const std::shared_ptr<Queue>& queue);

  std::shared_ptr<Queue> queue_;
  int count_;
  std::vector<std::thread> threads_;  // guarded by the queue's mutex
};

}  // namespace saccade::api
