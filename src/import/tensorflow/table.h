// SPDX-License-Identifier: Apache-2.0
// Reading a sorted table file (leveldb's table format), in which TensorFlow keeps the index of a checkpoint.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace saccade::tensorflow {

/// Whether the file ends like a table.
bool looks_like_table(std::span<const char> bytes);

/// Calls `entry` with each key and value, in order; views are valid during the call. Checks sizes and checksums of all blocks. Throws
/// Error(invalid_model) for a damaged file, Error(unsupported) for compressed blocks, which TensorFlow does not write.
void read_table(std::span<const char> bytes, const std::function<void(std::string_view key, std::string_view value)>& entry);

}  // namespace saccade::tensorflow
