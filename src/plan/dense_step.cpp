// SPDX-License-Identifier: Apache-2.0
// The dense convolution step.
#include "plan/dense_step.h"

#include <algorithm>

#include "plan/parallel.h"

namespace saccade::plan {

Place as_image(Place p) {
  if (p.dims.size() == 4) return p;
  p.dims.insert(p.dims.begin() + 2, 1);
  p.strides.insert(p.strides.begin() + 2, p.strides[2] * p.dims[3]);
  return p;
}

bool endless(const Place& p) { return p.dims[2] == 1 || line(p) == pixel(p) * p.dims[3]; }

void DenseStep::run(const Run& run) const {
  kernels::DenseArgs a = args;
  for (Index b = 0; b < batch; ++b) {
    a.rows.base = run.floats(in) + b * batch_stride(in);
    a.out = run.floats(out) + b * batch_stride(out);
    if (other.valid()) a.epilogue.other = run.floats(other) + (other.dims[0] == 1 ? 0 : b * batch_stride(other));
    const double work = flops / static_cast<double>(batch) * 0.01;
    // what the threads would all read is the smaller part: the weights or the rows
    if (m >= 24 && (a.n < 2 * m || a.n < 16 * nr)) {
      // each piece reads all weights, be it from beyond the second-level cache
      const int pieces = weights.size_bytes() > std::size_t{256} << 10 ? 2 : 4;
      run.parallel(m, 12, work, [&](Index begin, Index end) { run.k.dense(a, {begin, end, 0, a.n}); }, pieces);
    } else {
      const Index panels = (a.n + nr - 1) / nr;
      run.parallel(panels, 1, work, [&](Index begin, Index end) { run.k.dense(a, {0, m, begin * nr, std::min(end * nr, a.n)}); });
    }
  }
}

void DenseStep::use_offsets(Index kh, Index kw) {
  args.rows.y = y_offsets.data();
  args.rows.x = x_offsets.data();
  args.rows.kh = kh;
  args.rows.kw = kw;
  zeros = Tensor(ElementType::f32, {args.k + 16});
  args.rows.zeros = zeros.data<float>();
}

Tensor pack_dense(Lowering& l, const Tensor& source, const kernels::DensePack& form, Index k_total, const std::string& key) {
  const kernels::DenseShape shape = l.k.dense_shape(k_total, form.n);
  return l.packs.get(source, fmt::format("{}/dense{}/{}", l.k.isa, shape.nr, key), shape.packed_floats, [&](float* dst) {
    kernels::DensePack p = form;
    p.dst = dst;
    l.k.dense_pack(p);
  });
}

void emit_convolution(Lowering& l, const Chain& chain, std::unique_ptr<Step> step) {
  step->name = l.graph[chain.nodes.front()].name;
  step->kind = l.kind(chain);
  l.emit(std::move(step));
}

}  // namespace saccade::plan
