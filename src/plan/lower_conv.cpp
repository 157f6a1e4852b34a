// SPDX-License-Identifier: Apache-2.0
// Convolution and GroupConvolution: the dense driver over image rows, depthwise rows, and the halo copy for images of
// few channels.
#include <algorithm>
#include <vector>

#include "base/error.h"
#include "ops/convolution.h"
#include "ops/inference.h"
#include "plan/conv.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/pool.h"
#include "plan/steps.h"
#include "plan/winograd.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;

namespace {

Geometry geometry(const ops::Window& window, const Shape& in, const Shape& kernel, Index channels_out) {
  const std::vector<std::int64_t> spatial(in.begin() + 2, in.end());
  const ops::ResolvedWindow r = ops::resolve(window, spatial, kernel);
  const bool flat = spatial.size() == 1;
  const auto y = [&](const std::vector<std::int64_t>& v, Index otherwise) { return flat ? otherwise : v[0]; };
  const auto x = [&](const std::vector<std::int64_t>& v) { return v.back(); };
  return {in[0], in[1], flat ? 1 : in[2], in.back(), channels_out, y(r.output, 1), x(r.output), y(r.kernel, 1), x(r.kernel), y(r.strides, 1), x(r.strides),
          y(r.dilations, 1), x(r.dilations), y(r.pads_begin, 0), x(r.pads_begin), y(r.pads_end, 0), x(r.pads_end)};
}

double flops_of(const Geometry& g, Index out_channels, Index in_per_group) {
  return 2.0 * static_cast<double>(g.n * out_channels * g.oh * g.ow) * static_cast<double>(in_per_group * g.kh * g.kw);
}

// Copies an image of few channels into a channels-last one with a border of zeros, so that a kernel row is one stretch.
class HaloStep final : public Step {
 public:
  Place in, out;
  Index top = 0, left = 0;

  void run(const Run& run) const override {
    const Index channels = in.dims[1], h = in.dims[2], w = in.dims[3], out_h = out.dims[2], out_w = out.dims[3];
    const Index line_out = line(out), kept_h = std::min(h, out_h - top), kept_w = std::min(w, out_w - left);
    for (Index b = 0; b < in.dims[0]; ++b) {
      const float* src = run.floats(in) + b * batch_stride(in);
      float* dst = run.floats(out) + b * batch_stride(out);
      run.parallel(out_h, 8, static_cast<double>(out_h * out_w * channels) * 0.4, [&](Index begin, Index end) {
        for (Index y = begin; y < end; ++y) {
          float* row = dst + y * line_out;
          const Index iy = y - top;
          if (iy < 0 || iy >= kept_h) {
            std::fill_n(row, out_w * channels, 0.0f);
            continue;
          }
          std::fill_n(row, left * channels, 0.0f);
          std::fill_n(row + (left + kept_w) * channels, (out_w - left - kept_w) * channels, 0.0f);
          if (in.strides[1] == 1 && pixel(in) == channels) {
            std::copy_n(src + iy * line(in), kept_w * channels, row + left * channels);
          } else if (pixel(in) == 1) {
            kernels::TransposeArgs t;
            t.src = src + iy * line(in);
            t.src_pitch = in.strides[1];
            t.dst = row + left * channels;
            t.dst_pitch = channels;
            t.rows = channels;
            t.columns = kept_w;
            run.k.transpose(t);
          } else {
            for (Index x = 0; x < kept_w; ++x)
              for (Index c = 0; c < channels; ++c) row[(left + x) * channels + c] = src[iy * line(in) + x * pixel(in) + c * in.strides[1]];
          }
        }
      });
    }
  }
};

Shape stem_dims(const Geometry& g) { return {g.n, g.c, (g.oh - 1) * g.sh + (g.kh - 1) * g.dh + 1, (g.ow - 1) * g.sw + g.kw}; }

Strides stem_strides(const Geometry& g) { return ordered_strides(stem_dims(g), {0, 2, 3, 1}, g.c); }

// Few channels make rows too short for the dense driver: a halo copy joins a kernel row into one stretch of KW·C floats.
Place with_halo(Lowering& l, const Place& in, Geometry& g) {
  Place out = in;
  if (in.dims != stem_dims(g) || in.strides != stem_strides(g)) {
    out = stem_image(l, g);
    auto step = std::make_unique<HaloStep>();
    step->in = in;
    step->out = out;
    step->top = std::min(g.pt, out.dims[2]);
    step->left = std::min(g.pl, out.dims[3]);
    step->reads = {in};
    step->writes = {out};
    step->kind = "Copy";
    step->kernel = "halo copy: channels last";
    l.emit(std::move(step));
  }
  g.h = out.dims[2];
  g.w = out.dims[3];
  g.pt = g.pl = g.pb = g.pr = 0;
  return out;
}

}  // namespace

Place stem_image(Lowering& l, const Geometry& g) { return l.scratch(ElementType::f32, stem_dims(g), stem_strides(g), 16); }

void rows_ahead(const Geometry& g, const float* image, Index line, Index oy, const float* (&rows)[2]) {
  Index y = oy * g.sh - g.pt + (g.kh - 1) * g.dh;  // the last row of its window is new, and with strides some before it
  for (Index i = 0; i < 2; ++i, --y) rows[i] = image != nullptr && i < g.sh && y >= 0 && y < g.h ? image + y * line : nullptr;
}

void DepthwiseStep::run(const Run& run) const {
  for (Index b = 0; b < g.n; ++b) {
    const float* image = run.floats(in) + b * batch_stride(in);
    float* result = run.floats(out) + b * batch_stride(out);
    const float* second = other.valid() ? run.floats(other) + (other.dims[0] == 1 ? 0 : b * batch_stride(other)) : nullptr;
    run.parallel(g.oh, 1, flops / static_cast<double>(g.n) * 0.03, [&](Index begin, Index end) {
      const float* rows[kernels::kMaxTaps];
      kernels::DepthwiseArgs a = args;
      a.in.rows = rows;
      for (Index oy = begin; oy < end; ++oy) {
        for (Index ky = 0; ky < g.kh; ++ky) {
          const Index iy = oy * g.sh - g.pt + ky * g.dh;
          rows[ky] = iy < 0 || iy >= g.h ? nullptr : image + iy * line(in);
        }
        rows_ahead(g, oy + 1 < end ? image : nullptr, line(in), oy + 1, a.ahead);
        a.out = result + oy * line(out);
        if (second != nullptr) a.epilogue.other = args.epilogue.other_pitch == 0 ? second : second + oy * line(other);
        run.k.depthwise_row(a);
      }
    });
  }
}

std::unique_ptr<DenseStep> make_dense(Lowering& l, const Tensor& weights, Place in, Place out, const Place& other, Geometry g, const Group& group,
                                      const kernels::Epilogue& epilogue) {
  auto step = std::make_unique<DenseStep>();
  const bool merged_taps = g.c <= 4 && group.c == g.c && g.kw > 1 && g.dw == 1;
  if (merged_taps) in = with_halo(l, in, g);
  in = sliced(in, 1, group.c_begin, group.c);
  out = sliced(out, 1, group.o_begin, group.o);
  kernels::DenseArgs& a = step->args;
  kernels::DensePack form;
  form.n = group.o;
  form.ky = g.kh;
  Tensor source = weights;
  const Index per_filter = group.c * g.kh * g.kw;
  std::string key = fmt::format("g{}", group.index);
  if (merged_taps) {
    form.c = g.kw * g.c;
    form.stride_n = per_filter;
    form.stride_ky = g.kw * g.c;
    form.stride_c = 1;
    source = l.packs.get(weights, "ohwi", weights.size(), [&](float* dst) {
      strided_copy(dst, {per_filter, g.kw * g.c, g.c, 1}, weights.raw(), {per_filter, g.kw, 1, g.kh * g.kw}, {g.o, g.kh, g.kw, g.c}, 4);
    });
    key += "rows";
  } else {
    form.kx = g.kw;
    form.c = group.c;
    form.stride_n = per_filter;
    form.stride_ky = g.kw;
    form.stride_kx = 1;
    form.stride_c = g.kh * g.kw;
  }
  form.src = source.data<float>() + group.o_begin * per_filter;
  step->weights = pack_dense(l, source, form, per_filter, key);
  a.weights = step->weights.data<float>();
  a.k = form.c;
  a.n = group.o;
  step->nr = l.k.dense_shape(per_filter, group.o).nr;
  bool batch_is_line = false;
  const bool plain = g.kh == 1 && g.kw == 1 && g.pt == 0 && g.pl == 0 && g.pb == 0 && g.pr == 0;
  if (plain) {
    a.rows.pitch = pixel(in) * g.sw;
    a.rows.line_pitch = line(in) * g.sh;
    const bool flat = g.sw == 1 && g.sh == 1 && endless(in) && endless(out) && (!other.valid() || endless(other) || epilogue.other_pitch == 0);
    a.width = flat ? 0 : g.ow;
    batch_is_line =
        flat && batch_follows(in) && batch_follows(out) && (!other.valid() || batch_follows(other) || epilogue.other_pitch == 0);
  } else {
    const Index kw = merged_taps ? 1 : g.kw;
    for (Index oy = 0; oy < g.oh; ++oy)
      for (Index ky = 0; ky < g.kh; ++ky) {
        const Index iy = oy * g.sh - g.pt + ky * g.dh;
        step->y_offsets.push_back(iy < 0 || iy >= g.h ? kernels::kOutside : static_cast<std::int32_t>(iy * line(in)));
      }
    for (Index kx = 0; kx < kw; ++kx)
      for (Index ox = 0; ox < g.ow; ++ox) {
        const Index ix = ox * g.sw - g.pl + kx * g.dw;
        step->x_offsets.push_back(ix < 0 || ix >= g.w ? kernels::kOutside : static_cast<std::int32_t>(ix * pixel(in)));
      }
    step->use_offsets(g.kh, kw);
    a.width = g.ow;
  }
  a.out_pitch = pixel(out);
  a.out_line_pitch = line(out);
  a.lanes = group.o == g.o && l.owns_padding(out, pixel(out)) ? kernels::Lanes::full : kernels::Lanes::masked;
  a.epilogue = epilogue;
  for (const float** p : {&a.epilogue.scale, &a.epilogue.bias, &a.epilogue.first.slope})
    if (*p != nullptr) *p += group.o_begin;
  step->other = other;
  if (other.valid()) {
    step->other = sliced(other, 1, other.dims[1] == 1 ? 0 : group.o_begin, other.dims[1] == 1 ? 1 : group.o);
    step->reads.push_back(step->other);
    step->overwritable = step->other;  // a tile adds it to its sums before it stores them
  }
  step->in = in;
  step->out = out;
  step->batch = batch_is_line ? 1 : g.n;
  step->m = g.n / step->batch * g.oh * g.ow;
  step->reads.push_back(in);
  step->writes = {out};
  step->flops = flops_of(g, group.o, group.c);
  step->kernel = fmt::format("dense {}x{}{}", g.kh, g.kw, merged_taps ? " merged rows" : "");
  return step;
}

std::unique_ptr<DepthwiseStep> make_depthwise(Lowering& l, const Tensor& weights, const Place& in, const Place& out, const Place& other, const Geometry& g,
                                              const kernels::Epilogue& epilogue) {
  auto step = std::make_unique<DepthwiseStep>();
  step->weights = l.packs.get(weights, std::string(l.k.isa) + "/depthwise", g.kh * g.kw * padded(g.c), [&](float* dst) {
    kernels::DepthwisePack p;
    p.src = weights.data<float>();
    p.channels = g.c;
    p.kh = g.kh;
    p.kw = g.kw;
    p.stride_c = g.kh * g.kw;
    p.stride_ky = g.kw;
    p.stride_kx = 1;
    p.dst = dst;
    l.k.depthwise_pack(p);
  });
  kernels::DepthwiseArgs& a = step->args;
  a.weights = step->weights.data<float>();
  a.channels = g.c;
  a.in.pitch = pixel(in);
  a.in.width = g.w;
  a.in.kh = g.kh;
  a.in.kw = g.kw;
  a.in.stride = g.sw;
  a.in.dilation = g.dw;
  a.in.pad_left = g.pl;
  a.out_pitch = pixel(out);
  a.out_width = g.ow;
  a.lanes = l.owns_padding(out, pixel(out)) ? kernels::Lanes::full : kernels::Lanes::masked;
  a.epilogue = epilogue;
  step->in = in;
  step->out = out;
  step->other = other;
  step->g = g;
  step->reads = {in};
  if (other.valid()) step->reads.push_back(other);
  step->writes = {out};
  step->flops = flops_of(g, g.o, 1);
  step->kernel = fmt::format("depthwise {}x{}", g.kh, g.kw);
  return step;
}

std::optional<Convolution> convolution_of(Lowering& l, const Node& node, bool allow_other) {
  const bool grouped = node.op.is<ops::GroupConvolution>();
  if (!grouped && !node.op.is<ops::Convolution>()) return std::nullopt;
  const Shape in_shape = l.shape(node.inputs[0]);
  Convolution c;
  c.weights = l.graph.constant(node.inputs[1]);
  if (l.element(node.inputs[0]) != ElementType::f32 || !c.weights.defined() || in_shape.size() < 3 || in_shape.size() > 4) return std::nullopt;
  c.groups = grouped ? c.weights.shape()[0] : 1;
  if (grouped) {
    Shape merged(c.weights.shape().begin() + 1, c.weights.shape().end());
    merged[0] *= c.groups;
    c.weights = c.weights.reshaped(std::move(merged));
  }
  const Shape kernel(c.weights.shape().begin() + 2, c.weights.shape().end());
  c.g = geometry(grouped ? node.op.as<ops::GroupConvolution>()->window : node.op.as<ops::Convolution>()->window, in_shape, kernel, c.weights.shape()[0]);
  const Geometry& g = c.g;
  if (g.kh * g.kw > kernels::kMaxTaps || g.n * g.oh * g.ow * g.o == 0 || g.c == 0) return std::nullopt;
  if (g.h * g.w * g.c > (Index{1} << 30)) return std::nullopt;  // offsets are 32 bits
  c.input = node.inputs[0];
  c.chain = l.chain_behind(node, 1, allow_other);
  return c;
}

Place Convolution::input_place(Lowering& l) const { return as_image(merges_taps() ? l.place(input) : l.contiguous_along(input, 1)); }

namespace {

PlacedConvolution placed_from(Lowering& l, const Convolution& conv, Place in) {
  PlacedConvolution p{conv, std::move(in), {}, {}, l.epilogue(conv.chain), {}};
  if (conv.chain.other.valid()) {
    p.other = as_image(l.contiguous_along(conv.chain.other, 1));
    p.epilogue.other_pitch = pixel(p.other);
    p.epilogue.other_line_pitch = line(p.other);
  }
  p.out = as_image(l.destination_along(conv.chain.result, 1));
  return p;
}

}  // namespace

PlacedConvolution placed(Lowering& l, const Convolution& conv) { return placed_from(l, conv, conv.input_place(l)); }

PlacedConvolution placed_behind(Lowering& l, const Convolution& conv, Place in) {
  PlacedConvolution p = placed_from(l, conv, std::move(in));
  p.write = destination_behind(l, conv.chain.result, p.out);
  if (p.write) p.out = p.write->memory;
  return p;
}

void emit_convolutions(Lowering& l, const std::vector<PlacedConvolution>& convolutions, std::unique_ptr<Step> step) {
  for (const PlacedConvolution& p : convolutions) {
    const Chain& chain = p.conv.chain;
    step->name += (step->name.empty() ? "" : ", ") + l.graph[chain.nodes.front()].name;
    step->kind += (step->kind.empty() ? "" : ", ") + l.kind(chain);
  }
  if (convolutions.size() > 1) step->kernel += fmt::format(", {} siblings", convolutions.size());
  l.emit(std::move(step));
}

bool lower_conv(Lowering& l, const Node& node) {
  const auto found = convolution_of(l, node, true);
  if (!found) return false;
  if (lower_region(l, node) || lower_pooled(l, *found)) return true;
  const Index winograd = winograd_tile(l, node, found->g, found->groups);
  if (lower_siblings(l, *found, winograd)) return true;
  l.defer(found->chain, [&l, conv = *found, winograd] {
    if (conv.pointwise()) {
      const Pixels* const read = l.pixels(conv.input);  // whose only user this is: nobody asks for its place meanwhile
      const PlacedConvolution p = placed_behind(l, conv, read != nullptr ? read->memory : conv.input_place(l));
      auto step = make_dense(l, conv.weights, p.in, p.out, p.other, conv.g, {0, 0, conv.g.c, 0, conv.g.o}, p.epilogue);
      if (read != nullptr) step->read(*read);
      if (p.write) step->write(*p.write);
      return emit_convolution(l, conv.chain, std::move(step));
    }
    const PlacedConvolution p = placed(l, conv);
    if (conv.depthwise()) return emit_convolution(l, conv.chain, make_depthwise(l, conv.weights, p.in, p.out, p.other, conv.g, p.epilogue));
    if (winograd != 0) return lower_winograd(l, {p}, winograd);
    const Index c = conv.g.c / conv.groups, o = conv.g.o / conv.groups;
    for (Index i = 0; i < conv.groups; ++i)
      emit_convolution(l, conv.chain, make_dense(l, conv.weights, p.in, p.out, p.other, conv.g, {i, i * c, c, i * o, o}, p.epilogue));
  });
  return true;
}

bool lower_group_conv(Lowering& l, const Node& node) { return lower_conv(l, node); }

}  // namespace saccade::plan
