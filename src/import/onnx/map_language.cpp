// SPDX-License-Identifier: Apache-2.0
// Operators that language models brought: attention with states and caches, n-grams; and optionals that are plain tensors.
#include <cmath>
#include <limits>

#include "import/onnx/map.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/linear_attention.h"
#include "ops/matmul.h"
#include "ops/ngrams.h"
#include "ops/range.h"
#include "ops/reshape.h"
#include "ops/scatter.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/softmax.h"

namespace saccade::onnx {
namespace {

using ops::Binary;
using ops::BinaryKind;
using ops::Unary;
using ops::UnaryKind;
using Values = std::vector<ValueId>;

constexpr std::int64_t kEnd = std::numeric_limits<std::int64_t>::max();

Values linear_attention(NodeContext& c) {
  c.ignore({"chunk_size"});
  ops::LinearAttention op{.query_heads = c.i("q_num_heads"), .heads = c.i("kv_num_heads"), .scale = c.f("scale", 0)};
  const std::string rule = c.s("update_rule", "gated_delta");
  if (rule == "linear")
    op.update_rule = ops::UpdateRule::linear;
  else if (rule == "gated")
    op.update_rule = ops::UpdateRule::gated;
  else if (rule == "delta")
    op.update_rule = ops::UpdateRule::delta;
  else if (rule != "gated_delta")
    c.unsupported("update_rule '{}'", shown(rule));
  // an input that the rule does not use may be there all the same
  const bool gated = op.update_rule == ops::UpdateRule::gated || op.update_rule == ops::UpdateRule::gated_delta;
  const bool delta = op.update_rule == ops::UpdateRule::delta || op.update_rule == ops::UpdateRule::gated_delta;
  return c.node(op, {c.in(0), c.in(1), c.in(2), c.maybe(3), gated ? c.in(4) : ValueId{}, delta ? c.in(5) : ValueId{}});
}

// One element of a shape, as a vector of one.
ValueId size_of(NodeContext& c, ValueId value, std::int64_t axis) { return c.op(ops::Gather{}, {c.op(ops::ShapeOf{}, {value}), c.i64({axis}), c.i64_scalar(0)}); }

Values causal_conv_with_state(NodeContext& c) {
  const std::string activation = c.s("activation", "none");
  if (activation != "none" && activation != "silu" && activation != "swish") c.unsupported("activation '{}'", shown(activation));
  const ValueId x = c.in(0), weights = c.in(1);
  const ValueId one = c.i64({1});
  ValueId past = c.maybe(3);
  if (!past.valid()) {
    const ValueId length = c.op(Binary{BinaryKind::Subtract}, {size_of(c, weights, 2), one});
    past = c.op(ops::Broadcast{}, {c.scalar(c.element(0), 0), c.op(ops::Concat{0}, {size_of(c, x, 0), size_of(c, x, 1), length})});
  }
  const ValueId whole = c.op(ops::Concat{2}, {past, x});
  ValueId y = c.op(ops::GroupConvolution{}, {whole, c.op(ops::Unsqueeze{}, {weights, one})});
  if (c.has(2)) y = c.op(Binary{BinaryKind::Add}, {y, c.op(ops::Unsqueeze{}, {c.in(2), one})});
  if (activation != "none") y = c.op(Unary::of(UnaryKind::Swish), {y});
  if (!c.wants(1)) return {y};
  return {y, c.op(ops::Slice{}, {whole, size_of(c, x, 2), c.i64({kEnd}), one, c.i64({2})})};
}

// Query head h uses head h / group of keys and values.
ValueId repeat_heads(NodeContext& c, ValueId value, std::int64_t heads, std::int64_t query_heads) {
  if (heads == query_heads) return value;
  std::vector<std::int64_t> which;
  for (std::int64_t h = 0; h < query_heads; ++h) which.push_back(h / (query_heads / heads));
  return c.op(ops::Gather{}, {value, c.i64(which), c.i64_scalar(1)});
}

ValueId modified(NodeContext& c, std::string_view body, ValueId value) {
  if (!c.given(body)) return value;
  const auto results = c.inlined(body, {value});
  if (results.size() != 1) c.invalid("'{}' has {} outputs", body, results.size());
  return results[0];
}

Values flex_attention(NodeContext& c) {
  for (std::size_t i = 0; i < 3; ++i)
    if (c.rank(i) != 4) c.invalid("input {} has rank {}", i, c.rank(i));
  const auto &query = c.shape(0), &key = c.shape(1);
  if (!query[1].is_static() || !key[1].is_static() || (!query[3].is_static() && !c.given("scale"))) c.unsupported("heads of unknown number or size");
  const std::int64_t query_heads = query[1].size(), heads = key[1].size();
  if (heads < 1 || query_heads % heads != 0 || query_heads > 65536) c.invalid("{} query heads over {} heads", query_heads, heads);
  const ElementType type = c.element(0);
  const ElementType precise = c.type("softmax_precision", type == ElementType::f64 ? ElementType::f64 : ElementType::f32);
  const double scale = c.given("scale") ? c.f("scale") : 1 / std::sqrt(static_cast<double>(query[3].size()));
  const auto wide = [&](ValueId v) { return type == precise ? v : c.op(ops::Convert{precise}, {v}); };
  const ValueId k = repeat_heads(c, wide(c.in(1)), heads, query_heads), v = repeat_heads(c, wide(c.in(2)), heads, query_heads);
  const ValueId product = c.op(ops::MatMul{.transpose_b = true}, {wide(c.in(0)), k});
  const ValueId scores = modified(c, "score_mod", c.op(Binary{BinaryKind::Multiply}, {product, c.scalar(precise, scale)}));
  const ValueId weights = modified(c, "prob_mod", c.op(ops::Softmax{-1}, {scores}));
  const ValueId y = c.op(ops::MatMul{}, {weights, v});
  return {type == precise ? y : c.op(ops::Convert{type}, {y})};
}

Values tensor_scatter(NodeContext& c) {
  const std::string mode = c.s("mode", "linear");
  if (mode != "linear" && mode != "circular") c.invalid("mode is '{}'", shown(mode));
  const auto rank = static_cast<std::int64_t>(c.rank(0));
  std::int64_t axis = c.i("axis", -2);
  if (axis < 0) axis += rank;
  if (axis < 1 || axis >= rank) c.invalid("axis {} with rank {}", c.i("axis", -2), rank);
  // where each row of the update goes: [batch, 1, …, sequence, …, 1]
  const ValueId length = c.op(ops::Squeeze{}, {size_of(c, c.in(1), axis), c.i64({0})});
  ValueId rows = c.op(ops::Range{ElementType::i64}, {c.i64_scalar(0), length, c.i64_scalar(1)});
  std::vector<std::int64_t> after, around;
  for (std::int64_t d = 1; d < rank - axis; ++d) after.push_back(d);
  for (std::int64_t d = 1; d < rank; ++d) around.push_back(d);
  if (!after.empty()) rows = c.op(ops::Unsqueeze{}, {rows, c.i64(after)});
  if (c.has(2)) rows = c.op(Binary{BinaryKind::Add}, {rows, c.op(ops::Unsqueeze{}, {c.in(2), c.i64(around)})});
  if (mode == "circular") rows = c.op(Binary{BinaryKind::FloorMod}, {rows, size_of(c, c.in(0), axis)});
  const ValueId indices = c.op(ops::Broadcast{}, {rows, c.op(ops::ShapeOf{}, {c.in(1)})});
  return {c.op(ops::ScatterElementsUpdate{}, {c.in(0), indices, c.in(1), c.i64_scalar(axis)})};
}

Values tf_idf_vectorizer(NodeContext& c) {
  if (c.given("pool_strings")) c.unsupported("n-grams of strings");
  ops::NGrams op{.pool = c.ints("pool_int64s"),
                 .counts = c.ints("ngram_counts"),
                 .indexes = c.ints("ngram_indexes"),
                 .weights = c.floats("weights", {}),
                 .min_length = c.i("min_gram_length"),
                 .max_length = c.i("max_gram_length"),
                 .max_skip = c.i("max_skip_count")};
  const std::string mode = c.s("mode");
  if (mode == "IDF")
    op.weighting = ops::NGramWeighting::idf;
  else if (mode == "TFIDF")
    op.weighting = ops::NGramWeighting::tfidf;
  else if (mode != "TF")
    c.invalid("mode is '{}'", shown(mode));
  return {c.op(op, {c.in(0)})};
}

// Values are tensors, which are never empty optionals; an input that is not there is.
Values optional_has_element(NodeContext& c) { return {c.constant_of(Tensor::scalar(c.has(0)))}; }
Values optional_get_element(NodeContext& c) { return {c.in(0)}; }

constexpr Row kLanguageRows[] = {
    {"", "CausalConvWithState", 27, causal_conv_with_state},
    {"ai.onnx.preview", "FlexAttention", 1, flex_attention},
    {"", "LinearAttention", 27, linear_attention},
    {"", "OptionalGetElement", 15, optional_get_element},
    {"", "OptionalHasElement", 15, optional_has_element},
    {"", "TensorScatter", 24, tensor_scatter},
    {"", "TfIdfVectorizer", 9, tf_idf_vectorizer},
};

}  // namespace

std::span<const Row> language_rows() { return kLanguageRows; }

}  // namespace saccade::onnx
