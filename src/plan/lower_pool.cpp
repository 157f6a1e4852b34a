// SPDX-License-Identifier: Apache-2.0
// Max and average pooling over channels-last rows, alone or behind a convolution whose lines then stay in the cache.
#include <algorithm>
#include <vector>

#include "base/error.h"
#include "ops/inference.h"
#include "ops/pool.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/pool.h"
#include "plan/ring.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

// How many positions of a window lie inside of [0, size + end padding): what an average over padding divides by.
std::vector<float> counts(Index outputs, Index stride, Index dilation, Index kernel, Index begin, Index size, Index end, bool padding_counts) {
  std::vector<float> out;
  for (Index o = 0; o < outputs; ++o) {
    Index count = 0;
    for (Index k = 0; k < kernel; ++k) {
      const Index i = o * stride - begin + k * dilation;
      count += padding_counts ? i < size + end : i >= 0 && i < size;
    }
    out.push_back(static_cast<float>(count));
  }
  return out;
}

// A pooling as the kernel sees it, without places.
struct Pooling {
  kernels::PoolArgs args;
  Index kh = 1, stride = 1, dilation = 1, top = 0, lines_in = 0, lines_out = 0;
  std::vector<float> columns, lines;  // average: counts by output column and line
  std::string kernel;
  double flops = 0;

  Index first_line(Index oy) const { return oy * stride - top; }
  Index reach() const { return (kh - 1) * dilation + 1; }

  // Output row oy; line(iy) is where an input line lies.
  template <class F>
  void row(const Run& run, Index oy, float* out, F line) const {
    const float* rows[kernels::kMaxTaps];
    kernels::PoolArgs a = args;
    a.in.rows = rows;
    for (Index ky = 0; ky < kh; ++ky) {
      const Index iy = first_line(oy) + ky * dilation;
      rows[ky] = iy < 0 || iy >= lines_in ? nullptr : line(iy);
    }
    a.out = out;
    if (!lines.empty()) {
      a.counts = columns.data();
      a.row_count = lines[static_cast<std::size_t>(oy)];
    }
    run.k.pool_row(a);
  }

  void write_to(const Lowering& l, const Place& out) {
    args.out_pitch = pixel(out);
    args.lanes = l.owns_padding(out, pixel(out)) ? kernels::Lanes::full : kernels::Lanes::masked;
  }
};

class PoolStep final : public Step {
 public:
  Pooling pool;
  Place in, out;

  void run(const Run& run) const override {
    run.parallel(out.dims[0] * pool.lines_out, 1, flops * 0.1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) {
        const Index b = i / pool.lines_out, oy = i % pool.lines_out;
        const float* const image = run.floats(in) + b * batch_stride(in);
        pool.row(run, oy, run.floats(out) + b * batch_stride(out) + oy * line(out), [&](Index iy) { return image + iy * line(in); });
      }
    });
  }
};

// Convolution → pooling: the convolution's lines live in a ring until the windows have passed.
class PooledStep final : public Step {
 public:
  Ring ring;
  Pooling pool;
  Place out;

  void run(const Run& run) const override {
    for (Index b = 0; b < out.dims[0]; ++b)
      // each band makes anew the lines that its first window reaches back to
      run.parallel(
          pool.lines_out, 1, flops / static_cast<double>(out.dims[0]) * 0.012,
          [&](Index begin, Index end, std::byte* scratch) {
            auto* const memory = reinterpret_cast<float*>(scratch);
            Index next = std::max<Index>(0, pool.first_line(begin));
            for (Index oy = begin; oy < end; ++oy) {
              ring.advance(run, b, memory, next, std::min(pool.lines_in, pool.first_line(oy) + pool.reach()));
              pool.row(run, oy, run.floats(out) + b * batch_stride(out) + oy * line(out), [&](Index iy) { return ring.at(memory, iy); });
            }
          },
          1);
  }
};

std::optional<Pooling> pooling_of(const Lowering& l, const Node& node) {
  const auto* max = node.op.as<ops::MaxPool>();
  const auto* average = node.op.as<ops::AvgPool>();
  if ((max == nullptr || max->indices) && average == nullptr) return std::nullopt;
  const Shape dims = l.shape(node.inputs[0]), out_dims = l.shape(node.outputs[0]);
  const auto& kernel = max != nullptr ? max->kernel : average->kernel;
  if (dims.size() != 4 || l.element(node.inputs[0]) != ElementType::f32 || element_count(out_dims) == 0 || kernel[0] > kernels::kMaxTaps) return std::nullopt;
  const std::int64_t spatial[] = {dims[2], dims[3]};
  const ops::ResolvedWindow w = ops::resolve(max != nullptr ? max->window : average->window, spatial, kernel,
                                             (max != nullptr ? max->rounding_type : average->rounding_type) != ops::PoolRounding::floor);
  if (w.output[0] != out_dims[2] || w.output[1] != out_dims[3]) return std::nullopt;
  const bool padding_counts = average != nullptr && !average->exclude_pad;
  auto columns = counts(w.output[1], w.strides[1], w.dilations[1], kernel[1], w.pads_begin[1], dims[3], w.pads_end[1], padding_counts);
  auto lines = counts(w.output[0], w.strides[0], w.dilations[0], kernel[0], w.pads_begin[0], dims[2], w.pads_end[0], padding_counts);
  // a window without any element has no defined value here
  if (std::count(columns.begin(), columns.end(), 0.0f) || std::count(lines.begin(), lines.end(), 0.0f)) return std::nullopt;
  Pooling p;
  if (average != nullptr) {
    p.columns = std::move(columns);
    p.lines = std::move(lines);
  }
  kernels::PoolArgs& a = p.args;
  a.kind = max != nullptr ? kernels::Pool::max : kernels::Pool::average;
  a.in.width = dims[3];
  a.in.kh = kernel[0];
  a.in.kw = kernel[1];
  a.in.stride = w.strides[1];
  a.in.dilation = w.dilations[1];
  a.in.pad_left = w.pads_begin[1];
  a.channels = dims[1];
  a.out_width = out_dims[3];
  p.kh = kernel[0];
  p.stride = w.strides[0];
  p.dilation = w.dilations[0];
  p.top = w.pads_begin[0];
  p.lines_in = dims[2];
  p.lines_out = out_dims[2];
  p.kernel = fmt::format("pool {}x{}", kernel[0], kernel[1]);
  p.flops = static_cast<double>(element_count(out_dims) * kernel[0] * kernel[1]);
  return p;
}

// Worth it where the image between the two does not fit in the cache.
Choice choice(const Lowering& l, const Convolution& conv, const Pooling& pool, const Ring& ring) {
  const Index l2 = second_level_bytes();
  const Geometry& g = conv.g;
  const Index bytes = 4 * (ring.floats() + conv.weights.size()), between = 4 * padded(g.o) * g.oh * g.ow;
  Choice c;
  c.key = fmt::format("pooled {}*{}x{}/{}>{} {}x{} {}x{}/{} n{}", g.c, g.kh, g.kw, g.sh, g.o, g.oh, g.ow, pool.kh, pool.args.in.kw, pool.stride, g.n);
  c.node = l.graph[conv.chain.nodes.front()].name;
  c.taken = bytes <= l2 * 3 / 4 && between > l2 / 2;
  c.close = bytes <= l2 && between > l2 / 8;
  c.why = fmt::format("lines and weights take {} KB, the image between convolution and pooling {} KB, the cache has {} KB", bytes >> 10, between >> 10, l2 >> 10);
  return c;
}

// The pooling that is to run in one step with the convolution.
std::optional<Pooling> pooling_behind(Lowering& l, const Convolution& conv) {
  const Node* const node = only_user(l, conv.chain.result);
  const Geometry& g = conv.g;
  // one that the faster algorithm may take does not wait for lines
  const bool winograd = !l.exact && g.kh == 3 && g.kw == 3 && g.sh == 1 && g.sw == 1 && g.dh == 1 && g.dw == 1 && g.c >= 16 && g.o >= 16;
  if (node == nullptr || conv.groups != 1 || conv.chain.other.valid() || winograd) return std::nullopt;
  auto pool = pooling_of(l, *node);
  if (!pool || !l.decide(choice(l, conv, *pool, Ring::of(g.o, g.oh, g.ow, pool->reach())))) return std::nullopt;
  return pool;
}

}  // namespace

bool begins_pooled(Lowering& l, const Convolution& conv) { return pooling_behind(l, conv).has_value(); }

bool lower_pooled(Lowering& l, const Convolution& conv) {
  auto pool = pooling_behind(l, conv);
  if (!pool) return false;
  Chain whole = conv.chain;
  const Node& node = *only_user(l, conv.chain.result);
  whole.nodes.push_back(node.id);
  whole.result = node.outputs[0];
  l.defer(whole, [&l, conv, pool = std::move(*pool), whole] {
    auto step = std::make_unique<PooledStep>();
    const Geometry& g = conv.g;
    step->pool = pool;
    step->ring = Ring::of(g.o, g.oh, g.ow, pool.reach());
    step->ring.fill_from(l, conv, conv.input_place(l));
    step->pool.args.in.pitch = 16;
    step->pool.args.in.block_pitch = 16 * g.ow;
    step->out = l.destination_along(whole.result, 1);
    step->pool.write_to(l, step->out);
    step->scratch_bytes = static_cast<std::size_t>(step->ring.floats() + 64) * sizeof(float);
    step->reads = step->ring.product->reads;
    step->writes = {step->out};
    step->flops = step->ring.product->flops + pool.flops;
    step->kernel = "rows: " + step->ring.product->kernel + " > " + pool.kernel;
    emit_convolution(l, whole, std::move(step));
  });
  return true;
}

bool lower_pool(Lowering& l, const Node& node) {
  auto pool = pooling_of(l, node);
  if (!pool) return false;
  auto step = std::make_unique<PoolStep>();
  step->in = l.contiguous_along(node.inputs[0], 1);
  step->out = l.destination_along(node.outputs[0], 1);
  step->pool = std::move(*pool);
  step->pool.args.in.pitch = pixel(step->in);
  step->pool.write_to(l, step->out);
  step->reads = {step->in};
  step->writes = {step->out};
  step->kernel = step->pool.kernel;
  step->flops = step->pool.flops;
  l.emit(std::move(step));
  return true;
}

}  // namespace saccade::plan
