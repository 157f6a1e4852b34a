// SPDX-License-Identifier: Apache-2.0
// The visitor through which an operator shows its attributes: printing, parsing, hashing, comparing and writing IR all
// go through one `fields` function an operator.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "saccade/tensor.h"

namespace saccade::graph {

class Graph;
using GraphPtr = std::shared_ptr<const Graph>;

/// An operator's `void fields(FieldVisitor& v)` calls `v("name", member)` for every attribute, in a fixed order; an
/// enumeration is passed with the names of its values: `v("mode", mode, {"nearest", "linear"})`.
class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  void operator()(std::string_view name, std::int64_t& value) { integer(name, value); }
  void operator()(std::string_view name, double& value) { real(name, value); }
  void operator()(std::string_view name, bool& value) { boolean(name, value); }
  void operator()(std::string_view name, std::string& value) { text(name, value); }
  void operator()(std::string_view name, std::vector<std::int64_t>& value) { integers(name, value); }
  void operator()(std::string_view name, std::vector<double>& value) { reals(name, value); }
  void operator()(std::string_view name, std::vector<std::string>& value) { texts(name, value); }
  void operator()(std::string_view name, ElementType& value) { element_type(name, value); }
  void operator()(std::string_view name, Tensor& value) { tensor(name, value); }
  void operator()(std::string_view name, GraphPtr& value) { graph(name, value); }
  template <class E>
    requires std::is_enum_v<E>
  void operator()(std::string_view name, E& value, std::initializer_list<std::string_view> names) {
    std::int64_t index = static_cast<std::int64_t>(value);
    enumeration(name, index, {names.begin(), names.size()});
    value = static_cast<E>(index);
  }

 protected:
  virtual void integer(std::string_view name, std::int64_t& value) = 0;
  virtual void real(std::string_view name, double& value) = 0;
  virtual void boolean(std::string_view name, bool& value) = 0;
  virtual void text(std::string_view name, std::string& value) = 0;
  virtual void integers(std::string_view name, std::vector<std::int64_t>& value) = 0;
  virtual void reals(std::string_view name, std::vector<double>& value) = 0;
  virtual void texts(std::string_view name, std::vector<std::string>& value) = 0;
  virtual void element_type(std::string_view name, ElementType& value) = 0;
  virtual void tensor(std::string_view name, Tensor& value) = 0;
  virtual void graph(std::string_view name, GraphPtr& value) = 0;
  virtual void enumeration(std::string_view name, std::int64_t& value, std::span<const std::string_view> names) = 0;
};

}  // namespace saccade::graph
