// SPDX-License-Identifier: Apache-2.0
// The ring of lines between two stages of a region.
#include "plan/ring.h"

#include <algorithm>

#include "base/cpu.h"

namespace saccade::plan {

Ring Ring::of(Index channels, Index h, Index w, Index reach) {
  Ring ring;
  ring.width = w;
  ring.lines = std::min(h, reach);
  ring.line = padded(channels) * w + 16;  // not a power of two
  return ring;
}

void Ring::fill_from(Lowering& l, const Convolution& conv, const Place& image) {
  // nothing lies at this place: advance() gives the ring's own pitches
  const Place nowhere{image.buffer, ElementType::f32, 0, {conv.g.n, conv.g.o, conv.g.oh, conv.g.ow}, {0, 1, line, 16}};
  product = make_dense(l, conv.weights, image, nowhere, {}, conv.g, {0, 0, conv.g.c, 0, conv.g.o}, l.epilogue(conv.chain));
}

void Ring::advance(const Run& run, Index b, float* memory, Index& next, Index until) const {
  kernels::DenseArgs a = product->args;
  a.width = width;
  a.out_pitch = 16;
  a.out_line_pitch = line;
  a.out_block_pitch = 16 * width;
  a.lanes = kernels::Lanes::full;
  const float* const base = image_of(run, product->in, b);
  while (next < until) {
    const Index slot = next % lines, count = std::min(until - next, lines - slot);
    // rows count from the image's first one on, for the tables of offsets; the ring begins where line `next` lies
    a.rows.base = base;
    a.out = memory + (slot - next) * line;
    run.k.dense(a, {next * width, (next + count) * width, 0, a.n});
    next += count;
  }
}

Index second_level_bytes() { return static_cast<Index>(cache_sizes().l2 > 0 ? cache_sizes().l2 : std::size_t{512} << 10); }

const graph::Node* only_user(const Lowering& l, graph::ValueId v) {
  return l.graph.use_count(v) == 1 && !l.graph[v].uses.empty() && l.graph[v].uses[0].input == 0 ? &l.graph[l.graph[v].uses[0].node] : nullptr;
}

}  // namespace saccade::plan
