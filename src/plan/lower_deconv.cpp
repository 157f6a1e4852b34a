// SPDX-License-Identifier: Apache-2.0
// ConvolutionBackpropData: output pixels of equal position modulo the stride are one phase, a dense convolution with
// every stride-th tap, whose output rows lie `stride` pixels apart.
#include <numeric>

#include "base/error.h"
#include "ops/convolution.h"
#include "ops/convolve.h"
#include "ops/inference.h"
#include "plan/dense_step.h"
#include "plan/lower.h"

namespace saccade::plan {

using graph::Node;

namespace {

// The taps and outputs of one phase along one axis: taps first, first + step, …; outputs begin, begin + stride, ….
struct Phase {
  Index first = 0, step = 1, taps = 0, begin = 0, outputs = 0;
};

struct Axis {
  Index in, out, kernel, stride, dilation, pad;
};

Phase phase_of(const Axis& a, Index p) {
  Phase f;
  f.begin = p;
  f.outputs = p < a.out ? (a.out - p + a.stride - 1) / a.stride : 0;
  f.step = a.stride / std::gcd(a.stride, a.dilation);
  f.first = -1;
  for (Index k = 0; k < a.kernel; ++k)
    if ((p + a.pad - k * a.dilation) % a.stride == 0) {
      if (f.first < 0) f.first = k;
      ++f.taps;
    }
  return f;
}

// The input position of output i of the phase at its tap t, or kOutside.
Index source(const Axis& a, const Phase& f, Index i, Index t) {
  const Index position = (f.begin + i * a.stride + a.pad - (f.first + t * f.step) * a.dilation) / a.stride;
  const bool negative = f.begin + i * a.stride + a.pad < (f.first + t * f.step) * a.dilation;
  return negative || position >= a.in ? -1 : position;
}

void lower_phase(Lowering& l, const Chain& chain, const Tensor& weights, const Place& in, const Place& out, const Axis& ay, const Axis& ax, const Phase& fy, const Phase& fx,
                 const kernels::Epilogue& epilogue) {
  const Index c = in.dims[1], o = out.dims[1];
  auto step = std::make_unique<DenseStep>();
  kernels::DenseArgs& a = step->args;
  for (Index i = 0; i < fy.outputs; ++i)
    for (Index t = 0; t < fy.taps; ++t) {
      const Index y = source(ay, fy, i, t);
      step->y_offsets.push_back(y < 0 ? kernels::kOutside : static_cast<std::int32_t>(y * line(in)));
    }
  for (Index t = 0; t < fx.taps; ++t)
    for (Index i = 0; i < fx.outputs; ++i) {
      const Index x = source(ax, fx, i, t);
      step->x_offsets.push_back(x < 0 ? kernels::kOutside : static_cast<std::int32_t>(x * pixel(in)));
    }
  kernels::DensePack form;
  form.n = o;
  form.ky = fy.taps;
  form.kx = fx.taps;
  form.c = c;
  form.stride_n = ay.kernel * ax.kernel;
  form.stride_c = o * ay.kernel * ax.kernel;
  form.stride_ky = ax.kernel * fy.step;
  form.stride_kx = fx.step;
  form.src = weights.data<float>() + fy.first * ax.kernel + fx.first;
  const Index k_total = fy.taps * fx.taps * c;
  step->weights = pack_dense(l, weights, form, k_total, fmt::format("phase {} {}", fy.begin, fx.begin));
  a.weights = step->weights.data<float>();
  a.k = c;
  a.n = o;
  step->nr = l.k.dense_shape(k_total, o).nr;
  step->use_offsets(fy.taps, fx.taps);
  a.width = fx.outputs;
  a.out_pitch = pixel(out) * ax.stride;
  a.out_line_pitch = line(out) * ay.stride;
  a.lanes = l.owns_padding(out, pixel(out)) ? kernels::Lanes::full : kernels::Lanes::masked;
  a.epilogue = epilogue;
  step->in = in;
  step->out = out;
  step->out.offset += fy.begin * line(out) + fx.begin * pixel(out);
  step->batch = in.dims[0];
  step->m = fy.outputs * fx.outputs;
  step->reads = {in};
  step->writes = {out};
  step->flops = 2.0 * static_cast<double>(in.dims[0] * step->m * o * k_total);
  step->kernel = fmt::format("dense phase {}x{}", fy.taps, fx.taps);
  emit_convolution(l, chain, std::move(step));
}

}  // namespace

bool lower_deconv(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::ConvolutionBackpropData>();
  const Tensor& weights = l.graph.constant(node.inputs[1]);
  const Shape dims = l.shape(node.inputs[0]), out_dims = l.shape(node.outputs[0]);
  if (l.element(node.inputs[0]) != ElementType::f32 || !weights.defined() || dims.size() != 4) return false;
  if (element_count(dims) == 0 || element_count(out_dims) == 0 || element_count(dims) > (Index{1} << 30)) return false;
  const auto axis = [&](std::size_t d) {
    const ops::BackpropAxis a = ops::backprop_axis(op.window, op.output_padding, d, dims[d + 2], weights.shape()[d + 2], node.inputs.size() > 2 ? out_dims[d + 2] : -1);
    return Axis{dims[d + 2], out_dims[d + 2], weights.shape()[d + 2], a.stride, a.dilation, a.begin};
  };
  const Axis ay = axis(0), ax = axis(1);
  for (const Axis& a : {ay, ax})
    for (Index p = 0; p < std::min(a.stride, a.out); ++p)
      if (a.pad < 0 || phase_of(a, p).taps == 0) return false;
  if (ay.kernel * ax.kernel > kernels::kMaxTaps) return false;
  const Chain chain = l.chain_behind(node, 1, false);
  l.defer(chain, [&l, &node, chain, ay, ax, weights] {
    const Place in = l.contiguous_along(node.inputs[0], 1);
    const Place out = l.destination_along(chain.result, 1);
    const kernels::Epilogue epilogue = l.epilogue(chain);
    for (Index py = 0; py < std::min(ay.stride, ay.out); ++py)
      for (Index px = 0; px < std::min(ax.stride, ax.out); ++px) lower_phase(l, chain, weights, in, out, ay, ax, phase_of(ay, py), phase_of(ax, px), epilogue);
  });
  return true;
}

}  // namespace saccade::plan
