// SPDX-License-Identifier: Apache-2.0
// NumPy's .npy files. Element types that NumPy lacks travel as wider ones: bf16 and the 8- and 4-bit floats as float32,
// integers below a byte as int8 or uint8.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "saccade/tensor.h"

namespace saccade {

/// Format 1.0 to 3.0, either byte order, C or Fortran order. Throws Error: not_found, unavailable, invalid_argument for a file
/// that is not a .npy or is damaged, unsupported for strings, objects, complex numbers and structures.
Tensor read_npy(const std::filesystem::path& path);
Tensor parse_npy(std::span<const char> bytes);

/// Writes a file of format 1.0 through a temporary one, so that no half-written file remains. Throws Error(unavailable).
void write_npy(const std::filesystem::path& path, const Tensor& tensor);
std::string format_npy(const Tensor& tensor);

/// A tensor as it was read, as the element type that a model wants: unchanged if they are the same, narrowed exactly if the
/// type is one that travels as a wider one. Throws Error(invalid_argument) otherwise.
Tensor from_travelling(const Tensor& tensor, ElementType type);

}  // namespace saccade
