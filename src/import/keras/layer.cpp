// SPDX-License-Identifier: Apache-2.0
// LayerContext: configuration, call and weights of one layer for its mapping function.
#include "import/keras/layer.h"

#include <algorithm>
#include <array>

#include "import/keras/build.h"
#include "ops/convert.h"

namespace saccade::keras {
namespace {

void tensors_in(const Arg& arg, Values& out) {
  if (arg.is_tensor) out.push_back(arg.value);
  for (const Arg& inner : arg.list) tensors_in(inner, out);
}

const Row* find_row(std::initializer_list<std::span<const Row>> families, std::string_view name) {
  for (auto family : families)
    for (const Row& row : family)
      if (row.name == name) return &row;
  return nullptr;
}

}  // namespace

const Row* row_of(std::string_view class_name) {
  return find_row({activation_rows(), attention_rows(), convolution_rows(), merge_rows(), normalization_rows(), pool_rows(),
                   recurrent_rows(), shape_rows()},
                  class_name);
}

const Row* function_row(std::string_view name) { return find_row({function_rows()}, name); }

LayerContext::LayerContext(ModelBuilder& model, graph::Edit& edit_, const LayerInfo& layer, const Call& call)
    : NodeBuilder(edit_, layer.name), model_(model), layer_(layer), call_(call) {
  for (const Arg& a : call.args) tensors_in(a, inputs_);
}

int LayerContext::keras_version() const { return model_.keras_version(); }

ValueId LayerContext::x() const {
  if (inputs_.empty()) invalid("no input");
  return inputs_[0];
}

const Arg* LayerContext::arg(std::size_t position, std::string_view name) const {
  const Arg* found = nullptr;
  if (position < call_.args.size()) found = &call_.args[position];
  if (const auto it = call_.kwargs.find(std::string(name)); it != call_.kwargs.end()) found = &it->second;
  return found && (found->is_tensor || found->is_list || !found->constant.is_null()) ? found : nullptr;
}

bool LayerContext::has_keyword(std::string_view name) const {
  const auto it = call_.kwargs.find(std::string(name));
  return it != call_.kwargs.end() && (it->second.is_tensor || it->second.is_list || !it->second.constant.is_null());
}

const json* LayerContext::find(std::string_view key) const {
  if (!config().is_object()) return nullptr;
  const auto it = config().find(key);
  return it == config().end() || it->is_null() ? nullptr : &*it;
}

bool LayerContext::flag(std::string_view key, bool otherwise) const {
  const json* v = find(key);
  if (!v) return otherwise;
  if (!v->is_boolean() && !v->is_number()) invalid("'{}' is neither true nor false", key);
  return v->is_boolean() ? v->get<bool>() : v->get<double>() != 0;
}

std::int64_t LayerContext::i(std::string_view key) const {
  const json* v = find(key);
  if (!v || !v->is_number()) invalid("'{}' is no number", key);
  if (v->is_number_float()) {
    const double value = v->get<double>();
    if (!(value >= -1e15 && value <= 1e15) || value != static_cast<double>(static_cast<std::int64_t>(value)))
      invalid("'{}' is no integer", key);
    return static_cast<std::int64_t>(value);
  }
  return v->get<std::int64_t>();
}

std::int64_t LayerContext::i(std::string_view key, std::int64_t otherwise) const { return given(key) ? i(key) : otherwise; }

double LayerContext::f(std::string_view key, double otherwise) const {
  const json* v = find(key);
  if (!v) return otherwise;
  // Keras 2 writes NumPy numbers as {"class_name": "float", "config": …} or as lists of one
  if (!v->is_number()) invalid("'{}' is no number", key);
  return v->get<double>();
}

std::string LayerContext::s(std::string_view key, std::string_view otherwise) const {
  const json* v = find(key);
  if (!v) return std::string(otherwise);
  if (!v->is_string()) invalid("'{}' is no text", key);
  return v->get<std::string>();
}

std::vector<std::int64_t> LayerContext::list(std::string_view key) const {
  const json* v = find(key);
  if (!v) return {};
  std::vector<std::int64_t> out;
  const auto add = [&](const json& n) {
    if (!n.is_number_integer()) invalid("'{}' holds something other than integers", key);
    out.push_back(n.get<std::int64_t>());
  };
  const json* items = v;
  if (v->is_object() && v->contains("items")) items = &(*v)["items"];
  if (items->is_array()) {
    if (items->size() > 1000) invalid("'{}' has {} numbers", key, items->size());
    for (const auto& n : *items) add(n);
  } else {
    add(*v);
  }
  return out;
}

std::vector<std::int64_t> LayerContext::ints(std::string_view key, std::size_t count) const {
  std::vector<std::int64_t> out = list(key);
  if (out.size() == 1) out.assign(count, out[0]);
  if (!out.empty() && out.size() != count) invalid("'{}' has {} numbers for {} dimensions", key, out.size(), count);
  for (auto n : out)
    if (n < -(std::int64_t{1} << 31) || n > (std::int64_t{1} << 31)) invalid("'{}' holds {}", key, n);
  return out;
}

std::vector<double> LayerContext::reals(std::string_view key) const {
  const json* v = find(key);
  if (!v) return {};
  std::vector<double> out;
  std::vector<const json*> stack{v};
  // nested lists are read in their order
  while (!stack.empty()) {
    const json* top = stack.back();
    stack.pop_back();
    if (top->is_array()) {
      for (auto it = top->rbegin(); it != top->rend(); ++it) stack.push_back(&*it);
    } else if (top->is_number()) {
      out.push_back(top->get<double>());
    } else {
      invalid("'{}' holds something other than numbers", key);
    }
  }
  return out;
}

std::optional<ValueId> LayerContext::weight_if_there(std::initializer_list<std::string_view> names, int index, const Part& part) const {
  const auto path = model_.weights().find(layer_.place, names, index, part);
  if (!path) return std::nullopt;
  const ElementType type = inputs_.empty() || !is_float(element(inputs_[0])) ? ElementType::f32 : element(inputs_[0]);
  return model_.constant(edit, *path, type);
}

ValueId LayerContext::weight(std::initializer_list<std::string_view> names, int index, const Part& part) const {
  const auto found = weight_if_there(names, index, part);
  if (!found) invalid("the file has no weight '{}' of this layer", *names.begin());
  return *found;
}

Values LayerContext::inner(const json& layer, const std::string& path, Values inputs) const {
  LayerInfo info;
  info.class_name = text_of(member(layer, "class_name"), "a layer's class");
  info.config = &member(layer, "config");
  info.name = info.config->is_object() && info.config->contains("name") ? text_of((*info.config)["name"], "a layer's name") : name();
  info.place = layer_.place;
  if (!model_.weights().by_name()) info.place.group += "/" + path;
  Call call;
  for (ValueId v : inputs) call.args.push_back({.is_tensor = true, .value = v});
  return model_.call(edit, info, call);
}

}  // namespace saccade::keras
