// SPDX-License-Identifier: Apache-2.0
// Operators by themselves: a few nodes, inputs made by formulas, and what TensorFlow 2.15 gave for them. Every case is read and run
// twice: with inputs of unknown sizes and of the sizes that they have.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/edit.h"
#include "import/tensorflow/tensorflow_test.h"

namespace saccade::tensorflow {

inline std::string floats(const std::string& name, const Ints& shape, const std::vector<float>& values) { return constant(name, tensor(shape, values)); }
inline std::string ints(const std::string& name, const Ints& shape, const std::vector<std::int32_t>& values) { return constant(name, tensor(shape, values)); }
inline std::string bools(const std::string& name, const Ints& shape, const Ints& values) { return constant(name, tensor_list(kBool, shape, 11, values)); }

// The numbers of the inputs.
inline Tensor wave(const Shape& shape) {
  Tensor t(ElementType::f32, shape);
  for (std::int64_t i = 0; i < t.size(); ++i) t.data<float>()[i] = static_cast<float>((i * 37 + 11) % 23 - 11) / 4;
  return t;
}
inline Tensor unit(const Shape& shape) {
  Tensor t(ElementType::f32, shape);
  for (std::int64_t i = 0; i < t.size(); ++i) t.data<float>()[i] = static_cast<float>((i * 37 + 11) % 23 + 1) / 24;
  return t;
}
inline Tensor whole(const Shape& shape) {
  Tensor t(ElementType::i32, shape);
  for (std::int64_t i = 0; i < t.size(); ++i) t.data<std::int32_t>()[i] = static_cast<std::int32_t>((i * 37 + 11) % 22 * 2 - 21);
  return t;
}
inline Tensor ids(std::int64_t below, const Shape& shape) {
  Tensor t(ElementType::i32, shape);
  for (std::int64_t i = 0; i < t.size(); ++i) t.data<std::int32_t>()[i] = static_cast<std::int32_t>((i * 5 + 3) % below);
  return t;
}
inline std::string values(const std::string& name, const Tensor& t) {
  return constant(name, tensor(t.shape(), std::vector<float>(t.data<float>(), t.data<float>() + t.size())));
}

struct Expected {
  std::vector<double> values;  // all, or the sum and the sum of each times its place modulo 7 plus 1
  bool digest = false;
};
inline Expected all(std::vector<double> values) { return {std::move(values), false}; }
inline Expected digest(double sum, double weighted) { return {{sum, weighted}, true}; }

struct RowCase {
  std::string name;
  Strings nodes;  // of inputs x0, x1 …; the result is y
  std::vector<Tensor> inputs;
  Shape shape;
  Expected expected;
  bool needs_sizes = false;  // refused where the sizes of the inputs are not known
};

inline void check(const RowCase& c) {
  SCOPED_TRACE(c.name);
  for (const bool known : {false, true}) {
    if (c.needs_sizes && !known) continue;
    Strings nodes;
    for (std::size_t i = 0; i < c.inputs.size(); ++i)
      nodes.push_back(placeholder("x" + std::to_string(i), c.inputs[i].type() == ElementType::f32 ? kFloat : kInt32,
                                  known ? c.inputs[i].shape() : Ints(c.inputs[i].shape().size(), -1)));
    nodes.insert(nodes.end(), c.nodes.begin(), c.nodes.end());
    try {
      const auto model = read(graph_def(nodes));
      std::vector<Tensor> inputs;  // in the order in which the model has them
      for (const auto v : model->inputs()) inputs.push_back(c.inputs[static_cast<std::size_t>((*model)[v].name[1] - '0')]);
      const Tensor y = run(*model, inputs).at("y");
      EXPECT_EQ(to_string(y.shape()), to_string(c.shape));
      std::vector<double> got = to_f64(y);
      if (c.expected.digest) {
        double sum = 0, weighted = 0;
        for (std::size_t i = 0; i < got.size(); ++i) sum += got[i], weighted += got[i] * static_cast<double>(i % 7 + 1);
        got = {sum, weighted};
      }
      ASSERT_EQ(got.size(), c.expected.values.size());
      double largest = 1;
      for (const double v : c.expected.values)
        if (std::isfinite(v)) largest = std::max(largest, std::fabs(v));
      for (std::size_t i = 0; i < got.size(); ++i)
        EXPECT_TRUE(got[i] == c.expected.values[i] || std::fabs(got[i] - c.expected.values[i]) <= 2e-6 * largest) << "element " << i << ": " << got[i] << ", not " << c.expected.values[i];
    } catch (const Error& e) {
      ADD_FAILURE() << e.what();
    }
  }
}

}  // namespace saccade::tensorflow
