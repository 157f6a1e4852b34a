// SPDX-License-Identifier: Apache-2.0
// Multiply-and-fold over 64 bytes at a time, in two lanes that differ in their constants.
#include "base/hash.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <random>

#include "base/error.h"

namespace saccade {
namespace {

// Odd numbers with as many ones as zeros, from the digits of the square roots of primes.
constexpr std::uint64_t kMix[4] = {0x6a09e667f3bcc909, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1};

std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t load(const unsigned char* p) {
  std::uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

}  // namespace

Hash128 hash_bytes(const void* data, std::size_t size, std::uint64_t seed) noexcept {
  const auto* p = static_cast<const unsigned char*>(data);
  // four variables, not an array, or they would travel through memory
  std::uint64_t a = seed ^ kMix[0], b = seed ^ kMix[1], c = seed ^ kMix[2], d = seed ^ kMix[3];
  const auto block = [&](const unsigned char* at) {
    a = fold(load(at) ^ kMix[0], load(at + 8) ^ a);
    b = fold(load(at + 16) ^ kMix[1], load(at + 24) ^ b);
    c = fold(load(at + 32) ^ kMix[2], load(at + 40) ^ c);
    d = fold(load(at + 48) ^ kMix[3], load(at + 56) ^ d);
  };
  std::size_t left = size;
  for (; left >= 64; left -= 64, p += 64) {
    __builtin_prefetch(p + 1024);
    block(p);
  }
  if (left > 0) {
    unsigned char last[64] = {};
    std::memcpy(last, p, left);
    block(last);
  }
  const std::uint64_t length = static_cast<std::uint64_t>(size);
  return {fold(a ^ length, b ^ kMix[2]) ^ fold(c ^ kMix[3], d ^ kMix[0]), fold(a ^ kMix[3], c ^ length) ^ fold(b ^ kMix[1], d ^ kMix[2])};
}

std::string to_hex(const Hash128& hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

namespace {

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

// A file's hash is that of its pieces, one after the other; a piece stays in the second-level cache.
constexpr std::size_t kPiece = std::size_t{256} << 10;

void add_piece(Hash128& hash, const char* data, std::size_t size) {
  const Hash128 piece = hash_bytes(data, size, fold(hash.low ^ kMix[0], hash.high ^ kMix[1]));
  hash = {piece.low ^ fold(hash.high, kMix[2]), piece.high ^ fold(hash.low, kMix[3])};
}

}  // namespace

std::pair<Hash128, std::uint64_t> hash_file(const std::filesystem::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  SACCADE_CHECK(file.fd >= 0 || (errno != ENOENT && errno != ENOTDIR), not_found, "there is no file '{}'", path.string());
  struct stat status {};
  SACCADE_CHECK(file.fd >= 0 && ::fstat(file.fd, &status) == 0, unavailable, "cannot open '{}': {}", path.string(), std::strerror(errno));
  SACCADE_CHECK(S_ISREG(status.st_mode), invalid_argument, "'{}' is not a file", path.string());
  const auto buffer = std::make_unique_for_overwrite<char[]>(kPiece);
  Hash128 hash;
  std::uint64_t size = 0;
  for (std::size_t filled = kPiece; filled == kPiece; size += filled) {
    filled = 0;
    for (ssize_t n = 1; filled < kPiece && n != 0;) {
      n = ::read(file.fd, buffer.get() + filled, kPiece - filled);
      SACCADE_CHECK(n >= 0 || errno == EINTR, unavailable, "cannot read '{}': {}", path.string(), std::strerror(errno));
      if (n > 0) filled += static_cast<std::size_t>(n);
    }
    add_piece(hash, buffer.get(), filled);
  }
  return {hash, size};
}

std::uint64_t process_seed() {
  static const std::uint64_t seed = [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
  }();
  return seed;
}

}  // namespace saccade
