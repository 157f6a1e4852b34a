// SPDX-License-Identifier: Apache-2.0
// Plan: a graph for concrete input shapes, made into ordered steps on this machine. Each step names its kernel and its
// buffers, which the memory planner has put into one arena.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "kernels/table.h"
#include "plan/choices.h"
#include "plan/place.h"

namespace saccade {
class ThreadPool;
}

namespace saccade::plan {

/// A piece of memory that steps read and write.
struct Buffer {
  enum class Kind { arena, constant, input, output };
  Kind kind = Kind::arena;
  std::size_t bytes = 0;
  int index = -1;           ///< which graph input or output
  Tensor constant;          ///< Kind::constant
  int first = -1, last = -1;  ///< steps between which it is alive (arena)
  BufferId over = -1;         ///< the buffer that it is written over, in the same memory (arena)
  std::size_t offset = 0;   ///< in the arena
};

/// What a running step sees. `bases` has one pointer a buffer.
struct Run {
  const kernels::KernelTable& k;
  ThreadPool* pool;  ///< null: this thread alone
  std::byte* const* bases;
  std::byte* scratch = nullptr;  ///< of thread t: scratch + t·scratch_pitch
  std::size_t scratch_pitch = 0;

  template <class T>
  T* at(const Place& place) const {
    return reinterpret_cast<T*>(bases[place.buffer]) + place.offset;
  }
  float* floats(const Place& place) const { return at<float>(place); }

  /// Calls fn(begin, end) on pieces of [0, count), each a multiple of `grain` but the last, on all threads if the whole is
  /// worth it: `work` is an estimate in nanoseconds of one thread. A function of three arguments also gets the memory of the
  /// thread that it runs on, of the step's scratch_bytes. A few pieces a thread let the others help a slow one; one is right
  /// where each piece has work of its own before it begins.
  template <class F>
  void parallel(std::int64_t count, std::int64_t grain, double work, F&& fn, int pieces_a_thread = 4) const;
};

/// One piece of work. Run in order; a step may use the threads of the pool within.
class Step {
 public:
  virtual ~Step() = default;
  virtual void run(const Run& run) const = 0;

  std::string name;    ///< of the graph's node
  std::string kind;    ///< of the operator, with what is fused: "Convolution+Add+Relu"
  std::string kernel;  ///< "dense 3x3", "copy: channels last", "evaluate"
  double flops = 0, bytes = 0;
  bool exact_denormals = false;  ///< must not run under flush-to-zero
  std::size_t scratch_bytes = 0; ///< memory that each thread needs while the step runs
  std::vector<Place> reads, writes;
  /// The input that the first output may be written over where nobody needs it any more: each of its elements is read before that one of
  /// the output is written, by the thread that writes it. An invalid place: there is none.
  Place overwritable;
};

/// Immutable after planning; any number of requests may run it at once, each with an arena of its own.
struct Plan {
  std::vector<Buffer> buffers;
  std::vector<std::unique_ptr<Step>> steps;
  std::vector<Place> outputs;       ///< dense, one per graph output
  std::vector<Place> inputs;
  std::vector<Choice> choices;
  std::size_t arena_bytes = 0;
  std::size_t arena_lower_bound = 0;  ///< the most bytes alive at one step
  std::size_t scratch_bytes = 0;    ///< the most that a step needs a thread
  bool has_evaluate = false;        ///< some step may throw and allocate
};

/// The steps with kernels and places, the buffers, the arena: for people and tests.
std::string print(const Plan& plan);

/// Assigns arena offsets: outputs go over inputs that a step is the last to need, where it can work in place; what shares memory so is
/// placed as one, greedily by size at the lowest offset that is free over its life (Pisarchyk & Lee 2020).
void plan_memory(Plan& plan);

}  // namespace saccade::plan
