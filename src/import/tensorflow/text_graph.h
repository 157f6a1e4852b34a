// SPDX-License-Identifier: Apache-2.0
// TensorFlow's messages in protobuf's text format (.pbtxt) as the same messages in binary form.
#pragma once

#include <memory>
#include <string_view>

#include "base/file.h"

namespace saccade::tensorflow {

enum class TextKind { graph, meta_graph, saved_model };

/// The bytes of the message that the text describes. Fields that saccade does not read are dropped. Throws Error(invalid_model) with the
/// line for text that is no such message.
std::shared_ptr<FileBytes> binary_of(std::string_view text, TextKind kind);

}  // namespace saccade::tensorflow
