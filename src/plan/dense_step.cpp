// SPDX-License-Identifier: Apache-2.0
// The dense convolution step.
#include "plan/dense_step.h"

#include <algorithm>

namespace saccade::plan {

Place as_image(Place p) {
  if (p.dims.size() == 4) return p;
  p.dims.insert(p.dims.begin() + 2, 1);
  p.strides.insert(p.strides.begin() + 2, p.strides[2] * p.dims[3]);
  return p;
}

bool endless(const Place& p) { return p.dims[2] == 1 || line(p) == pixel(p) * p.dims[3]; }

void DenseStep::run(const Run& run) const {
  const double work = flops / static_cast<double>(batch) * 0.01;
  for (Index b = 0; b < batch; ++b)
    cut_product(
        run, {m, args.n, nr, panels(), weights.size_bytes()}, work,
        [&](Index m_begin, Index m_end, Index panel_begin, Index panel_end) { multiply(run, b, m_begin, m_end, panel_begin, panel_end); });
}

void DenseStep::multiply(const Run& run, Index b, Index m_begin, Index m_end, Index panel_begin, Index panel_end) const {
  kernels::DenseArgs a = args;
  a.rows.base = run.floats(in) + b * batch_stride(in);
  a.out = run.floats(out) + b * batch_stride(out);
  if (other.valid()) a.epilogue.other = run.floats(other) + (other.dims[0] == 1 ? 0 : b * batch_stride(other));
  run.k.dense(a, {m_begin, m_end, panel_begin * nr, std::min(panel_end * nr, a.n)});
}

void DenseStep::use_offsets(Index kh, Index kw) {
  args.rows.y = y_offsets.data();
  args.rows.x = x_offsets.data();
  args.rows.kh = kh;
  args.rows.kw = kw;
  zeros = Tensor(ElementType::f32, {args.k + 16});
  args.rows.zeros = zeros.data<float>();
}

void DenseStep::read(const Pixels& pixels) {
  y_offsets = pixels.lines;
  x_offsets = pixels.columns;
  use_offsets(1, 1);
  args.width = static_cast<Index>(x_offsets.size());
}

void DenseStep::write(const Pixels& pixels) {
  out_lines = pixels.lines;
  out_columns = pixels.columns;
  args.out_lines = out_lines.data();
  args.out_columns = out_columns.data();
  args.width = static_cast<Index>(out_columns.size());
  overwritable = {};  // the sums stand elsewhere than what is added to them
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
