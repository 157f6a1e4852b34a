// SPDX-License-Identifier: Apache-2.0
// The table format: blocks of entries whose keys share a prefix with the key before, each block followed by a type byte and a checksum;
// an index block of block places; a footer with the place of the index and a magic number.
//
// Read here rather than by libleveldb: TensorFlow writes blocks uncompressed, which leaves a page of code that takes any bytes, while
// the library's reader cannot be given a file in memory from code with RTTI (Debian builds it without).
#include "import/tensorflow/table.h"

#include <cstdint>
#include <cstring>

#include "base/error.h"
#include "import/tensorflow/crc32c.h"

namespace saccade::tensorflow {
namespace {

constexpr std::uint64_t kMagic = 0xdb4775248b80fb57u;
constexpr std::size_t kFooter = 48, kTrailer = 5;
// Keys are names; the longest ones seen have some hundred bytes.
constexpr std::size_t kMaxKey = 64 * 1024;

class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}
  bool at_end() const { return bytes_.empty(); }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      SACCADE_CHECK(!bytes_.empty(), invalid_model, "the index ends in the middle of a number");
      const auto byte = static_cast<unsigned char>(bytes_[0]);
      bytes_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if (byte < 0x80) return value;
    }
    fail(ErrorCode::invalid_model, "the index holds a number of more than 64 bits");
  }
  std::string_view take(std::uint64_t count) {
    SACCADE_CHECK(count <= bytes_.size(), invalid_model, "the index ends in the middle of an entry");
    const std::string_view part = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return part;
  }

 private:
  std::string_view bytes_;
};

std::uint32_t u32(const char* at) {
  std::uint32_t value;
  std::memcpy(&value, at, 4);
  return value;
}

// The entries of the block at (offset, size), without its array of restart points.
std::string_view block(std::string_view file, Cursor& handle) {
  const std::uint64_t offset = handle.varint(), size = handle.varint();
  SACCADE_CHECK(offset <= file.size() && size <= file.size() - offset && file.size() - offset - size >= kTrailer, invalid_model, "a block of the index lies outside of the file");
  const std::string_view body = file.substr(offset, size + 1);
  SACCADE_CHECK(masked(crc32c({body.data(), body.size()})) == u32(body.data() + body.size()), invalid_model, "the checksum of a block of the index is wrong: the file is damaged");
  SACCADE_CHECK(body.back() == 0, unsupported, "a compressed index");
  SACCADE_CHECK(size >= 4, invalid_model, "a block of the index is too short");
  const std::uint64_t restarts = u32(body.data() + size - 4);
  SACCADE_CHECK(restarts <= (size - 4) / 4, invalid_model, "a block of the index has {} restart points", restarts);
  return body.substr(0, size - 4 - 4 * restarts);
}

template <class F>
void entries(std::string_view block, F&& use) {
  std::string key;
  for (Cursor c(block); !c.at_end();) {
    const std::uint64_t shared = c.varint(), fresh = c.varint(), length = c.varint();
    SACCADE_CHECK(shared <= key.size() && fresh <= kMaxKey && shared + fresh <= kMaxKey, invalid_model, "a key of the index is malformed");
    key.resize(shared);
    key += c.take(fresh);
    use(std::string_view(key), c.take(length));
  }
}

}  // namespace

bool looks_like_table(std::span<const char> bytes) {
  std::uint64_t magic = 0;
  if (bytes.size() < kFooter) return false;
  std::memcpy(&magic, bytes.data() + bytes.size() - 8, 8);
  return magic == kMagic;
}

void read_table(std::span<const char> bytes, const std::function<void(std::string_view, std::string_view)>& entry) {
  SACCADE_CHECK(looks_like_table(bytes), invalid_model, "not the index of a checkpoint, or a truncated one");
  const std::string_view file(bytes.data(), bytes.size());
  Cursor footer(file.substr(file.size() - kFooter, kFooter - 8));
  footer.varint();  // the place of the block of meta data, of which there are none
  footer.varint();
  entries(block(file, footer), [&](std::string_view, std::string_view place) {
    Cursor handle(place);
    entries(block(file, handle), entry);
  });
}

}  // namespace saccade::tensorflow
