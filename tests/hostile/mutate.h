// SPDX-License-Identifier: Apache-2.0
// Seeded damage to files, and the check that a reader survives it: it accepts, or refuses with saccade::Error, in bounded time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "base/hash.h"
#include "graph/cache_format.h"
#include "saccade/error.h"

namespace saccade::testing {

/// Changes a few places: bits, numbers, missing and repeated stretches. `keep` bytes at the front stay, so that the format
/// is still recognised.
inline std::string mutated(std::string bytes, unsigned seed, std::size_t keep = 0) {
  std::mt19937 random(seed);
  const auto below = [&](std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random); };
  const int changes = 1 + static_cast<int>(below(4));
  for (int i = 0; i < changes && bytes.size() > keep + 1; ++i) {
    // the structure stands mostly at the ends, weights in between
    const std::size_t room = bytes.size() - keep, edge = std::min<std::size_t>(room, 8192);
    const std::size_t at = keep + (below(3) == 0 ? below(room) : below(2) == 0 ? below(edge) : room - 1 - below(edge));
    const std::size_t length = std::min<std::size_t>(bytes.size() - at, 1 + below(64));
    switch (below(10)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8))); break;
      case 1: bytes[at] = "\x00\x01\x7f\x80\xff\x04\x08"[below(7)]; break;
      case 2: bytes.resize(at); break;
      case 3: bytes.erase(at, length); break;
      case 4: bytes.insert(at, bytes.substr(below(bytes.size()), length)); break;
      case 5: for (std::size_t k = 0; k < length; ++k) bytes[at + k] = static_cast<char>(below(256)); break;
      case 6: for (std::size_t k = 0; k < std::min<std::size_t>(length, 8); ++k) bytes[at + k] = '\xff'; break;
      case 7: std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), length, '\0'); break;
      case 8: std::swap(bytes[at], bytes[keep + below(bytes.size() - keep)]); break;
      case 9: {  // one number of four bytes becomes another small or large one
        const std::size_t word = at & ~std::size_t{3};
        const std::uint32_t value = below(2) ? static_cast<std::uint32_t>(below(4096)) : static_cast<std::uint32_t>(random());
        for (std::size_t k = 0; k < 4 && word + k < bytes.size() && word >= keep; ++k) bytes[word + k] = static_cast<char>(value >> (8 * k));
        break;
      }
    }
  }
  return bytes;
}

/// A file of saccade's own format with another header, and a hash as if it had been written so.
inline std::string with_header(const std::string& bytes, const std::string& header) {
  std::uint64_t old_size = 0;
  std::memcpy(&old_size, bytes.data() + 8, 8);
  const std::uint64_t numbers[2] = {header.size(), hash_bytes(header.data(), header.size(), graph::kCacheHeaderSeed).low};
  std::string out = bytes.substr(0, 8) + std::string(reinterpret_cast<const char*>(numbers), 16) + header;
  const auto padded = [](std::size_t size) { return (size + 63) / 64 * 64; };
  out.resize(padded(out.size()));
  return out + bytes.substr(padded(24 + old_size));
}

inline std::string header_in(const std::string& bytes) {
  std::uint64_t size = 0;
  std::memcpy(&size, bytes.data() + 8, 8);
  return bytes.substr(24, size);
}

struct Tally {
  int accepted = 0, refused = 0;
  double slowest_s = 0;
  void print(const std::string& name) const { std::printf("%s: %d accepted, %d refused, slowest %.3f s\n", name.c_str(), accepted, refused, slowest_s); }
};

inline void check_reader(const std::function<void()>& read, const std::string& what, Tally& tally) {
  const auto start = std::chrono::steady_clock::now();
  try {
    read();
    ++tally.accepted;
  } catch (const Error& e) {
    ++tally.refused;
    EXPECT_NE(e.code(), ErrorCode::internal) << what << ": " << e.what();
    EXPECT_LT(e.message().size(), 20000u) << what;
  } catch (const std::exception& e) {
    ADD_FAILURE() << what << ": another exception than saccade::Error: " << e.what();
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  tally.slowest_s = std::max(tally.slowest_s, seconds);
  EXPECT_LT(seconds, 20) << what;
}

/// The body of main: the first argument is the number of mutations, those after it are files and folders; of these, what `wanted` accepts.
inline int run_all(int argc, char** argv, int& mutations, std::vector<std::filesystem::path>& files, const std::function<bool(const std::filesystem::path&)>& wanted) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc > 1) mutations = std::atoi(argv[1]);
  for (int i = 2; i < argc; ++i) {
    std::error_code error;
    if (std::filesystem::is_regular_file(argv[i], error)) files.emplace_back(argv[i]);
    if (!std::filesystem::is_directory(argv[i], error)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i], error))
      if (wanted(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return RUN_ALL_TESTS();
}

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

}  // namespace saccade::testing
