// SPDX-License-Identifier: Apache-2.0
// The definition of a network, the same for every age of prototxt: layers of the phase TEST with today's type names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/text_format.h"
#include "saccade/tensor.h"

namespace saccade::caffe {

struct Layer {
  std::string name, type;  // "Convolution" also where the file says CONVOLUTION
  std::vector<std::string> bottoms, tops;
  const import::TextMessage* message = nullptr;
};

struct NetInput {
  std::string name;
  Shape shape;
};

struct Net {
  std::string name;
  std::vector<NetInput> inputs;  // those stated before the layers; Input layers stay layers
  std::vector<Layer> layers;
};

/// Refers to the definition, which must outlive it. Throws Error(invalid_model), and Error(unsupported) for what is not a trained
/// network ready for use: a solver's file, a training prototxt, layers of Caffe's first months.
Net read_definition(const import::TextMessage& definition);

/// What a type of layer is for if it belongs to training: "reads examples from a database", "computes a loss".
std::optional<std::string_view> training_role(std::string_view type);

/// The shape that a `shape {dim: …}` message or one of old four numbers gives.
Shape read_shape(const import::TextMessage& shape);

}  // namespace saccade::caffe
