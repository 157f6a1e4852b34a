// SPDX-License-Identifier: Apache-2.0
// The look of pages.
#include "html.h"

#include <fmt/format.h>

namespace saccade::cli {
namespace {

constexpr std::string_view kStyle = R"(:root { color-scheme: light dark; --ink: #16202c; --soft: #5b6b7d; --line: #d9e0e8; --card: #ffffff; --page: #f4f6f9; --mark: #0b7fab; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --soft: #93a3b5; --line: #2b3744; --card: #18212b; --page: #0f151c; --mark: #4cc0ea; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 64px; }
h1 { margin: 0; font-size: 30px; letter-spacing: -.02em; }
h2 { margin: 40px 0 12px; font-size: 19px; }
p { margin: 6px 0 0; color: var(--soft); max-width: 70ch; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0; }
.figures div { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.figures b { display: block; font-size: 26px; font-variant-numeric: tabular-nums; }
.figures span { color: var(--soft); font-size: 14px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 6px 8px; border-bottom: 1px solid var(--line); font-weight: normal; }
th { color: var(--soft); font-size: 14px; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
)";

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string page_head(std::string_view title, std::string_view style) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>\n{}{}</style>\n<main>\n",
      html_escaped(title), kStyle, style);
}

std::string page_figure(std::string_view value, std::string_view what) { return fmt::format("<div><b>{}</b><span>{}</span></div>\n", value, what); }

}  // namespace saccade::cli
