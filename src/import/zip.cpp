// SPDX-License-Identifier: Apache-2.0
// The zip format as its application note describes it, with the 64-bit extension.
#include "import/zip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "base/error.h"

namespace saccade::import {
namespace {

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr std::size_t kEndBytes = 22, kCentralBytes = 46, kLocalBytes = 30;
constexpr std::size_t kMaxEntries = 100'000;
// Deflate gets no further than 1032 to 1.
constexpr std::uint64_t kMaxRatio = 1100;
constexpr std::uint64_t kMaxSize = std::uint64_t{16} << 30;

[[noreturn]] void damaged(const char* what) { fail(ErrorCode::invalid_model, "the zip archive is damaged or truncated: {}", what); }

/// Little-endian numbers, checked.
class Reader {
 public:
  explicit Reader(std::span<const char> bytes) : bytes_(bytes) {}
  std::uint64_t number(std::uint64_t at, int count) const {
    if (at > bytes_.size() || bytes_.size() - at < static_cast<std::uint64_t>(count)) damaged("it ends too early");
    std::uint64_t value = 0;
    for (int i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes_[at + static_cast<std::uint64_t>(i)]);
    return value;
  }
  std::uint16_t u16(std::uint64_t at) const { return static_cast<std::uint16_t>(number(at, 2)); }
  std::uint32_t u32(std::uint64_t at) const { return static_cast<std::uint32_t>(number(at, 4)); }
  std::uint64_t u64(std::uint64_t at) const { return number(at, 8); }

 private:
  std::span<const char> bytes_;
};

std::optional<std::size_t> end_record(std::span<const char> bytes) {
  if (bytes.size() < kEndBytes) return std::nullopt;
  const Reader r(bytes);
  const std::size_t last = bytes.size() - kEndBytes, first = last > 65535 ? last - 65535 : 0;
  for (std::size_t at = last + 1; at-- > first;)
    if (r.u32(at) == kEnd && r.u16(at + 20) == bytes.size() - at - kEndBytes) return at;
  return std::nullopt;
}

bool is_safe(std::string_view name) {
  if (name.empty() || name.front() == '/' || name.find('\\') != std::string_view::npos || name.find('\0') != std::string_view::npos)
    return false;
  for (std::size_t start = 0; start <= name.size();) {
    const std::size_t stop = std::min(name.find('/', start), name.size());
    if (name.substr(start, stop - start) == "..") return false;
    start = stop + 1;
  }
  return true;
}

}  // namespace

bool ZipArchive::at_end_of(std::span<const char> bytes) { return end_record(bytes).has_value(); }

ZipArchive::ZipArchive(std::span<const char> bytes) : bytes_(bytes) {
  const Reader r(bytes);
  const auto end = end_record(bytes);
  if (!end) damaged("its table of contents is missing");
  std::uint64_t count = r.u16(*end + 10), size = r.u32(*end + 12), offset = r.u32(*end + 16), behind = *end;
  if ((count == 0xffff || size == 0xffffffff || offset == 0xffffffff) && *end >= 20 && r.u32(*end - 20) == kLocator64) {
    // offsets of a record that stands behind other data are not told apart; look right in front of the locator
    if (*end < 76) damaged("its 64-bit table is missing");
    behind = *end - 76;
    if (r.u32(behind) != kEnd64) damaged("its 64-bit table is missing");
    count = r.u64(behind + 32);
    size = r.u64(behind + 40);
    offset = r.u64(behind + 48);
  }
  if (size > behind || offset > behind - size) damaged("its table of contents lies outside of it");
  if (count > kMaxEntries) damaged("too many entries");
  start_ = behind - size - offset;
  std::uint64_t at = behind - size;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (at + kCentralBytes > behind || r.u32(at) != kCentral) damaged("its table of contents is wrong");
    ZipEntry e;
    e.flags = r.u16(at + 8);
    e.method = r.u16(at + 10);
    e.crc = r.u32(at + 16);
    e.packed = r.u32(at + 20);
    e.size = r.u32(at + 24);
    e.offset = r.u32(at + 42);
    const std::uint64_t name = r.u16(at + 28), extra = r.u16(at + 30), comment = r.u16(at + 32);
    if (at + kCentralBytes + name + extra + comment > behind) damaged("its table of contents is wrong");
    e.name.assign(bytes.data() + at + kCentralBytes, name);
    if (!is_safe(e.name)) fail(ErrorCode::invalid_model, "the zip archive has an entry whose name leads out of it");
    for (std::uint64_t x = at + kCentralBytes + name, stop = x + extra; x + 4 <= stop;) {
      const std::uint64_t length = r.u16(x + 2);
      if (r.u16(x) == 1) {
        std::uint64_t field = x + 4;
        for (std::uint64_t* value : {&e.size, &e.packed, &e.offset})
          if (*value == 0xffffffff && field + 8 <= x + 4 + length) {
            *value = r.u64(field);
            field += 8;
          }
      }
      x += 4 + length;
    }
    at += kCentralBytes + name + extra + comment;
    entries_.push_back(std::move(e));
  }
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto it = std::find_if(entries_.begin(), entries_.end(), [&](const ZipEntry& e) { return e.name == name; });
  return it == entries_.end() ? nullptr : &*it;
}

std::string ZipArchive::read(const ZipEntry& entry) const {
  const Reader r(bytes_);
  if (entry.flags & 1) fail(ErrorCode::unsupported, "an encrypted zip archive");
  if (entry.offset > bytes_.size()) damaged("an entry lies outside of it");
  const std::uint64_t at = start_ + entry.offset;
  if (r.u32(at) != kLocal) damaged("an entry is not where it should be");
  const std::uint64_t data = at + kLocalBytes + r.u16(at + 26) + r.u16(at + 28);
  if (data > bytes_.size() || entry.packed > bytes_.size() - data) damaged("an entry lies outside of it");
  if (entry.size > kMaxSize || entry.size / kMaxRatio > entry.packed)
    fail(ErrorCode::invalid_model, "the zip archive claims {} bytes of {} packed ones", entry.size, entry.packed);
  std::string out;
  if (entry.method == 0) {
    if (entry.size != entry.packed) damaged("an entry has two sizes");
    out.assign(bytes_.data() + data, entry.size);
  } else if (entry.method == 8) {
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) fail(ErrorCode::out_of_memory, "not enough memory to unpack");
    struct Guard {
      z_stream* s;
      ~Guard() { inflateEnd(s); }
    } guard{&stream};
    std::uint64_t given = 0;
    int status = Z_OK;
    // as much memory as really comes out, whatever the header claims
    while (status == Z_OK) {
      if (stream.avail_in == 0 && given < entry.packed) {
        const auto part = static_cast<uInt>(std::min<std::uint64_t>(entry.packed - given, 1u << 30));
        stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data() + data + given));
        stream.avail_in = part;
        given += part;
      }
      const std::size_t have = out.size();
      if (have > entry.size) break;
      const std::size_t room = std::min<std::uint64_t>(std::max<std::size_t>(have, 1u << 16), entry.size - have + 1);
      out.resize(have + room);
      stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
      stream.avail_out = static_cast<uInt>(std::min<std::size_t>(room, std::numeric_limits<uInt>::max()));
      const uInt asked = stream.avail_out;
      status = inflate(&stream, Z_NO_FLUSH);
      out.resize(have + (asked - stream.avail_out));
      if (status == Z_BUF_ERROR && out.size() > have) status = Z_OK;
    }
    if (status != Z_STREAM_END || out.size() != entry.size) damaged("an entry cannot be unpacked");
  } else {
    fail(ErrorCode::unsupported, "compression method {} in a zip archive", entry.method);
  }
  const uLong crc = crc32_z(0, reinterpret_cast<const Bytef*>(out.data()), out.size());
  if (crc != entry.crc) damaged("an entry has a wrong checksum");
  return out;
}

}  // namespace saccade::import
