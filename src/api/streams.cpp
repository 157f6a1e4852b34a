// SPDX-License-Identifier: Apache-2.0
// A queue of jobs and the threads that serve it.
#include "api/streams.h"

namespace saccade::api {

Streams::~Streams() {
  {
    std::lock_guard lock(queue_->mutex);
    queue_->closed = true;
  }
  queue_->filled.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.get_id() == std::this_thread::get_id())
      thread.detach();
    else
      thread.join();
  }
}

void Streams::post(std::function<void()> job) {
  {
    std::lock_guard lock(queue_->mutex);
    if (static_cast<int>(threads_.size()) < count_) threads_.emplace_back([queue = queue_] { serve(queue); });
    queue_->jobs.push_back(std::move(job));
  }
  queue_->filled.notify_one();
}

void Streams::serve(const std::shared_ptr<Queue>& queue) {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(queue->mutex);
      queue->filled.wait(lock, [&] { return queue->closed || !queue->jobs.empty(); });
      if (queue->jobs.empty()) return;
      job = std::move(queue->jobs.front());
      queue->jobs.pop_front();
    }
    job();
  }
}

}  // namespace saccade::api
