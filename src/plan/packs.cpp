// SPDX-License-Identifier: Apache-2.0
// The stores of packed weights: one a model, and what all of them share.
#include "plan/packs.h"

#include <algorithm>
#include <tuple>

#include "base/hash.h"

namespace saccade::plan {
namespace {

class SharedPacks {
 public:
  std::shared_ptr<const Tensor> get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack) {
    const Key full{hash_bytes(constant.raw(), constant.size_bytes(), process_seed()), constant.type(), constant.shape(), key, floats};
    std::shared_ptr<Slot> slot;
    {
      std::scoped_lock lock(mutex_);
      std::weak_ptr<Slot>& known = slots_[full];
      slot = known.lock();
      if (!slot) {
        known = slot = std::make_shared<Slot>();
        drop_unused();
      }
    }
    // two models that load at once pack different constants side by side, and one constant once
    std::call_once(slot->once, [&] {
      slot->packed = Tensor(ElementType::f32, {floats});
      pack(slot->packed.data<float>());
    });
    return {slot, &slot->packed};
  }

 private:
  // Walks over all slots, and therefore only when their number has doubled since the last time.
  void drop_unused() {
    if (slots_.size() < 2 * kept_) return;
    std::erase_if(slots_, [](const auto& entry) { return entry.second.expired(); });
    kept_ = std::max<std::size_t>(slots_.size(), 64);
  }

  using Key = std::tuple<Hash128, ElementType, Shape, std::string, std::int64_t>;
  struct Slot {
    std::once_flag once;
    Tensor packed;
  };
  std::mutex mutex_;
  std::map<Key, std::weak_ptr<Slot>> slots_;
  std::size_t kept_ = 64;
};

SharedPacks& shared_packs() {
  static SharedPacks packs;
  return packs;
}

}  // namespace

Tensor PackStore::get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack) {
  std::scoped_lock lock(mutex_);
  Entry& entry = entries_[{constant.raw(), key}];
  if (!entry.packed) entry = {constant, shared_packs().get(constant, key, floats, pack)};
  return *entry.packed;
}

std::size_t PackStore::bytes() const {
  std::scoped_lock lock(mutex_);
  std::size_t total = 0;
  for (const auto& [key, entry] : entries_) total += entry.packed->size_bytes();
  return total;
}

}  // namespace saccade::plan
