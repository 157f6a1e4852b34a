// SPDX-License-Identifier: Apache-2.0
// Einsum: the equation's parser and a walk over all of its indices.
#include <array>
#include <map>

#include "ops/inference.h"
#include "ops/matmul.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;

// Labels are letters; the k-th dimension of an ellipsis, counted from the last, is label 256 + k.
using Term = std::vector<int>;
constexpr int kEllipsis = 256;

struct Equation {
  std::vector<Term> inputs;
  Term output;
};

Equation parse(const std::string& text, std::span<const std::size_t> ranks) {
  std::string equation;
  for (char c : text)
    if (c != ' ') equation += c;
  const std::size_t arrow = equation.find("->");
  const std::string left = equation.substr(0, arrow);
  std::vector<std::string> terms(1);
  for (char c : left) {
    if (c == ',')
      terms.emplace_back();
    else
      terms.back() += c;
  }
  SACCADE_CHECK(terms.size() == ranks.size(), invalid_model, "equation '{}' has {} operands, {} are given", text, terms.size(),
                ranks.size());
  // `extra`: how many dimensions the ellipsis stands for
  const auto term_of = [&](const std::string& t, i64 extra) {
    Term term;
    for (std::size_t i = 0; i < t.size(); ++i) {
      if (t.compare(i, 3, "...") == 0) {
        for (i64 e = extra; e-- > 0;) term.push_back(kEllipsis + static_cast<int>(e));
        i += 2;
        continue;
      }
      SACCADE_CHECK((t[i] >= 'a' && t[i] <= 'z') || (t[i] >= 'A' && t[i] <= 'Z'), invalid_model, "equation '{}' holds '{}'", text, t[i]);
      term.push_back(t[i]);
    }
    return term;
  };
  Equation e;
  i64 ellipsis = 0;
  for (std::size_t i = 0; i < terms.size(); ++i) {
    const bool open = terms[i].find("...") != std::string::npos;
    const i64 letters = static_cast<i64>(terms[i].size()) - (open ? 3 : 0), extra = static_cast<i64>(ranks[i]) - letters;
    SACCADE_CHECK(open ? extra >= 0 : extra == 0, invalid_model, "term '{}' of equation '{}' does not suit rank {}", terms[i], text,
                  ranks[i]);
    if (open) ellipsis = std::max(ellipsis, extra);
    e.inputs.push_back(term_of(terms[i], extra));
  }
  if (arrow != std::string::npos) {
    e.output = term_of(equation.substr(arrow + 2), ellipsis);
  } else {
    for (i64 k = ellipsis; k-- > 0;) e.output.push_back(kEllipsis + static_cast<int>(k));
    std::map<int, int> seen;
    for (const Term& t : e.inputs)
      for (int label : t) ++seen[label];
    for (const auto& [label, count] : seen)
      if (label < kEllipsis && count == 1) e.output.push_back(label);
  }
  return e;
}

// Sizes of all labels; `dimension_of(input, position)`.
template <class D, class Merge>
std::map<int, D> label_sizes(const Equation& e, Merge&& merge, const std::vector<std::vector<D>>& shapes) {
  std::map<int, D> sizes;
  for (std::size_t i = 0; i < e.inputs.size(); ++i)
    for (std::size_t d = 0; d < e.inputs[i].size(); ++d) {
      const auto [it, fresh] = sizes.emplace(e.inputs[i][d], shapes[i][d]);
      if (!fresh) it->second = merge(it->second, shapes[i][d]);
    }
  for (int label : e.output) SACCADE_CHECK(sizes.count(label), invalid_model, "an output label that no operand has");
  for (std::size_t a = 0; a < e.output.size(); ++a)
    for (std::size_t b = 0; b < a; ++b) SACCADE_CHECK(e.output[a] != e.output[b], invalid_model, "an output label that is given twice");
  return sizes;
}

template <class T>
Tensor sum_products(const Equation& e, std::span<const Tensor> inputs) {
  std::vector<Shape> shapes;
  for (const Tensor& t : inputs) shapes.push_back(t.shape());
  const auto sizes = label_sizes<i64>(
      e,
      [](i64 a, i64 b) {
        SACCADE_CHECK(a == b || a == 1 || b == 1, invalid_model, "sizes {} and {} of one label", a, b);
        return a == 1 ? b : a;
      },
      shapes);
  Shape shape, all;
  std::vector<int> labels = e.output;
  for (int label : e.output) shape.push_back(sizes.at(label));
  all = shape;
  for (const auto& [label, size] : sizes)
    if (std::find(e.output.begin(), e.output.end(), label) == e.output.end()) {
      labels.push_back(label);
      all.push_back(size);
    }
  std::vector<T> out(wide_count(shape));
  element_count(all);
  const bool nothing = std::find(all.begin(), all.end(), 0) != all.end();
  std::vector<std::vector<T>> data;
  std::vector<Strides> strides;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    data.push_back(widen<T>(inputs[i]));
    const Strides dense = dense_strides(shapes[i]);
    Strides s(labels.size(), 0);
    for (std::size_t d = 0; d < shapes[i].size(); ++d)
      if (shapes[i][d] != 1)  // a size of one repeats
        for (std::size_t l = 0; l < labels.size(); ++l)
          if (labels[l] == e.inputs[i][d]) s[l] += dense[d];
    strides.push_back(std::move(s));
  }
  Strides out_strides = dense_strides(shape);
  out_strides.resize(labels.size(), 0);
  if (!nothing) {
    IndexWalk walk(all);
    do {
      T product = 1;
      for (std::size_t i = 0; i < data.size(); ++i) product *= data[i][static_cast<std::size_t>(walk.offset(strides[i]))];
      out[static_cast<std::size_t>(walk.offset(out_strides))] += product;
    } while (walk.next());
  }
  return narrow<T>(inputs[0].type(), std::move(shape), out);
}

}  // namespace

std::vector<Fact> infer(const Einsum& op, std::span<const Fact> inputs) {
  SACCADE_CHECK(!inputs.empty(), invalid_model, "Einsum without operands");
  check_arity(inputs, inputs.size(), inputs.size());
  std::vector<std::size_t> ranks;
  std::vector<std::vector<Dimension>> shapes;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    check_same_element(inputs, 0, i);
    if (!inputs[i].type.shape.ranked()) return {Fact(inputs[0].type.element, PartialShape())};
    ranks.push_back(inputs[i].type.shape.rank());
    shapes.push_back(inputs[i].type.shape.dimensions());
  }
  const Equation e = parse(op.equation, ranks);
  const auto sizes = label_sizes<Dimension>(
      e, [](const Dimension& a, const Dimension& b) { return broadcast(PartialShape({a}), PartialShape({b}))[0]; }, shapes);
  std::vector<Dimension> dims;
  for (int label : e.output) dims.push_back(sizes.at(label));
  return {Fact(inputs[0].type.element, PartialShape(std::move(dims)))};
}

std::vector<Tensor> evaluate(const Einsum& op, std::span<const Tensor> inputs) {
  std::vector<std::size_t> ranks;
  for (const Tensor& t : inputs) ranks.push_back(t.shape().size());
  const Equation e = parse(op.equation, ranks);
  if (is_float(inputs[0].type())) return {sum_products<double>(e, inputs)};
  return {sum_products<std::uint64_t>(e, inputs)};
}

Cost cost(const Einsum& op, std::span<const Fact> inputs, std::span<const Fact>) {
  Cost c;
  std::vector<std::size_t> ranks;
  for (const Fact& f : inputs) {
    if (!f.type.is_static()) return c;
    ranks.push_back(f.type.shape.rank());
  }
  const Equation e = parse(op.equation, ranks);
  std::map<int, double> sizes;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    for (std::size_t d = 0; d < e.inputs[i].size(); ++d)
      sizes[e.inputs[i][d]] = std::max(sizes[e.inputs[i][d]], static_cast<double>(inputs[i].type.shape[d].size()));
  c.macs = static_cast<double>(std::max<std::size_t>(1, inputs.size() - 1));
  for (const auto& [label, size] : sizes) c.macs *= size;
  return c;
}

}  // namespace saccade::ops
