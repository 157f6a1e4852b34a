// SPDX-License-Identifier: Apache-2.0
// The families of layers, and what their functions see of a layer.
#include "import/caffe/map.h"

#include <algorithm>
#include <charconv>

#include "ops/gather.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "tensor/numeric.h"

namespace saccade::caffe {

bool Parameters::has(std::string_view field) {
  read_.insert(field);
  return message_->has(field);
}

std::int64_t Parameters::integer(std::string_view field, std::int64_t otherwise) {
  read_.insert(field);
  return message_->integer(field, otherwise);
}

double Parameters::real(std::string_view field, double otherwise) {
  read_.insert(field);
  return message_->real(field, otherwise);
}

bool Parameters::flag(std::string_view field, bool otherwise) {
  read_.insert(field);
  return message_->boolean(field, otherwise);
}

std::string_view Parameters::text(std::string_view field, std::string_view otherwise) {
  read_.insert(field);
  return message_->text(field, otherwise);
}

std::vector<std::int64_t> Parameters::integers(std::string_view field) {
  read_.insert(field);
  return message_->integers(field);
}

std::vector<double> Parameters::reals(std::string_view field) {
  read_.insert(field);
  return message_->reals(field);
}

std::size_t Parameters::choice(std::string_view field, std::initializer_list<std::string_view> names, std::size_t otherwise, std::int64_t first) {
  const std::string_view word = text(field);
  if (word.empty()) return otherwise;
  const auto named = std::find(names.begin(), names.end(), word);
  if (named != names.end()) return static_cast<std::size_t>(named - names.begin());
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  SACCADE_CHECK(error == std::errc() && end == word.data() + word.size() && number >= first && number < first + static_cast<std::int64_t>(names.size()), unsupported, "{} {} is '{}'", name_, field,
                word.substr(0, 40));
  return static_cast<std::size_t>(number - first);
}

Parameters Parameters::message(std::string_view field) {
  read_.insert(field);
  return {field, message_->message(field)};
}

std::vector<const import::TextField*> Parameters::all(std::string_view field) {
  read_.insert(field);
  return message_->all(field);
}

std::vector<std::string> Parameters::unread() const {
  std::vector<std::string> names;
  for (const import::TextField& field : message_->fields)
    if (!read_.contains(field.name) && field.name != "engine" && !field.name.ends_with("filler")) names.push_back(fmt::format("{}.{}", name_, field.name.substr(0, 60)));
  return names;
}

ValueId LayerContext::in(std::size_t i) const {
  if (i >= bottoms_.size()) invalid("the layer has {} bottoms where {} are needed", bottoms_.size(), i + 1);
  return bottoms_[i];
}

std::size_t LayerContext::rank(ValueId value) const {
  if (!shape(value).ranked()) unsupported("a bottom of unknown rank");
  return shape(value).rank();
}

std::int64_t LayerContext::size(ValueId value, std::size_t axis) const {
  if (axis >= rank(value)) invalid("a bottom of shape {} has no axis {}", graph::to_string(shape(value)), axis);
  if (!shape(value)[axis].is_static()) unsupported("a bottom of shape {}, of which axis {} must be known", graph::to_string(shape(value)), axis);
  return shape(value)[axis].size();
}

std::size_t LayerContext::axis(std::int64_t axis, bool end) const {
  const auto most = static_cast<std::int64_t>(rank(in(0))) + (end ? 1 : 0);
  if (axis < -most || axis >= most) invalid("axis {} for a bottom of shape {}", axis, graph::to_string(shape(in(0))));
  return static_cast<std::size_t>(axis < 0 ? axis + most : axis);
}

Parameters& LayerContext::parameters(std::string_view name) {
  const auto found = parameters_.find(name);
  if (found != parameters_.end()) return found->second;
  return parameters_.emplace(std::string(name), Parameters(name, layer_.message->message(name))).first->second;
}

const Tensor& LayerContext::blob(std::size_t i) const {
  if (weights_file_.empty()) fail(ErrorCode::not_found, "there is no .caffemodel beside the prototxt under its name; --weights FILE names it");
  if (i >= blobs()) invalid("{} has {} blobs of weights for the layer, {} are needed: is it the file of another model?", weights_file_, blobs(), i + 1);
  return (*blobs_)[i];
}

Tensor LayerContext::blob(std::size_t i, Shape shape) const {
  const Tensor& tensor = blob(i);
  for (const std::int64_t size : shape)
    if (size < 0) invalid("weights of shape {}", to_string(shape));
  if (element_count(shape) != tensor.size()) invalid("weights of shape {} in {} where the definition needs {}", to_string(tensor.shape()), weights_file_, to_string(shape));
  return tensor.reshaped(std::move(shape));
}

ValueId LayerContext::i64(std::span<const std::int64_t> values) { return constant(i64_vector(values)); }

ValueId LayerContext::i64_scalar(std::int64_t value) { return constant(Tensor::scalar(value)); }

ValueId LayerContext::sizes(ValueId value, std::initializer_list<std::int64_t> axes) {
  return op(ops::Gather{}, {op(ops::ShapeOf{}, {value}), i64(axes), i64_scalar(0)});
}

ValueId LayerContext::spread(ValueId value, std::size_t axis, std::size_t rank) {
  const std::size_t own = this->rank(value);
  if (axis + own > rank) invalid("a value of shape {} from axis {} on of rank {}", graph::to_string(shape(value)), axis, rank);
  std::vector<std::int64_t> axes;
  for (std::size_t d = 0; d < rank; ++d)
    if (d < axis || d >= axis + own) axes.push_back(static_cast<std::int64_t>(d));
  return axes.empty() ? value : op(ops::Unsqueeze{}, {value, i64(axes)});
}

std::vector<std::string> LayerContext::unread() const {
  std::vector<std::string> names;
  for (const auto& [name, parameters] : parameters_)
    for (std::string& field : parameters.unread()) names.push_back(std::move(field));
  return names;
}

const Row* row_of(std::string_view type) {
  for (const auto rows : {convolution_rows(), detection_rows(), elementwise_rows(), normalize_rows(), shape_rows()})
    for (const Row& row : rows)
      if (row.type == type) return &row;
  return nullptr;
}

}  // namespace saccade::caffe
