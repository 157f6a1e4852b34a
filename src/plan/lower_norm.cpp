// SPDX-License-Identifier: Apache-2.0
// Normalisations over f32. Layer and RMS normalisation work on contiguous rows; group and instance normalisation find the
// moments of each group in one pass over the image and apply them as one scale and shift per channel.
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "ops/inference.h"
#include "ops/normalization.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using kernels::Index;

namespace {

class RowNormStep final : public Step {
 public:
  kernels::NormalizeArgs args;
  Place in, out;
  Index rows = 0;

  void run(const Run& run) const override {
    run.parallel(rows, 1, static_cast<double>(rows * args.n) * 0.6, [&](Index begin, Index end) {
      kernels::NormalizeArgs a = args;
      a.rows = end - begin;
      a.in = run.floats(in) + begin * a.in_pitch;
      a.out = run.floats(out) + begin * a.out_pitch;
      run.k.normalize_rows(a);
    });
  }
};

// f32 values of a constant that is one per normalised element, or null.
std::optional<Tensor> per_element(const Lowering& l, const Node& node, std::size_t input, const Shape& dims, std::size_t axis) {
  if (input >= node.inputs.size() || !node.inputs[input].valid()) return Tensor();
  const Tensor& t = l.graph.constant(node.inputs[input]);
  if (!t.defined() || t.type() != ElementType::f32) return std::nullopt;
  if (t.rank() > static_cast<std::int64_t>(dims.size())) return std::nullopt;
  Shape aligned(dims.size() - t.shape().size(), 1);
  aligned.insert(aligned.end(), t.shape().begin(), t.shape().end());
  const auto border = aligned.begin() + static_cast<std::ptrdiff_t>(axis);
  if (std::any_of(aligned.begin(), border, [](std::int64_t d) { return d != 1; })) return std::nullopt;
  const Shape row(dims.begin() + static_cast<std::ptrdiff_t>(axis), dims.end()), own(border, aligned.end());
  return broadcast_to(t.reshaped(own), row).reshaped({element_count(row)});
}

bool row_norm(Lowering& l, const Node& node, std::int64_t axis_given, double epsilon, bool rms) {
  const Shape dims = l.shape(node.inputs[0]);
  if (node.outputs.size() != 1 || l.element(node.inputs[0]) != ElementType::f32 || element_count(dims) == 0) return false;
  const std::size_t axis = ops::normal_axis(axis_given, dims.size());
  const auto scale = per_element(l, node, 1, dims, axis), shift = rms ? std::optional(Tensor()) : per_element(l, node, 2, dims, axis);
  if (!scale || !shift) return false;
  const Shape row(dims.begin() + static_cast<std::ptrdiff_t>(axis), dims.end());
  const Index n = element_count(row), rows = element_count(dims) / n;
  const Place in = l.contiguous_along(node.inputs[0], dims.size() - 1);
  auto in_rows = view_strides(in.dims, in.strides, {rows, n});
  auto step = std::make_unique<RowNormStep>();
  step->in = in_rows && (*in_rows)[1] == 1 ? in : l.dense(node.inputs[0]);
  step->args.in_pitch = in_rows && (*in_rows)[1] == 1 ? (*in_rows)[0] : n;
  Place out = l.destination(node.outputs[0]);
  auto out_rows = view_strides(out.dims, out.strides, {rows, n});
  if (!out_rows || ((*out_rows)[1] != 1 && n != 1)) {
    out = l.scratch_dense(out.type, out.dims);
    l.alias(node.outputs[0], out);
    out_rows = Strides{n, 1};
  }
  step->out = out;
  step->rows = rows;
  kernels::NormalizeArgs& a = step->args;
  a.rms = rms;
  a.n = n;
  a.epsilon = static_cast<float>(epsilon);
  const auto keep = [&](const Tensor& t) -> const float* { return t.defined() ? l.constant(t), t.data<float>() : nullptr; };
  a.scale = keep(*scale);
  a.shift = keep(*shift);
  a.out_pitch = (*out_rows)[0];
  step->reads = {step->in};
  step->writes = {step->out};
  step->kernel = "normalise rows";
  step->flops = static_cast<double>(element_count(dims)) * 6;
  l.emit(std::move(step));
  return true;
}

// Channels-last [n, c, …]: moments by channel, joined by group, then one scale and shift per channel.
class GroupNormStep final : public Step {
 public:
  Place in, out, temp;  // temp: 4·c floats
  Index pixels = 0, channels = 0, groups = 0, in_pitch = 0, out_pitch = 0, in_batch = 0, out_batch = 0;
  double epsilon = 1e-5;
  Tensor scale, shift;

  void run(const Run& run) const override {
    float* mean = run.floats(temp);
    float *var = mean + channels, *factor = var + channels, *offset = factor + channels;
    for (Index b = 0; b < in.dims[0]; ++b) {
      const float* src = run.floats(in) + b * in_batch;
      float* dst = run.floats(out) + b * out_batch;
      run.parallel(channels, 16, static_cast<double>(pixels * channels) * 0.4, [&](Index begin, Index end) {
        kernels::MomentsArgs m;
        m.rows = pixels;
        m.n = end - begin;
        m.in = src + begin;
        m.pitch = in_pitch;
        m.mean = mean + begin;
        m.var = var + begin;
        run.k.moments_columns(m);
      });
      const Index size = channels / groups;
      for (Index g = 0; g < groups; ++g) {
        double sum = 0, square = 0;
        for (Index c = g * size; c < (g + 1) * size; ++c) sum += static_cast<double>(mean[c]);
        const double middle = sum / static_cast<double>(size);
        for (Index c = g * size; c < (g + 1) * size; ++c) {
          const double d = static_cast<double>(mean[c]) - middle;
          square += static_cast<double>(var[c]) + d * d;
        }
        const double inverse = 1 / std::sqrt(square / static_cast<double>(size) + epsilon);
        for (Index c = g * size; c < (g + 1) * size; ++c) {
          const double s = (scale.defined() ? static_cast<double>(scale.data<float>()[c]) : 1) * inverse;
          factor[c] = static_cast<float>(s);
          offset[c] = static_cast<float>((shift.defined() ? static_cast<double>(shift.data<float>()[c]) : 0) - middle * s);
        }
      }
      run.parallel(pixels, 8, static_cast<double>(pixels * channels) * 0.3, [&](Index begin, Index end) {
        kernels::ScaleShiftArgs a;
        a.rows = end - begin;
        a.n = channels;
        a.in = src + begin * in_pitch;
        a.in_pitch = in_pitch;
        a.scale = factor;
        a.shift = offset;
        a.out = dst + begin * out_pitch;
        a.out_pitch = out_pitch;
        run.k.scale_shift(a);
      });
    }
  }
};

bool group_norm(Lowering& l, const Node& node, Index groups, double epsilon) {
  const Shape dims = l.shape(node.inputs[0]);
  if (dims.size() < 3 || l.element(node.inputs[0]) != ElementType::f32 || element_count(dims) == 0) return false;
  const Tensor &scale = l.graph.constant(node.inputs[1]), &shift = l.graph.constant(node.inputs[2]);
  if (!scale.defined() || !shift.defined() || scale.type() != ElementType::f32 || shift.type() != ElementType::f32) return false;
  // one channel: the image is one row
  auto step = std::make_unique<GroupNormStep>();
  const Index pixels = element_count(Shape(dims.begin() + 2, dims.end()));
  Place in = l.contiguous_along(node.inputs[0], 1);
  const auto flat = [&](const Place& p) { return view_strides(p.dims, p.strides, {dims[0], dims[1], pixels}); };
  auto in_flat = flat(in);
  const Place out = l.destination(node.outputs[0]);
  const auto out_flat = flat(out);
  if (!in_flat || !out_flat || ((*out_flat)[1] != 1 && dims[1] != 1)) return false;
  step->in = in;
  step->out = out;
  step->temp = l.scratch_dense(ElementType::f32, {4 * dims[1]});
  step->pixels = pixels;
  step->channels = dims[1];
  step->groups = groups;
  step->in_pitch = (*in_flat)[2];
  step->out_pitch = (*out_flat)[2];
  step->in_batch = (*in_flat)[0];
  step->out_batch = (*out_flat)[0];
  step->epsilon = epsilon;
  step->scale = scale;
  step->shift = shift;
  step->reads = {in};
  step->writes = {out, step->temp};
  step->kernel = "normalise groups";
  step->flops = static_cast<double>(element_count(dims)) * 6;
  l.emit(std::move(step));
  return true;
}

}  // namespace

bool lower_layer_norm(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::LayerNormalization>();
  return !op.statistics && row_norm(l, node, op.axis, op.epsilon, false);
}

bool lower_rms_norm(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::RmsNormalization>();
  return row_norm(l, node, op.axis, op.epsilon, true);
}

bool lower_group_norm(Lowering& l, const Node& node) {
  const auto& op = *node.op.as<ops::GroupNormalization>();
  return group_norm(l, node, op.num_groups, op.epsilon);
}

bool lower_instance_norm(Lowering& l, const Node& node) {
  const Shape dims = l.shape(node.inputs[0]);
  return dims.size() >= 3 && group_norm(l, node, dims[1], node.op.as<ops::InstanceNormalization>()->epsilon);
}

}  // namespace saccade::plan
