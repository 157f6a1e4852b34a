// SPDX-License-Identifier: Apache-2.0
// The .bin of an IR: ranges of it as tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string_view>

#include "base/file.h"
#include "saccade/tensor.h"

namespace saccade::openvino {

/// "f32", "FP32", "I64", "BOOL" …; throws Error(unsupported) for types we lack, Error(invalid_model) for what is no type.
ElementType parse_element(std::string_view name);

/// Opens the file when the first constant is asked for.
class Constants {
 public:
  /// `file` may not exist. `allow_more`: bytes behind the last constant are no error.
  Constants(std::filesystem::path file, bool allow_more) : path_(std::move(file)), allow_more_(allow_more) {}

  /// A view of a range where its place allows, else a copy. Throws Error(invalid_model) if the range is not in the file or does not have
  /// the size that type and shape need, Error(not_found) if there is no file.
  Tensor tensor(ElementType type, const Shape& shape, std::size_t offset, std::size_t size);
  /// What the .xml says of its .bin.
  void expect(std::size_t size, std::uint64_t fingerprint);
  /// Checks the whole after everything has been read: the size, and the fingerprint where there is one. Throws Error(invalid_model).
  void check() const;

 private:
  const FileBytes& file();

  std::filesystem::path path_;
  bool allow_more_;
  std::shared_ptr<FileBytes> file_;
  std::map<std::size_t, std::size_t> ranges_;  // offset → size of what was read
  std::size_t end_ = 0;
  bool expected_ = false;
  std::size_t expected_size_ = 0;
  std::uint64_t expected_fingerprint_ = 0;
};

}  // namespace saccade::openvino
