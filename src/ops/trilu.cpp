// SPDX-License-Identifier: Apache-2.0
// Trilu.
#include "ops/trilu.h"

#include <algorithm>
#include <cstring>

#include "ops/contents.h"

namespace saccade::ops {

std::vector<Fact> infer(const Trilu& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 2);
  SACCADE_CHECK(!inputs[0].type.shape.ranked() || inputs[0].type.shape.rank() >= 2, invalid_model, "a matrix is needed, not {}", to_string(inputs[0].type));
  return with_contents(op, inputs, {}, {Fact(inputs[0].type)});
}

std::vector<Tensor> evaluate(const Trilu& op, std::span<const Tensor> inputs) {
  Tensor out = inputs[0].clone();
  const std::int64_t k = has(inputs, 1) ? scalar_i64(inputs[1]) : 0;
  SACCADE_CHECK(out.rank() >= 2, invalid_model, "a matrix is needed, not {}", to_string(out.shape()));
  if (out.size() == 0) return {out};
  const std::int64_t rows = out.shape()[out.shape().size() - 2], columns = out.shape().back();
  const auto bytes = static_cast<std::int64_t>(size_in_bytes(out.type()));
  const std::int64_t diagonal = std::clamp(k, -rows, columns);
  char* row = static_cast<char*>(out.raw());
  for (std::int64_t at = 0; at < out.size() / columns; ++at, row += columns * bytes) {
    const std::int64_t middle = std::clamp<std::int64_t>(at % rows + diagonal + (op.upper ? 0 : 1), 0, columns);
    const std::int64_t from = op.upper ? 0 : middle, to = op.upper ? middle : columns;
    std::memset(row + from * bytes, 0, static_cast<std::size_t>((to - from) * bytes));
  }
  return {out};
}

}  // namespace saccade::ops
