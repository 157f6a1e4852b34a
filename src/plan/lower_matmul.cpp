// SPDX-License-Identifier: Apache-2.0
// MatMul over f32 through the dense driver: the right side is packed once if it is constant, else for each run.
#include <algorithm>

#include "base/error.h"
#include "ops/matmul.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;
using kernels::Index;

namespace {

// out[b][m][n] = epilogue(Σ_k left[b][m][k] · right[b][k][n]); batch offsets are tabulated.
class MatMulStep final : public Step {
 public:
  kernels::DenseArgs args;
  kernels::DensePack pack;  // of a right side that is not constant
  Tensor weights;           // packed, of one that is
  Place left, right, out, other, packed;
  std::vector<Index> left_offsets, right_offsets, out_offsets, other_offsets;
  Index m = 0, nr = 16;

  void run(const Run& run) const override {
    kernels::DenseArgs a = args;
    const double batches = static_cast<double>(left_offsets.size());
    for (std::size_t b = 0; b < left_offsets.size(); ++b) {
      a.rows.base = run.floats(left) + left_offsets[b];
      a.out = run.floats(out) + out_offsets[b];
      if (other.valid()) a.epilogue.other = run.floats(other) + other_offsets[b];
      if (!weights.defined() && (b == 0 || right_offsets[b] != right_offsets[b - 1])) repack(run, right_offsets[b]);
      a.weights = weights.defined() ? weights.data<float>() : run.floats(packed);
      const double work = flops / batches * 0.02;
      const Index panels = (a.n + nr - 1) / nr;
      if (m >= 24 && m >= panels * 4)
        run.parallel(m, 12, work, [&](Index begin, Index end) { run.k.dense(a, {begin, end, 0, a.n}); });
      else
        run.parallel(panels, 1, work, [&](Index begin, Index end) { run.k.dense(a, {0, m, begin * nr, std::min(end * nr, a.n)}); });
    }
  }

 private:
  void repack(const Run& run, Index offset) const {
    const Index panels = (pack.n + nr - 1) / nr;
    run.parallel(panels, 1, static_cast<double>(pack.n * pack.c) * 0.5, [&](Index begin, Index end) {
      kernels::DensePack p = pack;
      p.src = run.floats(right) + offset;
      p.dst = run.floats(packed);
      p.n_begin = begin * nr;
      p.n_end = std::min(end * nr, pack.n);
      run.k.dense_pack(p);
    });
  }
};

// The place with dimensions of size 1 put in front, up to a rank.
Place with_rank(Place p, std::size_t rank) {
  while (p.dims.size() < rank) {
    p.dims.insert(p.dims.begin(), 1);
    p.strides.insert(p.strides.begin(), 0);
  }
  return p;
}

std::vector<Index> batch_offsets(const Place& p, const Shape& batch) {
  Strides strides(batch.size(), 0);
  for (std::size_t d = 0; d < batch.size(); ++d)
    if (p.dims[d] != 1) strides[d] = p.strides[d];
  std::vector<Index> out;
  IndexWalk walk(batch);
  do out.push_back(walk.offset(strides));
  while (walk.next());
  return out;
}

}  // namespace

bool lower_matmul(Lowering& l, const Node& node) {
  const ops::MatMul& op = *node.op.as<ops::MatMul>();
  const Shape a_shape = l.shape(node.inputs[0]), b_shape = l.shape(node.inputs[1]), out_shape = l.shape(node.outputs[0]);
  if (l.element(node.inputs[0]) != ElementType::f32 || element_count(out_shape) == 0 || a_shape.size() < 2 || b_shape.size() < 2) return false;
  const std::size_t k_axis = op.transpose_a ? a_shape.size() - 2 : a_shape.size() - 1;
  if (a_shape[k_axis] == 0) return false;
  const Chain chain = l.chain_behind(node, out_shape.size() - 1, true);
  l.defer(chain, [&l, &node, chain, op, k_axis] {
    const std::size_t rank = l.shape(chain.result).size();
    Place a = with_rank(l.contiguous_along(node.inputs[0], k_axis), rank), b = with_rank(l.place(node.inputs[1]), rank);
    Place other;
    kernels::Epilogue epilogue = l.epilogue(chain);
    if (chain.other.valid()) other = l.contiguous_along(chain.other, rank - 1);
    const Place out = l.destination_along(chain.result, rank - 1);
    if (op.transpose_a) {
      std::swap(a.dims[rank - 1], a.dims[rank - 2]);
      std::swap(a.strides[rank - 1], a.strides[rank - 2]);
    }
    if (op.transpose_b) {
      std::swap(b.dims[rank - 1], b.dims[rank - 2]);
      std::swap(b.strides[rank - 1], b.strides[rank - 2]);
    }
    const Index m = a.dims[rank - 2], k = a.dims[rank - 1], n = b.dims[rank - 1];
    Shape batch(out.dims.begin(), out.dims.end() - 2);
    auto step = std::make_unique<MatMulStep>();
    step->m = m;
    step->left = a;
    step->right = b;
    step->out = out;
    step->other = other;
    // one constant right side for all: the batches are further rows, if they follow at the rows' pitch
    const bool one_right = element_count(Shape(b.dims.begin(), b.dims.end() - 2)) == 1;
    const auto rows_only = [&](const Place& p) { return view_strides(p.dims, p.strides, {element_count(batch) * m, p.dims[rank - 1]}); };
    const auto a_rows = rows_only(a), out_rows = rows_only(out), other_rows = other.valid() ? rows_only(other) : std::nullopt;
    if (one_right && a_rows && out_rows && (!other.valid() || other_rows)) {
      step->m = m * element_count(batch);
      batch.assign(batch.size(), 1);
      step->args.rows.pitch = (*a_rows)[0];
      step->args.out_pitch = (*out_rows)[0];
      if (other.valid()) epilogue.other_pitch = (*other_rows)[0];
    } else {
      step->args.rows.pitch = a.strides[rank - 2];
      step->args.out_pitch = out.strides[rank - 2];
      if (other.valid()) epilogue.other_pitch = other.strides[rank - 2];
    }
    step->left_offsets = batch_offsets(a, batch);
    step->right_offsets = batch_offsets(b, batch);
    step->out_offsets = batch_offsets(out, batch);
    if (other.valid()) step->other_offsets = batch_offsets(other, batch);
    const kernels::DenseShape shape = l.k.dense_shape(k, n);
    step->nr = shape.nr;
    step->args.k = k;
    step->args.n = n;
    step->args.lanes = kernels::Lanes::masked;
    step->args.epilogue = epilogue;
    kernels::DensePack& pack = step->pack;
    pack.n = n;
    pack.c = k;
    pack.stride_n = b.strides[rank - 1];
    pack.stride_c = b.strides[rank - 2];
    step->reads = {a};
    if (other.valid()) step->reads.push_back(other);
    step->writes = {out};
    const Tensor& constant = l.graph.constant(node.inputs[1]);
    if (constant.defined() && one_right) {
      step->weights = l.packs.get(constant, fmt::format("{}/matmul{}/{}", l.k.isa, shape.nr, op.transpose_b), shape.packed_floats, [&](float* dst) {
        kernels::DensePack p = pack;
        p.src = constant.data<float>();
        p.dst = dst;
        l.k.dense_pack(p);
      });
    } else {
      step->packed = l.scratch_dense(ElementType::f32, {shape.packed_floats});
      step->reads.push_back(b);
      step->writes.push_back(step->packed);
    }
    step->name = node.name;
    step->kind = l.kind(chain);
    step->kernel = step->weights.defined() ? "dense" : "dense, packed for each run";
    step->flops = 2.0 * static_cast<double>(element_count(out.dims)) * static_cast<double>(k);
    l.emit(std::move(step));
  });
  return true;
}

}  // namespace saccade::plan
