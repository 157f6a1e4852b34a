// SPDX-License-Identifier: Apache-2.0
// The stores of packed weights: one a model, and what all of them share.
#include "plan/packs.h"

#include <algorithm>
#include <tuple>

#include "base/arena.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hash.h"

namespace saccade::plan {

/// Where packs lie: side by side in large blocks, or alone in one of huge pages if they are large: each run streams through them. A block
/// lives as long as one of its packs.
class PackMemory {
 public:
  /// Zeros, with 64 readable bytes behind them.
  Tensor take(std::int64_t floats) {
    const std::size_t bytes = (static_cast<std::size_t>(floats) * sizeof(float) + 63) / 64 * 64 + 64;
    if (bytes > kBlock / 4) {
      const auto own = std::make_shared<Arena>(bytes, Pages::huge);
      return Tensor(ElementType::f32, {floats}, own->data(), own);
    }
    if (!block_ || block_->size() - used_ < bytes) {
      // a small model does not need a large block
      block_ = std::make_shared<Arena>(block_ || bytes > kFirstBlock ? kBlock : kFirstBlock);
      used_ = 0;
    }
    Tensor tensor(ElementType::f32, {floats}, block_->data() + used_, block_);
    used_ += bytes;
    return tensor;
  }

 private:
  static constexpr std::size_t kFirstBlock = std::size_t{1} << 20, kBlock = std::size_t{8} << 20;
  std::shared_ptr<Arena> block_;
  std::size_t used_ = 0;
};

namespace {

class SharedPacks {
 public:
  std::shared_ptr<const Tensor> get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack, PackMemory& memory) {
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
      slot->packed = memory.take(floats);
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

bool is_intact(const Tensor& tensor, std::uint64_t hash) { return hash_bytes(tensor.raw(), tensor.size_bytes(), graph::kCacheDataSeed).low == hash; }

SharedPacks& shared_packs() {
  static SharedPacks packs;
  return packs;
}

}  // namespace

PackStore::PackStore() : memory_(std::make_unique<PackMemory>()) {}

PackStore::~PackStore() = default;

Tensor PackStore::get(const Tensor& constant, const std::string& key, std::int64_t floats, const std::function<void(float*)>& pack) {
  std::scoped_lock lock(mutex_);
  const Name name{constant.raw(), key};
  if (const auto known = entries_.find(name); known != entries_.end()) return *known->second.packed;
  const auto offer = offered_.find(name);
  if (offer != offered_.end() && offer->second.packed.size() == floats && is_intact(offer->second.packed, offer->second.hash))
    return *entries_.emplace(name, Entry{constant, std::make_shared<const Tensor>(offer->second.packed)}).first->second.packed;
  if (const auto doubtful = unverified_.find(constant.raw()); doubtful != unverified_.end()) {
    SACCADE_CHECK(is_intact(doubtful->second.first, doubtful->second.second), invalid_model, "the weights in the cache are damaged");
    unverified_.erase(doubtful);
  }
  auto packed = shared_packs().get(constant, key, floats, pack, *memory_);
  FileBytes::unload(constant.raw(), constant.size_bytes());
  ++packed_here_;
  return *entries_.emplace(name, Entry{constant, std::move(packed)}).first->second.packed;
}

void PackStore::offer(const std::vector<graph::PackedConstant>& packs, const std::vector<std::pair<Tensor, std::uint64_t>>& unverified) {
  std::scoped_lock lock(mutex_);
  for (const auto& pack : packs) offered_.emplace(Name{pack.source.raw(), pack.key}, pack);
  for (const auto& [tensor, hash] : unverified) unverified_.emplace(tensor.raw(), std::pair{tensor, hash});
}

std::vector<graph::PackedConstant> PackStore::all() const {
  std::scoped_lock lock(mutex_);
  std::vector<graph::PackedConstant> packs;
  for (const auto& [name, entry] : entries_) packs.push_back({entry.source, name.second, *entry.packed});
  for (const auto& [name, pack] : offered_)
    if (!entries_.contains(name) && is_intact(pack.packed, pack.hash)) packs.push_back({pack.source, pack.key, pack.packed});
  return packs;
}

std::size_t PackStore::packed_here() const {
  std::scoped_lock lock(mutex_);
  return packed_here_;
}

std::size_t PackStore::bytes() const {
  std::scoped_lock lock(mutex_);
  std::size_t total = 0;
  for (const auto& [key, entry] : entries_) total += entry.packed->size_bytes();
  return total;
}

}  // namespace saccade::plan
