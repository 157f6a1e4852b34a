// SPDX-License-Identifier: Apache-2.0
// Layers of versions 2 to 7: weights are blobs of their layers, and sizes stand in attributes.
#include <algorithm>
#include <cmath>

#include "import/openvino/constants.h"
#include "import/openvino/map.h"
#include "ops/broadcast.h"
#include "ops/convolution.h"
#include "ops/detection_output.h"
#include "ops/elementwise.h"
#include "ops/fake_quantize.h"
#include "ops/gather.h"
#include "ops/matmul.h"
#include "ops/normalization.h"
#include "ops/pool.h"
#include "ops/prior_box.h"
#include "ops/reduce.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "ops/softmax.h"
#include "ops/topk.h"
#include "tensor/numeric.h"

namespace saccade::openvino {
namespace {

using i64 = std::int64_t;
using ops::BinaryKind;
using ops::UnaryKind;

// "kernel" in version 3 on, "kernel-x" and "kernel-y" in version 2; outermost axis first.
std::vector<i64> extents(LayerContext& c, const char* name, const char* old, i64 otherwise, std::size_t spatial) {
  std::vector<i64> values = c.ints(name);
  const std::string x = fmt::format("{}-x", old), y = fmt::format("{}-y", old);
  if (values.empty() && (c.given(x) || c.given(y))) values = {c.i(y, otherwise), c.i(x, otherwise)};
  c.ignore({name});
  // read, so that neither form counts as unknown
  c.given(x);
  c.given(y);
  if (values.empty()) values.assign(spatial, otherwise);
  if (values.size() != spatial) c.invalid("{} of {} axes for {}", name, values.size(), spatial);
  return values;
}

ops::Window window(LayerContext& c, std::size_t spatial) {
  ops::Window w;
  w.strides = extents(c, "strides", "stride", 1, spatial);
  w.dilations = extents(c, "dilations", "dilation", 1, spatial);
  w.pads_begin = extents(c, "pads_begin", "pad", 0, spatial);
  w.pads_end = c.ints("pads_end");
  // version 2 has the end only where it differs
  if (w.pads_end.empty()) {
    const bool right = c.given("pad-r"), bottom = c.given("pad-b");
    w.pads_end = w.pads_begin;
    if (spatial == 2 && right) w.pads_end[1] = c.i("pad-r");
    if (spatial == 2 && bottom) w.pads_end[0] = c.i("pad-b");
  }
  if (w.pads_end.size() != spatial) c.invalid("pads_end of {} axes for {}", w.pads_end.size(), spatial);
  const std::string pad = c.s("auto_pad", "explicit");
  if (pad == "same_upper") w.auto_pad = ops::AutoPad::same_upper;
  else if (pad == "same_lower") w.auto_pad = ops::AutoPad::same_lower;
  else if (pad == "valid") w.auto_pad = ops::AutoPad::valid;
  return w;
}

// One value a channel as [1,c,1,1].
ValueId per_channel(LayerContext& c, const Tensor& values, std::size_t rank) {
  Shape shape(std::max<std::size_t>(rank, 2), 1);
  shape[1] = values.size();
  if (rank < 2) shape = {values.size()};
  return c.constant_of(values.reshaped(shape));
}

ValueId with_biases(LayerContext& c, ValueId v) {
  const BlobSpec* biases = c.blob("biases");
  if (biases == nullptr) return v;
  return c.binary(BinaryKind::Add, v, per_channel(c, c.blob_values(*biases), c.rank(v)));
}

Tensor weights_blob(LayerContext& c) {
  const BlobSpec* blob = c.blob("weights");
  if (blob == nullptr) c.invalid("there are no weights");
  return c.blob_values(*blob);
}

i64 channels(LayerContext& c) {
  const PartialShape shape = c.shape(0);
  if (!shape.ranked() || shape.rank() < 2 || !shape[1].is_static()) c.unsupported("a number of channels that is not known");
  return shape[1].size();
}

Values legacy_convolution(LayerContext& c) {
  const std::size_t spatial = c.rank(0) - 2;
  if (c.rank(0) < 3) c.invalid("data of rank {}", c.rank(0));
  ops::Window w = window(c, spatial);
  const auto kernel = extents(c, "kernel", "kernel", 1, spatial);
  const i64 outputs = c.i("output"), group = c.i("group", 1), inputs = channels(c);
  c.ignore({"output_padding"});
  if (group < 1 || outputs < 1 || inputs % group != 0 || outputs % group != 0) c.invalid("{} groups of {} inputs and {} outputs", group, inputs, outputs);
  ValueId weights;
  Shape shape{outputs / group, inputs / group};
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  if (group > 1) shape.insert(shape.begin(), group);
  if (c.has(1)) weights = c.reshaped(c.in(1), shape);
  else {
    const Tensor blob = weights_blob(c);
    if (element_count(shape) != blob.size()) c.invalid("{} weights for shape {}", blob.size(), to_string(shape));
    weights = c.constant_of(blob.reshaped(shape));
  }
  ValueId y = group > 1 ? c.op(ops::GroupConvolution{w}, {c.in(0), weights}) : c.op(ops::Convolution{w}, {c.in(0), weights});
  if (c.has(2)) y = c.binary(BinaryKind::Add, y, c.reshaped(c.in(2), {1, -1, 1, 1}));
  return {with_biases(c, y)};
}

Values deconvolution(LayerContext& c) {
  const std::size_t spatial = c.rank(0) - 2;
  if (c.rank(0) < 3) c.invalid("data of rank {}", c.rank(0));
  const ops::Window w = window(c, spatial);
  const auto kernel = extents(c, "kernel", "kernel", 1, spatial);
  const i64 outputs = c.i("output"), group = c.i("group", 1), inputs = channels(c);
  if (group < 1 || outputs < 1 || inputs % group != 0 || outputs % group != 0) c.invalid("{} groups of {} inputs and {} outputs", group, inputs, outputs);
  const Tensor blob = weights_blob(c);
  // the file has [inputs, outputs / group, kernel…]
  Shape shape{inputs / group, outputs / group};
  shape.insert(shape.end(), kernel.begin(), kernel.end());
  if (group > 1) shape.insert(shape.begin(), group);
  if (element_count(shape) != blob.size()) c.invalid("{} weights for shape {}", blob.size(), to_string(shape));
  const ValueId weights = c.constant_of(blob.reshaped(shape));
  const ValueId y = group > 1 ? c.op(ops::GroupConvolutionBackpropData{w, c.ints("output_padding")}, {c.in(0), weights})
                              : c.op(ops::ConvolutionBackpropData{w, c.ints("output_padding")}, {c.in(0), weights});
  return {with_biases(c, y)};
}

Values fully_connected(LayerContext& c) {
  const i64 outputs = c.i(c.given("out-size") ? "out-size" : "out_size");
  c.ignore({"out-size", "out_size"});
  const Tensor blob = weights_blob(c);
  if (outputs < 1 || blob.size() % outputs != 0) c.invalid("{} weights for {} outputs", blob.size(), outputs);
  const ValueId flat = c.rank(0) == 2 ? c.in(0) : c.reshaped(c.in(0), {-1, blob.size() / outputs});
  const ValueId y = c.op(ops::MatMul{false, true}, {flat, c.constant_of(blob.reshaped({outputs, blob.size() / outputs}))});
  return {with_biases(c, y)};
}

Values scale_shift(LayerContext& c) {
  c.ignore({"broadcast"});
  const Tensor weights = weights_blob(c);
  ValueId y = c.in(0);
  if (weights.size() == 1) y = c.binary(BinaryKind::Multiply, y, c.constant_of(weights.reshaped({})));
  else y = c.binary(BinaryKind::Multiply, y, per_channel(c, weights, c.rank(0)));
  if (const BlobSpec* biases = c.blob("biases")) {
    const Tensor b = c.blob_values(*biases);
    y = c.binary(BinaryKind::Add, y, b.size() == 1 ? c.constant_of(b.reshaped({})) : per_channel(c, b, c.rank(0)));
  }
  return {y};
}

// (x − mean) / √(variance + epsilon); "weights" are the variances, "biases" the means.
Values batch_normalization(LayerContext& c) {
  const double epsilon = c.f("epsilon", 1e-5);
  const Tensor variance = weights_blob(c);
  const BlobSpec* biases = c.blob("biases");
  if (biases == nullptr) c.invalid("there are no biases");
  const auto n = variance.size();
  Tensor one(variance.type(), {n}), zero(variance.type(), {n});
  for (i64 k = 0; k < n; ++k) set_element_f64(one, k, 1);
  return {c.op(ops::BatchNormInference{epsilon}, {c.in(0), c.constant_of(one), c.constant_of(zero), c.constant_of(c.blob_values(*biases)), c.constant_of(variance)})};
}

Values pooling(LayerContext& c) {
  if (c.rank(0) < 3) c.invalid("data of rank {}", c.rank(0));
  const std::size_t spatial = c.rank(0) - 2;
  const ops::Window w = window(c, spatial);
  const auto kernel = extents(c, "kernel", "kernel", 1, spatial);
  const std::string method = c.s(c.given("pool-method") ? "pool-method" : "pool_method", "max");
  c.ignore({"pool-method", "pool_method"});
  const std::string rounding = c.s(c.given("rounding-type") ? "rounding-type" : "rounding_type", "ceil");
  c.ignore({"rounding-type", "rounding_type"});
  const bool exclude = c.flag(c.given("exclude-pad") ? "exclude-pad" : "exclude_pad", true);
  c.ignore({"exclude-pad", "exclude_pad"});
  // Caffe's rule: a window must begin inside of the data or the padding in front
  const auto round = rounding == "floor" ? ops::PoolRounding::floor : ops::PoolRounding::ceil_torch;
  if (method == "max") return {c.op(ops::MaxPool{.window = w, .kernel = kernel, .rounding_type = round}, {c.in(0)})};
  if (method == "avg") return {c.op(ops::AvgPool{.window = w, .kernel = kernel, .exclude_pad = exclude, .rounding_type = round}, {c.in(0)})};
  c.unsupported("pool-method '{}'", shown(method));
}

Values relu(LayerContext& c) {
  const double slope = c.f("negative_slope", 0);
  if (slope == 0) return {c.op(ops::Unary::of(UnaryKind::Relu), {c.in(0)})};
  return {c.op(ops::Unary{UnaryKind::LeakyRelu, slope, 0}, {c.in(0)})};
}

Values legacy_prelu(LayerContext& c) {
  const bool shared = c.flag("channel_shared", false);
  const Tensor slope = weights_blob(c);
  return {c.binary(BinaryKind::Prelu, c.in(0), shared || slope.size() == 1 ? c.constant_of(slope.reshaped({slope.size()})) : per_channel(c, slope, c.rank(0)))};
}

// (shift + scale · x) ^ power
Values power(LayerContext& c) {
  const double exponent = c.f("power", 1), scale = c.f("scale", 1), shift = c.f("shift", 0);
  ValueId y = c.in(0);
  if (scale != 1) y = c.binary(BinaryKind::Multiply, y, c.like(y, scale));
  if (shift != 0) y = c.binary(BinaryKind::Add, y, c.like(y, shift));
  if (exponent != 1) y = c.binary(BinaryKind::Power, y, c.like(y, exponent));
  return {y};
}

Values eltwise(LayerContext& c) {
  const std::string kind = c.s("operation");
  const auto coefficients = c.floats("coeff");
  constexpr std::pair<std::string_view, BinaryKind> kKinds[] = {
      {"sum", BinaryKind::Add},          {"add", BinaryKind::Add},         {"mul", BinaryKind::Multiply},       {"prod", BinaryKind::Multiply},     {"sub", BinaryKind::Subtract},
      {"max", BinaryKind::Maximum},      {"min", BinaryKind::Minimum},     {"div", BinaryKind::Divide},         {"squared_diff", BinaryKind::SquaredDifference},
      {"floor_mod", BinaryKind::FloorMod}, {"pow", BinaryKind::Power},     {"equal", BinaryKind::Equal},        {"not_equal", BinaryKind::NotEqual}, {"less", BinaryKind::Less},
      {"less_equal", BinaryKind::LessEqual}, {"greater", BinaryKind::Greater}, {"greater_equal", BinaryKind::GreaterEqual}, {"logical_and", BinaryKind::LogicalAnd},
      {"logical_or", BinaryKind::LogicalOr}, {"logical_xor", BinaryKind::LogicalXor}};
  const auto found = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& k) { return k.first == kind; });
  if (found == std::end(kKinds)) c.unsupported("operation '{}'", shown(kind));
  const auto scaled = [&](std::size_t i) {
    const ValueId v = c.in(i);
    const double f = i < coefficients.size() ? coefficients[i] : 1;
    return f == 1 ? v : c.binary(BinaryKind::Multiply, v, c.like(v, f));
  };
  ValueId y = scaled(0);
  for (std::size_t i = 1; i < c.count(); ++i) y = c.binary(found->second, y, scaled(i));
  return {y};
}

Values norm(LayerContext& c) {
  const std::string region = c.s("region", "across");
  const i64 size = c.i(c.given("local-size") ? "local-size" : "local_size");
  c.ignore({"local-size", "local_size"});
  ops::LRN op{c.f("alpha"), c.f("beta"), c.f("k", 1), size};
  if (region == "same") {
    std::vector<i64> axes;
    for (i64 d = 2; d < static_cast<i64>(c.rank(0)); ++d) axes.push_back(d);
    return {c.op(op, {c.in(0), c.i64(axes)})};
  }
  return {c.op(op, {c.in(0), c.i64({1})})};
}

Values normalize(LayerContext& c) {
  const bool across = c.flag("across_spatial", false), shared = c.flag("channel_shared", false);
  const double eps = c.f("eps", 1e-10);
  std::vector<i64> axes{1};
  for (i64 d = 2; across && d < static_cast<i64>(c.rank(0)); ++d) axes.push_back(d);
  const ValueId y = c.op(ops::NormalizeL2{eps, ops::NormalizeL2Mode::add}, {c.in(0), c.i64(axes)});
  if (c.blob("weights") == nullptr) return {y};
  const Tensor weights = weights_blob(c);
  if (shared || weights.size() == 1) return {c.binary(BinaryKind::Multiply, y, c.scalar(weights.type(), element_as_f64(weights, 0)))};
  return {c.binary(BinaryKind::Multiply, y, per_channel(c, weights, c.rank(0)))};
}

Values legacy_mvn(LayerContext& c) {
  const bool across = c.flag("across_channels", false), variance = c.flag("normalize_variance", true);
  std::vector<i64> axes;
  for (i64 d = across ? 1 : 2; d < static_cast<i64>(c.rank(0)); ++d) axes.push_back(d);
  return {c.op(ops::MVN{variance, c.f("eps", 1e-9), ops::EpsMode::outside_sqrt}, {c.in(0), c.i64(axes)})};
}

Values activation(LayerContext& c) {
  const std::string kind = c.s("type");
  constexpr std::pair<std::string_view, UnaryKind> kKinds[] = {{"sigmoid", UnaryKind::Sigmoid}, {"tanh", UnaryKind::Tanh}, {"relu", UnaryKind::Relu}, {"exp", UnaryKind::Exp}, {"elu", UnaryKind::Elu}, {"not", UnaryKind::LogicalNot},
                                                               {"sin", UnaryKind::Sin},         {"sinh", UnaryKind::Sinh}, {"cos", UnaryKind::Cos},   {"cosh", UnaryKind::Cosh}, {"abs", UnaryKind::Abs}};
  const auto found = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& k) { return k.first == kind; });
  if (found == std::end(kKinds)) c.unsupported("type '{}'", shown(kind));
  ops::Unary op = ops::Unary::of(found->second);
  if (found->second == UnaryKind::Elu) op.a = c.f("alpha", 1);
  c.ignore({"alpha"});
  return {c.op(op, {c.in(0)})};
}

template <UnaryKind kind>
Values legacy_unary(LayerContext& c) {
  return {c.op(c.filled(ops::Unary::of(kind)), {c.in(0)})};
}

Values legacy_softmax(LayerContext& c) { return {c.op(ops::Softmax{c.i("axis", 1)}, {c.in(0)})}; }

// A layer's and an image's height and width as vectors.
ValueId height_and_width(LayerContext& c, ValueId v) {
  return c.op(ops::Slice{}, {c.op(ops::ShapeOf{}, {v}), c.i64({2}), c.i64({4}), c.i64({1})});
}

Values legacy_prior_box(LayerContext& c) {
  ops::PriorBox op = *c.filled(ops::PriorBox{}).as<ops::PriorBox>();
  // one distance for both axes, as every writer had it
  if (c.given("step_h") || c.given("step_w")) {
    const double h = c.f("step_h", 0), w = c.f("step_w", 0);
    if (h != w) c.unsupported("different steps for the two axes");
    if (op.step == 0) op.step = h;
  }
  if (c.i("img_size", 0) != 0 || c.i("img_h", 0) != 0 || c.i("img_w", 0) != 0) c.unsupported("an image size as an attribute");
  const ValueId boxes = c.op(op, {height_and_width(c, c.in(0)), height_and_width(c, c.in(1))});
  return {c.op(ops::Unsqueeze{}, {boxes, c.i64({0})})};
}

Values legacy_prior_box_clustered(LayerContext& c) {
  c.ignore({"flip"});
  if (c.i("img_h", 0) != 0 || c.i("img_w", 0) != 0) c.unsupported("an image size as an attribute");
  c.ignore({"img_size"});
  ops::PriorBoxClustered op = *c.filled(ops::PriorBoxClustered{}).as<ops::PriorBoxClustered>();
  const ValueId boxes = c.op(op, {height_and_width(c, c.in(0)), height_and_width(c, c.in(1))});
  return {c.op(ops::Unsqueeze{}, {boxes, c.i64({0})})};
}

Values legacy_detection_output(LayerContext& c) {
  c.ignore({"num_classes", "eta", "visualize", "interp_type", "output_directory", "output_name_prefix", "output_format", "label_map_file", "name_size_file", "num_test_image", "height", "width", "height_scale", "width_scale",
            "prob", "resize_mode", "pad_mode", "pad_value", "save_file"});
  ops::DetectionOutput op = *c.filled(ops::DetectionOutput{}).as<ops::DetectionOutput>();
  // deltas and scores came flat
  return {c.op(op, c.inputs())};
}

Values legacy_const(LayerContext& c) {
  const BlobSpec* blob = c.blob("custom");
  if (blob == nullptr) c.invalid("there is no blob");
  Shape shape;
  if (!c.layer.outputs.empty())
    for (const i64 d : c.layer.outputs[0].dims) {
      if (d < 0) c.invalid("a dimension of {}", d);
      shape.push_back(d);
    }
  const std::string_view precision = !blob->precision.empty() ? blob->precision : !c.layer.outputs.empty() && !c.layer.outputs[0].precision.empty() ? c.layer.outputs[0].precision : c.layer.precision;
  c.ignore({"element_type", "shape"});
  return {c.constant_of(c.constant_at(parse_element(precision.empty() ? "FP32" : precision), shape, blob->offset, blob->size))};
}

Values gemm(LayerContext& c) {
  const double alpha = c.f("alpha", 1), beta = c.f("beta", 1);
  ValueId y = c.op(ops::MatMul{c.flag("transpose_a", false), c.flag("transpose_b", false)}, {c.in(0), c.in(1)});
  if (alpha != 1) y = c.binary(BinaryKind::Multiply, y, c.like(y, alpha));
  if (c.has(2)) y = c.binary(BinaryKind::Add, y, beta == 1 ? c.in(2) : c.binary(BinaryKind::Multiply, c.in(2), c.like(y, beta)));
  return {y};
}

// The places of the largest, as floats, along an axis or of each image as a whole.
Values arg_max(LayerContext& c) {
  const i64 k = c.i("top_k", 1);
  if (c.flag("out_max_val", false)) c.unsupported("out_max_val");
  ValueId x = c.in(0);
  i64 axis = 1;
  if (c.given("axis")) axis = c.i("axis");
  else x = c.reshaped(x, {0, -1}, true);
  const Values top = c.node(ops::TopK{.axis = axis, .mode = ops::TopKMode::max, .sort = ops::TopKSort::value, .index_element_type = ElementType::i32}, {x, c.i64_scalar(k)});
  ValueId y = c.converted(top[1], ElementType::f32);
  if (!c.given("axis")) y = c.reshaped(y, {0, 1, -1}, true);
  return {y};
}

Values legacy_fake_quantize(LayerContext& c) { return {c.op(ops::FakeQuantize{c.i("levels")}, c.inputs())}; }

constexpr Row kLegacyRows[] = {
    {"Activation", 2, activation},
    {"ArgMax", 2, arg_max},
    {"BatchNormalization", 2, batch_normalization},
    {"Clamp", 2, legacy_unary<UnaryKind::Clamp>},
    {"Const", 2, legacy_const},
    {"Convolution", 2, legacy_convolution},
    {"Deconvolution", 2, deconvolution},
    {"DetectionOutput", 2, legacy_detection_output},
    {"ELU", 2, legacy_unary<UnaryKind::Elu>},
    {"Eltwise", 2, eltwise},
    {"Exp", 2, legacy_unary<UnaryKind::Exp>},
    {"FakeQuantize", 2, legacy_fake_quantize},
    {"FullyConnected", 2, fully_connected},
    {"Gemm", 2, gemm},
    {"InnerProduct", 2, fully_connected},
    {"LRN", 2, norm},
    {"MVN", 2, legacy_mvn},
    {"Norm", 2, norm},
    {"Normalize", 2, normalize},
    {"PReLU", 2, legacy_prelu},
    {"Pooling", 2, pooling},
    {"Power", 2, power},
    {"PriorBox", 2, legacy_prior_box},
    {"PriorBoxClustered", 2, legacy_prior_box_clustered},
    {"ReLU", 2, relu},
    {"ScaleShift", 2, scale_shift},
    {"Sigmoid", 2, legacy_unary<UnaryKind::Sigmoid>},
    {"SoftMax", 2, legacy_softmax},
    {"TanH", 2, legacy_unary<UnaryKind::Tanh>},
};

}  // namespace

std::span<const Row> legacy_layer_rows() { return kLegacyRows; }

}  // namespace saccade::openvino
