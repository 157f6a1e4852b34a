// SPDX-License-Identifier: Apache-2.0
// The forms of the operators that IR has: where names and values of attributes match, they are written as `fields` shows
// them; the table says the rest.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "export/openvino/layer.h"
#include "export/openvino/net.h"
#include "ops/convolution.h"
#include "ops/detection_output.h"
#include "ops/elementwise.h"
#include "ops/grid_sample.h"
#include "ops/one_hot.h"
#include "ops/pad.h"
#include "ops/pool.h"
#include "ops/prior_box.h"
#include "ops/registry.h"
#include "ops/roi_align.h"
#include "ops/scatter.h"
#include "ops/topk.h"
#include "tensor/numeric.h"

namespace saccade::exporter::openvino {
namespace {

using graph::Graph;
using graph::Node;
using graph::PartialShape;

std::string text_of(const std::vector<std::int64_t>& values) { return fmt::format("{}", fmt::join(values, ",")); }

// Every attribute by the name that `fields` gives it.
class AttributeWriter final : public graph::FieldVisitor {
 public:
  Attributes attributes;

  std::string& operator[](std::string_view name) {
    for (auto& [key, value] : attributes)
      if (key == name) return value;
    return attributes.emplace_back(name, "").second;
  }
  void drop(std::string_view name) {
    std::erase_if(attributes, [&](const auto& entry) { return entry.first == name; });
  }
  void rename(std::string_view from, std::string_view to) {
    for (auto& [key, value] : attributes)
      if (key == from) key = to;
  }

 protected:
  void integer(std::string_view name, std::int64_t& value) override { (*this)[name] = std::to_string(value); }
  void real(std::string_view name, double& value) override { (*this)[name] = fmt::format("{}", value); }
  void boolean(std::string_view name, bool& value) override { (*this)[name] = value ? "true" : "false"; }
  void text(std::string_view name, std::string& value) override { (*this)[name] = value; }
  void integers(std::string_view name, std::vector<std::int64_t>& value) override { (*this)[name] = text_of(value); }
  void reals(std::string_view name, std::vector<double>& value) override { (*this)[name] = fmt::format("{}", fmt::join(value, ",")); }
  void texts(std::string_view name, std::vector<std::string>& value) override { (*this)[name] = fmt::format("{}", fmt::join(value, ",")); }
  void element_type(std::string_view name, ElementType& value) override { (*this)[name] = ir_element(value); }
  void tensor(std::string_view name, Tensor&) override { fail(ErrorCode::unsupported, "the attribute {} is a tensor", name); }
  void graph(std::string_view name, graph::GraphPtr&) override { fail(ErrorCode::unsupported, "the attribute {} is a graph", name); }
  void enumeration(std::string_view name, std::int64_t& value, std::span<const std::string_view> names) override { (*this)[name] = names[static_cast<std::size_t>(value)]; }
};

struct Context {
  const Graph& graph;
  const Node& node;
  const int opset;
  AttributeWriter out;

  const graph::TensorType& type(std::size_t i) const { return graph.type(node.inputs.at(i)); }
  const Tensor* constant(std::size_t i) const {
    if (i >= node.inputs.size() || !node.inputs[i].valid()) return nullptr;
    const Tensor& t = graph.constant(node.inputs[i]);
    return t.defined() ? &t : nullptr;
  }
  std::size_t rank(std::size_t i) const {
    SACCADE_CHECK(type(i).shape.ranked(), unsupported, "an input of unknown rank");
    return type(i).shape.rank();
  }
  void need(int version) const { SACCADE_CHECK(version <= opset, unsupported, "needs operator set {}, which IR version 10 does not have", version); }
};

// Windows list every axis.
void window(Context& c, const ops::Window& w, std::size_t spatial, bool dilations = true) {
  const auto full = [&](std::vector<std::int64_t> values, std::int64_t otherwise) {
    values.resize(spatial, otherwise);
    return text_of(values);
  };
  c.out["strides"] = full(w.strides, 1);
  if (dilations) c.out["dilations"] = full(w.dilations, 1);
  else c.out.drop("dilations");
  c.out["pads_begin"] = full(w.pads_begin, 0);
  c.out["pads_end"] = full(w.pads_end, 0);
}

template <class T>
int convolution(Context& c) {
  window(c, c.node.op.as<T>()->window, c.rank(0) - 2);
  return 1;
}

// OpenVINO crops the odd element on the other side than ours where an output shape is given.
void swap_auto_pad(Context& c) {
  if (c.node.inputs.size() < 3) return;
  std::string& pad = c.out["auto_pad"];
  if (pad == "same_upper") pad = "same_lower";
  else if (pad == "same_lower") pad = "same_upper";
}

template <class T>
int transposed_convolution(Context& c) {
  swap_auto_pad(c);
  const auto& op = *c.node.op.as<T>();
  window(c, op.window, c.rank(0) - 2);
  auto padding = op.output_padding;
  padding.resize(c.rank(0) - 2, 0);
  c.out["output_padding"] = text_of(padding);
  return 1;
}

int deformable_convolution(Context& c) {
  window(c, c.node.op.as<ops::DeformableConvolution>()->window, 2);
  return 8;
}

bool all_ones(const std::vector<std::int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](std::int64_t v) { return v == 1; });
}

int max_pool(Context& c) {
  const auto& op = *c.node.op.as<ops::MaxPool>();
  c.out.drop("indices");
  c.out.drop("storage_order");
  SACCADE_CHECK(!op.indices || op.storage_order == ops::StorageOrder::row, unsupported, "storage_order 'column'");
  const bool torch = op.rounding_type == ops::PoolRounding::ceil_torch;
  const bool simple = !op.indices && !torch && all_ones(op.window.dilations);
  window(c, op.window, op.kernel.size(), !simple);
  if (simple) {
    c.out.drop("index_element_type");
    c.out.drop("axis");
    return 1;
  }
  return torch ? 14 : 8;
}

int avg_pool(Context& c) {
  const auto& op = *c.node.op.as<ops::AvgPool>();
  const bool dilated = !all_ones(op.window.dilations), torch = op.rounding_type == ops::PoolRounding::ceil_torch;
  window(c, op.window, op.kernel.size(), dilated);
  c.out.rename("exclude_pad", "exclude-pad");
  return dilated ? 16 : torch ? 14 : 1;
}

int divide(Context& c) {
  c.out["auto_broadcast"] = "numpy";
  c.out["m_pythondiv"] = "false";
  return 1;
}

int round(Context& c) {
  c.out["mode"] = "half_to_even";
  return 5;
}

int gelu(Context& c) {
  c.out["approximation_mode"] = c.node.op.as<ops::Unary>()->kind == ops::UnaryKind::GeluErf ? "ERF" : "TANH";
  return 7;
}

bool known_not_negative(const Context& c, std::size_t i) {
  const Tensor* t = c.constant(i);
  if (t == nullptr) return false;
  const auto values = to_i64(*t);
  return std::all_of(values.begin(), values.end(), [](std::int64_t v) { return v >= 0; });
}

int gather(Context& c) { return known_not_negative(c, 1) ? 7 : 8; }

int softmax(Context& c) { return c.out["axis"].starts_with("-") ? 8 : 1; }

int top_k(Context& c) {
  const auto& op = *c.node.op.as<ops::TopK>();
  // of equal elements the first wins only in the newest one, and only where sorted
  if (op.stable && c.opset >= 11 && op.sort == ops::TopKSort::value) return 11;
  c.out.drop("stable");
  return 3;
}

int pad(Context& c) { return known_not_negative(c, 1) && known_not_negative(c, 2) ? 1 : 12; }

int one_hot(Context& c) {
  if (c.node.op.as<ops::OneHot>()->negative_indices == ops::NegativeIndices::normalize) return 16;
  c.out.drop("negative_indices_mode");
  return 1;
}

int scatter_elements(Context& c) {
  const auto& op = *c.node.op.as<ops::ScatterElementsUpdate>();
  if (op.reduction == ops::ScatterElementsReduction::none && known_not_negative(c, 1)) {
    c.out.drop("reduction");
    c.out.drop("use_init_val");
    return 3;
  }
  return 12;
}

int scatter_nd(Context& c) {
  if (c.node.op.as<ops::ScatterNDUpdate>()->reduction == ops::ScatterNDReduction::none) {
    c.out.drop("reduction");
    return 4;
  }
  return 15;
}

int roi_pooling(Context& c) {
  const auto& op = *c.node.op.as<ops::RoiPooling>();
  SACCADE_CHECK(op.output_roi.size() == 2, unsupported, "output_roi of {} entries", op.output_roi.size());
  c.out["pooled_h"] = std::to_string(op.output_roi[0]);
  c.out["pooled_w"] = std::to_string(op.output_roi[1]);
  return 2;
}

int deformable_psroi_pooling(Context& c) {
  c.out["mode"] = "bilinear_deformable";
  return 1;
}

int roi_align(Context& c) {
  // OpenVINO takes the largest interpolated sample, not the largest weighted corner
  SACCADE_CHECK(c.node.op.as<ops::RoiAlign>()->mode != ops::RoiAlignMode::max, unsupported, "the mode max");
  if (c.node.op.as<ops::RoiAlign>()->mode == ops::RoiAlignMode::max_sample) c.out["mode"] = "max";
  // of the two names of one thing, its CPU plugin knows this
  if (c.out["aligned_mode"] == "half_pixel") c.out["aligned_mode"] = "half_pixel_for_nn";
  if (c.node.op.as<ops::RoiAlign>()->aligned_mode == ops::RoiAlignAligned::asymmetric) {
    c.out.drop("aligned_mode");
    return 3;
  }
  return 9;
}

int multiclass_nms_version(Context& c) { return c.node.inputs.size() > 2 ? 9 : 8; }

int non_max_suppression(Context& c) { return c.opset >= 9 ? 9 : 5; }

int grid_sample(Context& c) {
  SACCADE_CHECK(c.rank(0) == 4, unsupported, "samples of {} dimensions", c.rank(0) - 2);
  return 9;
}

int col2im(Context& c) {
  const Tensor* size = c.constant(1);
  SACCADE_CHECK(size != nullptr && size->size() == 2, unsupported, "other than two dimensions");
  for (const auto* name : {"strides", "dilations", "pads_begin", "pads_end"})
    if (c.out[name].empty()) c.out[name] = std::string_view(name).starts_with("pads") ? "0,0" : "1,1";
  return 15;
}

// Operator set 8 adds the order of the boxes.
int prior_box(Context& c) {
  if (c.node.op.as<ops::PriorBox>()->min_max_aspect_ratios_order) {
    c.out.drop("min_max_aspect_ratios_order");
    return 1;
  }
  return 8;
}

// Operator set 1 wants the number of classes, which set 8 works out.
int detection_output(Context& c) {
  const auto& op = *c.node.op.as<ops::DetectionOutput>();
  if (c.opset > 8) return 8;
  const PartialShape &deltas = c.type(0).shape, &scores = c.type(1).shape, &priors = c.type(2).shape;
  SACCADE_CHECK(deltas.is_static() && scores.is_static() && priors.is_static() && priors.rank() == 3, unsupported, "sizes that are not known before a run");
  const std::int64_t boxes = priors[2].size() / (op.normalized ? 4 : 5);
  SACCADE_CHECK(boxes > 0, unsupported, "no boxes");
  c.out["num_classes"] = std::to_string(scores[1].size() / boxes);
  return 1;
}

struct FormRow {
  std::string_view op, type;  // no type: as the operator is called
  int opset;                  // 0: the function chooses
  int (*choose)(Context&) = nullptr;
};

constexpr FormRow kForms[] = {
    {"Abs", "", 1},
    {"Acos", "", 1},
    {"Acosh", "", 4},
    {"Add", "", 1},
    {"Asin", "", 1},
    {"Asinh", "", 4},
    {"Atan", "", 1},
    {"Atanh", "", 4},
    {"AvgPool", "", 0, avg_pool},
    {"BatchNormInference", "", 5},
    {"BatchToSpace", "", 2},
    {"BitwiseAnd", "", 13},
    {"BitwiseLeftShift", "", 15},
    {"BitwiseNot", "", 13},
    {"BitwiseOr", "", 13},
    {"BitwiseRightShift", "", 15},
    {"BitwiseXor", "", 13},
    {"Broadcast", "", 3},
    {"CTCGreedyDecoder", "", 1},
    {"CTCGreedyDecoderSeqLen", "", 6},
    {"Ceiling", "", 1},
    {"Clamp", "", 1},
    {"Col2Im", "", 0, col2im},
    {"Concat", "", 1},
    {"Convert", "", 1},
    {"ConvertLike", "", 1},
    {"Convolution", "", 0, convolution<ops::Convolution>},
    {"ConvolutionBackpropData", "", 0, transposed_convolution<ops::ConvolutionBackpropData>},
    {"Cos", "", 1},
    {"Cosh", "", 1},
    {"CumSum", "", 3},
    {"DeformableConvolution", "", 0, deformable_convolution},
    {"DeformablePSROIPooling", "", 0, deformable_psroi_pooling},
    {"DepthToSpace", "", 1},
    {"DetectionOutput", "", 0, detection_output},
    {"Divide", "", 0, divide},
    {"Einsum", "", 7},
    {"Elu", "", 1},
    {"Equal", "", 1},
    {"Erf", "", 1},
    {"Exp", "", 1},
    {"ExperimentalDetectronDetectionOutput", "", 6},
    {"ExperimentalDetectronGenerateProposalsSingleImage", "", 6},
    {"ExperimentalDetectronPriorGridGenerator", "", 6},
    {"ExperimentalDetectronROIFeatureExtractor", "", 6},
    {"ExperimentalDetectronTopKROIs", "", 6},
    {"Eye", "", 9},
    {"FakeQuantize", "", 1},
    {"Floor", "", 1},
    {"FloorMod", "", 1},
    {"Gather", "", 0, gather},
    {"GatherElements", "", 6},
    {"GatherND", "", 8},
    {"GeluErf", "Gelu", 0, gelu},
    {"GeluTanh", "Gelu", 0, gelu},
    {"GenerateProposals", "", 9},
    {"Greater", "", 1},
    {"GreaterEqual", "", 1},
    {"GridSample", "", 0, grid_sample},
    {"GroupConvolution", "", 0, convolution<ops::GroupConvolution>},
    {"GroupConvolutionBackpropData", "", 0, transposed_convolution<ops::GroupConvolutionBackpropData>},
    {"GroupNormalization", "", 12},
    {"HSigmoid", "", 5},
    {"HSwish", "", 4},
    {"IsInf", "", 10},
    {"IsNaN", "", 10},
    {"LRN", "", 1},
    {"Less", "", 1},
    {"LessEqual", "", 1},
    {"Log", "", 1},
    {"LogSoftmax", "", 5},
    {"LogicalAnd", "", 1},
    {"LogicalNot", "", 1},
    {"LogicalOr", "", 1},
    {"LogicalXor", "", 1},
    {"MVN", "", 6},
    {"MatMul", "", 1},
    {"MatrixNms", "", 8},
    {"MaxPool", "", 0, max_pool},
    {"Maximum", "", 1},
    {"Minimum", "", 1},
    {"Mish", "", 4},
    {"Mod", "", 1},
    {"MulticlassNmsRows", "MulticlassNms", 0, multiclass_nms_version},
    {"Multiply", "", 1},
    {"NMSRotated", "", 13},
    {"Negative", "", 1},
    {"NonMaxSuppression", "", 0, non_max_suppression},
    {"NonZero", "", 3},
    {"NormalizeL2", "", 1},
    {"NotEqual", "", 1},
    {"OneHot", "", 0, one_hot},
    {"PSROIPooling", "", 1},
    {"Pad", "", 0, pad},
    {"Power", "", 1},
    {"Prelu", "PReLU", 1},
    {"PriorBox", "", 0, prior_box},
    {"PriorBoxClustered", "", 1},
    {"Proposal", "", 4},
    {"ROIAlign", "", 0, roi_align},
    {"ROIAlignRotated", "", 15},
    {"ROIPooling", "", 0, roi_pooling},
    {"Range", "", 4},
    {"ReduceL1", "", 4},
    {"ReduceL2", "", 4},
    {"ReduceLogicalAnd", "", 1},
    {"ReduceLogicalOr", "", 1},
    {"ReduceMax", "", 1},
    {"ReduceMean", "", 1},
    {"ReduceMin", "", 1},
    {"ReduceProd", "", 1},
    {"ReduceSum", "", 1},
    {"RegionYolo", "", 1},
    {"Relu", "ReLU", 1},
    {"ReorgYolo", "", 2},
    {"Reshape", "", 1},
    {"ReverseSequence", "", 1},
    {"Roll", "", 7},
    {"Round", "", 0, round},
    {"ScatterElementsUpdate", "", 0, scatter_elements},
    {"ScatterNDUpdate", "", 0, scatter_nd},
    {"ScatterUpdate", "", 3},
    {"Select", "", 1},
    {"ShapeOf", "", 3},
    {"Sigmoid", "", 1},
    {"Sign", "", 1},
    {"Sin", "", 1},
    {"Sinh", "", 1},
    {"Slice", "", 8},
    {"SoftPlus", "", 4},
    {"SoftSign", "", 9},
    {"Softmax", "SoftMax", 0, softmax},
    {"SpaceToBatch", "", 2},
    {"SpaceToDepth", "", 1},
    {"Split", "", 1},
    {"Sqrt", "", 1},
    {"SquaredDifference", "", 1},
    {"Squeeze", "", 1},
    {"Subtract", "", 1},
    {"Tan", "", 1},
    {"Tanh", "", 1},
    {"Tile", "", 1},
    {"TopK", "", 0, top_k},
    {"Transpose", "", 1},
    {"Unique", "", 10},
    {"Unsqueeze", "", 1},
    {"VariadicSplit", "", 1},
};

}  // namespace

Form form_of(const Graph& graph, const Node& node, int opset) {
  if (const auto* layer = node.op.as<IrLayer>()) {
    SACCADE_CHECK(layer->opset <= opset, unsupported, "needs operator set {}, which IR version 10 does not have", layer->opset);
    Form form{layer->type, static_cast<int>(layer->opset), {}};
    for (std::size_t i = 0; i + 1 < layer->attributes.size(); i += 2) form.attributes.emplace_back(layer->attributes[i], layer->attributes[i + 1]);
    return form;
  }
  const auto row = std::find_if(std::begin(kForms), std::end(kForms), [&](const FormRow& r) { return r.op == node.op.name(); });
  if (row == std::end(kForms)) fail(ErrorCode::unsupported, "not expressible in IR");
  Context context{graph, node, opset, {}};
  node.op.visit(context.out);
  int version = row->opset;
  if (row->choose != nullptr) version = row->choose(context);
  context.need(version);
  return {std::string(row->type.empty() ? row->op : row->type), version, std::move(context.out.attributes)};
}

}  // namespace saccade::exporter::openvino
