// SPDX-License-Identifier: Apache-2.0
// Keras' attention.
#include <cmath>

#include "import/keras/layer.h"
#include "ops/matmul.h"
#include "ops/softmax.h"

namespace saccade::keras {
namespace {

struct Head {
  Part part;
  std::int64_t heads, size;
};

// x [b, t, in] through a kernel [in, heads, size] to [b, heads, t, size].
ValueId projected(const LayerContext& c, ValueId x, const Head& head) {
  const ValueId kernel = c.weight({"kernel"}, 0, head.part);
  if (c.rank(kernel) != 3 || !c.shape(kernel)[0].is_static()) c.invalid("a kernel of rank {}", c.rank(kernel));
  ValueId y = c.op(ops::MatMul{}, {x, c.reshape(kernel, {c.shape(kernel)[0].size(), head.heads * head.size})});
  if (c.flag("use_bias", true)) y = c.add(y, c.reshape(c.weight({"bias"}, 1, head.part), {head.heads * head.size}));
  return c.transpose(c.reshape(y, {0, 0, head.heads, head.size}, true), {0, 2, 1, 3});
}

Values multi_head_attention(LayerContext& c) {
  for (const char* mask : {"attention_mask", "query_mask", "value_mask", "key_mask"})
    if (c.has_keyword(mask)) c.unsupported("a mask");
  const auto on = [&](const char* name) {
    const Arg* a = c.arg(100, name);
    return a && a->constant == true;
  };
  if (on("use_causal_mask")) c.unsupported("a causal mask");
  if (on("return_attention_scores")) c.unsupported("the scores as a result");
  if (c.given("attention_axes") && c.list("attention_axes") != std::vector<std::int64_t>{1}) c.unsupported("other axes");
  const std::int64_t heads = c.i("num_heads"), key_size = c.i("key_dim"), value_size = c.i("value_dim", key_size);
  if (heads < 1 || key_size < 1 || value_size < 1 || heads > 65536 || key_size > 65536 || value_size > 65536)
    c.invalid("{} heads of {}", heads, key_size);
  const ValueId query = c.x();
  const Arg *value_arg = c.arg(1, "value"), *key_arg = c.arg(2, "key");
  if (!value_arg || !value_arg->is_tensor) c.invalid("no value");
  const ValueId value = value_arg->value, key = key_arg && key_arg->is_tensor ? key_arg->value : value;
  for (ValueId v : {query, value, key})
    if (c.rank(v) != 3) c.unsupported("an input of rank {}", c.rank(v));
  const ValueId q = projected(c, query, {{{"query_dense", "_query_dense"}, "query"}, heads, key_size});
  const ValueId k = projected(c, key, {{{"key_dense", "_key_dense"}, "key"}, heads, key_size});
  const ValueId v = projected(c, value, {{{"value_dense", "_value_dense"}, "value"}, heads, value_size});
  const ValueId scaled = c.multiply(q, c.like(q, 1 / std::sqrt(static_cast<double>(key_size))));
  const ValueId scores = c.op(ops::Softmax{-1}, {c.op(ops::MatMul{false, true}, {scaled, k})});
  const ValueId mixed = c.reshape(c.transpose(c.op(ops::MatMul{}, {scores, v}), {0, 2, 1, 3}), {0, 0, heads * value_size}, true);
  const Part out{{"output_dense", "_output_dense"}, "attention_output"};
  const ValueId kernel = c.weight({"kernel"}, 0, out);
  if (c.rank(kernel) != 3 || !c.shape(kernel)[2].is_static()) c.unsupported("an output of other rank");
  ValueId y = c.op(ops::MatMul{}, {mixed, c.reshape(kernel, {heads * value_size, c.shape(kernel)[2].size()})});
  if (c.flag("use_bias", true)) y = c.add(y, c.weight({"bias"}, 1, out));
  return {y};
}

constexpr Row kAttentionRows[] = {
    {"MultiHeadAttention", multi_head_attention},
};

}  // namespace

std::span<const Row> attention_rows() { return kAttentionRows; }

}  // namespace saccade::keras
