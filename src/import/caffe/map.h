// SPDX-License-Identifier: Apache-2.0
// How Caffe's layers become operators: rows type → function, and LayerContext, through which such a function sees its layer and builds
// what stands for it. One file map_<family>.cpp a family, listed in map.cpp.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "graph/edit.h"
#include "import/caffe/net.h"

namespace saccade::caffe {

using graph::Edit;
using graph::Op;
using graph::PartialShape;
using graph::ValueId;

/// A parameter message of a layer, such as convolution_param. Reading a field marks it as understood; one that nobody reads makes the
/// layer unsupported. Fillers and engines are of no account.
class Parameters {
 public:
  Parameters(std::string_view name, const import::TextMessage& message) : name_(name), message_(&message) {}

  bool has(std::string_view field);
  std::int64_t integer(std::string_view field, std::int64_t otherwise);
  double real(std::string_view field, double otherwise);
  bool flag(std::string_view field, bool otherwise);
  std::string_view text(std::string_view field, std::string_view otherwise = {});
  std::vector<std::int64_t> integers(std::string_view field);
  std::vector<double> reals(std::string_view field);
  /// The position of an enumeration's value among `names`, whose first has the number `first`.
  std::size_t choice(std::string_view field, std::initializer_list<std::string_view> names, std::size_t otherwise, std::int64_t first = 0);
  Parameters message(std::string_view field);
  std::vector<const import::TextField*> all(std::string_view field);
  void ignore(std::initializer_list<std::string_view> fields) { read_.insert(fields.begin(), fields.end()); }

  std::vector<std::string> unread() const;
  std::string_view name() const { return name_; }

 private:
  std::string_view name_;
  const import::TextMessage* message_;
  std::set<std::string_view> read_;
};

/// One layer being imported.
class LayerContext {
 public:
  LayerContext(Edit& edit, const Layer& layer, std::vector<ValueId> bottoms, const std::vector<Tensor>* blobs, std::string_view weights_file)
      : edit(edit), layer_(layer), bottoms_(std::move(bottoms)), blobs_(blobs), weights_file_(weights_file) {}

  Edit& edit;

  std::size_t bottoms() const { return bottoms_.size(); }
  std::size_t tops() const { return layer_.tops.size(); }
  /// Throws Error(invalid_model) if the layer has fewer.
  ValueId in(std::size_t i) const;
  const std::vector<ValueId>& inputs() const { return bottoms_; }
  const PartialShape& shape(ValueId value) const { return edit.graph().type(value).shape; }
  std::size_t rank(ValueId value) const;
  /// A size that must be known, such as the number of channels.
  std::int64_t size(ValueId value, std::size_t axis) const;
  /// An axis of the first bottom, negative ones from the end, up to and including its rank if `end`.
  std::size_t axis(std::int64_t axis, bool end = false) const;

  Parameters& parameters(std::string_view name);

  std::size_t blobs() const { return blobs_ == nullptr ? 0 : blobs_->size(); }
  /// A blob under the shape given; throws Error(invalid_model) if its elements do not fit, Error(not_found) without any weights.
  Tensor blob(std::size_t i, Shape shape) const;
  /// A blob as it is.
  const Tensor& blob(std::size_t i) const;

  const std::string& name() const { return layer_.name; }
  const Layer& layer() const { return layer_; }

  ValueId op(Op definition, std::vector<ValueId> inputs) { return edit(std::move(definition), std::move(inputs), name()); }
  std::vector<ValueId> node(Op definition, std::vector<ValueId> inputs) { return edit.node(std::move(definition), std::move(inputs), name()); }
  ValueId constant(Tensor tensor) { return edit.constant(std::move(tensor)); }
  ValueId scalar(double value) { return constant(Tensor::scalar(static_cast<float>(value))); }
  ValueId i64(std::span<const std::int64_t> values);
  ValueId i64(std::initializer_list<std::int64_t> values) { return i64(std::span(values.begin(), values.size())); }
  ValueId i64_scalar(std::int64_t value);
  /// The sizes of some axes as i64[n].
  ValueId sizes(ValueId value, std::initializer_list<std::int64_t> axes);
  /// A tensor of rank k read from axis `axis` on of a value of that rank: with ones around it.
  ValueId spread(ValueId value, std::size_t axis, std::size_t rank);

  template <class... Args>
  [[noreturn]] void unsupported(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::unsupported, format, std::forward<Args>(args)...);
  }
  template <class... Args>
  [[noreturn]] void invalid(fmt::format_string<Args...> format, Args&&... args) const {
    fail(ErrorCode::invalid_model, format, std::forward<Args>(args)...);
  }

  /// Parameter fields of the layer that were never read, "convolution_param.axis".
  std::vector<std::string> unread() const;

 private:
  const Layer& layer_;
  std::vector<ValueId> bottoms_;
  const std::vector<Tensor>* blobs_;
  std::string_view weights_file_;
  std::map<std::string, Parameters, std::less<>> parameters_;
};

/// Returns the values of the layer's tops, in order; more than there are tops is allowed.
using Mapper = std::vector<ValueId> (*)(LayerContext&);

struct Row {
  std::string_view type;
  Mapper map;
};

/// The row of a type, or nullptr.
const Row* row_of(std::string_view type);

std::span<const Row> convolution_rows();
std::span<const Row> detection_rows();
std::span<const Row> elementwise_rows();
std::span<const Row> normalize_rows();
std::span<const Row> shape_rows();

}  // namespace saccade::caffe
