// SPDX-License-Identifier: Apache-2.0
// Every operator with random attributes on random inputs: it works or throws Error, and what infer says of the outputs holds for
// what evaluate gives, whether the inputs are known, of fixed shape or of unknown shape.
#include <gtest/gtest.h>

#include <random>

#include "ops/inference.h"
#include "ops/registry.h"

namespace saccade::ops {
namespace {

using graph::Op;
using graph::type_of;

class Random {
 public:
  explicit Random(std::uint32_t seed) : engine_(seed) {}
  std::int64_t below(std::int64_t n) { return std::uniform_int_distribution<std::int64_t>(0, n - 1)(engine_); }
  bool one_in(std::int64_t n) { return below(n) == 0; }
  /// Mostly small; now and then one that overflows whatever it is added to or multiplied with.
  std::int64_t integer() {
    constexpr std::int64_t kExtremes[] = {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max(), -(std::int64_t{1} << 45), std::int64_t{1} << 45,
                                          (std::int64_t{1} << 62) + 1, -1000, 1000};
    return one_in(12) ? kExtremes[below(std::size(kExtremes))] : below(7) - 2;
  }
  std::vector<std::int64_t> integers(std::int64_t n) {
    std::vector<std::int64_t> out;
    for (std::int64_t i = 0; i < n; ++i) out.push_back(integer());
    return out;
  }
  ElementType element() {
    constexpr ElementType kCommon[] = {ElementType::f32, ElementType::i64, ElementType::boolean, ElementType::u8, ElementType::i32, ElementType::f16};
    return one_in(8) ? static_cast<ElementType>(below(23)) : kCommon[one_in(2) ? 0 : below(std::size(kCommon))];
  }
  Shape shape() {
    Shape out;
    for (std::int64_t rank = below(6); rank > 0; --rank) out.push_back(one_in(8) ? 0 : one_in(2) ? 2 : 1 + below(4));
    return out;
  }
  Tensor tensor(ElementType type, const Shape& shape) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(element_count(shape)));
    for (auto& v : values) v = integer();
    return from_i64(type, shape, values);
  }

 private:
  std::mt19937 engine_;
};

class RandomFields final : public graph::FieldVisitor {
 public:
  explicit RandomFields(Random& random) : random_(random) {}

 private:
  bool keep() { return random_.one_in(2); }
  void integer(std::string_view, std::int64_t& v) override { v = keep() ? v : random_.integer(); }
  void real(std::string_view, double& v) override { v = keep() ? v : static_cast<double>(random_.integer()) / 2; }
  void boolean(std::string_view, bool& v) override { v = random_.one_in(2); }
  void text(std::string_view, std::string&) override {}
  void integers(std::string_view, std::vector<std::int64_t>& v) override { v = keep() ? v : random_.integers(random_.below(5)); }
  void reals(std::string_view, std::vector<double>& v) override {
    if (keep()) return;
    v.clear();
    for (auto i : random_.integers(random_.below(5))) v.push_back(static_cast<double>(i));
  }
  void texts(std::string_view, std::vector<std::string>&) override {}
  void element_type(std::string_view, ElementType& v) override { v = keep() ? v : random_.element(); }
  void tensor(std::string_view, Tensor&) override {}
  void graph(std::string_view, graph::GraphPtr&) override {}
  void enumeration(std::string_view, std::int64_t& v, std::span<const std::string_view> names) override { v = random_.below(static_cast<std::int64_t>(names.size())); }

  Random& random_;
};

std::vector<Tensor> random_inputs(Random& random) {
  const ElementType element = random.element();
  const Shape shape = random.shape();
  const auto rank = static_cast<std::int64_t>(shape.size());
  std::vector<Tensor> inputs;
  for (std::int64_t n = random.below(6) + (random.one_in(20) ? 0 : 1); n > 0; --n) {
    if (inputs.empty() || random.one_in(3))
      inputs.push_back(random.tensor(element, random.one_in(4) && !inputs.empty() ? Shape{} : shape));
    else if (random.one_in(6))
      inputs.push_back(random.tensor(random.element(), random.shape()));
    else if (random.one_in(10))
      inputs.push_back({});
    else
      inputs.push_back(random.tensor(ElementType::i64, random.one_in(2) ? Shape{} : Shape{random.one_in(2) ? rank : random.below(4)}));
  }
  return inputs;
}

enum class Knowledge { constants, fixed_shapes, unknown_dimensions, no_shapes };

std::vector<Fact> facts_of(const std::vector<Tensor>& inputs, Knowledge knowledge) {
  std::vector<Fact> facts;
  for (const Tensor& t : inputs) {
    if (!t.defined()) {
      facts.push_back(Fact::absent());
      continue;
    }
    Fact fact(type_of(t));
    if (knowledge == Knowledge::constants || (knowledge == Knowledge::unknown_dimensions && facts.size() % 2 == 1)) fact.constant = t;
    if (knowledge == Knowledge::unknown_dimensions && !fact.constant.defined()) {
      for (std::size_t d = 0; d < fact.type.shape.rank(); ++d) fact.type.shape[d] = Dimension::unknown(d == 0 ? "n" + std::to_string(t.shape()[0]) : std::string());
    }
    if (knowledge == Knowledge::no_shapes) fact.type.shape = {};
    facts.push_back(std::move(fact));
  }
  return facts;
}

// Why the tensor is not what the fact says, or nothing.
std::string contradiction(const Fact& fact, const Tensor& tensor) {
  const auto wrong = [&](const std::string& why) { return fmt::format("{}: inferred {}, computed {}{}", why, to_string(fact.type), to_string(tensor.type()), to_string(tensor.shape())); };
  if (fact.type.element != tensor.type()) return wrong("element type");
  if (fact.type.shape.ranked()) {
    if (fact.type.shape.rank() != tensor.shape().size()) return wrong("rank");
    for (std::size_t d = 0; d < tensor.shape().size(); ++d) {
      const Dimension& dim = fact.type.shape[d];
      const std::int64_t size = tensor.shape()[d];
      if (size < dim.min || size > dim.max || (!dim.symbol.empty() && dim.symbol != "n" + std::to_string(size))) return wrong(fmt::format("dimension {}", d));
    }
  }
  if (fact.constant.defined()) {
    if (fact.constant.type() != tensor.type() || fact.constant.shape() != tensor.shape()) return wrong("constant's type");
    if (tensor.size() && std::memcmp(fact.constant.raw(), tensor.raw(), tensor.size_bytes()) != 0) return wrong("constant's elements");
  }
  if (!fact.contents.empty()) {
    const auto values = to_i64(tensor);
    if (values.size() != fact.contents.size()) return wrong("number of entries");
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Dimension& entry = fact.contents[i];
      if (values[i] < entry.min || values[i] > entry.max || (!entry.symbol.empty() && entry.symbol != "n" + std::to_string(values[i]))) return wrong(fmt::format("entry {}", i));
    }
  }
  return {};
}

class Hostile : public testing::TestWithParam<std::string_view> {};

TEST_P(Hostile, ThrowsOrAgrees) {
  int computed = 0;
  for (std::uint32_t seed = 0; seed < 400; ++seed) {
    Random random(seed);
    RandomFields fields(random);
    const Op op = find_op(GetParam())->edited(fields);
    const std::vector<Tensor> inputs = random_inputs(random);
    std::vector<std::vector<Fact>> inferred;
    for (auto knowledge : {Knowledge::constants, Knowledge::fixed_shapes, Knowledge::unknown_dimensions, Knowledge::no_shapes}) {
      try {
        inferred.push_back(op.infer(facts_of(inputs, knowledge)));
      } catch (const Error& e) {
        ASSERT_NE(e.code(), ErrorCode::internal) << "seed " << seed << ": " << e.what();
      }
    }
    if (inferred.empty()) continue;  // no graph holds what infer refuses, so evaluate never sees it
    try {
      const auto outputs = op.evaluate(inputs);
      ++computed;
      for (const auto& facts : inferred) {
        ASSERT_EQ(facts.size(), outputs.size()) << "seed " << seed;
        for (std::size_t i = 0; i < facts.size(); ++i) ASSERT_EQ(contradiction(facts[i], outputs[i]), "") << "seed " << seed << ", output " << i;
      }
    } catch (const Error& e) {
      ASSERT_NE(e.code(), ErrorCode::internal) << "seed " << seed << ": " << e.what();
    }
  }
  RecordProperty("computed", computed);
}

std::vector<std::string_view> names() { return op_names(); }

INSTANTIATE_TEST_SUITE_P(Ops, Hostile, testing::ValuesIn(names()), [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace saccade::ops
