// SPDX-License-Identifier: Apache-2.0
// Collecting and printing what is not supported.
#include "base/problems.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"

namespace saccade {

void Problems::add(std::string subject, std::string reason, std::string node) {
  Nodes& nodes = found_[{std::move(subject), std::move(reason)}];
  if (nodes.names.insert(node).second && nodes.first.size() < 3) nodes.first.push_back(std::move(node));
}

std::vector<Problem> Problems::list() const {
  std::vector<Problem> all;
  for (const auto& [what, nodes] : found_) all.push_back({what.first, what.second, nodes.names.size(), nodes.first});
  return all;
}

std::string Problems::text() const {
  constexpr std::size_t kListed = 40;
  std::string text;
  std::size_t listed = 0;
  for (const auto& [what, nodes] : found_) {
    if (listed++ == kListed) return text + fmt::format("; and {} more", found_.size() - kListed);
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", what.first, what.second);
    const std::size_t n = nodes.names.size();
    text += fmt::format(" ({}'{}'{})", n > 1 ? fmt::format("{} nodes: ", n) : "node ", fmt::join(nodes.first, "', '"), n > nodes.first.size() ? ", ..." : "");
  }
  return text;
}

void Problems::throw_if_any() const {
  if (!empty()) throw UnsupportedError(text(), current_error_context(), list());
}

}  // namespace saccade
