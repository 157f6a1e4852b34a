// SPDX-License-Identifier: Apache-2.0
// A checkpoint: PREFIX.index, which says where each tensor lies, and the shards PREFIX.data-00000-of-00001 …
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "import/tensorflow/folder.h"
#include "import/tensorflow/wire.h"
#include "saccade/tensor.h"

namespace saccade::tensorflow {

class Checkpoint {
 public:
  /// Throws Error(not_found) if the index is not there, Error(invalid_model) for a damaged one, Error(unsupported) for the format of before 2016.
  Checkpoint(std::shared_ptr<const Folder> folder, std::string prefix);

  bool has(std::string_view key) const { return entries_.contains(key); }
  std::size_t size() const { return entries_.size(); }
  const std::string& prefix() const { return prefix_; }
  /// The tensor, which may view the shard's memory; its checksum has been checked. Throws Error(not_found) for a missing shard,
  /// Error(invalid_model) for a damaged one, Error(unsupported) for variables in slices and types that tensors lack.
  Tensor read(std::string_view key);
  /// The elements of a tensor of strings, views of the shard's memory.
  std::vector<std::string_view> read_strings(std::string_view key);

 private:
  struct Entry {
    std::int32_t dtype = 0, shard = 0;
    ShapeProto shape;
    std::int64_t offset = 0, size = 0;
    std::uint32_t crc = 0;
    bool sliced = false;
  };
  const Entry& entry(std::string_view key) const;
  std::span<char> bytes(const Entry& e);

  std::shared_ptr<const Folder> folder_;
  std::string prefix_;
  std::int32_t shards_ = 1;
  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::int32_t, std::shared_ptr<FileBytes>> open_;
};

}  // namespace saccade::tensorflow
