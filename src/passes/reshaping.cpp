// SPDX-License-Identifier: Apache-2.0
// Targets for Reshape.
#include "passes/reshaping.h"

#include <algorithm>
#include <vector>

#include "ops/reshape.h"
#include "tensor/numeric.h"

namespace saccade::passes {
namespace {

struct Target {
  std::vector<std::int64_t> entries;
  bool special_zero = false;
};

std::optional<Target> target(const graph::PartialShape& from, const graph::PartialShape& to) {
  if (!to.ranked()) return std::nullopt;
  Target out;
  bool rest = false, empty = false;
  for (std::size_t d = 0; d < to.rank(); ++d) {
    if (to[d].is_static()) {
      out.entries.push_back(to[d].size());
      empty |= to[d].size() == 0;
    } else if (from.ranked() && d < from.rank() && !to[d].symbol.empty() && to[d].symbol == from[d].symbol) {
      out.entries.push_back(0);
      out.special_zero = true;
    } else if (!rest) {
      out.entries.push_back(-1);
      rest = true;
    } else {
      return std::nullopt;
    }
  }
  if (empty && (rest || out.special_zero)) return std::nullopt;
  return out;
}

}  // namespace

bool can_reshape_to(const graph::PartialShape& from, const graph::PartialShape& to) { return target(from, to).has_value(); }

std::optional<graph::ValueId> reshape_to(graph::Edit& edit, graph::ValueId value, const graph::PartialShape& to, std::string name) {
  const auto t = target(edit.graph().type(value).shape, to);
  if (!t) return std::nullopt;
  return edit(ops::Reshape{t->special_zero}, {value, edit.constant(i64_vector(t->entries))}, name);
}

}  // namespace saccade::passes
