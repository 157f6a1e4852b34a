// SPDX-License-Identifier: Apache-2.0
// What the pages that saccade writes share: their look, and text made safe.
#pragma once

#include <string>
#include <string_view>

namespace saccade::cli {

/// The beginning of a page, up to and with <main>; `style` is added to the style that all pages have.
std::string page_head(std::string_view title, std::string_view style);

/// For text between tags and for values in double quotes.
std::string html_escaped(std::string_view text);

/// A box of a <div class=figures>: a number and what it is.
std::string page_figure(std::string_view value, std::string_view what);

}  // namespace saccade::cli
