// SPDX-License-Identifier: Apache-2.0
// Packed weights. The packed form of equal contents exists once in the process, whichever plans, models and devices use it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "graph/cache_format.h"
#include "saccade/tensor.h"

namespace saccade::plan {

class PackMemory;

/// What one model has packed. A packing is named by a key that, together with the constant's contents and shape, says all
/// about its form, the instruction set included. The packed form lives as long as a store or a plan holds it. Thread safe.
class PackStore {
 public:
  PackStore();
  ~PackStore();
  PackStore(const PackStore&) = delete;
  PackStore& operator=(const PackStore&) = delete;

  /// The packed form: `floats` floats, aligned to 64 bytes, filled by `pack` unless some model has it already.
  Tensor get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack);
  std::size_t bytes() const;

  /// Packed forms from a file, which are verified and taken where they are asked for, instead of packing. `unverified` are constants that
  /// were not compared with their hashes yet, which get() does before it packs them: it throws Error(invalid_model) for a damaged one.
  void offer(const std::vector<graph::PackedConstant>& packs, const std::vector<std::pair<Tensor, std::uint64_t>>& unverified);
  /// Everything that was packed here or offered.
  std::vector<graph::PackedConstant> all() const;
  /// How many forms nobody offered.
  std::size_t packed_here() const;

 private:
  using Name = std::pair<const void*, std::string>;
  struct Entry {
    Tensor source;  // keeps the address from being used again
    std::shared_ptr<const Tensor> packed;
  };

  mutable std::mutex mutex_;
  std::unique_ptr<PackMemory> memory_;
  std::map<Name, Entry> entries_;  // a short cut around hashing
  std::map<Name, graph::PackedConstant> offered_;
  std::map<const void*, std::pair<Tensor, std::uint64_t>> unverified_;
  std::size_t packed_here_ = 0;
};

}  // namespace saccade::plan
