// SPDX-License-Identifier: Apache-2.0
// Writes small zip archives, stored or deflated, with any of their numbers changed.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <string>
#include <vector>

namespace saccade::testing {

struct ZipFile {
  std::string name, contents;
  bool deflated = false;
  std::int64_t claimed_size = -1;  ///< instead of the true one
  std::int64_t claimed_crc = -1;
};

inline std::string zip_archive(const std::vector<ZipFile>& files) {
  std::string out, central;
  const auto number = [](std::string& to, std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) to += static_cast<char>(value >> (8 * i));
  };
  for (const auto& f : files) {
    std::string data = f.contents;
    if (f.deflated) {
      z_stream s{};
      deflateInit2(&s, 9, Z_DEFLATED, -MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
      data.resize(deflateBound(&s, f.contents.size()) + 16);
      s.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(f.contents.data()));
      s.avail_in = static_cast<uInt>(f.contents.size());
      s.next_out = reinterpret_cast<Bytef*>(data.data());
      s.avail_out = static_cast<uInt>(data.size());
      deflate(&s, Z_FINISH);
      data.resize(s.total_out);
      deflateEnd(&s);
    }
    const auto crc = f.claimed_crc >= 0 ? static_cast<std::uint64_t>(f.claimed_crc) : crc32(0, reinterpret_cast<const Bytef*>(f.contents.data()), static_cast<uInt>(f.contents.size()));
    const auto size = f.claimed_size >= 0 ? static_cast<std::uint64_t>(f.claimed_size) : f.contents.size();
    const auto common = [&](std::string& to) {
      number(to, 20, 2);
      number(to, 0, 2);
      number(to, f.deflated ? 8 : 0, 2);
      number(to, 0, 4);
      number(to, crc, 4);
      number(to, data.size(), 4);
      number(to, size, 4);
      number(to, f.name.size(), 2);
      number(to, 0, 2);
    };
    number(central, 0x02014b50, 4);
    number(central, 20, 2);
    common(central);
    number(central, 0, 2);
    number(central, 0, 2);
    number(central, 0, 2);
    number(central, 0, 4);
    number(central, out.size(), 4);
    central += f.name;
    number(out, 0x04034b50, 4);
    common(out);
    out += f.name + data;
  }
  const std::size_t start = out.size();
  out += central;
  number(out, 0x06054b50, 4);
  number(out, 0, 4);
  number(out, files.size(), 2);
  number(out, files.size(), 2);
  number(out, central.size(), 4);
  number(out, start, 4);
  number(out, 0, 2);
  return out;
}

}  // namespace saccade::testing
