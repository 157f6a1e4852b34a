// SPDX-License-Identifier: Apache-2.0
// Multiply-and-fold over 64 bytes at a time, in two lanes that differ in their constants.
#include "base/hash.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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
  std::uint64_t state[4] = {seed ^ kMix[0], seed ^ kMix[1], seed ^ kMix[2], seed ^ kMix[3]};
  const auto block = [&](const unsigned char* at) {
    for (int i = 0; i < 4; ++i) state[i] = fold(load(at + 16 * i) ^ kMix[i], load(at + 16 * i + 8) ^ state[i]);
  };
  std::size_t left = size;
  for (; left >= 64; left -= 64, p += 64) block(p);
  if (left > 0) {
    unsigned char last[64] = {};
    std::memcpy(last, p, left);
    block(last);
  }
  const std::uint64_t length = static_cast<std::uint64_t>(size);
  return {fold(state[0] ^ length, state[1] ^ kMix[2]) ^ fold(state[2] ^ kMix[3], state[3] ^ kMix[0]),
          fold(state[0] ^ kMix[3], state[2] ^ length) ^ fold(state[1] ^ kMix[1], state[3] ^ kMix[2])};
}

std::string to_hex(const Hash128& hash) { return fmt::format("{:016x}{:016x}", hash.high, hash.low); }

namespace {

struct Descriptor {
  int fd;
  ~Descriptor() { ::close(fd); }
};

// A file's hash is that of its pieces, one after the other.
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
  // Mapped, because copying takes longer than hashing; a stretch at a time, because what is mapped counts as this process's memory.
  constexpr std::size_t kStretch = 16 * kPiece;
  const auto size = static_cast<std::size_t>(status.st_size);
  Hash128 hash;
  for (std::size_t at = 0; at < size; at += kStretch) {
    const std::size_t length = std::min(kStretch, size - at);
    void* const mapped = ::mmap(nullptr, length, PROT_READ, MAP_SHARED | MAP_POPULATE, file.fd, static_cast<off_t>(at));
    SACCADE_CHECK(mapped != MAP_FAILED, unavailable, "cannot read '{}': {}", path.string(), std::strerror(errno));
    for (std::size_t i = 0; i < length; i += kPiece) add_piece(hash, static_cast<const char*>(mapped) + i, std::min(kPiece, length - i));
    ::munmap(mapped, length);
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
