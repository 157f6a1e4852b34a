// SPDX-License-Identifier: Apache-2.0
// Caffe's binary files: a .caffemodel as the same tree of fields that a prototxt gives, with the weights of each layer apart.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "import/text_format.h"
#include "saccade/tensor.h"

namespace saccade::caffe {

/// A NetParameter.
struct BinaryNet {
  /// Fields named as in a prototxt, enumerations by name. Weights and fillers are left out.
  import::TextDocument definition;
  /// The blobs of each layer that has any, by its name, in f32; they may view the file and keep it alive.
  std::map<std::string, std::vector<Tensor>, std::less<>> blobs;
  /// Layers with parameters in fields that only some fork of Caffe knows, so that their definitions are incomplete.
  std::map<std::string, int, std::less<>> unknown_fields;
};

/// Whether the bytes can be a NetParameter, judged by their outermost fields.
bool looks_like_net(std::span<const char> bytes);

/// Throws Error(invalid_model) for a damaged file. Aligns weights by moving them inside of the file's (private) memory.
BinaryNet read_net(const std::shared_ptr<FileBytes>& file);

/// The mean image of a .binaryproto, [c,h,w] in f32. Throws Error(invalid_model).
Tensor read_mean(const std::shared_ptr<FileBytes>& file);

}  // namespace saccade::caffe
