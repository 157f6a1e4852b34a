// SPDX-License-Identifier: Apache-2.0
// Attention and RotaryEmbedding.
#include "ops/attention.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/inference.h"
#include "ops/stages.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_attributes(const Attention& op) {
  SACCADE_CHECK(op.outputs == 1 || op.outputs == 3 || op.outputs == 4, invalid_model, "Attention with {} outputs", op.outputs);
  SACCADE_CHECK(op.softcap >= 0, invalid_model, "softcap is {}", op.softcap);
  SACCADE_CHECK(op.left_window >= -1 && op.right_window >= -1, invalid_model, "a window of {} and {}", op.left_window, op.right_window);
  SACCADE_CHECK(op.q_num_heads >= 0 && op.kv_num_heads >= 0, invalid_model, "{} and {} heads", op.q_num_heads, op.kv_num_heads);
}

Dimension divided_evenly(const Dimension& d, i64 by, std::string_view what) {
  if (!d.is_static()) return Dimension::unknown();
  SACCADE_CHECK(by > 0 && d.size() % by == 0, invalid_model, "{} of {} elements in {} heads", what, d.size(), by);
  return Dimension::fixed(d.size() / by);
}

// [b, heads, s, d] of a rank-3 or rank-4 operand.
PartialShape headed(const PartialShape& s, i64 heads, std::string_view what) {
  if (s.rank() == 4) return s;
  SACCADE_CHECK(s.rank() == 3 && heads > 0, invalid_model, "{} of shape {} with {} heads", what, to_string(s), heads);
  return PartialShape({s[0], Dimension::fixed(heads), s[1], divided_evenly(s[2], heads, what)});
}

// Q, K, V or a past as [b][heads][s][d] in f64.
struct Operand {
  i64 batch = 0, heads = 0, length = 0, width = 0;
  std::vector<double> data;
  const double* row(i64 b, i64 h, i64 s) const { return data.data() + ((b * heads + h) * length + s) * width; }
};

Operand operand_of(const Tensor& t, i64 heads, std::string_view what) {
  Operand o;
  const Shape& s = t.shape();
  if (s.size() == 4) {
    o = {s[0], s[1], s[2], s[3], to_f64(t)};
    return o;
  }
  SACCADE_CHECK(s.size() == 3 && heads > 0 && s[2] % heads == 0, invalid_model, "{} of shape {} with {} heads", what, to_string(s), heads);
  o = {s[0], heads, s[1], s[2] / heads, std::vector<double>(static_cast<std::size_t>(t.size()))};
  const std::vector<double> x = to_f64(t);
  std::size_t from = 0;
  for (i64 b = 0; b < o.batch; ++b)
    for (i64 i = 0; i < o.length; ++i)
      for (i64 h = 0; h < heads; ++h)
        for (i64 d = 0; d < o.width; ++d) o.data[static_cast<std::size_t>(((b * heads + h) * o.length + i) * o.width + d)] = x[from++];
  return o;
}

// past and now along the sequence.
Operand joined(const Operand& past, Operand now) {
  SACCADE_CHECK(past.batch == now.batch && past.heads == now.heads && past.width == now.width, invalid_model,
                "a past of {} batches, {} heads and {} elements for {}, {} and {}", past.batch, past.heads, past.width, now.batch,
                now.heads, now.width);
  Operand o{now.batch, now.heads, past.length + now.length, now.width, {}};
  o.data.reserve(past.data.size() + now.data.size());
  for (i64 k = 0; k < o.batch * o.heads; ++k) {
    const i64 p = past.length * past.width, n = now.length * now.width;
    o.data.insert(o.data.end(), past.data.begin() + k * p, past.data.begin() + (k + 1) * p);
    o.data.insert(o.data.end(), now.data.begin() + k * n, now.data.begin() + (k + 1) * n);
  }
  return o;
}

// What is added to the products, read at [b, h, q, k].
class Mask {
 public:
  Mask(const Tensor& t, const Shape& full) : keys_(full[3]) {
    if (!t.defined()) return;
    Shape shape = t.shape(), target = full;
    SACCADE_CHECK(shape.size() >= 1 && shape.size() <= 4, invalid_model, "a mask of shape {}", to_string(shape));
    // a last dimension of one repeats; another shorter one masks the rest
    if (shape.back() != 1) {
      SACCADE_CHECK(shape.back() <= full[3], invalid_model, "a mask of shape {} for {} keys", to_string(shape), full[3]);
      keys_ = shape.back();
      target[3] = keys_;
    }
    SACCADE_CHECK(broadcast_shapes(shape, target) == target, invalid_model, "a mask of shape {} for products of shape {}", to_string(shape),
                  to_string(full));
    strides_ = broadcast_strides(shape, target);
    if (t.type() == ElementType::boolean) {
      for (i64 v : to_i64(t)) values_.push_back(v ? 0 : -kInfinity);
    } else {
      values_ = to_f64(t);
    }
  }
  double at(i64 b, i64 h, i64 q, i64 k) const {
    if (k >= keys_) return -kInfinity;
    if (values_.empty()) return 0;
    return values_[static_cast<std::size_t>(b * strides_[0] + h * strides_[1] + q * strides_[2] + k * strides_[3])];
  }

 private:
  i64 keys_;
  Strides strides_;
  std::vector<double> values_;
};

}  // namespace

std::vector<Fact> infer(const Attention& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 7);
  check_attributes(op);
  const ElementType type = inputs[0].type.element;
  SACCADE_CHECK(is_float(type), invalid_model, "queries of element type {}", to_string(type));
  SACCADE_CHECK(has(inputs, 4) == has(inputs, 5), invalid_model, "a past key without a past value or the reverse");
  SACCADE_CHECK(!has(inputs, 4) || !has(inputs, 6), invalid_model, "nonpad_kv_seqlen together with a past");
  const PartialShape &q = inputs[0].type.shape, &k = inputs[1].type.shape, &v = inputs[2].type.shape;
  PartialShape y, present_key, present_value, product;
  if (q.ranked() && k.ranked() && v.ranked()) {
    SACCADE_CHECK(q.rank() == k.rank() && k.rank() == v.rank(), invalid_model, "Attention over {}, {} and {}", to_string(q), to_string(k),
                  to_string(v));
    const PartialShape hq = headed(q, op.q_num_heads, "Q"), hk = headed(k, op.kv_num_heads, "K"), hv = headed(v, op.kv_num_heads, "V");
    SACCADE_CHECK(!hq[3].is_static() || !hk[3].is_static() || hq[3].size() == hk[3].size(), invalid_model, "queries {} and keys {}",
                  to_string(hq), to_string(hk));
    Dimension keys = hk[2];
    if (has(inputs, 4)) {
      const PartialShape& past = inputs[4].type.shape;
      SACCADE_CHECK(!past.ranked() || past.rank() == 4, invalid_model, "a past of shape {}", to_string(past));
      keys = past.ranked() ? past[2] + keys : Dimension::unknown();
    }
    if (q.rank() == 4)
      y = PartialShape({hq[0], hq[1], hq[2], hv[3]});
    else
      y = PartialShape({q[0], q[1], Dimension::fixed(op.q_num_heads) * hv[3]});
    present_key = PartialShape({hk[0], hk[1], keys, hk[3]});
    present_value = PartialShape({hv[0], hv[1], keys, hv[3]});
    product = PartialShape({hq[0], hq[1], hq[2], keys});
  }
  std::vector<Fact> out{Fact(type, y), Fact(inputs[1].type.element, present_key), Fact(inputs[2].type.element, present_value),
                        Fact(type, product)};
  out.resize(static_cast<std::size_t>(op.outputs));
  return out;
}

std::vector<Tensor> evaluate(const Attention& op, std::span<const Tensor> inputs) {
  check_attributes(op);
  const bool flat = inputs[0].rank() == 3;
  Operand q = operand_of(inputs[0], op.q_num_heads, "Q");
  Operand k = operand_of(inputs[1], op.kv_num_heads, "K"), v = operand_of(inputs[2], op.kv_num_heads, "V");
  i64 past = 0;
  if (has(inputs, 4) && has(inputs, 5)) {
    const Operand past_key = operand_of(inputs[4], op.kv_num_heads, "past_key");
    past = past_key.length;
    k = joined(past_key, std::move(k));
    v = joined(operand_of(inputs[5], op.kv_num_heads, "past_value"), std::move(v));
  }
  SACCADE_CHECK(k.batch == q.batch && v.batch == q.batch && k.heads == v.heads && k.length == v.length && k.width == q.width &&
                    k.heads > 0 && q.heads % k.heads == 0,
                invalid_model, "Attention over {}, {} and {} with pasts of length {}", to_string(inputs[0].shape()),
                to_string(inputs[1].shape()), to_string(inputs[2].shape()), past);
  const Shape full{q.batch, q.heads, q.length, k.length};
  const Mask mask(has(inputs, 3) ? inputs[3] : Tensor(), full);
  const std::vector<i64> valid = has(inputs, 6) ? to_i64(inputs[6]) : std::vector<i64>();
  SACCADE_CHECK(valid.empty() || static_cast<i64>(valid.size()) == q.batch, invalid_model, "nonpad_kv_seqlen has {} entries for {} batches",
                valid.size(), q.batch);
  for (i64 l : valid) SACCADE_CHECK(l >= 0 && l <= k.length, invalid_model, "nonpad_kv_seqlen holds {} for {} keys", l, k.length);
  const Stages stage(inputs[0].type()), softmax_stage(op.wide_softmax ? ElementType::f32 : inputs[0].type());
  // Both factors of a product are scaled, which keeps narrow types in range.
  const double scale = op.scale != 0 ? op.scale : 1 / std::sqrt(static_cast<double>(q.width)), root = stage(std::sqrt(scale));
  const bool narrow = inputs[0].type() == ElementType::f16 || inputs[0].type() == ElementType::bf16;
  std::vector<double> keys = k.data;
  if (narrow) {
    for (double& x : q.data) x = stage(x * root);
    for (double& x : keys) x = stage(x * root);
  }
  const Shape y_shape = flat ? Shape{q.batch, q.length, q.heads * v.width} : Shape{q.batch, q.heads, q.length, v.width};
  std::vector<double> y(wide_count(y_shape)), shown(op.outputs == 4 ? wide_count(full) : 0);
  std::vector<double> logits(static_cast<std::size_t>(k.length));
  double* show = shown.data();
  for (i64 b = 0; b < q.batch; ++b)
    for (i64 h = 0; h < q.heads; ++h)
      for (i64 i = 0; i < q.length; ++i) {
        const i64 kv = h / (q.heads / k.heads);
        const i64 limit = valid.empty() ? k.length : valid[static_cast<std::size_t>(b)];
        const i64 place = i + (valid.empty() ? past : limit - q.length);
        const double* query = q.row(b, h, i);
        double most = -kInfinity;
        bool any = false;
        for (i64 j = 0; j < k.length; ++j) {
          const double* key = keys.data() + ((b * k.heads + kv) * k.length + j) * k.width;
          double dot = 0;
          for (i64 d = 0; d < q.width; ++d) dot += query[d] * key[d];
          dot = narrow ? stage(dot) : dot * scale;
          if (op.outputs == 4 && op.qk_output == QkOutput::product) *show++ = dot;
          if (op.softcap > 0) dot = stage(op.softcap * stage(std::tanh(stage(dot / op.softcap))));
          if (op.outputs == 4 && op.qk_output == QkOutput::softcapped) *show++ = dot;
          double add = mask.at(b, h, i, j);
          if (j >= limit || (op.is_causal && j > place) || (op.left_window >= 0 && place - j > op.left_window) ||
              (op.right_window >= 0 && j - place > op.right_window))
            add = -kInfinity;
          any |= add > -kInfinity;
          const double logit = stage(dot + add);
          if (op.outputs == 4 && op.qk_output == QkOutput::masked) *show++ = logit;
          logits[static_cast<std::size_t>(j)] = logit;
          most = std::max(most, logit);
        }
        // a row that masks everything is zero
        if (any && most > -kInfinity)
          softmax_line(logits.data(), 1, logits.size(), softmax_stage);
        else
          std::fill(logits.begin(), logits.end(), 0);
        for (double& p : logits) {
          p = stage(softmax_stage(p));
          if (op.outputs == 4 && op.qk_output == QkOutput::softmax) *show++ = p;
        }
        double* to = y.data() + (flat ? (b * q.length + i) * q.heads + h : (b * q.heads + h) * q.length + i) * v.width;
        for (i64 j = 0; j < k.length; ++j) {
          const double p = logits[static_cast<std::size_t>(j)];
          const double* value = v.row(b, kv, j);
          if (p != 0)
            for (i64 d = 0; d < v.width; ++d) to[d] += p * value[d];
        }
      }
  const ElementType type = inputs[0].type();
  std::vector<Tensor> out{from_f64(type, y_shape, y)};
  if (op.outputs >= 3) {
    out.push_back(from_f64(inputs[1].type(), {k.batch, k.heads, k.length, k.width}, k.data));
    out.push_back(from_f64(inputs[2].type(), {v.batch, v.heads, v.length, v.width}, v.data));
  }
  if (op.outputs == 4) out.push_back(from_f64(type, full, shown));
  return out;
}

Cost cost(const Attention&, std::span<const Fact> inputs, std::span<const Fact> outputs) {
  Cost c;
  if (!inputs[0].type.is_static() || !inputs[1].type.is_static() || !outputs[0].type.is_static()) return c;
  const Shape q = inputs[0].type.shape.shape(), k = inputs[1].type.shape.shape();
  double keys = static_cast<double>(k[k.size() - 2]);
  if (has(inputs, 4) && inputs[4].type.is_static() && inputs[4].type.shape.rank() == 4)
    keys += static_cast<double>(inputs[4].type.shape.shape()[2]);
  c.macs = (static_cast<double>(element_count(q)) + static_cast<double>(element_count(outputs[0].type.shape.shape()))) * keys;
  return c;
}

std::vector<Fact> infer(const RotaryEmbedding& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 4);
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
  const PartialShape& x = inputs[0].type.shape;
  SACCADE_CHECK(!x.ranked() || x.rank() == 4 || (x.rank() == 3 && op.num_heads > 0), invalid_model, "data of shape {} with {} heads",
                to_string(x), op.num_heads);
  SACCADE_CHECK(op.rotary_embedding_dim >= 0 && op.rotary_embedding_dim % 2 == 0 && op.num_heads >= 0, invalid_model,
                "{} elements of {} heads to rotate", op.rotary_embedding_dim, op.num_heads);
  return {Fact(inputs[0].type)};
}

std::vector<Tensor> evaluate(const RotaryEmbedding& op, std::span<const Tensor> inputs) {
  const Shape& s = inputs[0].shape();
  const bool flat = s.size() == 3;
  SACCADE_CHECK(s.size() == 4 || (flat && op.num_heads > 0 && s[2] % op.num_heads == 0), invalid_model, "data of shape {} with {} heads",
                to_string(s), op.num_heads);
  const i64 batch = s[0], heads = flat ? op.num_heads : s[1], length = flat ? s[1] : s[2], width = flat ? s[2] / heads : s[3];
  const i64 rotated = op.rotary_embedding_dim ? op.rotary_embedding_dim : width, half = rotated / 2;
  SACCADE_CHECK(rotated >= 0 && rotated <= width && rotated % 2 == 0, invalid_model, "{} of {} elements to rotate", rotated, width);
  const bool by_position = has(inputs, 3);
  const Shape &cs = inputs[1].shape(), &ss = inputs[2].shape();
  SACCADE_CHECK(cs == ss && (by_position ? cs.size() == 2 : cs.size() == 3 && cs[0] == batch && cs[1] == length) && cs.back() == half,
                invalid_model, "cosines {} and sines {} for data {}", to_string(cs), to_string(ss), to_string(s));
  SACCADE_CHECK(!by_position || inputs[3].shape() == Shape({batch, length}), invalid_model, "positions of shape {} for data {}",
                to_string(inputs[3].shape()), to_string(s));
  std::vector<double> x = to_f64(inputs[0]);
  const std::vector<double> cosines = to_f64(inputs[1]), sines = to_f64(inputs[2]);
  const std::vector<i64> positions = by_position ? to_i64(inputs[3]) : std::vector<i64>();
  for (i64 b = 0; b < batch; ++b)
    for (i64 i = 0; i < length; ++i) {
      i64 row = b * length + i;
      if (by_position) {
        row = positions[static_cast<std::size_t>(row)];
        SACCADE_CHECK(row >= 0 && row < cs[0], invalid_model, "position {} of {}", row, cs[0]);
      }
      for (i64 h = 0; h < heads; ++h) {
        double* head = x.data() + (flat ? (b * length + i) * heads + h : (b * heads + h) * length + i) * width;
        for (i64 d = 0; d < half; ++d) {
          const double cosine = cosines[static_cast<std::size_t>(row * half + d)], sine = sines[static_cast<std::size_t>(row * half + d)];
          double &first = head[op.interleaved ? 2 * d : d], &second = head[op.interleaved ? 2 * d + 1 : half + d];
          const double real = cosine * first - sine * second;
          second = sine * first + cosine * second;
          first = real;
        }
      }
    }
  return {from_f64(inputs[0].type(), s, x)};
}

}  // namespace saccade::ops
