// SPDX-License-Identifier: Apache-2.0
// Pictures: what a graph does to an input before its stem convolution, element type, layout, channel order, resize, mean and
// scale, as one step that reads each line of the picture once and writes the padded image that the stem reads.
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/inference.h"
#include "ops/resize.h"
#include "ops/slice.h"
#include "ops/split.h"
#include "ops/transpose.h"
#include "passes/values.h"
#include "plan/conv.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/resize.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;

namespace {

constexpr std::int64_t kMostChannels = 4;

// Where N, C, H and W are among a value's dimensions.
using Axes = std::array<std::size_t, 4>;

class PictureStep final : public Step {
 public:
  kernels::PictureArgs args;
  Place in, out;  // [N, C, H, W]; out with the stem's padding
  std::optional<Resampling> resize;
  Index top = 0, left = 0, height = 0;  // of what lies within the padding

  void run(const Run& run) const override {
    const Index lines = out.dims[2], channels = args.channels, right = out.dims[3] - left - args.out_width;
    run.parallel(out.dims[0] * lines, 8, bytes * 0.2, [&](Index begin, Index end, std::byte* scratch) {
      kernels::PictureArgs a = args;
      a.scratch = reinterpret_cast<float*>(scratch);
      for (Index i = begin; i < end; ++i) {
        const Index b = i / lines, y = i % lines - top;
        float* const to = run.floats(out) + b * batch_stride(out) + i % lines * line(out);
        if (y < 0 || y >= height) {
          std::fill_n(to, out.dims[3] * channels, 0.0f);
          continue;
        }
        std::fill_n(to, left * channels, 0.0f);
        choose_lines(run, b, y, a);
        a.out = to + left * channels;
        run.k.picture_line(a);
        std::fill_n(a.out + a.out_width * channels, right * channels, 0.0f);
      }
    });
  }

 private:
  void choose_lines(const Run& run, Index b, Index y, kernels::PictureArgs& a) const {
    const std::byte* const image =
        reinterpret_cast<const std::byte*>(run.bases[in.buffer]) + (in.offset + b * batch_stride(in)) * element();
    if (!resize) {
      a.lines[0] = image + y * line(in) * element();
      return;
    }
    const ResizeTaps& taps = resize->lines;
    for (std::size_t t = 0; t < taps.per_output; ++t) {
      const std::size_t at = static_cast<std::size_t>(y) * taps.per_output + t;
      a.lines[t] = image + taps.positions[at] * line(in) * element();
      a.line_weights[t] = taps.weights[at];
    }
  }
  Index element() const { return static_cast<Index>(size_in_bytes(in.type)); }
};

// A picture's way to its stem, as (p[order] + before)·scale + after for each channel, p from the resized picture.
struct Picture {
  ValueId source;
  Axes axes{};  // of the source
  Chain chain;
  Geometry stem{};
  std::optional<Resampling> resize;
  Index channels = 0;
  std::array<std::int32_t, kMostChannels> order{0, 1, 2, 3};
  std::array<double, kMostChannels> before{}, scale{1, 1, 1, 1}, after{};

  void shift(std::size_t c, double by) { (scale[c] == 1 && after[c] == 0 ? before : after)[c] += by; }
  void multiply(std::size_t c, double by) {
    scale[c] *= by;
    after[c] *= by;
  }
  bool select(const std::vector<std::int64_t>& indices) {
    if (indices.empty() || indices.size() > kMostChannels) return false;
    const Picture old = *this;
    for (std::size_t c = 0; c < indices.size(); ++c) {
      const std::int64_t from = indices[c] < 0 ? indices[c] + channels : indices[c];
      if (from < 0 || from >= channels) return false;
      const auto at = static_cast<std::size_t>(from);
      order[c] = old.order[at];
      before[c] = old.before[at];
      scale[c] = old.scale[at];
      after[c] = old.after[at];
    }
    channels = static_cast<Index>(indices.size());
    return true;
  }
  bool representable() const {
    for (std::size_t c = 0; c < kMostChannels; ++c) {
      const auto factor = static_cast<float>(scale[c]);
      if (!std::isfinite(static_cast<float>(before[c])) || !std::isfinite(static_cast<float>(after[c])) ||
          (factor != 0 && !std::isnormal(factor)))
        return false;
    }
    return true;
  }
};

class PictureReader {
 public:
  PictureReader(Lowering& l, ValueId source) : l_(l), g_(l.graph) { picture_.source = source; }

  std::optional<Picture> read(const Node& first) {
    if (!follow(first)) return std::nullopt;
    std::vector<Axes> axes(nodes_.size() + 1, Axes{0, 1, 2, 3});  // before each node, and of the stem
    for (std::size_t i = nodes_.size(); i-- > 0;) {
      axes[i] = axes[i + 1];
      if (!nodes_[i]->op.is<ops::Transpose>()) continue;
      const auto order = passes::integers(g_, nodes_[i]->inputs[1]);
      if (!order || order->size() != axes[i].size()) return std::nullopt;
      for (std::size_t& axis : axes[i]) axis = static_cast<std::size_t>((*order)[axis]);
    }
    picture_.axes = axes[0];
    picture_.channels = l_.shape(picture_.source)[axes[0][1]];
    if (picture_.channels > kMostChannels) return std::nullopt;
    ValueId value = picture_.source;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!take(*nodes_[i], value, axes[i])) return std::nullopt;
      value = nodes_[i]->outputs[0];
    }
    if (!prepared_ || !picture_.representable()) return std::nullopt;
    return std::move(picture_);
  }

 private:
  // Collects the nodes up to the stem, each the only user of the one before.
  bool follow(const Node& first) {
    ValueId value = picture_.source;
    const Node* node = &first;
    for (; !node->op.is<ops::Convolution>(); node = &g_[g_[value].uses[0].node]) {
      const Node* concat = joining(*node);
      if (concat == nullptr && !prepares(*node, value)) return false;
      add(*node);
      if (concat != nullptr) add(*concat);
      value = nodes_.back()->outputs[0];
      const Shape shape = l_.shape(value);
      if (shape.size() != 4 || element_count(shape) == 0 || g_.use_count(value) != 1 || g_[value].uses.empty()) return false;
    }
    picture_.chain.result = value;
    const auto stem = nodes_.empty() || node->inputs[0] != value ? std::nullopt : convolution_of(l_, *node, false);
    if (!stem || !stem->merges_taps() || stem->depthwise()) return false;
    picture_.stem = stem->g;
    return true;
  }

  static bool prepares(const Node& node, ValueId value) {
    const graph::Op& op = node.op;
    if (op.is<ops::Binary>()) return true;
    return node.inputs[0] == value &&
           (op.is<ops::Convert>() || op.is<ops::Transpose>() || op.is<ops::Resize>() || op.is<ops::Gather>() || op.is<ops::Slice>());
  }

  void add(const Node& node) {
    nodes_.push_back(&node);
    picture_.chain.nodes.push_back(node.id);
  }

  // The Concat of all parts of a Split, in whatever order.
  const Node* joining(const Node& split) const {
    if (!split.op.is<ops::Split>() && !split.op.is<ops::VariadicSplit>()) return nullptr;
    const Node* concat = nullptr;
    for (const ValueId part : split.outputs) {
      if (g_.use_count(part) != 1 || g_[part].uses.empty()) return nullptr;
      const Node& user = g_[g_[part].uses[0].node];
      if (!user.op.is<ops::Concat>() || user.inputs.size() != split.outputs.size() || (concat != nullptr && concat != &user))
        return nullptr;
      concat = &user;
    }
    return concat;
  }

  bool take(const Node& node, ValueId value, const Axes& axes) {
    if (node.op.is<ops::Transpose>() || joining(node) != nullptr) return true;
    prepared_ = true;
    if (node.op.is<ops::Convert>()) return convert(l_.element(node.outputs[0]));
    if (node.op.is<ops::Resize>()) return resize(node, axes);
    if (const auto* binary = node.op.as<ops::Binary>()) return arithmetic(node, binary->kind, value, axes);
    if (const auto* concat = node.op.as<ops::Concat>()) return ops::normal_axis(concat->axis, 4) == axes[1] && reorder(node, axes);
    return node.op.is<ops::Gather>() ? gather(node, axes) : slice(node, value, axes);
  }

  // Bytes are exact in half precision too.
  bool convert(ElementType to) {
    return to == ElementType::f32 || (to == ElementType::f16 && l_.element(picture_.source) == ElementType::u8 && !computed_);
  }

  bool resize(const Node& node, const Axes& axes) {
    const bool interpolates = node.op.as<ops::Resize>()->mode == ops::ResizeMode::linear;
    if (picture_.resize || (interpolates && l_.element(node.inputs[0]) != ElementType::f32)) return false;
    computed_ |= interpolates;
    picture_.resize = resampling(g_, node, axes[2], axes[3]);
    return picture_.resize && picture_.resize->lines.per_output <= 2;
  }

  bool arithmetic(const Node& node, ops::BinaryKind kind, ValueId value, const Axes& axes) {
    const bool left = node.inputs[0] == value;
    const Tensor& constant = g_.constant(node.inputs[left ? 1 : 0]);
    if (!constant.defined() || l_.element(value) != ElementType::f32 || l_.shape(node.outputs[0]) != l_.shape(value)) return false;
    auto operands = passes::along_axis(constant, 4, axes[1], picture_.channels);
    if (!operands || operands->empty()) return false;
    operands->resize(static_cast<std::size_t>(picture_.channels), operands->front());
    computed_ = true;
    for (std::size_t c = 0; c < operands->size(); ++c) {
      const double operand = (*operands)[c];
      switch (kind) {
        case ops::BinaryKind::Add:
          picture_.shift(c, operand);
          break;
        case ops::BinaryKind::Subtract:
          if (!left) picture_.multiply(c, -1);
          picture_.shift(c, left ? -operand : operand);
          break;
        case ops::BinaryKind::Multiply:
          picture_.multiply(c, operand);
          break;
        case ops::BinaryKind::Divide:
          if (!left || operand == 0) return false;
          picture_.multiply(c, 1 / operand);
          break;
        default:
          return false;
      }
    }
    return true;
  }

  bool gather(const Node& node, const Axes& axes) {
    const auto indices = passes::integers(g_, node.inputs[1]), axis = passes::integers(g_, node.inputs[2]);
    if (!indices || !axis || node.op.as<ops::Gather>()->batch_dims != 0 || g_.constant(node.inputs[1]).shape().size() != 1) return false;
    return ops::normal_axis(axis->at(0), 4) == axes[1] && picture_.select(*indices);
  }

  // By a Concat of what the Split before it makes.
  bool reorder(const Node& concat, const Axes& axes) {
    const Node& split = *g_.producer(concat.inputs[0]);
    const auto axis = passes::integers(g_, split.inputs[1]);
    if (!axis || ops::normal_axis(axis->at(0), 4) != axes[1]) return false;
    std::vector<std::int64_t> indices;
    for (const ValueId input : concat.inputs) {
      std::int64_t channel = 0;
      for (const ValueId part : split.outputs) {
        if (part == input) break;
        channel += l_.shape(part)[axes[1]];
      }
      for (std::int64_t i = 0; i < l_.shape(input)[axes[1]]; ++i) indices.push_back(channel + i);
    }
    return picture_.select(indices);
  }

  bool slice(const Node& node, ValueId value, const Axes& axes) {
    std::array<std::vector<std::int64_t>, 4> lists;  // start, stop, step, axes
    for (std::size_t i = 0; i < lists.size(); ++i) {
      if (node.inputs.size() <= i + 1 || !node.inputs[i + 1].valid()) return false;
      const auto list = passes::integers(g_, node.inputs[i + 1]);
      if (!list || list->size() != 1) return false;
      lists[i] = *list;
    }
    if (ops::normal_axis(lists[3][0], 4) != axes[1]) return false;
    const ops::SliceRange range = ops::resolve_slice(lists[0][0], lists[1][0], lists[2][0], l_.shape(value)[axes[1]]);
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < range.count; ++i) indices.push_back(range.begin + i * range.step);
    return picture_.select(indices);
  }

  Lowering& l_;
  const graph::Graph& g_;
  std::vector<const Node*> nodes_;
  Picture picture_;
  bool prepared_ = false;  // more than the layout
  bool computed_ = false;  // the elements are no longer those of the source
};

// [N, C, H, W] with channels or columns contiguous.
std::optional<Place> as_lines(const Place& source, const Axes& axes) {
  const Place p = transposed(source, {axes.begin(), axes.end()});
  const bool interleaved = pixel(p) == p.dims[1] && (p.dims[1] == 1 || p.strides[1] == 1);
  if (!interleaved && pixel(p) != 1) return std::nullopt;
  return p;
}

void emit_picture(Lowering& l, const Picture& picture, const Place& in) {
  auto step = std::make_unique<PictureStep>();
  step->in = in;
  step->out = stem_image(l, picture.stem);
  step->resize = picture.resize;
  step->top = std::min(picture.stem.pt, step->out.dims[2]);
  step->left = std::min(picture.stem.pl, step->out.dims[3]);
  step->height = std::min(picture.stem.h, step->out.dims[2] - step->top);
  kernels::PictureArgs& a = step->args;
  a.from = in.type == ElementType::u8 ? kernels::Scalar::u8 : kernels::Scalar::f32;
  a.width = in.dims[3];
  a.source_channels = in.dims[1];
  a.plane = pixel(in) == in.dims[1] ? 0 : in.strides[1];
  a.channels = picture.channels;
  a.out_width = std::min(picture.stem.w, step->out.dims[3] - step->left);
  for (std::size_t c = 0; c < kMostChannels; ++c) {
    a.order[c] = picture.order[c];
    a.before[c] = static_cast<float>(picture.before[c]);
    a.scale[c] = static_cast<float>(picture.scale[c]);
    a.after[c] = static_cast<float>(picture.after[c]);
  }
  std::string how;
  if (step->resize) {
    a.taps = static_cast<Index>(step->resize->columns.per_output);
    a.columns = step->resize->columns.positions.data();
    a.column_weights = step->resize->columns.weights.data();
    how = a.taps == 1 ? ", nearest" : ", linear";
  }
  step->scratch_bytes = static_cast<std::size_t>(2 * (a.width * a.source_channels + 4)) * sizeof(float);
  step->reads = {in};
  step->writes = {step->out};
  step->flops = static_cast<double>(element_count(step->out.dims)) * (step->resize ? 8 : 2);
  step->kind = l.kind(picture.chain);
  step->kernel = fmt::format("picture: {} {}{}", to_string(in.type), a.plane == 0 ? "channels last" : "planes", how);
  l.alias(picture.chain.result, step->out);
  l.emit(std::move(step));
}

}  // namespace

bool lower_picture(Lowering& l, const Node& node) {
  for (const ValueId source : node.inputs) {
    const auto& inputs = l.graph.inputs();
    if (std::find(inputs.begin(), inputs.end(), source) == inputs.end()) continue;
    const ElementType type = l.element(source);
    if ((type != ElementType::u8 && type != ElementType::f32) || l.shape(source).size() != 4) continue;
    const auto picture = PictureReader(l, source).read(node);
    const auto in = picture ? as_lines(l.place(source), picture->axes) : std::nullopt;
    if (!in) continue;
    const bool taken = l.decide({.key = fmt::format("picture {} {}x{}x{}>{}x{}x{} n{}", to_string(type), in->dims[1], in->dims[2],
                                                    in->dims[3], picture->channels, picture->stem.h, picture->stem.w, picture->stem.n),
                                 .node = node.name,
                                 .taken = true,
                                 .why = fmt::format("{} and the stem's padding in one pass over the picture", l.kind(picture->chain))});
    if (!taken) return false;
    l.defer(picture->chain, [&l, picture = *picture, in = *in] { emit_picture(l, picture, in); });
    return true;
  }
  return false;
}

}  // namespace saccade::plan
