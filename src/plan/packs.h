// SPDX-License-Identifier: Apache-2.0
// Packed weights, made once and shared by the plans of a model.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "saccade/tensor.h"

namespace saccade::plan {

/// Packings of constants by (address of the constant's elements, key). The constants must outlive the store. Thread safe.
class PackStore {
 public:
  /// The packed form: `floats` floats, aligned to 64 bytes, filled by `pack` on first demand.
  Tensor get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack);
  std::size_t bytes() const;

 private:
  mutable std::mutex mutex_;
  struct Entry {
    Tensor source, packed;
  };
  std::map<std::pair<const void*, std::string>, Entry> entries_;
};

}  // namespace saccade::plan
