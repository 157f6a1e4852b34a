// SPDX-License-Identifier: Apache-2.0
// The .bin of an IR: constants one after another, equal ones once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <unordered_map>
#include <vector>

#include "export/output_file.h"
#include "saccade/tensor.h"

namespace saccade::exporter::openvino {

/// "f32", "f8e4m3" …: an element type as IR writes it in attributes; throws Error(unsupported) for types that IR lacks.
std::string_view ir_element(ElementType type);
/// The same as the precision of a port: "FP32", "I64" …
std::string_view ir_precision(ElementType type);

class Weights {
 public:
  explicit Weights(const std::filesystem::path& path) : file_(path) {}

  struct Place {
    std::size_t offset = 0, size = 0;
  };
  /// Stores the elements; types below a byte are packed.
  Place add(const Tensor& tensor);
  OutputFile& file() { return file_; }
  /// The fingerprint (base/fingerprint.h) of everything stored so far; the reader compares it.
  std::uint64_t hash() const { return hash_; }

 private:
  OutputFile file_;
  std::uint64_t hash_ = 0;
  std::unordered_multimap<std::uint64_t, std::pair<Place, Tensor>> stored_;
};

}  // namespace saccade::exporter::openvino
