// SPDX-License-Identifier: Apache-2.0
// What patterns ask of a network: which operator stands behind a port, which number, whose size. Identities are looked through.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <vector>

#include "import/tensorflow/network.h"

namespace saccade::tensorflow {

/// Thrown while a pattern is matched, and caught by it: what was found is not what it knows.
struct Mismatch {
  std::string_view expected;
};

/// The size of a tensor along an axis, or a number.
struct SizeOf {
  Port tensor;  // invalid: `number` says it
  std::int64_t axis = 0;
  std::int64_t number = 0;
  bool operator==(const SizeOf&) const = default;
};

/// Element `index` of a vector.
struct Component {
  Port vector;
  std::int64_t index = 0;
};

class Look {
 public:
  explicit Look(const Network& network) : network_(&network) {}

  Port origin(Port p) const { return network_->origin(p); }
  const Node& node(Port p) const { return network_->at(origin(p)); }
  bool is(Port p, std::initializer_list<std::string_view> ops) const;
  bool is(Port p, std::string_view op) const { return is(p, {op}); }
  /// The origin, which must be one of these operators.
  Port need(Port p, std::initializer_list<std::string_view> ops) const;
  Port need(Port p, std::string_view op) const { return need(p, {op}); }
  /// The origin of input i; a Mismatch if there is none.
  Port in(Port p, std::size_t i) const;
  std::size_t inputs(Port p) const { return node(p).inputs.size(); }
  bool same(Port a, Port b) const { return origin(a) == origin(b); }

  /// Attributes as in the file, else the default.
  std::int64_t integer(Port p, std::string_view attribute, std::int64_t otherwise) const;
  std::vector<std::int64_t> integers(Port p, std::string_view attribute) const;

  /// A constant of one element.
  std::optional<double> number(Port p) const;
  /// The contents of an integer constant.
  std::optional<std::vector<std::int64_t>> list(Port p) const;
  /// Whether it is a constant list of exactly these, or a scalar for one.
  bool is_list(Port p, std::initializer_list<std::int64_t> entries) const;
  /// The number that every element is: of constants, Fill, ZerosLike and products of such.
  std::optional<double> uniform(Port p, int depth = 0) const;
  /// What a scalar integer is the size of.
  std::optional<SizeOf> size(Port p) const;
  /// A scalar taken out of a vector by StridedSlice or Unpack.
  std::optional<Component> component(Port p) const;
  /// 0, 1, 2 … up to the limit that is returned.
  std::optional<Port> count_to(Port p) const;
  /// What is gathered along the first axis.
  struct Gathered {
    Port data, indices;
  };
  std::optional<Gathered> gathered(Port p) const;
  /// The two operands, `a` being the one that the predicate holds for.
  template <class Predicate>
  std::optional<std::pair<Port, Port>> operands(Port p, Predicate&& of_a) const {
    const Port x = in(p, 0), y = in(p, 1);
    if (of_a(x)) return std::pair(x, y);
    if (of_a(y)) return std::pair(y, x);
    return std::nullopt;
  }

  const Network& network() const { return *network_; }

 private:
  const Network* network_;  // so that it can be assigned
};

/// Throws Mismatch unless the condition holds.
inline void expect(bool condition, std::string_view expected) {
  if (!condition) throw Mismatch{expected};
}

}  // namespace saccade::tensorflow
