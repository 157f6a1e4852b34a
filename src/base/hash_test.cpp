// SPDX-License-Identifier: Apache-2.0
// The hash of bytes: no two of many similar inputs collide.
#include "base/hash.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

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

}  // namespace
}  // namespace saccade
