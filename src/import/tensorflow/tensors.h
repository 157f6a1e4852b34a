// SPDX-License-Identifier: Apache-2.0
// TensorProto → Tensor, checked against the shape before anything is allocated; types and shapes of the file as the graph's.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "graph/type.h"
#include "import/tensorflow/wire.h"
#include "saccade/tensor.h"

namespace saccade::tensorflow {

/// A name from a file, shortened and without control characters, for messages.
std::string shown(std::string_view name);

/// The element type of a DataType or of its reference type; quantised types are the integers that they are stored as. Throws
/// Error(unsupported) for strings, complex numbers, resources and variants, and Error(invalid_model) for numbers that name no type.
ElementType element_type(std::int64_t dtype);

/// Throws Error(invalid_model) for sizes that no tensor has.
graph::PartialShape partial_shape(const ShapeProto& proto);

/// The tensor, which views the file's memory where it can, keeping `owner` alive. Throws Error(invalid_model) if elements and shape do
/// not fit, Error(unsupported) for types that tensors here do not have.
Tensor tensor_of(const TensorProto& proto, const std::shared_ptr<void>& owner);

}  // namespace saccade::tensorflow
