// SPDX-License-Identifier: Apache-2.0
// From an operator to the function that lowers it.
#include "plan/lower.h"

#include <string_view>
#include <unordered_map>

#include "ops/elementwise.h"
#include "ops/reduce.h"

namespace saccade::plan {

LowerFunction find_lowering(const graph::Node& node) {
  if (node.op.is<ops::Unary>()) return lower_unary;
  if (node.op.is<ops::Binary>()) return lower_binary;
  if (node.op.is<ops::Reduce>()) return lower_reduce;
  static const std::unordered_map<std::string_view, LowerFunction> rows{
#define SACCADE_LOWER(name, function) {#name, function},
#include "plan/lower.def"
#undef SACCADE_LOWER
  };
  const auto it = rows.find(node.op.name());
  return it == rows.end() ? nullptr : it->second;
}

}  // namespace saccade::plan
