// SPDX-License-Identifier: Apache-2.0
// Attention over f32 through the dense driver, head by head: the products of a few queries with all keys stay in the
// cache while softmax and the product with the values follow.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/attention.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

class AttentionStep final : public Step {
 public:
  Place q, k, v, out, mask, scores, packed_keys, packed_values;  // [b, heads, s, d]; mask: broadcast by strides of 0
  Tensor scale;                                                  // one per key, for packing
  Index heads_per_key = 1;
  Index score_pitch = 0;

  void run(const Run& run) const override {
    const Index queries = q.dims[2], keys = k.dims[2], width = q.dims[3], values = v.dims[3];
    for (Index b = 0; b < q.dims[0]; ++b)
      for (Index h = 0; h < q.dims[1]; ++h) {
        const Index kv = h / heads_per_key;
        if (h % heads_per_key == 0) {
          pack(run, k, b, kv, packed_keys, {.n = keys, .c = width, .stride_n = k.strides[2], .stride_c = k.strides[3], .scale = scale.data<float>()});
          pack(run, v, b, kv, packed_values, {.n = values, .c = keys, .stride_n = v.strides[3], .stride_c = v.strides[2]});
        }
        kernels::DenseArgs first;
        first.rows = {.base = run.floats(q) + b * q.strides[0] + h * q.strides[1], .pitch = q.strides[2]};
        first.k = width;
        first.n = keys;
        first.weights = run.floats(packed_keys);
        first.out = run.floats(scores);
        first.out_pitch = score_pitch;
        first.lanes = kernels::Lanes::full;
        if (mask.valid()) {
          first.epilogue.combine = kernels::Combine::add;
          first.epilogue.other = run.floats(mask) + b * mask.strides[0] + h * mask.strides[1];
          first.epilogue.other_pitch = mask.strides[2];
        }
        kernels::DenseArgs second;
        second.rows = {.base = run.floats(scores), .pitch = score_pitch};
        second.k = keys;
        second.n = values;
        second.weights = run.floats(packed_values);
        second.out = run.floats(out) + b * out.strides[0] + h * out.strides[1];
        second.out_pitch = out.strides[2];
        const double work = static_cast<double>(queries * keys) * (0.02 * static_cast<double>(width + values) + 1.0);
        run.parallel(queries, kBlock, work, [&](Index begin, Index end) {
          for (Index i = begin; i < end; i += kBlock) {
            const Index stop = std::min(i + kBlock, end);
            run.k.dense(first, {i, stop, 0, keys});
            kernels::SoftmaxArgs s;
            s.rows = stop - i;
            s.n = keys;
            s.in = s.out = run.floats(scores) + i * score_pitch;
            s.in_pitch = s.out_pitch = score_pitch;
            run.k.softmax_rows(s);
            run.k.dense(second, {i, stop, 0, values});
          }
        });
      }
  }

 private:
  static constexpr Index kBlock = 24;  // queries whose products are held at once; a multiple of all tile heights

  static void pack(const Run& run, const Place& from, Index b, Index head, const Place& to, kernels::DensePack form) {
    form.src = run.floats(from) + b * from.strides[0] + head * from.strides[1];
    form.dst = run.floats(to);
    run.k.dense_pack(form);
  }
};

// [b, s, heads·d] as [b, heads, s, d].
Place headed(Place p, Index heads) {
  if (p.dims.size() == 4) return p;
  const Index width = p.dims[2] / heads, step = p.strides[2];
  p.dims = {p.dims[0], heads, p.dims[1], width};
  p.strides = {p.strides[0], width * step, p.strides[1], step};
  return p;
}

// The mask with the strides of a broadcast to [b, heads, queries, ·], keys contiguous.
std::optional<Tensor> additive_mask(const Lowering& l, const Node& node, Index keys) {
  const Tensor& t = l.graph.constant(node.inputs[3]);
  if (!t.defined() || t.type() != ElementType::f32 || t.rank() < 1 || t.rank() > 4) return std::nullopt;
  Shape shape = t.shape();
  shape.insert(shape.begin(), 4 - shape.size(), 1);
  if (shape[3] != keys && shape[3] != 1) return std::nullopt;
  // a row whose keys are all hidden is zero, which the kernel does not know
  const float* value = t.data<float>();
  if (!std::all_of(value, value + t.size(), [](float x) { return std::isfinite(x); })) return std::nullopt;
  const Tensor aligned = t.reshaped(shape);
  shape[3] = keys;
  return broadcast_to(aligned, shape);
}

bool is_plain(const ops::Attention& op, const Node& node) {
  if (op.outputs != 1 || op.softcap != 0 || op.is_causal || op.left_window >= 0 || op.right_window >= 0) return false;
  for (std::size_t i = 4; i < node.inputs.size(); ++i)
    if (node.inputs[i].valid()) return false;
  return true;
}

// What only `evaluate` checks, and complains of.
bool fits_together(const ops::Attention& op, const Shape& q, const Shape& k, const Shape& v) {
  const bool flat = q.size() == 3;
  const Index heads = flat ? op.q_num_heads : q[1], key_heads = flat ? op.kv_num_heads : k[1], value_heads = flat ? op.kv_num_heads : v[1];
  if (heads <= 0 || key_heads <= 0 || value_heads != key_heads || heads % key_heads != 0 || k[0] != q[0] || v[0] != q[0]) return false;
  if (k[k.size() - 2] != v[v.size() - 2]) return false;
  if (!flat) return q[3] == k[3];
  return q[2] % heads == 0 && k[2] % key_heads == 0 && v[2] % key_heads == 0 && q[2] / heads == k[2] / key_heads;
}

}  // namespace

bool lower_attention(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::Attention>();
  if (!is_plain(op, node) || l.element(node.outputs[0]) != ElementType::f32 || element_count(l.shape(node.outputs[0])) == 0) return false;
  const std::size_t rank = l.shape(node.inputs[0]).size();
  if (!fits_together(op, l.shape(node.inputs[0]), l.shape(node.inputs[1]), l.shape(node.inputs[2]))) return false;
  const auto operand = [&](std::size_t i, Index heads, bool rows) { return headed(rows || rank == 3 ? l.contiguous_along(node.inputs[i], rank - 1) : l.place(node.inputs[i]), heads); };
  const bool masked = node.inputs.size() > 3 && node.inputs[3].valid();
  const Index keys = l.shape(node.inputs[1])[rank - 2];
  if (keys == 0) return false;
  std::optional<Tensor> mask;
  if (masked && !(mask = additive_mask(l, node, keys))) return false;
  auto step = std::make_unique<AttentionStep>();
  step->q = operand(0, op.q_num_heads, true);
  step->k = operand(1, op.kv_num_heads, false);
  step->v = operand(2, op.kv_num_heads, false);
  if (step->q.dims[3] == 0) return false;
  step->out = headed(l.destination_along(node.outputs[0], rank - 1), op.q_num_heads);
  step->heads_per_key = step->q.dims[1] / step->k.dims[1];
  const Index queries = step->q.dims[2], width = step->q.dims[3], values = step->v.dims[3];
  step->score_pitch = padded(keys);
  step->scores = l.scratch_dense(ElementType::f32, {queries, step->score_pitch});
  step->packed_keys = l.scratch_dense(ElementType::f32, {l.k.dense_shape(width, keys).packed_floats});
  step->packed_values = l.scratch_dense(ElementType::f32, {l.k.dense_shape(keys, values).packed_floats});
  const double scale = op.scale != 0 ? op.scale : 1 / std::sqrt(static_cast<double>(width));
  step->scale = Tensor(ElementType::f32, {keys});
  std::fill_n(step->scale.data<float>(), keys, static_cast<float>(scale));
  step->reads = {step->q, step->k, step->v};
  if (mask) {
    step->mask = l.constant(*mask);
    for (std::size_t d = 0; d < 3; ++d)
      if (step->mask.dims[d] == 1) step->mask.strides[d] = 0;
    step->reads.push_back(step->mask);
  }
  step->writes = {step->out, step->scores, step->packed_keys, step->packed_values};
  step->kernel = "attention";
  step->flops = 2.0 * static_cast<double>(step->q.dims[0] * step->q.dims[1] * queries * keys) * static_cast<double>(width + values);
  l.emit(std::move(step));
  return true;
}

}  // namespace saccade::plan
