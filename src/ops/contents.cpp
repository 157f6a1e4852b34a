// SPDX-License-Identifier: Apache-2.0
// Moving known contents: the operator is evaluated on positions instead of the elements.
#include "ops/contents.h"

#include <algorithm>

namespace saccade::ops {
namespace {

constexpr std::int64_t kMostEntries = 64;

bool small_and_static(const Fact& fact) { return fact.type.is_static() && element_count(fact.type.shape.shape()) <= kMostEntries; }

bool known_at_all(const Dimension& d) { return d.is_static() || !d.symbol.empty() || d.min > -Dimension::kUnbounded; }

// Entry values of a data input: constants of any rank, else the contents.
std::optional<std::vector<Dimension>> entries_of(std::span<const Fact> inputs, std::size_t i) {
  const Fact& fact = inputs[i];
  if (fact.constant.defined() && fact.constant.size() > kMostEntries) return std::nullopt;
  return known_dimensions(inputs, i);
}

}  // namespace

void fold_contents(const Evaluation& evaluation, std::span<const Fact> inputs, std::initializer_list<std::size_t> data, std::vector<Fact>& outputs) {
  if (!std::all_of(outputs.begin(), outputs.end(), small_and_static)) return;
  const auto moved = [&](std::size_t i) { return std::find(data.begin(), data.end(), i) != data.end(); };
  bool all_constant = true;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].present || inputs[i].constant.defined()) continue;
    all_constant = false;
    if (!moved(i)) return;
  }
  try {
    if (all_constant) {
      std::vector<Tensor> tensors;
      for (const Fact& f : inputs) {
        if (f.constant.defined() && f.constant.size() > (1 << 20)) return;
        tensors.push_back(f.constant);
      }
      auto results = evaluation(tensors);
      for (std::size_t i = 0; i < outputs.size(); ++i)
        if (results[i].type() == outputs[i].type.element && results[i].shape() == outputs[i].type.shape.shape()) outputs[i].constant = results[i];
      return;
    }
    if (data.size() == 0 || !std::all_of(outputs.begin(), outputs.end(), [](const Fact& f) { return is_integer(f.type.element) && f.type.shape.rank() <= 1; })) return;
    std::vector<Dimension> table;
    std::vector<Tensor> tensors;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].present || !moved(i)) {
        tensors.push_back(inputs[i].constant);
        continue;
      }
      const auto entries = entries_of(inputs, i);
      if (!entries || !is_integer(inputs[i].type.element)) return;
      std::vector<std::int64_t> positions;
      for (const auto& entry : *entries) {
        positions.push_back(static_cast<std::int64_t>(table.size()));
        table.push_back(entry);
      }
      if (!inputs[i].type.is_static()) return;
      tensors.push_back(from_i64(ElementType::i64, inputs[i].type.shape.shape(), positions));
    }
    if (std::none_of(table.begin(), table.end(), known_at_all)) return;
    auto results = evaluation(tensors);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      if (results[i].shape() != outputs[i].type.shape.shape()) continue;
      std::vector<Dimension> entries;
      for (auto p : to_i64(results[i])) entries.push_back(table[static_cast<std::size_t>(p)]);
      if (std::none_of(entries.begin(), entries.end(), known_at_all)) continue;
      Fact known = shape_fact(outputs[i].type.element, entries, outputs[i].type.shape.rank() == 0);
      outputs[i].constant = known.constant;
      outputs[i].contents = known.contents;
    }
  } catch (const Error&) {
    return;
  }
}

Dimension as_size(const Dimension& entry) {
  Dimension d = entry;
  d.min = std::max<std::int64_t>(0, d.min);
  return d.min <= d.max ? d : Dimension::unknown();
}

std::optional<std::int64_t> known_scalar(std::span<const Fact> inputs, std::size_t i) {
  const auto values = known_integers(inputs, i);
  if (!values) return std::nullopt;
  SACCADE_CHECK(values->size() == 1, invalid_model, "input {} must have one element, not {}", i, values->size());
  return values->front();
}

std::int64_t scalar_i64(const Tensor& tensor) {
  SACCADE_CHECK(tensor.defined() && tensor.size() == 1, invalid_model, "an input must have one element");
  return element_as_i64(tensor, 0);
}

std::optional<std::size_t> known_length(std::span<const Fact> inputs, std::size_t i) {
  if (!has(inputs, i) || !inputs[i].type.shape.ranked()) return std::nullopt;
  const PartialShape& shape = inputs[i].type.shape;
  SACCADE_CHECK(shape.rank() <= 1, invalid_model, "input {} must be a vector, not of shape {}", i, to_string(shape));
  if (shape.rank() == 0) return 1;
  if (!shape[0].is_static()) return std::nullopt;
  SACCADE_CHECK(shape[0].size() <= 1024, invalid_model, "input {} has {} entries", i, shape[0].size());
  return static_cast<std::size_t>(shape[0].size());
}

}  // namespace saccade::ops
