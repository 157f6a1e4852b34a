// SPDX-License-Identifier: Apache-2.0
// Detectors of the Object Detection API, of every family and year as far as these differ in structure: recognised, and the same
// results as their loops give; and what only looks like one is left alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <cmath>

#include "import/tensorflow/build.h"
#include "import/tensorflow/cut.h"
#include "import/tensorflow/pipeline_config.h"
#include "import/tensorflow/structure.h"
#include "import/tensorflow/tensorflow_test.h"
#include "ops/multiclass_nms.h"
#include "support/detection_writer.h"

namespace saccade::tensorflow {
namespace {

using namespace ::testing;

int count(const graph::Graph& g, std::string_view op) {
  int n = 0;
  for (const auto id : g.order()) n += g[id].op.name() == op;
  return n;
}

// The graph with its loops, as it is without any pattern.
std::shared_ptr<graph::Graph> literal(const std::string& bytes, const Strings& outputs) {
  const auto copy = std::make_shared<std::string>(bytes);  // which the constants view
  const GraphDef file = parse_graph({copy->data(), copy->size()});
  Library library(file, copy);
  const NetworkPtr network = library.main();
  choose_outputs(*network, outputs);
  structure_control_flow(*network);
  library.expand(*network);
  return Builder(nullptr).build(*network);
}

// Numbers in [0, 1) that look random.
Tensor noise(const Shape& shape, std::uint32_t seed, float scale = 1) {
  Tensor t(ElementType::f32, shape);
  std::uint32_t state = seed * 2654435761u + 1;
  for (float& v : t.values<float>()) {
    state = state * 1664525u + 1013904223u;
    v = static_cast<float>(state >> 8) / (1 << 24) * scale;
  }
  return t;
}

void expect_same(const std::map<std::string, Tensor>& a, const std::map<std::string, Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, x] : a) {
    const Tensor& y = b.at(name);
    ASSERT_EQ(to_string(x.shape()), to_string(y.shape())) << name;
    const auto p = to_f64(x), q = to_f64(y);
    for (std::size_t i = 0; i < p.size(); ++i) ASSERT_NEAR(p[i], q[i], 1e-5 * std::max(1.0, std::fabs(p[i]))) << name << " " << i;
  }
}

// ---- the suppression by itself

struct NmsFile {
  std::string bytes;
  Strings outputs;
};

constexpr int kBoxes = 30, kField = 4;

NmsFile nms_file(const NmsOptions& o, Batch b = {}) {
  GraphWriter w;
  const int q = o.boxes_of_classes ? o.classes : 1;
  w.nodes = {placeholder("boxes", kFloat, {-1, kBoxes, q, 4}), placeholder("scores", kFloat, {-1, kBoxes, o.classes}), placeholder("window", kFloat, {-1, 4}),
             placeholder("valid", kInt32, {-1}), placeholder("field", kFloat, {-1, kBoxes, kField})};
  b.boxes = "boxes", b.scores = "scores", b.window = "window", b.valid = "valid", b.field = "field", b.field_size = kField;
  const NmsLists l = batch_nms(w, b, o);
  const std::pair<const char*, std::string> results[] = {{"b", l.boxes}, {"s", l.scores}, {"c", l.classes}, {"f", l.field}, {"n", l.count}};
  NmsFile file;
  for (const auto& [name, value] : results) {
    w.nodes.push_back(node(name, "Identity", {value}));
    file.outputs.push_back(name);
  }
  file.bytes = graph_def(w.nodes);
  return file;
}

std::vector<Tensor> nms_inputs(const graph::Graph& g, const NmsOptions& o, std::int64_t images) {
  const std::int64_t q = o.boxes_of_classes ? o.classes : 1;
  Tensor boxes = noise({images, kBoxes, q, 4}, 1, 1.2f);
  for (std::int64_t i = 0; i < boxes.size(); i += 4)
    for (int k = 0; k < 2; ++k) boxes.data<float>()[i + 2 + k] = boxes.data<float>()[i + k] - 0.1f + 0.4f * boxes.data<float>()[i + 2 + k];
  Tensor scores = noise({images, kBoxes, o.classes}, 2);
  for (std::int64_t i = 0; i < scores.size(); ++i) scores.data<float>()[i] = std::floor(scores.data<float>()[i] * 20) / 20;  // ties
  Tensor window(ElementType::f32, {images, 4});
  for (std::int64_t i = 0; i < images; ++i) {
    const float values[] = {0, 0.1f, 0.9f - 0.1f * static_cast<float>(i), 1};
    std::copy_n(values, 4, window.data<float>() + 4 * i);
  }
  Tensor valid(ElementType::i32, {images});
  for (std::int64_t i = 0; i < images; ++i) valid.data<std::int32_t>()[i] = kBoxes - 7 * static_cast<std::int32_t>(i);
  std::vector<Tensor> inputs;
  for (const auto v : g.inputs()) {
    const std::string& name = g[v].name;
    inputs.push_back(name == "boxes" ? boxes : name == "scores" ? scores : name == "window" ? window : name == "valid" ? valid : noise({images, kBoxes, kField}, 3));
  }
  return inputs;
}

void expect_recognised(const NmsOptions& o, const Batch& b = {}) {
  const NmsFile file = nms_file(o, b);
  import::ReadOptions options;
  options.outputs = file.outputs;
  const auto fused = read(file.bytes, options);
  EXPECT_EQ(count(*fused, "MulticlassNms"), 1);
  EXPECT_EQ(count(*fused, "Loop") + count(*fused, "NonMaxSuppression") + count(*fused, "If"), 0);
  const auto loops = literal(file.bytes, file.outputs);
  EXPECT_EQ(count(*loops, "MulticlassNms"), 0);
  const std::int64_t images = b.unrolled > 0 ? b.unrolled : 2;
  expect_same(run(*loops, nms_inputs(*loops, o, images)), run(*fused, nms_inputs(*fused, o, images)));
}

TEST(TensorFlowNms, EveryYear) {
  for (const Years years : {Years::y2017, Years::y2019, Years::y2020}) {
    SCOPED_TRACE(static_cast<int>(years));
    NmsOptions o;
    o.years = years;
    expect_recognised(o);
    o.change_frame = false;
    expect_recognised(o);
    o.clip = false;
    expect_recognised(o);
  }
}

TEST(TensorFlowNms, SharedAndOwnBoxes) {
  NmsOptions o;
  o.boxes_of_classes = true;
  expect_recognised(o);
  o.years = Years::y2019;
  expect_recognised(o);
}

TEST(TensorFlowNms, OneClassAsInARegionProposalNetwork) {
  for (const Years years : {Years::y2017, Years::y2019, Years::y2020}) {
    NmsOptions o;
    o.years = years;
    o.classes = 1;
    o.score = 0;
    o.max_per_class = o.max_total = 12;
    expect_recognised(o);
  }
}

TEST(TensorFlowNms, UnrolledImages) {
  for (const int images : {1, 2})
    for (const Years years : {Years::y2019, Years::y2020}) {
      NmsOptions o;
      o.years = years;
      Batch b;
      b.unrolled = images;
      expect_recognised(o, b);
    }
}

TEST(TensorFlowNms, OneWindowForAllImages) {
  Batch b;
  b.constant_window = true;
  expect_recognised({}, b);
  b.unrolled = 1;
  expect_recognised({}, b);
}

TEST(TensorFlowNms, ManyMoreThanTheResultHolds) {
  NmsOptions o;
  o.max_per_class = 100;
  o.max_total = 60;
  o.iou = 0.9f;
  expect_recognised(o);
  o.max_total = 7;
  expect_recognised(o);
}

TEST(TensorFlowNms, WhatIsReadFromTheGraph) {
  NmsOptions o;
  o.years = Years::y2019;
  const auto g = read(nms_file(o).bytes, {.outputs = {"b", "n"}});
  for (const auto id : g->order())
    if (const auto* nms = (*g)[id].op.as<ops::MulticlassNms>()) {
      EXPECT_FLOAT_EQ(static_cast<float>(nms->iou_threshold), 0.5f);
      EXPECT_FLOAT_EQ(static_cast<float>(nms->score_threshold), 0.05f);
      EXPECT_EQ(nms->max_per_class, 4);
      EXPECT_EQ(nms->max_total, 5);
      EXPECT_TRUE(nms->change_coordinate_frame);
    }
}

TEST(TensorFlowNms, WhatOnlyLooksLikeItStays) {
  const std::function<void(NmsOptions&)> changes[] = {
      [](NmsOptions& o) { o.sigma = 0.5f; },           [](NmsOptions& o) { o.last_iou = 0.3f; },  [](NmsOptions& o) { o.swapped_classes = true; },
      [](NmsOptions& o) { o.wrong_window = true; },    [](NmsOptions& o) { o.wrong_area = true; }, [](NmsOptions& o) { o.padded_with_ones = true; },
      [](NmsOptions& o) { o.other_field = true; },     [](NmsOptions& o) { o.score = -1; },
  };
  for (std::size_t i = 0; i < std::size(changes); ++i) {
    SCOPED_TRACE(i);
    NmsOptions o;
    changes[i](o);
    const NmsFile file = nms_file(o);
    import::ReadOptions options;
    options.outputs = file.outputs;
    const auto g = read(file.bytes, options);
    EXPECT_EQ(count(*g, "MulticlassNms"), 0);
    const auto loops = literal(file.bytes, file.outputs);
    expect_same(run(*loops, nms_inputs(*loops, o, 2)), run(*g, nms_inputs(*g, o, 2)));
  }
}

// ---- whole detectors

struct Family {
  const char* name;
  Years years = Years::y2020;
  Resizer resizer = Resizer::fixed;
  bool normalise_first = false;
  int levels = 1;          // feature maps with predictors of their own
  bool squeeze = true;     // [n,b,1,4] is squeezed after the concatenation
  bool softmax = false;
  bool two_stages = false, masks = false, atrous = false, quantised = false;
  int unrolled = 0;
};

std::ostream& operator<<(std::ostream& out, const Family& f) { return out << f.name; }

class Detector {
 public:
  explicit Detector(const Family& f) : f_(f) {
    w_.nodes = {placeholder("image_tensor", kUint8, {f.unrolled > 0 ? f.unrolled : -1, -1, -1, 3})};
    const Preprocessed p = preprocess(w_, w_.cast("image_tensor", kUint8, kFloat), f.resizer, f.normalise_first);
    std::string features = conv(p.images, 3, 6, 2, 11);
    if (f.quantised) features = w_.op("FakeQuantWithMinMaxVars", {features, w_.real(0), w_.real(6)});
    if (f.atrous) {
      const std::string blocks = w_.op("SpaceToBatchND", {features, w_.ints({2, 2}), w_.add_constant(tensor({2, 2}, std::vector<std::int32_t>{2, 2, 2, 2}))});
      features = w_.op("BatchToSpaceND", {w_.op("Conv2D", {blocks, weights({3, 3, 6, 6}, 12), }, {attr("strides", Ints{1, 1, 1, 1}), attr("padding", "VALID")}), w_.ints({2, 2}),
                                          w_.add_constant(tensor({2, 2}, std::vector<std::int32_t>{0, 0, 0, 0}))});
    }
    const int classes = f.two_stages ? 1 : 3;
    Strings boxes, scores;
    for (int level = 0; level < f.levels; ++level) {
      const std::string n = w_.size(features);
      boxes.push_back(w_.op("Reshape", {conv(features, 6, 8, 1, 13 + level), w_.op("Pack", {n, w_.number(-1), w_.number(1), w_.number(4)})}));
      scores.push_back(w_.op("Reshape", {conv(features, 6, 2 * (classes + 1), 1, 23 + level, false), w_.op("Pack", {n, w_.number(-1), w_.number(classes + 1)})}));
      if (level + 1 < f.levels) features = conv(features, 6, 6, 2, 33 + level);
    }
    std::string all_boxes = f.levels == 1 ? boxes[0] : w_.joined(boxes, 1);
    const std::string logits = f.levels == 1 ? scores[0] : w_.joined(scores, 1);
    if (f.squeeze) all_boxes = w_.op("ExpandDims", {w_.op("Squeeze", {all_boxes}, {attr("squeeze_dims", Ints{2})}), w_.number(2)});
    all_boxes = w_.op("Mul", {w_.real(0.3f), all_boxes});
    const std::string probabilities = w_.op(f.softmax || f.two_stages ? "Softmax" : "Sigmoid", {logits});
    Batch b;
    b.boxes = all_boxes;
    b.scores = w_.op("Slice", {probabilities, w_.ints({0, 0, 1}), w_.ints({-1, -1, -1})});
    b.field = probabilities;
    b.field_size = classes + 1;
    b.window = window(p.shapes);
    b.unrolled = f.unrolled;
    // as many boxes as there are, for each image
    b.valid = w_.op("Mul", {w_.op("Fill", {w_.op("Pack", {w_.size(b.boxes)}), w_.number(1)}), w_.size(b.boxes, 1)});
    NmsOptions o;
    o.years = f.years;
    o.classes = classes;
    NmsLists l = batch_nms(w_, b, o);
    if (f.two_stages) l = second_stage(features, l, p);
    result("detection_boxes", l.boxes);
    result("detection_scores", l.scores);
    result("detection_classes", w_.op("AddV2", {l.classes, w_.real(1)}));
    result("num_detections", w_.cast(l.count, kInt32, kFloat));
    result("detection_multiclass_scores", l.field);
    bytes = graph_def(w_.nodes);
  }

  std::string bytes;
  Strings outputs;

 private:
  void result(const std::string& name, const std::string& value) {
    w_.nodes.push_back(node(name, "Identity", {value}));
    outputs.push_back(name);
  }
  std::string weights(const Ints& shape, int seed) {
    Tensor t = noise(shape, static_cast<std::uint32_t>(seed), 1);
    std::vector<float> values(t.data<float>(), t.data<float>() + t.size());
    for (float& v : values) v -= 0.4f;
    return w_.reals(shape, values);
  }
  std::string conv(const std::string& x, int in, int out, int stride, int seed, bool relu = true) {
    const std::string y = w_.op("BiasAdd", {w_.op("Conv2D", {x, weights({3, 3, in, out}, seed)}, {attr("strides", Ints{1, stride, stride, 1}), attr("padding", "SAME")}), weights({out}, seed + 1)});
    return relu ? w_.op("Relu6", {y}) : y;
  }
  // [0, 0, h/8, w/8] of the true shapes
  std::string window(const std::string& shapes) {
    const std::string sides = w_.op("Unpack", {w_.cast(shapes, kInt32, kFloat)}, {attr("axis", 1), attr("num", 3)});
    const std::string zeros = w_.op("ZerosLike", {sides});
    return w_.op("Pack", {zeros, zeros, w_.op("RealDiv", {sides, w_.real(8)}), w_.op("RealDiv", {sides + ":1", w_.real(8)})}, {attr("axis", 1)});
  }
  // Proposals in pixels and back, crops, boxes of each class, the second suppression, perhaps masks.
  NmsLists second_stage(const std::string& features, const NmsLists& proposals, const Preprocessed& p) {
    const auto scaled = [&](const std::string& boxes, bool to_pixels) {
      return w_.map_fn({boxes, p.shapes}, {kFloat, kInt32}, {kFloat}, [&](const Strings& items) -> Strings {
        const auto side = [&](int d) {
          const std::string size = w_.cast(w_.at(items[1], d), kInt32, kFloat);
          return to_pixels ? size : w_.op("RealDiv", {w_.real(1), size});
        };
        const std::string high = side(0), wide = side(1);
        const Strings c = w_.columns(items[0]);
        return {w_.joined({w_.op("Mul", {high, c[0]}), w_.op("Mul", {wide, c[1]}), w_.op("Mul", {high, c[2]}), w_.op("Mul", {wide, c[3]})}, 1)};
      })[0];
    };
    const std::string boxes = scaled(scaled(proposals.boxes, true), false);
    const auto crops = [&](const std::string& of) {
      const std::string n = w_.size(of), m = w_.size(of, 1);
      const std::string ones = w_.op("Fill", {w_.op("Pack", {n, m}), w_.number(1)});
      const std::string images = w_.op("Mul", {ones, w_.op("ExpandDims", {w_.range(n), w_.number(1)})});
      return w_.op("CropAndResize", {features, w_.op("Reshape", {of, w_.ints({-1, 4})}), w_.op("Reshape", {images, w_.ints({-1})}), w_.ints({4, 4})});
    };
    const std::string pooled = w_.op("MaxPool", {crops(boxes)}, {attr("ksize", Ints{1, 2, 2, 1}), attr("strides", Ints{1, 2, 2, 1}), attr("padding", "VALID")});
    const std::string flat = w_.op("Mean", {pooled, w_.ints({1, 2})});
    const int classes = 3, each = 5;
    const auto predicted = [&](int size, int seed) { return w_.op("MatMul", {flat, weights({6, size}, seed)}); };
    Batch b;
    b.boxes = w_.op("AddV2", {w_.op("Reshape", {predicted(classes * 4, 51), w_.ints({-1, each, classes, 4})}), w_.op("ExpandDims", {boxes, w_.number(2)})});
    const std::string scores = w_.op("Reshape", {w_.op("Softmax", {predicted(classes + 1, 52)}), w_.ints({-1, each, classes + 1})});
    b.scores = w_.op("Slice", {scores, w_.ints({0, 0, 1}), w_.ints({-1, -1, -1})});
    b.field = scores;
    b.field_size = classes + 1;
    b.window = window(p.shapes);
    b.valid = proposals.count;
    b.unrolled = f_.unrolled;
    NmsOptions o;
    o.years = f_.years;
    o.boxes_of_classes = true;
    const NmsLists l = batch_nms(w_, b, o);
    if (f_.masks) {
      const std::string masks = w_.op("Sigmoid", {conv(crops(l.boxes), 6, 1, 1, 61, false)});
      result("detection_masks", w_.op("Reshape", {masks, w_.ints({-1, 5, 4, 4})}));
    }
    return l;
  }

  Family f_;
  GraphWriter w_;
};

class Families : public TestWithParam<Family> {};

TEST_P(Families, AreRecognised) {
  const Family f = GetParam();
  const Detector d(f);
  import::ReadOptions options;
  options.outputs = d.outputs;
  const auto fused = read(d.bytes, options);
  EXPECT_EQ(count(*fused, "MulticlassNms"), f.two_stages ? 2 : 1);
  EXPECT_EQ(count(*fused, "Loop") + count(*fused, "NonMaxSuppression"), 0);
  // which side is shorter decides, where a graph asks that
  EXPECT_EQ(count(*fused, "If"), f.resizer == Resizer::fixed ? 0 : 1);
  if (f.resizer == Resizer::fixed) {
    EXPECT_EQ(count(*fused, "Resize"), 1);
  }
  if (f.quantised) {
    EXPECT_EQ(count(*fused, "FakeQuantize"), 1);
  }
  for (std::size_t i = 0; i < d.outputs.size(); ++i) EXPECT_EQ(fused->outputs()[i].name, d.outputs[i]);

  const auto loops = literal(d.bytes, d.outputs);
  EXPECT_GE(count(*loops, "Loop"), f.unrolled > 0 ? 1 : 2);
  for (const Shape& size : {Shape{10, 14}, Shape{15, 9}}) {
    const std::int64_t images = f.unrolled > 0 ? f.unrolled : 2;
    Tensor picture(ElementType::u8, {images, size[0], size[1], 3});
    const Tensor random = noise(picture.shape(), 7, 255);
    for (std::int64_t i = 0; i < picture.size(); ++i) picture.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(random.data<float>()[i]);
    expect_same(run(*loops, {picture}), run(*fused, {picture}));
  }
}

constexpr Years k17 = Years::y2017, k19 = Years::y2019, k20 = Years::y2020;
INSTANTIATE_TEST_SUITE_P(
    ObjectDetection, Families,
    Values(Family{.name = "ssd_mobilenet_v1_2017", .years = k17, .levels = 2}, Family{.name = "ssd_mobilenet_v1_2018", .years = k19, .levels = 2},
           Family{.name = "ssd_mobilenet_v1_2020", .years = k20, .normalise_first = true, .levels = 2}, Family{.name = "ssd_mobilenet_v1_075_depth", .years = k19, .levels = 2},
           Family{.name = "ssd_mobilenet_v1_quantized", .years = k19, .levels = 2, .quantised = true}, Family{.name = "ssd_mobilenet_v2_2018", .years = k19, .levels = 3},
           Family{.name = "ssd_mobilenet_v2_2020", .years = k20, .normalise_first = true, .levels = 3}, Family{.name = "ssd_inception_v2_2017", .years = k17, .levels = 2},
           Family{.name = "ssd_inception_v2_2018", .years = k19, .levels = 2}, Family{.name = "ssdlite_mobilenet_v2", .years = k19, .levels = 2},
           Family{.name = "ssd_mobilenet_v1_ppn", .years = k19, .squeeze = false}, Family{.name = "ssd_mobilenet_v1_fpn", .years = k19, .normalise_first = true, .levels = 3, .squeeze = false},
           Family{.name = "ssd_resnet_50_fpn_2018", .years = k19, .normalise_first = true, .levels = 3, .squeeze = false},
           Family{.name = "ssd_resnet_50_fpn_2020", .years = k20, .normalise_first = true, .levels = 3, .squeeze = false},
           Family{.name = "ssd_mobilenet_v2_tf2", .years = k20, .normalise_first = true, .levels = 2, .unrolled = 1},
           Family{.name = "ssd_resnet_fpn_tf2", .years = k20, .normalise_first = true, .levels = 3, .squeeze = false, .unrolled = 1},
           Family{.name = "ssd_keep_aspect_padded", .years = k20, .resizer = Resizer::keep_aspect_padded, .softmax = true},
           Family{.name = "faster_rcnn_inception_v2_2017", .years = k17, .resizer = Resizer::keep_aspect, .two_stages = true},
           Family{.name = "faster_rcnn_inception_v2_2018", .years = k19, .resizer = Resizer::keep_aspect, .two_stages = true},
           Family{.name = "faster_rcnn_resnet_50_2020", .years = k20, .resizer = Resizer::keep_aspect, .two_stages = true},
           Family{.name = "faster_rcnn_resnet_101_2018", .years = k19, .resizer = Resizer::keep_aspect, .two_stages = true},
           Family{.name = "faster_rcnn_inception_resnet_v2_atrous", .years = k19, .resizer = Resizer::keep_aspect, .two_stages = true, .atrous = true},
           Family{.name = "faster_rcnn_tf2", .years = k20, .resizer = Resizer::keep_aspect_padded, .two_stages = true, .unrolled = 1},
           Family{.name = "mask_rcnn_inception_v2_2018", .years = k19, .resizer = Resizer::keep_aspect, .two_stages = true, .masks = true},
           Family{.name = "mask_rcnn_inception_v2_2020", .years = k20, .resizer = Resizer::keep_aspect, .two_stages = true, .masks = true},
           Family{.name = "mask_rcnn_resnet_101_atrous_2018", .years = k19, .resizer = Resizer::keep_aspect, .two_stages = true, .masks = true, .atrous = true},
           Family{.name = "mask_rcnn_inception_resnet_v2_atrous_2020", .years = k20, .resizer = Resizer::keep_aspect, .two_stages = true, .masks = true, .atrous = true}),
    [](const auto& info) { return std::string(info.param.name); });

// ---- pipeline.config

std::string config(const std::string& resizer, int classes, float iou, int most) {
  return fmt::format("model {{ ssd {{ num_classes: {} image_resizer {{ {} }} post_processing {{ batch_non_max_suppression {{ score_threshold: 0.05 iou_threshold: {} "
                     "max_detections_per_class: 4 max_total_detections: {} }} }} }} }}",
                     classes, resizer, iou, most);
}

TEST(TensorFlowPipelineConfig, AgreesOrSaysWhereItDoesNot) {
  const Detector d({.name = "ssd", .years = k19});
  const auto g = read(d.bytes, {.outputs = d.outputs});
  const PipelineCheck good = check_pipeline_config(*g, config("fixed_shape_resizer { height: 8 width: 8 }", 3, 0.5f, 5));
  EXPECT_THAT(good.differences, IsEmpty());
  EXPECT_THAT(good.agreed, ElementsAre("fixed_shape_resizer 8x8", "num_classes 3", "score_threshold 0.05", "iou_threshold 0.5", "max_detections_per_class 4", "max_total_detections 5"));
  const PipelineCheck bad = check_pipeline_config(*g, config("fixed_shape_resizer { height: 300 width: 8 }", 90, 0.6f, 5));
  EXPECT_THAT(bad.differences, ElementsAre("fixed_shape_resizer is 300x8 (height, width), the graph has 8x8", "num_classes is 90, the graph has 3", "iou_threshold is 0.6, the graph has 0.5"));
  EXPECT_THAT(message([&] { check_pipeline_config(*g, "layer { name: 'conv1' }"); }), HasSubstr("not a pipeline.config"));
}

TEST(TensorFlowPipelineConfig, TwoStages) {
  const Detector d({.name = "faster", .years = k20, .resizer = Resizer::keep_aspect, .two_stages = true});
  const auto g = read(d.bytes, {.outputs = d.outputs});
  const PipelineCheck check = check_pipeline_config(
      *g, "model { faster_rcnn { num_classes: 3 first_stage_nms_score_threshold: 0.05 first_stage_nms_iou_threshold: 0.7 first_stage_max_proposals: 5 second_stage_post_processing { "
          "batch_non_max_suppression { score_threshold: 0.05 iou_threshold: 0.5 max_detections_per_class: 4 max_total_detections: 5 } } } }");
  EXPECT_THAT(check.differences, ElementsAre("first_stage_nms_iou_threshold is 0.7, the graph has 0.5"));
  const PipelineCheck other = check_pipeline_config(*g, "model { ssd { num_classes: 3 } }");
  EXPECT_THAT(other.differences, ElementsAre(HasSubstr("2 suppressions")));
}

}  // namespace
}  // namespace saccade::tensorflow
