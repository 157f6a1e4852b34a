// SPDX-License-Identifier: Apache-2.0
// Regions: expand → depthwise → project, or depthwise → project, row by row, so that the wide images between them never
// leave the second-level cache.
//
//   for a few output rows: expand the input rows that are missing in the ring of lines → depthwise → project
#include <algorithm>

#include "plan/parallel.h"
#include "plan/ring.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;

namespace {

// Lines from the first to the last of a window.
Index reach(const Geometry& g) { return (g.kh - 1) * g.dh + 1; }

class RegionStep final : public Step {
 public:
  std::optional<Ring> expanded;  // none: the depthwise convolution reads the image itself
  std::unique_ptr<DepthwiseStep> middle;
  std::unique_ptr<DenseStep> project;
  Index strip = 1;  // output rows at a time

  void run(const Run& run) const override {
    const Geometry& g = middle->g;
    for (Index b = 0; b < g.n; ++b)
      // each band expands anew the lines that its first window reaches back to
      run.parallel(
          g.oh, strip, flops / static_cast<double>(g.n) * 0.012,
          [&](Index begin, Index end, std::byte* scratch) { band(run, b, begin, end, reinterpret_cast<float*>(scratch)); }, expanded ? 1 : 4);
  }

  std::size_t scratch() const { return static_cast<std::size_t>(ring_floats() + strip * middle->g.ow * padded(middle->g.c) + 64) * sizeof(float); }

 private:
  Index ring_floats() const { return expanded ? expanded->floats() : 0; }

  void band(const Run& run, Index b, Index begin, Index end, float* ring) const {
    const Geometry& g = middle->g;
    const Index c_pitch = padded(g.c), narrow = g.ow * c_pitch;
    float* const between = ring + ring_floats();
    kernels::DenseArgs last = project->args;
    float* const out = run.floats(project->out) + b * batch_stride(project->out);
    const float* const other = project->other.valid() ? image_of(run, project->other, b) : nullptr;
    last.epilogue.other = other;
    last.width = g.ow;
    last.rows.pitch = c_pitch;
    last.rows.line_pitch = narrow;
    last.out_line_pitch = line(project->out);
    kernels::DepthwiseArgs d = middle->args;
    const float* rows[kernels::kMaxTaps];
    d.in.rows = rows;
    d.out_pitch = c_pitch;
    d.lanes = kernels::Lanes::full;
    const float* const direct = expanded ? nullptr : image_of(run, middle->in, b);
    Index next = std::max<Index>(0, begin * g.sh - g.pt);  // the first line that the ring lacks
    for (Index y = begin; y < end; y += strip) {
      const Index count = std::min(strip, end - y);
      if (expanded) expanded->advance(run, b, ring, next, std::min(g.h, (y + count - 1) * g.sh - g.pt + reach(g)));
      for (Index i = 0; i < count; ++i) {
        for (Index ky = 0; ky < g.kh; ++ky) {
          const Index iy = (y + i) * g.sh - g.pt + ky * g.dh;
          rows[ky] = iy < 0 || iy >= g.h ? nullptr : expanded ? expanded->at(ring, iy) : direct + iy * line(middle->in);
        }
        rows_ahead(g, y + i + 1 < end ? direct : nullptr, line(middle->in), y + i + 1, d.ahead);
        d.out = between + i * narrow;
        run.k.depthwise_row(d);
      }
      last.rows.base = between;
      if (project->args.out_lines != nullptr) {
        last.out = out;
        last.out_lines = project->args.out_lines + y;
      } else {
        last.out = out + y * line(project->out);
      }
      if (other != nullptr && last.epilogue.other_pitch != 0) last.epilogue.other = other + y * line(project->other);
      run.k.dense(last, {0, count * g.ow, 0, last.n});
    }
  }
};

struct Found {
  std::optional<Convolution> expand;
  Convolution middle, project;
};

bool streams(const Convolution& c) { return c.depthwise() && c.g.kh <= 7 && c.g.ow > 1; }

std::optional<Found> find(Lowering& l, const Node& node) {
  Found found;
  auto first = convolution_of(l, node, false);
  if (!first) return std::nullopt;
  if (first->depthwise()) {
    found.middle = *first;
  } else {
    if (first->groups != 1) return std::nullopt;
    const Node* next = only_user(l, first->chain.result);
    auto middle = next == nullptr ? std::nullopt : convolution_of(l, *next, false);
    if (!middle) return std::nullopt;
    found.expand = *first;
    found.middle = *middle;
  }
  if (!streams(found.middle)) return std::nullopt;
  const Node* last = only_user(l, found.middle.chain.result);
  auto project = last == nullptr ? std::nullopt : convolution_of(l, *last, true);
  if (!project || !project->pointwise()) return std::nullopt;
  found.project = *project;
  return found;
}

Index strip_of(const Geometry& g) { return std::clamp<Index>((48 + g.ow - 1) / g.ow, 1, g.oh); }

Ring ring_of(const Found& f) {
  const Geometry& g = f.middle.g;
  return Ring::of(g.c, g.h, g.w, reach(g) + (strip_of(g) - 1) * g.sh);
}

// What wants to stay in the second-level cache.
Index bytes_of(const Found& f) {
  const Geometry& g = f.middle.g;
  const Index expansion = f.expand ? ring_of(f).floats() + f.expand->weights.size() : 0;
  return 4 * (expansion + strip_of(g) * g.ow * padded(g.c) + f.project.weights.size() + f.middle.weights.size());
}

// Worth it where the images between the stages are too large for the cache, and the lines and weights are not.
Choice choice(const Lowering& l, const Found& f) {
  const Index l2 = second_level_bytes();
  const Geometry& g = f.middle.g;
  const Index bytes = bytes_of(f), between = 4 * (f.expand ? padded(g.c) * g.h * g.w : padded(g.c) * g.oh * g.ow);
  Choice c;
  const std::string expand = f.expand ? fmt::format("{}*{}x{}>", f.expand->g.c, f.expand->g.kh, f.expand->g.kw) : "";
  c.key = fmt::format("rows {}{} {}x{}/{}>{} {}x{} n{}", expand, g.c, g.kh, g.kw, g.sh, f.project.g.o, g.oh, g.ow, g.n);
  c.node = l.graph[(f.expand ? f.expand->chain : f.middle.chain).nodes.front()].name;
  const bool lines_fit = bytes <= l2 * 3 / 4, images_do_not = between > l2 / 2, wide = g.ow >= 14;
  c.taken = lines_fit && images_do_not && wide;
  c.close = bytes <= l2 && between > l2 / 8 && g.ow >= 7;
  c.why = fmt::format("lines and weights take {} KB, images between the stages {} KB, the cache has {} KB; {} columns", bytes >> 10, between >> 10, l2 >> 10, g.ow);
  return c;
}

}  // namespace

bool begins_region(Lowering& l, const Node& node) {
  const auto found = find(l, node);
  return found && l.decide(choice(l, *found));
}

bool lower_region(Lowering& l, const Node& node) {
  auto found = find(l, node);
  if (!found) return false;
  if (!l.decide(choice(l, *found))) return false;
  Chain whole;
  for (const Convolution* c : {found->expand ? &*found->expand : nullptr, &found->middle, &found->project})
    if (c != nullptr) whole.nodes.insert(whole.nodes.end(), c->chain.nodes.begin(), c->chain.nodes.end());
  whole.result = found->project.chain.result;
  l.defer(whole, [&l, found = *found, whole] {
    auto step = std::make_unique<RegionStep>();
    const Convolution &middle = found.middle, &project = found.project;
    const Geometry& g = middle.g;
    std::string stages;
    Place image;
    if (found.expand) {
      step->expanded = ring_of(found);
      step->expanded->fill_from(l, *found.expand, found.expand->input_place(l));
      const DenseStep& product = *step->expanded->product;
      image = product.in;
      stages = product.kernel + " > ";
      step->flops += product.flops;
    } else {
      image = middle.input_place(l);
    }
    step->middle = make_depthwise(l, middle.weights, image, image, {}, g, l.epilogue(middle.chain));
    if (step->expanded) {
      step->middle->args.in.pitch = 16;
      step->middle->args.in.block_pitch = 16 * g.w;
    }
    const Index narrow = g.ow * padded(g.c);
    const Place between{image.buffer, ElementType::f32, 0, {g.n, g.c, g.oh, g.ow}, {0, 1, narrow, padded(g.c)}};
    const PlacedConvolution last = placed_behind(l, project, between);
    step->project =
        make_dense(l, project.weights, between, last.out, last.other, project.g, {0, 0, project.g.c, 0, project.g.o}, last.epilogue);
    if (last.write) step->project->write(*last.write);
    step->strip = strip_of(g);
    step->flops += step->middle->flops + step->project->flops;
    step->kernel = "rows: " + stages + step->middle->kernel + " > " + step->project->kernel;
    step->scratch_bytes = step->scratch();
    step->reads = {image};
    if (last.other.valid()) step->reads.push_back(last.other);
    step->overwritable = step->project->overwritable;
    step->writes = {last.out};
    emit_convolution(l, whole, std::move(step));
  });
  return true;
}

}  // namespace saccade::plan
