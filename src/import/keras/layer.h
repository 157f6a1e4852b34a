// SPDX-License-Identifier: Apache-2.0
// How Keras' layers become graph operators: rows class → function, and LayerContext, through which such a function sees one
// call of its layer. One file layers_<family>.cpp a family, listed in layers.cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/keras/weights.h"
#include "import/node_builder.h"

namespace saccade::keras {

using graph::ValueId;
using import::Values;
using nlohmann::json;

class ModelBuilder;

/// An argument of a call: a tensor, a list, or a constant.
struct Arg {
  bool is_tensor = false;
  ValueId value;
  bool is_list = false;
  std::vector<Arg> list;
  json constant;
};

struct Call {
  std::vector<Arg> args;
  std::map<std::string, Arg> kwargs;
};

/// A layer of a model's configuration.
struct LayerInfo {
  std::string class_name, name;
  const json* config = nullptr;
  WeightPlace place;
};

/// One call of a layer. Reading functions throw Error(invalid_model) where the configuration has another type.
class LayerContext : public import::NodeBuilder {
 public:
  LayerContext(ModelBuilder& model, graph::Edit& edit, const LayerInfo& layer, const Call& call);

  const LayerInfo& layer() const { return layer_; }
  const json& config() const { return *layer_.config; }
  int keras_version() const;

  // The call.
  /// All tensors among the positional arguments, in order.
  const Values& inputs() const { return inputs_; }
  /// The first of them.
  ValueId x() const;
  /// An argument by its position or name; nullptr if it is not given or None.
  const Arg* arg(std::size_t position, std::string_view name) const;
  bool has_keyword(std::string_view name) const;

  // The configuration.
  const json* find(std::string_view key) const;
  bool given(std::string_view key) const { return find(key) != nullptr; }
  bool flag(std::string_view key, bool otherwise) const;
  std::int64_t i(std::string_view key, std::int64_t otherwise) const;
  std::int64_t i(std::string_view key) const;
  double f(std::string_view key, double otherwise) const;
  std::string s(std::string_view key, std::string_view otherwise) const;
  /// A number for every dimension, or one for all; empty if it is not given.
  std::vector<std::int64_t> ints(std::string_view key, std::size_t count) const;
  /// A list of any length, or one number.
  std::vector<std::int64_t> list(std::string_view key) const;
  std::vector<double> reals(std::string_view key) const;
  /// data_format, channels_last where it is not said.
  bool channels_are_last() const { return s("data_format", "channels_last") != "channels_first"; }
  /// An image with channels first, whatever the layer's data_format is, and back.
  ValueId to_first(ValueId image) const { return channels_are_last() ? channels_first(image) : image; }
  ValueId from_first(ValueId image) const { return channels_are_last() ? channels_last(image) : image; }

  // Weights, converted to the element type of x(); constants are shared between calls.
  ValueId weight(std::initializer_list<std::string_view> names, int index, const Part& part = {}) const;
  std::optional<ValueId> weight_if_there(std::initializer_list<std::string_view> names, int index, const Part& part = {}) const;

  /// x behind an activation as a configuration names it (null: none).
  ValueId activated(ValueId x, const json* activation) const;
  ValueId activated(ValueId x, std::string_view key = "activation") const { return activated(x, find(key)); }
  /// A layer that is part of this one, called on a tensor. `path` is where .keras keeps its weights.
  Values inner(const json& layer, const std::string& path, Values inputs) const;

 private:
  ModelBuilder& model_;
  const LayerInfo& layer_;
  const Call& call_;
  Values inputs_;
};

/// Returns the outputs of a call.
using Mapper = Values (*)(LayerContext&);

struct Row {
  std::string_view name;
  Mapper map;
};

std::span<const Row> activation_rows();
std::span<const Row> attention_rows();
std::span<const Row> convolution_rows();
std::span<const Row> function_rows();
std::span<const Row> merge_rows();
std::span<const Row> normalization_rows();
std::span<const Row> pool_rows();
std::span<const Row> recurrent_rows();
std::span<const Row> shape_rows();

/// The row of a class of layers or of operations, or nullptr.
const Row* row_of(std::string_view class_name);
/// The row of a function of TensorFlow ("math.add"), which Keras 2 writes as TFOpLambda, or nullptr.
const Row* function_row(std::string_view name);

}  // namespace saccade::keras
