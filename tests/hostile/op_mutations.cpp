// SPDX-License-Identifier: Apache-2.0
// The cases of tests/ops with attributes, types, shapes and contents spoiled, as a damaged file may hold them: infer and
// evaluate must throw Error or give results, whatever the values. Sanitizers watch.
//   op_mutations COUNT FILE…     COUNT mutations of each case
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <random>

#include "base/error.h"
#include "sct/op_case.h"
#include "tensor/numeric.h"

namespace saccade {
namespace {

using graph::Fact;
using graph::FieldVisitor;
using Random = std::mt19937;

int g_count = 20;
std::vector<std::string> g_files;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max(), kLeast = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kIntegers[] = {
    0, 1, 2, 3, -1, -2, 7, 1000, -1000, std::int64_t{1} << 31, -(std::int64_t{1} << 31), std::int64_t{1} << 62, kMost, kLeast};
constexpr double kReals[] = {0,
                             -1,
                             0.5,
                             1e30,
                             -1e30,
                             std::numeric_limits<double>::infinity(),
                             -std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN()};
constexpr ElementType kTypes[] = {ElementType::f32, ElementType::f64,     ElementType::f16,     ElementType::bf16,
                                  ElementType::u8,  ElementType::i8,      ElementType::i32,     ElementType::i64,
                                  ElementType::u64, ElementType::boolean, ElementType::f8e4m3fn};

template <class T, std::size_t n>
T pick(Random& random, const T (&values)[n]) {
  return values[random() % n];
}

// Overwrites an attribute now and then.
class Spoiler final : public FieldVisitor {
 public:
  explicit Spoiler(Random& random) : random_(random) {}

 private:
  bool chosen() { return random_() % 4 == 0; }
  void integer(std::string_view, std::int64_t& v) override {
    if (chosen()) v = pick(random_, kIntegers);
  }
  void real(std::string_view, double& v) override {
    if (chosen()) v = pick(random_, kReals);
  }
  void boolean(std::string_view, bool& v) override {
    if (chosen()) v = !v;
  }
  void text(std::string_view, std::string& v) override {
    if (chosen() && !v.empty()) v[random_() % v.size()] = pick(random_, {'.', ',', 'a', '-', '>', '\0', '\xff'});
  }
  void integers(std::string_view, std::vector<std::int64_t>& v) override {
    if (chosen()) v.resize(random_() % 5, 1);
    if (chosen() && !v.empty()) v[random_() % v.size()] = pick(random_, kIntegers);
  }
  void reals(std::string_view, std::vector<double>& v) override {
    if (chosen()) v.resize(random_() % 5, 1);
    if (chosen() && !v.empty()) v[random_() % v.size()] = pick(random_, kReals);
  }
  void texts(std::string_view, std::vector<std::string>& v) override {
    if (chosen()) v.resize(random_() % 7, "Tanh");
  }
  void element_type(std::string_view, ElementType& v) override {
    if (chosen()) v = pick(random_, kTypes);
  }
  void tensor(std::string_view, Tensor&) override {}
  void graph(std::string_view, graph::GraphPtr&) override {}
  void enumeration(std::string_view, std::int64_t& v, std::span<const std::string_view> names) override {
    if (chosen()) v = static_cast<std::int64_t>(random_() % names.size());
  }
  template <class T>
  static T pick(Random& random, std::initializer_list<T> values) {
    return values.begin()[random() % values.size()];
  }
  template <class T, std::size_t n>
  static T pick(Random& random, const T (&values)[n]) {
    return values[random() % n];
  }

  Random& random_;
};

Tensor spoiled(Random& random, const Tensor& tensor) {
  const ElementType type = random() % 8 == 0 ? pick(random, kTypes) : tensor.type();
  Shape shape = tensor.shape();
  if (random() % 4 == 0) {
    switch (random() % 4) {
      case 0:
        shape.push_back(1 + random() % 2);
        break;
      case 1:
        if (!shape.empty()) shape.pop_back();
        break;
      default:
        if (!shape.empty()) shape[random() % shape.size()] = static_cast<std::int64_t>(random() % 5);
    }
  }
  const auto count = static_cast<std::size_t>(element_count(shape));
  if (is_integer(tensor.type())) {
    std::vector<std::int64_t> values = to_i64(tensor);
    values.resize(count, 1);
    if (!values.empty() && random() % 2 == 0) values[random() % count] = pick(random, kIntegers);
    return from_i64(type, shape, values);
  }
  std::vector<double> values = to_f64(tensor);
  values.resize(count, 1);
  if (!values.empty() && random() % 2 == 0) values[random() % count] = pick(random, kReals);
  return from_f64(type, shape, values);
}

bool small(const std::vector<Fact>& outputs) {
  for (const Fact& f : outputs)
    if (!f.type.is_static() || element_count(f.type.shape.shape()) > 100000) return false;
  return true;
}

// One trial; whether it was evaluated.
bool attempt(const sct::OpCase& test, unsigned seed) {
  Random random(seed);
  Spoiler spoiler(random);
  std::vector<Tensor> inputs;
  std::vector<Fact> known, typed;
  for (const sct::Argument& a : test.arguments) {
    const bool drop = random() % 20 == 0;
    inputs.push_back(!a.present || drop ? Tensor() : random() % 3 == 0 ? spoiled(random, a.tensor) : a.tensor);
    Fact fact = inputs.back().defined() ? Fact(graph::type_of(inputs.back())) : Fact::absent();
    typed.push_back(fact);
    fact.constant = inputs.back();
    known.push_back(std::move(fact));
  }
  if (random() % 20 == 0 && !inputs.empty()) {
    inputs.pop_back();
    known.pop_back();
    typed.pop_back();
  }
  try {
    const graph::Op op = random() % 2 ? test.op->edited(spoiler) : *test.op;
    static_cast<void>(op.infer(typed));
    if (!small(op.infer(known))) return false;
    static_cast<void>(op.evaluate(inputs));
    return true;
  } catch (const Error&) {
    return false;
  }
}

TEST(OpMutations, ThrowErrorOrGiveResults) {
  std::size_t trials = 0, evaluated = 0;
  for (const std::string& file : g_files)
    for (const sct::OpCase& test : sct::read_op_cases(file)) {
      if (!test.op || test.infers_only()) continue;
      SCOPED_TRACE(file + ": " + test.title);
      for (int k = 0; k < g_count; ++k) {
        const unsigned seed = static_cast<unsigned>(test.line * 1000 + static_cast<std::size_t>(k));
        SCOPED_TRACE(seed);
        ++trials;
        EXPECT_NO_THROW(evaluated += attempt(test, seed));
      }
    }
  // mutations that break everything would test nothing
  EXPECT_GT(evaluated * 10, trials) << evaluated << " of " << trials << " were evaluated";
}

}  // namespace
}  // namespace saccade

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc > 1) saccade::g_count = std::atoi(argv[1]);
  saccade::g_files.assign(argv + std::min(argc, 2), argv + argc);
  return RUN_ALL_TESTS();
}
