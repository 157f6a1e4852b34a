// SPDX-License-Identifier: Apache-2.0
// Arrays in files: .npz archives of NumPy, single .npy files.
#pragma once

#include <filesystem>

#include "eval/compare.h"

namespace saccade::eval {

/// The arrays of a .npz (numpy.savez, compressed or not) by name; a .npy is one array named like the file without its ending.
/// Throws Error: not_found, unavailable, invalid_argument for another or a damaged file.
NamedTensors read_arrays(const std::filesystem::path& path);

}  // namespace saccade::eval
