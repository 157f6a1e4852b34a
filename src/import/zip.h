// SPDX-License-Identifier: Apache-2.0
// Reading zip archives from memory: stored and deflated entries, and nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::import {

struct ZipEntry {
  std::string name;
  std::uint64_t offset = 0;  ///< of the local header, from the beginning of the archive's bytes
  std::uint64_t packed = 0, size = 0;
  std::uint32_t crc = 0;
  std::uint16_t method = 0, flags = 0;
};

/// The table of contents of an archive, which may stand at the end of another file. Views the bytes.
class ZipArchive {
 public:
  /// Whether the bytes end like an archive.
  static bool at_end_of(std::span<const char> bytes);
  /// Throws Error(invalid_model): no archive, damaged; absolute names and names with ".." in them are refused.
  explicit ZipArchive(std::span<const char> bytes);

  const std::vector<ZipEntry>& entries() const { return entries_; }
  const ZipEntry* find(std::string_view name) const;
  /// The contents of an entry. Throws Error: invalid_model for damage, a wrong checksum, and for a size that no compression
  /// gives; unsupported for encryption and other methods.
  std::string read(const ZipEntry& entry) const;

 private:
  std::span<const char> bytes_;
  std::uint64_t start_ = 0;  // where the archive begins in the bytes
  std::vector<ZipEntry> entries_;
};

}  // namespace saccade::import
