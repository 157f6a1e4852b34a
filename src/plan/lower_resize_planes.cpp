// SPDX-License-Identifier: Apache-2.0
// Linear resize of a few small planes to large ones, as at the end of a segmentation network: rows of the input are widened with channels
// innermost and put down plane by plane; then each row of a plane is a mean of two of these. Where only the largest channel is asked for,
// the rows of all planes stay in the cache until it is found, and the large image is never written.
#include <algorithm>

#include "ops/topk.h"
#include "plan/argmax.h"
#include "plan/parallel.h"
#include "plan/resize.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

class PlanarResizeStep final : public Step {
 public:
  kernels::ResizeArgs args;  // of one widened row
  Place in, wide, out;       // wide: [N, C, input rows, output columns]; out: [N, C, output rows, columns] or, of indices, [N, …, rows, columns]
  ResizeTaps lines, columns;
  std::optional<kernels::ArgMaxArgs> argmax;  // of the channels
  Index height = 0;

  void run(const Run& run) const override {
    const double work = flops * 0.05;
    run.parallel(in.dims[0] * in.dims[2], 1, work, [&](Index begin, Index end, std::byte* scratch) {
      for (Index i = begin; i < end; ++i) widen(run, i / in.dims[2], i % in.dims[2], reinterpret_cast<float*>(scratch));
    });
    const Index channels = in.dims[1], width = wide.dims[3];
    if (!argmax) {
      run.parallel(in.dims[0] * channels * height, 16, work, [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          const Index plane = i / height, y = i % height;
          mean(run, plane, y, run.floats(out) + plane * out.strides[1] + y * width);
        }
      });
      return;
    }
    run.parallel(in.dims[0] * height, 1, work, [&](Index begin, Index end, std::byte* scratch) {
      auto* const rows = reinterpret_cast<float*>(scratch);
      kernels::ArgMaxArgs a = *argmax;
      a.rows = channels;
      a.n = width;
      a.in = rows;
      a.pitch = width;
      const std::size_t rank = out.dims.size();
      for (Index i = begin; i < end; ++i) {
        const Index b = i / height, y = i % height;
        for (Index c = 0; c < channels; ++c) mean(run, b * channels + c, y, rows + c * width);
        const Index at = b * out.strides[0] + y * out.strides[rank - 2];
        a.out = a.to == kernels::Scalar::i64 ? static_cast<void*>(run.at<std::int64_t>(out) + at) : run.at<std::int32_t>(out) + at;
        run.k.argmax_columns(a);
      }
    });
  }

  /// Floats that a thread needs.
  Index scratch() const { return std::max(args.out_pitch, argmax ? in.dims[1] : 0) * wide.dims[3] + 16; }

 private:
  // Row y of image b to the width of the output, from pixels to planes.
  void widen(const Run& run, Index b, Index y, float* pixels) const {
    kernels::ResizeArgs a = args;
    a.row_weights[0] = a.row_weights[1] = 0.5f;  // of the same row twice
    a.rows[0] = a.rows[1] = run.floats(in) + b * in.strides[0] + y * in.strides[2];
    a.out = pixels;
    run.k.resize_linear_row(a);
    kernels::TransposeArgs t;
    t.src = pixels;
    t.src_pitch = a.out_pitch;
    t.dst = run.floats(wide) + b * wide.strides[0] + y * wide.strides[2];
    t.dst_pitch = wide.strides[1];
    t.rows = wide.dims[3];
    t.columns = in.dims[1];
    run.k.transpose(t);
  }

  // Output row y of a plane.
  void mean(const Run& run, Index plane, Index y, float* to) const {
    kernels::MixArgs a;
    for (std::size_t t = 0; t < 2; ++t) {
      const std::size_t at = static_cast<std::size_t>(y) * 2 + t;
      a.rows[t] = run.floats(wide) + plane * wide.strides[1] + lines.positions[at] * wide.dims[3];
      a.weights[t] = lines.weights[at];
    }
    a.n = wide.dims[3];
    a.out = to;
    run.k.mix_rows(a);
  }
};

}  // namespace

bool lower_planar_resize(Lowering& l, const Node& node, ResizeTaps lines, ResizeTaps columns) {
  const Shape dims = l.shape(node.inputs[0]), out_dims = l.shape(node.outputs[0]);
  Chain chain;
  chain.nodes = {node.id};
  chain.result = node.outputs[0];
  std::optional<kernels::ArgMaxArgs> argmax;
  if (!l.graph.is_output(node.outputs[0])) {
    const Node& user = l.graph[l.graph[node.outputs[0]].uses[0].node];
    argmax = argmax_of(l, user);
    chain.nodes.push_back(user.id);
    chain.result = user.outputs[0];
  }
  l.defer(chain, [&l, &node, dims, out_dims, chain, argmax, lines = std::move(lines), columns = std::move(columns)] {
    auto step = std::make_unique<PlanarResizeStep>();
    step->in = l.contiguous_along(node.inputs[0], 1);
    step->out = l.destination(chain.result);
    step->wide = l.scratch_dense(ElementType::f32, {dims[0], dims[1], dims[2], out_dims[3]});
    step->lines = lines;
    step->columns = columns;
    step->argmax = argmax;
    step->height = out_dims[2];
    kernels::ResizeArgs& a = step->args;
    a.columns = step->columns.positions.data();
    a.column_weights = step->columns.weights.data();
    a.pitch = step->in.strides[3];
    a.channels = dims[1];
    a.out_pitch = padded(dims[1]);
    a.out_width = out_dims[3];
    a.lanes = kernels::Lanes::full;
    step->scratch_bytes = static_cast<std::size_t>(step->scratch()) * sizeof(float);
    step->reads = {step->in};
    step->writes = {step->wide, step->out};
    step->name = node.name;
    step->kind = argmax ? "Resize+ArgMax" : "Resize";
    step->kernel = argmax ? "resize linear, by planes > argmax" : "resize linear, by planes";
    step->flops = static_cast<double>(element_count(out_dims)) * 4;
    l.emit(std::move(step));
  });
  return true;
}

}  // namespace saccade::plan
