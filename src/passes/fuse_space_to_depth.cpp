// SPDX-License-Identifier: Apache-2.0
// A convolution over the interleaved phases of an image is one over the image, with the phases as taps of its kernel.
//   Convolution(Concat(%x[0::2, 0::2], %x[1::2, 0::2], %x[0::2, 1::2], %x[1::2, 1::2]), w [o,4·c,3,3]) {pads=[1,1]}
//     →  Convolution(%x, w' [o,c,6,6]) {strides=[2,2] pads=[2,2]}
// The phases may come in any order, each once; w'[o, c, 2·y + phase_y, 2·x + phase_x] = w[o, phase·c + c, y, x].
#include <set>

#include "ops/concat.h"
#include "ops/convolution.h"
#include "ops/slice.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

struct Phase {
  ValueId data;
  std::int64_t step = 0, y = 0, x = 0;
};

// What a slice of an [n,c,h,w] value takes, if it is every step-th row and column.
std::optional<Phase> phase(const Graph& g, ValueId v) {
  const Node* n = g.producer(v);
  if (!n || !n->op.is<ops::Slice>() || n->inputs.size() != 5) return std::nullopt;
  const auto start = integers(g, n->inputs[1]), stop = integers(g, n->inputs[2]), step = integers(g, n->inputs[3]), axes = integers(g, n->inputs[4]);
  const auto& type = g.type(n->inputs[0]);
  if (!start || !stop || !step || !axes || axes->size() != 2 || !type.shape.ranked() || type.shape.rank() != 4) return std::nullopt;
  Phase out{n->inputs[0]};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t axis = (*axes)[i] < 0 ? (*axes)[i] + 4 : (*axes)[i];
    if (axis < 2) return std::nullopt;
    const auto size = known_size(type, static_cast<std::size_t>(axis));
    const std::int64_t by = (*step)[i];
    if (!size || by < 2 || *size % by != 0 || (i == 1 && by != out.step)) return std::nullopt;
    const ops::SliceRange range = ops::resolve_slice((*start)[i], (*stop)[i], by, *size);
    if (range.begin >= by || range.count != *size / by) return std::nullopt;
    out.step = by;
    (axis == 2 ? out.y : out.x) = range.begin;
  }
  return out;
}

Tensor woven(const Tensor& weights, const std::vector<Phase>& phases, std::int64_t channels) {
  const Shape& s = weights.shape();
  const std::int64_t by = phases[0].step;
  const std::size_t bytes = size_in_bytes(weights.type());
  Tensor out(weights.type(), {s[0], channels, s[2] * by, s[3] * by});
  const auto* from = static_cast<const char*>(weights.raw());
  auto* to = static_cast<char*>(out.raw());
  for (std::int64_t o = 0; o < s[0]; ++o)
    for (std::size_t p = 0; p < phases.size(); ++p)
      for (std::int64_t c = 0; c < channels; ++c)
        for (std::int64_t y = 0; y < s[2]; ++y)
          for (std::int64_t x = 0; x < s[3]; ++x) {
            const std::int64_t source = ((o * s[1] + static_cast<std::int64_t>(p) * channels + c) * s[2] + y) * s[3] + x;
            const std::int64_t target = ((o * channels + c) * s[2] * by + y * by + phases[p].y) * s[3] * by + x * by + phases[p].x;
            std::copy_n(from + static_cast<std::size_t>(source) * bytes, bytes, to + static_cast<std::size_t>(target) * bytes);
          }
  return out;
}

// The window over the phases as one over the image.
std::optional<ops::Window> widened(ops::Window w, std::int64_t by) {
  if (w.auto_pad == ops::AutoPad::same_upper || w.auto_pad == ops::AutoPad::same_lower) return std::nullopt;
  for (std::int64_t d : w.dilations)
    if (d != 1) return std::nullopt;
  w.strides.resize(2, 1);
  for (auto& s : w.strides) s *= by;
  for (auto& p : w.pads_begin) p *= by;
  for (auto& p : w.pads_end) p *= by;
  return w;
}

}  // namespace

Pass fuse_space_to_depth() {
  const Pattern phases = op<ops::Concat>().once(), weights = constant();
  const Pattern root = op<ops::Convolution>({phases, weights});
  return {"fuse_space_to_depth", {{root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    if (m.type(root).shape.rank() != 4 || m.op<ops::Concat>(phases).axis != 1) return pass_over();
    std::vector<Phase> parts;
    std::set<std::pair<std::int64_t, std::int64_t>> places;
    for (ValueId in : m.node(phases).inputs) {
      const auto p = phase(g, in);
      if (!p || (!parts.empty() && (p->data != parts[0].data || p->step != parts[0].step))) return pass_over();
      parts.push_back(*p);
      places.emplace(p->y, p->x);
    }
    const std::int64_t by = parts[0].step;
    if (static_cast<std::int64_t>(parts.size()) != by * by || places.size() != parts.size()) return no("not every phase of the image is there once");
    const auto channels = known_size(g.type(parts[0].data), 1);
    ops::Convolution conv = m.op<ops::Convolution>(root);
    const auto window = widened(conv.window, by);
    if (!channels || !window) return no("the window is dilated or padded to the same size");
    conv.window = *window;
    return edit(conv, {parts[0].data, edit.constant(woven(m.constant(weights), parts, *channels), g[m[weights]].name)}, m.node(root).name);
  }}}, {}};
}

}  // namespace saccade::passes
