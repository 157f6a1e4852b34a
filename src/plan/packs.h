// SPDX-License-Identifier: Apache-2.0
// Packed weights. The packed form of equal contents exists once in the process, whichever plans, models and devices use it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "saccade/tensor.h"

namespace saccade::plan {

/// What one model has packed. A packing is named by a key that, together with the constant's contents and shape, says all
/// about its form, the instruction set included. The packed form lives as long as a store or a plan holds it. Thread safe.
class PackStore {
 public:
  /// The packed form: `floats` floats, aligned to 64 bytes, filled by `pack` unless some model has it already.
  Tensor get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack);
  std::size_t bytes() const;

 private:
  mutable std::mutex mutex_;
  struct Entry {
    Tensor source;  // keeps the address from being used again
    std::shared_ptr<const Tensor> packed;
  };
  std::map<std::pair<const void*, std::string>, Entry> entries_;  // a short cut around hashing
};

}  // namespace saccade::plan
