// SPDX-License-Identifier: Apache-2.0
// Worker threads that run the bands of a step together with the calling thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <type_traits>
#include <vector>

namespace saccade {

struct ThreadPoolOptions {
  int threads = 0;         ///< including the caller; 0: usable_cores()
  std::vector<int> cores;  ///< worker i is pinned to cores[i], the caller stands for cores[0]; empty: affinity()
  bool pin = true;         ///< also off by the knob
};

/// threads() − 1 workers, which spin for at most 300 µs after their last work (not at all where the control group grants less
/// processor time than there are threads) and then sleep. The caller's affinity is never touched.
class ThreadPool {
 public:
  explicit ThreadPool(ThreadPoolOptions options = {});
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const noexcept { return static_cast<int>(shares_.size()); }

  /// Calls body(band) or body(band, thread) once for each band in [0, bands), at most 65535, and returns when all are done; no two calls with
  /// the same thread in [0, threads()) run at once, unless several callers do. Thread t starts with the t-th run of neighbouring bands and helps others when it has finished. Denormals are flushed meanwhile; body must not throw.
  /// May be called from several threads, and from a body: whoever finds the pool taken runs all of its bands itself.
  template <class Body>
  void run(int bands, Body&& body) noexcept {
    using Plain = std::remove_reference_t<Body>;
    run_bands(bands, [](void* context, int band, [[maybe_unused]] int thread) {
      if constexpr (std::is_invocable_v<Plain&, int, int>)
        (*static_cast<Plain*>(context))(band, thread);
      else
        (*static_cast<Plain*>(context))(band);
    },
              const_cast<void*>(static_cast<const void*>(std::addressof(body))));
  }

 private:
  using Call = void (*)(void*, int, int);
  struct alignas(64) Share {
    std::atomic<std::uint64_t> state{0};  // epoch (32 bits) | next band (16) | end (16)
  };

  void run_bands(int bands, Call call, void* context) noexcept;
  int work(std::size_t self, std::uint32_t epoch) noexcept;
  bool claim(Share& share, std::uint32_t epoch, int& band) noexcept;
  void worker(std::size_t self) noexcept;
  void finish(int count) noexcept;

  std::vector<Share> shares_;
  std::vector<std::thread> workers_;
  bool spin_ = true;
  Call call_ = nullptr;
  void* context_ = nullptr;
  alignas(64) std::atomic<std::uint32_t> epoch_{0};  // bumped for each run; workers wait on it
  std::atomic<int> parked_{0};
  std::atomic<bool> stop_{false};
  alignas(64) std::atomic<std::uint32_t> remaining_{0};  // bands not done; the caller waits on it
  std::atomic<bool> caller_parked_{false};
  alignas(64) std::atomic<bool> taken_{false};
};

}  // namespace saccade
