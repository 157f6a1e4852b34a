// SPDX-License-Identifier: Apache-2.0
// The text form of graphs, printed and parsed: what tests, `--explain` and the tools show. tests/README.md has the grammar.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "graph/graph.h"

namespace saccade::graph {

/// An operator's attributes: "strides=[2,2] auto_pad=same_upper", bodies and tensors included.
std::string attributes_text(const Op& op);

/// "f32[2]{1,2.5}"; more than max_elements print as `...`, which does not parse; a uniform tensor prints as {all 1}.
std::string tensor_text(const Tensor& tensor, std::int64_t max_elements = 1 << 20);

struct PrintOptions {
  /// Constants with more elements print as `...`, which does not parse.
  std::int64_t max_constant_elements = 1 << 20;
  /// The types of what nodes produce.
  bool types = true;
  /// For comparing graphs: nodes in depth-first order from the outputs, values numbered in that order, no names but those of
  /// the inputs. Two graphs that differ only in names, age and dead nodes print alike.
  bool canonical = false;
};

/// The whole graph, one node a line. parse(print(g)) prints the same again. Small constants stand where they are used.
std::string print(const Graph& graph, const PrintOptions& options = {});

/// From an operator's name to the operator with default attributes; ops::find_op is one.
using OpLookup = std::function<std::optional<Op>(std::string_view name)>;

/// The graph that a text describes. Types of produced values may be left out; a stated type must agree with the inferred one
/// and may be more precise. Throws Error(invalid_model) with line and column of what it does not understand.
Graph parse(std::string_view text, const OpLookup& ops);

/// Reads graphs, tensors, types and words one after another from a text; `#` starts a comment that ends with the line.
/// Every function throws Error(invalid_model) with line and column. The text must outlive the reader.
class TextReader {
 public:
  TextReader(std::string_view text, OpLookup ops);

  bool at_end();
  /// Whether the text goes on with this word or punctuation; consumes nothing.
  bool at(std::string_view token);
  /// Consumes the token if the text goes on with it.
  bool accept(std::string_view token);
  void expect(std::string_view token);
  /// A letter or '_', then letters, digits, '_' and '.'.
  std::string word();
  std::string quoted();
  double number();
  /// What is left of this line, trimmed.
  std::string rest_of_line();
  /// The number of the line at which the text goes on, from 1.
  std::size_t line();

  Graph graph();
  /// "f32[2]{1,2}", "f32{1}", "f32[2,3]{all 0}", "f32[9]{iota}", "f32[64,3]{random 7}" (normally distributed; the number is the seed)
  Tensor tensor();
  TensorType type();
  /// A tensor, or a type if no contents follow it.
  struct Literal {
    TensorType type;
    Tensor tensor;  // undefined for a mere type
  };
  Literal literal();
  /// The operator called `name` with the attributes that follow in braces, if any.
  Op op(const std::string& name);
  [[noreturn]] void error(const std::string& message);

 private:
  class AttributeReader;
  using Names = std::map<std::string, ValueId>;

  void skip_space();
  bool is_tensor_next();
  std::int64_t integer();
  double real(bool single_precision);
  Dimension dimension();
  PartialShape shape();
  Tensor contents(ElementType element, const PartialShape& shape);
  Tensor listed(ElementType element, const Shape& shape);
  void skip_attribute();
  std::string value_name(std::string& key);
  ValueId argument(class Edit& edit, const Names& names);
  std::vector<ValueId> call(class Edit& edit, const Names& names, const std::vector<std::string>& output_names);
  void statement(class Edit& edit, Names& names);

  std::string_view text_;
  OpLookup ops_;
  std::size_t at_ = 0;
  std::size_t counted_to_ = 0, counted_lines_ = 0;  // ends of lines before there
  int depth_ = 0;
};

}  // namespace saccade::graph
