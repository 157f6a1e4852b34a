// SPDX-License-Identifier: Apache-2.0
// Writes graphs as the Object Detection API's exporters of different years do, after its published Python code: the preprocessor's
// loop, suppression of one image and over a batch, detectors of one and of two stages with tiny networks in between.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "support/tensorflow_writer.h"

namespace saccade::testing::tf {

/// Nodes with names of their own.
class GraphWriter {
 public:
  Strings nodes;

  std::string op(const std::string& type, const Strings& inputs, const Strings& attributes = {}) {
    const std::string name = type + "_" + std::to_string(count_++);
    nodes.push_back(node(name, type, inputs, attributes));
    return name;
  }
  std::string ints(const std::vector<std::int32_t>& values) { return add_constant(tensor({static_cast<std::int64_t>(values.size())}, values)); }
  std::string number(std::int32_t value) { return add_constant(tensor({}, std::vector<std::int32_t>{value})); }
  std::string real(float value) { return add_constant(tensor({}, std::vector<float>{value})); }
  std::string reals(const Ints& shape, const std::vector<float>& values) { return add_constant(tensor(shape, values)); }
  std::string add_constant(const std::string& tensor) {
    const std::string name = "Const_" + std::to_string(count_++);
    nodes.push_back(constant(name, tensor));
    return name;
  }
  /// Element k of a vector.
  std::string at(const std::string& x, std::int32_t k) { return op("StridedSlice", {x, ints({k}), ints({k + 1}), ints({1})}, {attr("shrink_axis_mask", 1)}); }
  std::string size(const std::string& x, std::int32_t axis = 0) { return at(op("Shape", {x}), axis); }
  std::string gather(const std::string& x, const std::string& indices) { return op("GatherV2", {x, indices, number(0)}); }
  std::string range(const std::string& limit) { return op("Range", {number(0), limit, number(1)}); }
  std::string fill(const std::string& count, const std::string& value) { return op("Fill", {op("Reshape", {count, ints({-1})}), value}); }
  std::string cast(const std::string& x, Type from, Type to) { return op("Cast", {x}, {attr("SrcT", from), attr("DstT", to)}); }
  /// Columns of a list as [n,1] each.
  Strings columns(const std::string& x) {
    const std::string split = op("Split", {number(1), x}, {attr("num_split", 4)});
    return {split, split + ":1", split + ":2", split + ":3"};
  }
  std::string joined(const Strings& parts, std::int32_t axis) {
    Strings inputs = parts;
    inputs.push_back(number(axis));
    return op("ConcatV2", inputs, {attr("N", static_cast<int>(parts.size()))});
  }

  // ---- loops of TensorFlow 1

  /// tf.map_fn over the items of the elements; `body` gets them and returns what is stacked. `types` are those of the results.
  Strings map_fn(const Strings& elements, const std::vector<Type>& element_types, const std::vector<Type>& types, const std::function<Strings(const Strings&)>& body) {
    const std::string frame = "frame_" + std::to_string(count_++);
    const auto enter = [&](const std::string& x, bool constant) { return op("Enter", {x}, {attr("frame_name", frame.c_str()), attr("is_constant", constant)}); };
    const std::string n = size(elements[0]);
    Strings arrays, flows, outputs;
    for (std::size_t i = 0; i < elements.size(); ++i) {
      arrays.push_back(op("TensorArrayV3", {n}, {attr("dtype", element_types[i])}));
      flows.push_back(op("TensorArrayScatterV3", {arrays[i], range(size(elements[i])), elements[i], arrays[i] + ":1"}));
    }
    for (const Type type : types) outputs.push_back(op("TensorArrayV3", {n}, {attr("dtype", type)}));
    const std::string condition = frame + "/LoopCond";
    const auto variable = [&](const std::string& initial, const std::string& next) {
      const std::string merge = op("Merge", {enter(initial, false), next});
      const std::string split = op("Switch", {merge, condition});
      return std::pair(merge, split);
    };
    const auto counter = variable(number(0), frame + "/next0"), index = variable(number(0), frame + "/next1");
    const std::string limit = enter(n, true);
    nodes.push_back(node(condition, "LoopCond", {op("LogicalAnd", {op("Less", {counter.first, limit}), op("Less", {index.first, limit})})}));
    const std::string i = op("Identity", {index.second + ":1"});
    nodes.push_back(node(frame + "/next0", "NextIteration", {op("AddV2", {op("Identity", {counter.second + ":1"}), number(1)})}));
    nodes.push_back(node(frame + "/next1", "NextIteration", {op("AddV2", {i, number(1)})}));
    Strings items;
    for (std::size_t k = 0; k < elements.size(); ++k) items.push_back(op("TensorArrayReadV3", {enter(arrays[k], true), i, enter(flows[k], true)}, {attr("dtype", element_types[k])}));
    const Strings values = body(items);
    Strings stacked;
    for (std::size_t k = 0; k < values.size(); ++k) {
      const std::string next = frame + "/flow" + std::to_string(k);
      const auto flow = variable(outputs[k] + ":1", next);
      const std::string write = op("TensorArrayWriteV3", {enter(outputs[k], true), i, values[k], op("Identity", {flow.second + ":1"})});
      nodes.push_back(node(next, "NextIteration", {write}));
      stacked.push_back(op("TensorArrayGatherV3", {outputs[k], range(n), op("Exit", {flow.second})}, {attr("dtype", types[k])}));
    }
    return stacked;
  }

  /// tf.cond of TensorFlow 1 over one value.
  std::string choice(const std::string& condition, const std::string& x, const std::function<std::string(const std::string&)>& yes, const std::function<std::string(const std::string&)>& no) {
    const std::string pivot = op("Identity", {condition});
    const std::string a = yes(op("Switch", {x, pivot}) + ":1"), b = no(op("Switch", {x, pivot}));
    return op("Merge", {b, a});
  }

 private:
  int count_ = 0;
};

/// Years of the exporter: which operators the suppression of one class is made of.
enum class Years { y2017, y2019, y2020 };

struct NmsOptions {
  Years years = Years::y2020;
  int classes = 3, max_per_class = 4, max_total = 5;
  float iou = 0.5f, score = 0.05f;
  bool clip = true, change_frame = true;
  bool boxes_of_classes = false;  // [b,c,4] instead of [b,1,4]
  // What the API never writes, to be left alone.
  float sigma = 0;
  float last_iou = -1;            // of the last class
  bool swapped_classes = false, wrong_window = false, wrong_area = false, padded_with_ones = false, other_field = false;
};

struct NmsLists {
  std::string boxes, scores, classes, field, count;
};

/// multiclass_non_max_suppression of boxes [b,q,4] and scores [b,c], with one further field [b,d].
inline NmsLists multiclass_nms(GraphWriter& w, const std::string& boxes, const std::string& scores, const std::string& field, const std::string& window, const NmsOptions& o) {
  const bool padded = o.years != Years::y2017;
  const std::string rows = w.size(scores);
  const int q = o.boxes_of_classes ? o.classes : 1;
  const std::string each = w.op("Unpack", {boxes}, {attr("axis", 1), attr("num", q)});
  Strings box_lists, score_lists, class_lists, field_lists;
  std::string total = w.number(0);
  for (int c = 0; c < o.classes; ++c) {
    const int read = o.swapped_classes && c < 2 ? 1 - c : c;
    std::string of_class = q == 1 || c == 0 ? each : each + ":" + std::to_string(c), values = w.op("Reshape", {w.op("Slice", {scores, w.ints({0, read}), w.op("Pack", {rows, w.number(1)})}), w.ints({-1})});
    std::string class_field = o.other_field && c == 1 ? w.op("Neg", {field}) : field;
    const std::string iou = w.real(o.last_iou >= 0 && c + 1 == o.classes ? o.last_iou : o.iou);
    std::string kept, kept_scores;
    if (!padded) {
      const std::string high = w.cast(w.op("Reshape", {w.op("Where", {w.op("Greater", {values, w.real(o.score)})}), w.ints({-1})}), kInt64, kInt32);
      of_class = w.gather(of_class, high);
      values = w.gather(values, high);
      class_field = w.gather(class_field, high);
      kept = w.op("NonMaxSuppressionV2", {of_class, values, w.op("Minimum", {w.number(o.max_per_class), w.size(of_class)}), iou});
      kept_scores = w.gather(values, kept);
    } else {
      const std::string most = w.op("Minimum", {w.number(o.max_per_class), w.size(of_class)});
      const bool scored = o.years == Years::y2020;
      Strings inputs{of_class, values, most, iou, w.real(o.score)};
      if (scored) inputs.push_back(w.real(o.sigma));
      const std::string nms = w.op(scored ? "NonMaxSuppressionV5" : "NonMaxSuppressionV3", inputs);
      const std::string count = w.size(nms), missing = w.op("Sub", {most, count});
      kept = w.joined({nms, w.fill(missing, w.number(o.padded_with_ones ? 1 : 0))}, 0);
      const std::string all = scored ? w.joined({nms + ":1", w.fill(missing, w.real(0))}, -1) : w.gather(values, kept);
      kept_scores = w.op("Select", {w.op("Less", {w.range(most), count}), all, w.op("Mul", {w.real(-1), w.fill(most, w.real(1))})});
      total = w.op("AddV2", {total, count});
    }
    box_lists.push_back(w.gather(of_class, kept));
    score_lists.push_back(kept_scores);
    class_lists.push_back(w.op("AddV2", {w.op("ZerosLike", {kept_scores}), w.real(static_cast<float>(c))}));
    field_lists.push_back(w.gather(class_field, kept));
  }
  const auto concatenated = [&](const Strings& lists) { return lists.size() == 1 ? lists[0] : w.joined(lists, 0); };
  NmsLists l{concatenated(box_lists), concatenated(score_lists), concatenated(class_lists), concatenated(field_lists), total};
  const auto gather_all = [&](const std::string& indices) {
    for (std::string* list : {&l.boxes, &l.scores, &l.classes, &l.field}) *list = w.gather(*list, indices);
  };
  const auto sort = [&] { gather_all(w.op("TopKV2", {l.scores, w.size(l.boxes)}) + ":1"); };
  const auto area = [&](const std::string& list) {
    const Strings c = w.columns(list);
    return w.op("Squeeze", {w.op("Mul", {w.op("Sub", {c[2], c[0]}), w.op("Sub", {c[3], c[1]})})}, {attr("squeeze_dims", Ints{1})});
  };
  sort();
  if (o.clip) {
    const std::string split_window = o.years == Years::y2019 ? w.op("Unpack", {window}, {attr("num", 4)}) : "";
    const auto side = [&](int k) { return split_window.empty() ? w.at(window, k) : k == 0 ? split_window : split_window + ":" + std::to_string(k); };
    const Strings c = w.columns(l.boxes);
    Strings cut;
    for (int k = 0; k < 4; ++k) cut.push_back(w.op("Maximum", {w.op("Minimum", {c[static_cast<std::size_t>(k)], side(o.wrong_window ? 3 - k % 2 : 2 + k % 2)}), side(k % 2)}));
    const std::string unclipped = l.boxes;
    l.boxes = w.joined(cut, 1);
    const std::string areas = area(o.wrong_area ? unclipped : l.boxes);
    gather_all(w.cast(w.op("Reshape", {w.op("Where", {w.op("Greater", {areas, w.real(0)})}), w.ints({-1})}), kInt64, kInt32));
    if (padded) {
      l.scores = w.op("Select", {w.cast(area(l.boxes), kFloat, kBool), l.scores, w.op("Mul", {w.real(-1), w.fill(w.size(l.boxes), w.real(1))})});
      l.count = w.op("Sum", {w.cast(w.op("GreaterEqual", {l.scores, w.real(0)}), kBool, kInt32), w.ints({0})});
      sort();
    }
    if (o.change_frame) {
      const std::string shifted = w.op("Sub", {l.boxes, w.op("Pack", {w.at(window, 0), w.at(window, 1), w.at(window, 0), w.at(window, 1)})});
      const auto scale = [&](int k) { return w.op("RealDiv", {w.real(1), w.op("Sub", {w.at(window, 2 + k), w.at(window, k)})}); };
      const std::string high = scale(0), wide = scale(1);
      const Strings s = w.columns(shifted);
      l.boxes = w.joined({w.op("Mul", {high, s[0]}), w.op("Mul", {wide, s[1]}), w.op("Mul", {high, s[2]}), w.op("Mul", {wide, s[3]})}, 1);
    }
  }
  const std::string most = w.op("Minimum", {w.number(o.max_total), w.size(l.boxes)});
  gather_all(w.range(most));
  if (padded) {
    l.count = w.op("Select", {w.op("Greater", {most, l.count}), l.count, most});
    gather_all(w.range(l.count));
  } else {
    l.count = w.size(l.boxes);
  }
  return l;
}

/// pad_or_clip_box_list: a list [n, trailing…] with exactly `most` entries.
inline std::string pad_or_clip(GraphWriter& w, const std::string& list, int most, const std::vector<int>& trailing, Years years) {
  if (years == Years::y2017)
    return w.choice(
        w.op("Greater", {w.size(list), w.number(most)}), list, [&](const std::string& x) { return w.gather(x, w.range(w.number(most))); },
        [&](const std::string& x) {
          Strings dims{w.op("Sub", {w.number(most), w.size(x)})};
          for (const int d : trailing) dims.push_back(w.number(d));
          return w.joined({x, w.op("Fill", {w.op("Pack", dims), w.real(0)})}, 0);
        });
  std::vector<int> sizes{most};
  sizes.insert(sizes.end(), trailing.begin(), trailing.end());
  Strings cut, missing;
  for (std::size_t d = 0; d < sizes.size(); ++d)
    cut.push_back(w.op("Select", {w.op("Greater", {w.op("Sub", {w.size(list, static_cast<int>(d)), w.number(sizes[d])}), w.number(0)}), w.number(sizes[d]), w.number(-1)}));
  const std::string zeros = w.fill(w.number(static_cast<int>(sizes.size())), w.number(0));
  const std::string slice = w.op("Slice", {list, zeros, w.op("Pack", cut)});
  for (std::size_t d = 0; d < sizes.size(); ++d) missing.push_back(w.op("Sub", {w.number(sizes[d]), w.size(slice, static_cast<int>(d))}));
  return w.op("Pad", {slice, w.op("Pack", {zeros, w.op("Pack", missing)}, {attr("axis", 1)})});
}

struct Batch {
  std::string boxes, scores, window, valid, field;  // [n,b,q,4] [n,b,c] [n,4] [n] [n,b,d]
  int field_size = 1;
  int unrolled = 0;  // images, where the graph has no loop
  bool constant_window = false;
};

/// batch_multiclass_non_max_suppression: [n,m,4], [n,m], [n,m], [n,m,d], [n].
inline NmsLists batch_nms(GraphWriter& w, const Batch& b, const NmsOptions& o) {
  const int q = o.boxes_of_classes ? o.classes : 1;
  const auto one_image = [&](const Strings& items) {
    const auto valid_part = [&](const std::string& x, std::vector<std::int32_t> shape) {
      std::vector<std::int32_t> begin(shape.size(), 0);
      Strings sizes{items[4]};
      for (std::size_t d = 1; d < shape.size(); ++d) sizes.push_back(w.number(-1));
      return w.op("Reshape", {w.op("Slice", {x, w.ints(begin), w.op("Pack", sizes)}), w.ints(shape)});
    };
    const std::string window = b.constant_window ? w.reals({4}, {0, 0, 1, 1}) : items[3];
    const NmsLists l = multiclass_nms(w, valid_part(items[0], {-1, q, 4}), valid_part(items[1], {-1, o.classes}), valid_part(items[2], {-1, b.field_size}), window, o);
    return Strings{pad_or_clip(w, l.boxes, o.max_total, {4}, o.years), pad_or_clip(w, l.scores, o.max_total, {}, o.years), pad_or_clip(w, l.classes, o.max_total, {}, o.years),
                   pad_or_clip(w, l.field, o.max_total, {b.field_size}, o.years), l.count};
  };
  const Strings elements{b.boxes, b.scores, b.field, b.window, b.valid};
  Strings stacked;
  if (b.unrolled == 0) {
    stacked = w.map_fn(elements, {kFloat, kFloat, kFloat, kFloat, kInt32}, {kFloat, kFloat, kFloat, kFloat, kInt32}, one_image);
  } else {
    std::vector<Strings> images;
    Strings unpacked;
    for (const auto& e : elements) unpacked.push_back(w.op("Unpack", {e}, {attr("num", b.unrolled)}));
    for (int i = 0; i < b.unrolled; ++i) {
      Strings items;
      for (const auto& u : unpacked) items.push_back(i == 0 ? u : u + ":" + std::to_string(i));
      images.push_back(one_image(items));
    }
    for (std::size_t k = 0; k < 5; ++k) {
      Strings parts;
      for (const auto& image : images) parts.push_back(image[k]);
      stacked.push_back(w.op("Pack", parts));
    }
  }
  return {stacked[0], stacked[1], stacked[2], stacked[3], stacked[4]};
}

enum class Resizer { fixed, keep_aspect, keep_aspect_padded };

struct Preprocessed {
  std::string images, shapes;  // [n,h,w,3], i32 [n,3]
};

/// The Preprocessor of f32 [n,h,w,3]; normalised before the loop or behind it.
inline Preprocessed preprocess(GraphWriter& w, std::string x, Resizer resizer, bool normalise_first) {
  const auto normalised = [&](const std::string& v) { return w.op("Sub", {w.op("Mul", {w.real(2.0f / 255), v}), w.real(1)}); };
  if (normalise_first) x = normalised(x);
  const auto resized = [&](const std::string& image, const std::string& size) {
    return w.op("Squeeze", {w.op("ResizeBilinear", {w.op("ExpandDims", {image, w.number(0)}), size})}, {attr("squeeze_dims", Ints{0})});
  };
  // the larger scale of which neither side passes its limit
  const auto scaled = [&](const std::string& image, const std::string& limits) {
    const std::string scale = w.op("Minimum", {w.op("RealDiv", {w.cast(w.at(limits, 0), kInt32, kFloat), w.cast(w.size(image, 0), kInt32, kFloat)}),
                                               w.op("RealDiv", {w.cast(w.at(limits, 1), kInt32, kFloat), w.cast(w.size(image, 1), kInt32, kFloat)})});
    const auto side = [&](int d) { return w.cast(w.op("Round", {w.op("Mul", {scale, w.cast(w.size(image, d), kInt32, kFloat)})}), kFloat, kInt32); };
    return resized(image, w.op("Pack", {side(0), side(1)}));
  };
  const Strings out = w.map_fn({x}, {kFloat}, {kFloat, kInt32}, [&](const Strings& items) -> Strings {
    if (resizer == Resizer::fixed) return {resized(items[0], w.ints({8, 8})), w.ints({8, 8, 3})};
    const std::string image = w.choice(
        w.op("Less", {w.size(items[0], 0), w.size(items[0], 1)}), items[0], [&](const std::string& i) { return scaled(i, w.ints({8, 12})); },
        [&](const std::string& i) { return scaled(i, w.ints({12, 8})); });
    const std::string shape = w.op("Shape", {image});
    if (resizer == Resizer::keep_aspect) return {image, shape};
    const auto missing = [&](int d) { return w.op("Sub", {w.number(12), w.size(image, d)}); };
    const std::string zeros = w.ints({0, 0, 0});
    return {w.op("Pad", {image, w.op("Pack", {zeros, w.op("Pack", {missing(0), missing(1), w.number(0)})}, {attr("axis", 1)})}), shape};
  });
  return {normalise_first ? out[0] : normalised(out[0]), out[1]};
}

}  // namespace saccade::testing::tf
