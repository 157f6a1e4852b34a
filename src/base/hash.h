// SPDX-License-Identifier: Apache-2.0
// A fast 128-bit hash of bytes: for finding equal contents, not for security against somebody who knows the seed.
#pragma once

#include <compare>
#include <cstdint>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>

namespace saccade {

struct Hash128 {
  std::uint64_t low = 0, high = 0;
  auto operator<=>(const Hash128&) const = default;
};

/// The same on every machine for the same bytes and seed; several gigabytes a second.
Hash128 hash_bytes(const void* data, std::size_t size, std::uint64_t seed) noexcept;

/// 32 hexadecimal digits.
std::string to_hex(const Hash128& hash);

/// The hash of a file's contents (another than that of the same bytes in one piece) and its size in bytes. Throws Error like
/// FileBytes::open.
std::pair<Hash128, std::uint64_t> hash_file(const std::filesystem::path& path);

/// A number that differs from process to process.
std::uint64_t process_seed();

}  // namespace saccade
