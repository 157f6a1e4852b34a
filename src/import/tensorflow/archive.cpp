// SPDX-License-Identifier: Apache-2.0
// gzip through zlib, tar by hand (POSIX ustar, with GNU's and pax's long names).
#include "import/tensorflow/archive.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "base/error.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::uint64_t kMaxUnpacked = std::uint64_t{16} << 30;  // of all files together, left out or not
constexpr std::uint64_t kMaxName = 16 * 1024;
constexpr std::size_t kMaxFiles = 100'000;

bool is_gzip(std::span<const char> b) { return b.size() > 18 && b[0] == '\x1f' && b[1] == '\x8b' && b[2] == 8; }
bool is_tar(std::span<const char> b) { return b.size() >= kBlock && std::memcmp(b.data() + 257, "ustar", 5) == 0; }

// The unpacked bytes, one after the other.
class Stream {
 public:
  explicit Stream(std::span<const char> bytes) : bytes_(bytes), packed_(is_gzip(bytes)) {
    if (!packed_) return;
    SACCADE_CHECK(inflateInit2(&z_, 16 + MAX_WBITS) == Z_OK, out_of_memory, "not enough memory to unpack the archive");
    refill();
  }
  ~Stream() {
    if (packed_) inflateEnd(&z_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Fills `out`; false if the archive ends before the first byte of it.
  bool read(char* out, std::size_t count) {
    total_ += count;
    SACCADE_CHECK(total_ <= kMaxUnpacked, invalid_model, "the archive unpacks into more than {} GB", kMaxUnpacked >> 30);
    if (!packed_) {
      if (at_ == bytes_.size() && count > 0) return false;
      SACCADE_CHECK(count <= bytes_.size() - at_, invalid_model, "the archive is truncated");
      if (count > 0) std::memcpy(out, bytes_.data() + at_, count);
      at_ += count;
      return true;
    }
    std::size_t done = 0;
    while (done < count) {
      const auto part = static_cast<uInt>(std::min<std::size_t>(count - done, std::size_t{1} << 30));
      z_.next_out = reinterpret_cast<Bytef*>(out + done);
      z_.avail_out = part;
      if (ended_) {
        SACCADE_CHECK(done == 0, invalid_model, "the archive is truncated");
        return false;
      }
      const int result = inflate(&z_, Z_NO_FLUSH);
      done += part - z_.avail_out;
      if (result == Z_STREAM_END) {
        ended_ = true;
        continue;
      }
      SACCADE_CHECK(result == Z_OK || (result == Z_BUF_ERROR && z_.avail_in == 0 && at_ < bytes_.size()), invalid_model, "the archive is damaged or truncated{}{}",
                    z_.msg ? ": " : "", z_.msg ? z_.msg : "");
      if (z_.avail_in == 0) refill();
    }
    return true;
  }

  void skip(std::uint64_t count) {
    std::array<char, 64 * 1024> part;
    for (; count > 0;) {
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(count, part.size()));
      SACCADE_CHECK(read(part.data(), n), invalid_model, "the archive is truncated");
      count -= n;
    }
  }

 private:
  void refill() {
    const std::size_t n = std::min<std::size_t>(bytes_.size() - at_, std::size_t{1} << 30);
    z_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes_.data() + at_));
    z_.avail_in = static_cast<uInt>(n);
    at_ += n;
  }

  std::span<const char> bytes_;
  bool packed_, ended_ = false;
  std::size_t at_ = 0;
  std::uint64_t total_ = 0;
  z_stream z_{};
};

// Octal digits, or with the top bit set a big-endian number.
std::uint64_t octal(std::string_view field) {
  std::uint64_t value = 0;
  if (static_cast<unsigned char>(field[0]) & 0x80) {
    for (std::size_t i = 1; i < field.size(); ++i) {
      SACCADE_CHECK(value < std::uint64_t{1} << 54, invalid_model, "the archive holds a file of absurd size");
      value = value << 8 | static_cast<unsigned char>(field[i]);
    }
    return value;
  }
  for (const char c : field) {
    if (c == ' ' || c == '\0') {
      if (value != 0) break;
      continue;
    }
    SACCADE_CHECK(c >= '0' && c <= '7', invalid_model, "a header of the archive is damaged");
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

std::string_view text(std::string_view field) { return field.substr(0, std::min(field.find('\0'), field.size())); }

// A path that stays inside of the folder it is unpacked into; empty: it does not.
std::string safe_path(std::string_view path) {
  std::string out;
  if (path.starts_with('/')) return {};
  while (!path.empty()) {
    const auto slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return {};
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

// "27 path=saved_model/…\n" in a pax header.
std::string pax_path(std::string_view records) {
  while (!records.empty()) {
    const auto space = records.find(' ');
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < std::min<std::size_t>(space, 9); ++i) {
      if (i >= records.size() || records[i] < '0' || records[i] > '9') return {};
      length = length * 10 + static_cast<std::uint64_t>(records[i] - '0');
    }
    if (space == std::string_view::npos || length <= space + 1 || length > records.size()) return {};
    const std::string_view record = records.substr(space + 1, length - space - 2);
    if (record.starts_with("path=")) return std::string(record.substr(5));
    records.remove_prefix(length);
  }
  return {};
}

}  // namespace

bool looks_like_archive(std::span<const char> bytes) { return is_gzip(bytes) || is_tar(bytes); }

ArchiveFolder::ArchiveFolder(std::span<const char> bytes, const std::function<bool(std::string_view)>& wanted) {
  Stream stream(bytes);
  std::array<char, kBlock> header;
  std::string long_name;
  for (std::size_t files = 0; stream.read(header.data(), kBlock); ++files) {
    const std::string_view h(header.data(), kBlock);
    if (h.find_first_not_of('\0') == std::string_view::npos) break;  // the end
    SACCADE_CHECK(files < kMaxFiles, invalid_model, "the archive holds more than {} files", kMaxFiles);
    SACCADE_CHECK(files > 0 || is_tar(header), invalid_model, "packed, but not a tar archive of a model");
    std::uint64_t sum = 8 * ' ';
    for (std::size_t i = 0; i < kBlock; ++i)
      if (i < 148 || i >= 156) sum += static_cast<unsigned char>(h[i]);
    SACCADE_CHECK(sum == octal(h.substr(148, 8)), invalid_model, "a header of the archive is damaged");
    const std::uint64_t size = octal(h.substr(124, 12));
    SACCADE_CHECK(size <= kMaxUnpacked, invalid_model, "the archive holds a file of {} bytes", size);
    const char type = h[156];
    const std::uint64_t padding = (kBlock - size % kBlock) % kBlock;
    if (type == 'L' || type == 'x') {
      SACCADE_CHECK(size <= kMaxName, invalid_model, "a name in the archive has {} bytes", size);
      std::string data(size, '\0');
      SACCADE_CHECK(size == 0 || stream.read(data.data(), size), invalid_model, "the archive is truncated");
      stream.skip(padding);
      long_name = type == 'L' ? std::string(text(data)) : pax_path(data);
      continue;
    }
    std::string name(text(h.substr(0, 100)));
    if (const auto prefix = text(h.substr(345, 155)); !prefix.empty() && std::memcmp(h.data() + 257, "ustar\0", 6) == 0) name = std::string(prefix) + "/" + name;
    if (!long_name.empty()) name = std::move(long_name);
    long_name.clear();
    const std::string path = safe_path(name);
    if ((type != '0' && type != '\0') || path.empty() || !wanted(path)) {
      stream.skip(size + padding);
      continue;
    }
    // deflate shortens by a factor of a thousand at most
    SACCADE_CHECK(size / 1032 <= bytes.size(), invalid_model, "'{}' in the archive claims to have {} bytes", shown(path), size);
    const auto file = FileBytes::of_size(size);
    SACCADE_CHECK(size == 0 || stream.read(file->bytes().data(), size), invalid_model, "the archive is truncated");
    stream.skip(padding);
    files_.emplace(path, file);
  }
}

std::shared_ptr<FileBytes> ArchiveFolder::open(std::string_view name) const {
  const auto it = files_.find(name);
  SACCADE_CHECK(it != files_.end(), not_found, "there is no file '{}' in the archive", name);
  return it->second;
}

}  // namespace saccade::tensorflow
