// SPDX-License-Identifier: Apache-2.0
// Arena: one block of memory, with the advice on huge pages that it takes.
#include "base/arena.h"

#include <sys/mman.h>

#include <cstdint>
#include <utility>

#include "base/error.h"
#include "base/knobs.h"

namespace saccade {
namespace {

constexpr std::size_t kPage = 4096, kHugePage = std::size_t{2} << 20, kSlack = 64;

}  // namespace

Arena::Arena(std::size_t bytes, Pages pages) : size_(bytes) {
  if (bytes == 0) return;
  const bool large = pages == Pages::huge && bytes >= kHugePage && knob_on(Knob::huge_pages);
  SACCADE_CHECK(bytes < SIZE_MAX / 2, out_of_memory, "{} bytes of memory cannot be had", bytes);
  mapped_ = (bytes + kSlack + kPage - 1) / kPage * kPage + (large ? kHugePage : 0);
  mapping_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    fail(ErrorCode::out_of_memory, "{} bytes of memory cannot be had", bytes);
  }
  std::uintptr_t address = reinterpret_cast<std::uintptr_t>(mapping_);
  if (large) {
    address = (address + kHugePage - 1) / kHugePage * kHugePage;
    // Only whole huge pages of the block itself: the rest would be memory for nothing.
    madvise(reinterpret_cast<void*>(address), bytes / kHugePage * kHugePage, MADV_HUGEPAGE);
  }
  data_ = reinterpret_cast<std::byte*>(address);
}

Arena::~Arena() { release(); }

Arena::Arena(Arena&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      mapping_(std::exchange(other.mapping_, nullptr)),
      mapped_(std::exchange(other.mapped_, 0)) {}

Arena& Arena::operator=(Arena&& other) noexcept {
  if (this != &other) {
    release();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
    mapping_ = std::exchange(other.mapping_, nullptr);
    mapped_ = std::exchange(other.mapped_, 0);
  }
  return *this;
}

void Arena::prefault() noexcept {
  for (std::size_t i = 0; i < size_; i += kPage) {
    volatile std::byte& b = data_[i];
    b = b;
  }
}

void Arena::release() noexcept {
  if (mapping_) munmap(mapping_, mapped_);
}

}  // namespace saccade
