// SPDX-License-Identifier: Apache-2.0
// The hash of bytes: no two of many similar inputs collide.
#include "base/hash.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "saccade/error.h"

namespace saccade {
namespace {

TEST(Hash, EveryBitAndTheLengthCount) {
  std::set<Hash128> seen;
  std::size_t hashes = 0;
  for (std::size_t size : {0u, 1u, 7u, 8u, 63u, 64u, 65u, 200u}) {
    std::vector<unsigned char> bytes(size, 0);
    seen.insert(hash_bytes(bytes.data(), size, 1));
    ++hashes;
    for (std::size_t bit = 0; bit < size * 8; ++bit, ++hashes) {
      bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
      seen.insert(hash_bytes(bytes.data(), size, 1));
      bytes[bit / 8] ^= static_cast<unsigned char>(1u << bit % 8);
    }
  }
  EXPECT_EQ(seen.size(), hashes);
}

TEST(Hash, SeedsDiffer) {
  const char text[] = "the same bytes";
  EXPECT_EQ(hash_bytes(text, sizeof text, 7), hash_bytes(text, sizeof text, 7));
  EXPECT_NE(hash_bytes(text, sizeof text, 7), hash_bytes(text, sizeof text, 8));
}

TEST(Hash, OfFiles) {
  const auto path = std::filesystem::temp_directory_path() / ("saccade_hash_test_" + std::to_string(::getpid()));
  std::set<std::string> seen;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{256} << 10, (std::size_t{256} << 10) + 1, std::size_t{600000}}) {
    std::string bytes(size, 'x');
    for (int turn = 0; turn < 2; ++turn) {
      std::ofstream(path, std::ios::binary) << bytes;
      const auto [hash, length] = hash_file(path);
      EXPECT_EQ(length, size);
      EXPECT_EQ(hash, hash_file(path).first);
      seen.insert(to_hex(hash));
      if (size > 0) bytes[size / 2] = 'y';
    }
  }
  EXPECT_EQ(seen.size(), 9u);
  EXPECT_EQ(seen.begin()->size(), 32u);
  std::filesystem::remove(path);
  EXPECT_THROW(hash_file(path), Error);
  EXPECT_THROW(hash_file(std::filesystem::temp_directory_path()), Error);
}

}  // namespace
}  // namespace saccade
