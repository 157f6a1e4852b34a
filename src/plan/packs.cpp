// SPDX-License-Identifier: Apache-2.0
// The store of packed weights.
#include "plan/packs.h"

namespace saccade::plan {

Tensor PackStore::get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack) {
  std::scoped_lock lock(mutex_);
  Entry& entry = entries_[{constant.raw(), key}];
  if (!entry.packed.defined()) {
    entry.source = constant;  // keeps the address from being used again
    entry.packed = Tensor(ElementType::f32, {floats});
    pack(entry.packed.data<float>());
  }
  return entry.packed;
}

std::size_t PackStore::bytes() const {
  std::scoped_lock lock(mutex_);
  std::size_t total = 0;
  for (const auto& [key, entry] : entries_) total += entry.packed.size_bytes();
  return total;
}

}  // namespace saccade::plan
