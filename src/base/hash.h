// SPDX-License-Identifier: Apache-2.0
// A fast 128-bit hash of bytes: for finding equal contents, not for security against somebody who knows the seed.
#pragma once

#include <compare>
#include <cstdint>
#include <cstddef>

namespace saccade {

struct Hash128 {
  std::uint64_t low = 0, high = 0;
  auto operator<=>(const Hash128&) const = default;
};

/// The same on every machine for the same bytes and seed; several gigabytes a second.
Hash128 hash_bytes(const void* data, std::size_t size, std::uint64_t seed) noexcept;

/// A number that differs from process to process.
std::uint64_t process_seed();

}  // namespace saccade
