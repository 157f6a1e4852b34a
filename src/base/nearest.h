// SPDX-License-Identifier: Apache-2.0
// The nearest of some words to one that was mistyped, for "did you mean".
#pragma once

#include <span>
#include <string_view>

namespace saccade {

/// The candidate with the smallest edit distance, ignoring case; empty if there are none.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace saccade
