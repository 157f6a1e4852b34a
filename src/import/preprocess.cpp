// SPDX-License-Identifier: Apache-2.0
// Nodes put between an input and what uses it.
#include "import/preprocess.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "base/error.h"
#include "base/nearest.h"
#include "graph/edit.h"
#include "ops/convert.h"
#include "ops/elementwise.h"
#include "ops/gather.h"
#include "ops/resize.h"
#include "ops/transpose.h"
#include "tensor/numeric.h"

namespace saccade::import {
namespace {

using graph::Dimension;
using graph::Edit;
using graph::Graph;
using graph::PartialShape;
using graph::ValueId;
using ops::Binary;
using ops::BinaryKind;

constexpr std::int64_t kLargestPicture = 1 << 15;  // a side

ValueId input_of(const Graph& graph, const std::string& name) {
  std::vector<std::string_view> names;
  for (const ValueId id : graph.inputs()) {
    if (graph[id].name == name) return id;
    names.push_back(graph[id].name);
  }
  fail(ErrorCode::not_found, "the model has no input '{}'{}", name, names.empty() ? std::string() : fmt::format("; did you mean '{}'?", nearest(name, names)));
}

// The position of each dimension of `to` in `from`.
std::vector<std::int64_t> order_between(const std::string& from, const std::string& to) {
  std::vector<std::int64_t> order;
  for (const char letter : to) {
    const auto at = from.find(letter);
    SACCADE_CHECK(at != std::string::npos && from.size() == to.size() && from.find(letter, at + 1) == std::string::npos && letter != '?' && letter != '.', invalid_argument,
                  "the layouts {} and {} do not have the same letters, each once", from, to);
    order.push_back(static_cast<std::int64_t>(at));
  }
  return order;
}

class Embedding {
 public:
  Embedding(Graph& graph, const Preprocessing& step) : graph_(graph), edit_(graph), step_(step), input_(input_of(graph, step.input)), network_(graph.type(input_).shape) {}

  void run() {
    if (!step_.changes_anything()) return;
    const auto uses = graph_[input_].uses;
    auto outputs = graph_.outputs();
    const ElementType own = graph_.type(input_).element;
    const bool computes = !step_.mean.empty() || !step_.scale.empty() || step_.mean_image.defined() || step_.picture_size;
    const ElementType computed = is_float(own) || !computes ? own : ElementType::f32;
    change_type(step_.type.value_or(computed));
    value_ = input_;
    if (step_.type.value_or(computed) != computed) value_ = edit_(ops::Convert{computed}, {value_});
    transpose();
    resize();
    reverse();
    shift_and_scale();
    for (const graph::Use& use : uses) edit_.replace_input(use, value_);
    for (auto& output : outputs)
      if (output.value == input_) output.value = value_;
    edit_.set_outputs(outputs);
    edit_.infer_all();
  }

 private:
  void change_type(ElementType element) {
    PartialShape shape = graph_.type(input_).shape;
    if (!step_.target_layout.empty()) {
      const auto order = order_between(step_.source_layout, step_.target_layout);
      SACCADE_CHECK(shape.ranked() && shape.rank() == order.size(), invalid_argument, "input '{}' of shape {} does not fit the layout {}", step_.input, to_string(shape), step_.source_layout);
      std::vector<Dimension> dimensions;
      for (const auto d : order) dimensions.push_back(shape[static_cast<std::size_t>(d)]);
      shape = PartialShape(std::move(dimensions));
    }
    if (step_.picture_size) shape = of_pictures(shape, step_.target_layout.empty() ? step_.source_layout : step_.target_layout);
    edit_.set_fact(input_, graph::Fact(element, shape));
  }

  // Height and width in a layout.
  std::array<std::size_t, 2> image_axes(const std::string& layout) const {
    const auto h = layout.find('H'), w = layout.find('W');
    SACCADE_CHECK(h != std::string::npos && w != std::string::npos && network_.ranked() && network_.rank() == layout.size(), invalid_argument,
                  "input '{}' of shape {} in layout '{}' cannot be resized; its layout must say which dimensions are H and W", step_.input, to_string(network_), layout);
    return {h, w};
  }

  PartialShape of_pictures(const PartialShape& shape, const std::string& layout) const {
    std::vector<Dimension> dimensions = shape.dimensions();
    const auto axes = image_axes(layout);
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::int64_t size = (*step_.picture_size)[i];
      SACCADE_CHECK(size == -1 || (size > 0 && size <= kLargestPicture), invalid_argument, "input '{}' cannot have pictures with a side of {}", step_.input, size);
      dimensions[axes[i]] = size < 0 ? Dimension::unknown() : Dimension::fixed(size);
    }
    return PartialShape(std::move(dimensions));
  }

  void resize() {
    if (!step_.picture_size) return;
    std::vector<std::int64_t> axes, sizes;
    for (const std::size_t axis : image_axes(step_.source_layout)) {
      SACCADE_CHECK(network_[axis].is_static(), invalid_argument, "input '{}' of shape {} takes pictures of any size; nothing says what to resize them to", step_.input, to_string(network_));
      axes.push_back(static_cast<std::int64_t>(axis));
      sizes.push_back(network_[axis].size());
    }
    ops::Resize op;
    op.axes = axes;
    op.mode = ops::ResizeMode::linear;
    value_ = edit_(op, {value_, edit_.constant(i64_vector(sizes))});
  }

  void transpose() {
    if (step_.target_layout.empty()) return;
    value_ = edit_(ops::Transpose{}, {value_, edit_.constant(i64_vector(order_between(step_.target_layout, step_.source_layout)))});
  }

  const PartialShape& shape() const { return graph_.type(value_).shape; }

  std::size_t axis(std::int64_t channels) const { return channel_axis(shape(), step_.source_layout, channels, step_.input); }

  void reverse() {
    if (!step_.reverse_channels) return;
    const std::size_t a = axis(3);
    const ValueId order = edit_.constant(Tensor::from<std::int64_t>({3}, {2, 1, 0}));
    value_ = edit_(ops::Gather{}, {value_, order, edit_.constant(Tensor::scalar(static_cast<std::int64_t>(a)))});
  }

  // The numbers along the channels, broadcast over the rest.
  ValueId along_channels(const std::vector<double>& numbers) {
    Shape shape(numbers.size() == 1 ? 0 : this->shape().rank(), 1);
    if (numbers.size() > 1) shape[axis(static_cast<std::int64_t>(numbers.size()))] = static_cast<std::int64_t>(numbers.size());
    return edit_.constant(from_f64(graph_.type(value_).element, shape, numbers));
  }

  void shift_and_scale() {
    if (step_.mean_image.defined()) {
      const Shape& image = step_.mean_image.shape();
      SACCADE_CHECK(shape().ranked() && shape().rank() == 4 && axis(image[0]) == 1, invalid_argument, "a mean image of shape {} for input '{}' of shape {}", saccade::to_string(image), step_.input, to_string(shape()));
      value_ = edit_(Binary{BinaryKind::Subtract}, {value_, edit_.constant(step_.mean_image.reshaped({1, image[0], image[1], image[2]}))});
    }
    if (std::any_of(step_.mean.begin(), step_.mean.end(), [](double m) { return m != 0; })) value_ = edit_(Binary{BinaryKind::Subtract}, {value_, along_channels(step_.mean)});
    if (std::any_of(step_.scale.begin(), step_.scale.end(), [](double s) { return s != 1; })) {
      for (const double s : step_.scale) SACCADE_CHECK(s != 0, invalid_argument, "a scale of 0 for input '{}'", step_.input);
      value_ = edit_(Binary{BinaryKind::Divide}, {value_, along_channels(step_.scale)});
    }
  }

  Graph& graph_;
  Edit edit_;
  const Preprocessing& step_;
  ValueId input_, value_;
  const PartialShape network_;  // what the network itself takes
};

std::string list_of(const std::vector<double>& numbers) { return fmt::format("[{}]", fmt::join(numbers, ",")); }

void append(std::string& text, const std::string& part) { text += (text.empty() ? "" : ",") + part; }

// "NHWC" → "[N,H,W,C]", as IR keeps it.
std::string spelt_out(const std::string& layout) {
  std::vector<std::string> letters;
  for (std::size_t i = 0; i < layout.size(); ++i) {
    if (layout.compare(i, 3, "...") == 0) {
      letters.emplace_back("...");
      i += 2;
    } else {
      letters.emplace_back(1, layout[i]);
    }
  }
  return fmt::format("[{}]", fmt::join(letters, ","));
}

void record(Graph& graph, const std::vector<Preprocessing>& steps) {
  std::string mean, scale, layout;
  bool reversed = false;
  for (const Preprocessing& step : steps) {
    if (!step.mean.empty()) append(mean, step.input + list_of(step.mean));
    if (!step.scale.empty()) append(scale, step.input + list_of(step.scale));
    reversed = reversed || step.reverse_channels;
    const std::string& now = step.target_layout.empty() ? step.source_layout : step.target_layout;
    if (now.empty()) continue;
    append(layout, step.target_layout.empty() ? fmt::format("{}({})", step.input, step.source_layout) : fmt::format("{}({}->{})", step.input, step.source_layout, step.target_layout));
    graph.metadata["layout/" + step.input] = spelt_out(now);
  }
  const std::string prefix = "rt_info/conversion_parameters/";
  if (!mean.empty()) graph.metadata[prefix + "mean_values"] = mean;
  if (!scale.empty()) graph.metadata[prefix + "scale_values"] = scale;
  if (!layout.empty()) graph.metadata[prefix + "layout"] = layout;
  if (reversed) graph.metadata[prefix + "reverse_input_channels"] = "True";
}

}  // namespace

std::size_t channel_axis(const PartialShape& shape, const std::string& layout, std::int64_t channels, const std::string& input) {
  SACCADE_CHECK(shape.ranked(), invalid_argument, "input '{}' has no known rank; give it a shape", input);
  const auto fits = [&](std::size_t d) { return d < shape.rank() && (!shape[d].is_static() || shape[d].size() == channels); };
  const auto c = layout.find('C');
  if (c != std::string::npos) {
    const auto dots = layout.find("...");
    const std::size_t at = dots != std::string::npos && dots < c ? shape.rank() - (layout.size() - c) : c;
    SACCADE_CHECK(fits(at), invalid_argument, "{} numbers for the channels of input '{}' of shape {} in layout {}", channels, input, to_string(shape), layout);
    return at;
  }
  const auto is = [&](std::size_t d) { return d < shape.rank() && shape[d].is_static() && shape[d].size() == channels; };
  if (shape.rank() >= 3 && is(shape.rank() - 1)) return shape.rank() - 1;
  if (shape.rank() >= 2 && is(1)) return 1;
  if (shape.rank() == 3 && is(0)) return 0;
  if (shape.rank() >= 3 && fits(shape.rank() - 1)) return shape.rank() - 1;
  if (shape.rank() >= 2 && fits(1)) return 1;
  fail(ErrorCode::invalid_argument, "no dimension of input '{}' of shape {} has {} channels; say which with --layout, as in {}(nhwc)", input, to_string(shape), channels, input);
}

void embed(Graph& graph, const std::vector<Preprocessing>& steps) {
  for (const Preprocessing& step : steps) Embedding(graph, step).run();
  record(graph, steps);
}

std::string picture_layout(const graph::TensorType& type, const std::string& input) {
  const PartialShape& shape = type.shape;
  const auto is = [&](std::size_t d, std::int64_t size) { return shape[d].is_static() && shape[d].size() == size; };
  if (shape.ranked() && shape.rank() == 4)
    for (const std::int64_t channels : {3, 1, 4}) {
      if (is(1, channels)) return "NCHW";
      if (is(3, channels)) return "NHWC";
    }
  fail(ErrorCode::invalid_argument, "input '{}' is {}, not four dimensions with 1, 3 or 4 channels of a picture", input, graph::to_string(type));
}

}  // namespace saccade::import
