// SPDX-License-Identifier: Apache-2.0
// Names in graph text: which stand as they are and how the others are quoted.
#pragma once

#include <string>
#include <string_view>

namespace saccade::graph {

/// A letter or '_', then letters, digits, '_' and single '.': stands without quotes.
bool is_plain_name(std::string_view name);
/// In double quotes, with \" \\ and \xHH for control characters.
std::string quote(std::string_view text);

}  // namespace saccade::graph
