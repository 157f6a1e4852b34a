// SPDX-License-Identifier: Apache-2.0
// NGrams by looking every candidate up among the known ones.
#include "ops/ngrams.h"

#include <algorithm>
#include <map>

#include "ops/inference.h"

namespace saccade::ops {
namespace {

// A vector with an entry per index that the file names.
constexpr std::int64_t kMaxIndex = std::int64_t{1} << 28;

std::int64_t output_size(const NGrams& op) {
  std::int64_t size = 0;
  for (auto i : op.indexes) {
    SACCADE_CHECK(i >= 0 && i < kMaxIndex, invalid_model, "n-gram index {}", i);
    size = std::max(size, i + 1);
  }
  return size;
}

// From an n-gram to its place among all n-grams.
using Table = std::map<std::vector<std::int64_t>, std::size_t>;

Table make_table(const NGrams& op) {
  Table table;
  std::size_t number = 0;
  for (std::size_t i = 0; i < op.counts.size(); ++i) {
    const std::int64_t length = static_cast<std::int64_t>(i) + 1, begin = op.counts[i];
    const std::int64_t end = i + 1 < op.counts.size() ? op.counts[i + 1] : static_cast<std::int64_t>(op.pool.size());
    SACCADE_CHECK(begin >= 0 && begin <= end && end <= static_cast<std::int64_t>(op.pool.size()) && (end - begin) % length == 0, invalid_model, "the {}-grams do not fit the pool", length);
    for (std::int64_t at = begin; at < end; at += length) table.emplace(std::vector(op.pool.begin() + at, op.pool.begin() + at + length), number++);
  }
  SACCADE_CHECK(number == op.indexes.size() && (op.weights.empty() || op.weights.size() == number), invalid_model, "{} n-grams with {} indexes", number, op.indexes.size());
  return table;
}

std::vector<double> count(const NGrams& op, const Table& table, std::span<const std::int64_t> tokens) {
  std::vector<double> counts(op.indexes.size(), 0);
  const auto size = static_cast<std::int64_t>(tokens.size());
  const std::int64_t longest = std::min<std::int64_t>(op.max_length, static_cast<std::int64_t>(op.counts.size()));
  std::vector<std::int64_t> gram;
  for (std::int64_t step = 1; step <= std::min(op.max_skip + 1, std::max<std::int64_t>(size, 1)); ++step)
    for (std::int64_t start = 0; start < size; ++start) {
      gram.clear();
      for (std::int64_t at = start; at < size && static_cast<std::int64_t>(gram.size()) < longest; at += step) {
        gram.push_back(tokens[static_cast<std::size_t>(at)]);
        const auto length = static_cast<std::int64_t>(gram.size());
        // a single token is the same whatever is skipped
        if (length < op.min_length || (length == 1 && step > 1)) continue;
        if (const auto found = table.find(gram); found != table.end()) counts[found->second] += 1;
      }
    }
  return counts;
}

void check(const NGrams& op) {
  SACCADE_CHECK(op.min_length >= 1 && op.max_length >= op.min_length && op.max_skip >= 0 && op.max_skip < kMaxIndex, invalid_model, "n-grams of {} to {} tokens with {} skipped", op.min_length,
                op.max_length, op.max_skip);
}

}  // namespace

std::vector<Fact> infer(const NGrams& op, std::span<const Fact> inputs) {
  check(op);
  check_arity(inputs, 1, 1);
  const auto element = inputs[0].type.element;
  SACCADE_CHECK(element == ElementType::i32 || element == ElementType::i64, invalid_model, "tokens of the type {}", to_string(element));
  make_table(op);
  const Dimension size = Dimension::fixed(output_size(op));
  const PartialShape& in = inputs[0].type.shape;
  if (!in.ranked()) return {Fact(ElementType::f32, PartialShape())};
  SACCADE_CHECK(in.rank() == 1 || in.rank() == 2, invalid_model, "tokens of rank {}", in.rank());
  return {Fact(ElementType::f32, in.rank() == 1 ? PartialShape({size}) : PartialShape({in[0], size}))};
}

std::vector<Tensor> evaluate(const NGrams& op, std::span<const Tensor> inputs) {
  check(op);
  const Tensor& in = inputs[0];
  SACCADE_CHECK(in.rank() == 1 || in.rank() == 2, invalid_model, "tokens of rank {}", in.rank());
  const Table table = make_table(op);
  const std::int64_t rows = in.rank() == 1 ? 1 : in.shape()[0], width = in.shape().back(), size = output_size(op);
  const auto tokens = to_i64(in);
  std::vector<double> out(static_cast<std::size_t>(element_count({rows, size})), 0);
  for (std::int64_t r = 0; r < rows; ++r) {
    const auto counts = count(op, table, std::span(tokens).subspan(static_cast<std::size_t>(r * width), static_cast<std::size_t>(width)));
    for (std::size_t i = 0; i < counts.size(); ++i) {
      const double weight = op.weights.empty() || op.weighting == NGramWeighting::tf ? 1 : op.weights[i];
      const double n = op.weighting == NGramWeighting::idf ? std::min(counts[i], 1.0) : counts[i];
      out[static_cast<std::size_t>(r * size + op.indexes[i])] += n * weight;
    }
  }
  return {from_f64(ElementType::f32, in.rank() == 1 ? Shape{size} : Shape{rows, size}, out)};
}

}  // namespace saccade::ops
