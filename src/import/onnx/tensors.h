// SPDX-License-Identifier: Apache-2.0
// TensorProto → Tensor: inline, raw and external data, checked against the dimensions before anything is allocated.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/file.h"
#include "import/onnx/wire.h"
#include "saccade/tensor.h"

namespace saccade::onnx {

/// Where tensors get their elements from. Tensors made from it may view its memory and keep that alive.
class TensorSource {
 public:
  /// `folder` holds external data; empty: external data is refused.
  TensorSource(std::shared_ptr<FileBytes> model, std::filesystem::path folder) : model_(std::move(model)), folder_(std::move(folder)) {}

  /// Throws Error(invalid_model) if data and dimensions do not fit, Error(unsupported) for strings and complex numbers,
  /// Error(not_found) for a missing external file.
  Tensor tensor(const TensorProto& proto);
  /// The dense form.
  Tensor tensor(const SparseTensorProto& proto);

 private:
  struct Raw {
    std::string_view bytes;
    std::shared_ptr<FileBytes> owner;
  };
  Raw external(const TensorProto& proto, std::size_t size);
  const std::shared_ptr<FileBytes>& open(std::string_view location);

  std::shared_ptr<FileBytes> model_;
  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<FileBytes>, std::less<>> files_;
};

/// A name from a file, shortened and without control characters, for messages.
std::string shown(std::string_view name);

/// The element type of a TensorProto.DataType; throws Error(unsupported) for strings and complex numbers, and
/// Error(invalid_model) for numbers that name no type.
ElementType element_type(std::int64_t data_type);

}  // namespace saccade::onnx
