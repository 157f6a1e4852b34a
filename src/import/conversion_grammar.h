// SPDX-License-Identifier: Apache-2.0
// The little languages of conversion tools' arguments (mo, ovc): inputs with shapes, types and values, means and scales, layouts.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graph/type.h"

namespace saccade::import {

/// One entry of --input: "a[1 3 ? 1..10]{i32}->[20 15]".
struct InputArgument {
  std::string name;  // may be empty in ovc: the inputs in their order
  std::optional<graph::PartialShape> shape;
  std::optional<ElementType> type;
  std::vector<double> values;  // what the input is frozen to
  bool frozen = false, scalar = false;
};

/// Numbers for an input; an empty name means the inputs in their order, or all of them where there is one list.
struct NumbersArgument {
  std::string input;
  std::vector<double> numbers;
};

/// "in(nhwc->nchw)"; layouts in capitals, "?" for a dimension without meaning, "..." for any number of them.
struct LayoutArgument {
  std::string input, source, target;
};

// All throw Error(invalid_argument) with the argument and what is expected.

/// "a[1 10]{i32},seq->150,0:n[3 4],n2:1[2]{i32}->[20 15]"; commas in brackets are taken for spaces.
std::vector<InputArgument> parse_inputs(std::string_view text);
/// "[1,3,227,227],[2,4]", "(1,3,?,10..)", "[]" for a scalar.
std::vector<graph::PartialShape> parse_shapes(std::string_view text);
/// "?", "-1", "5", "1..10", "..10", "1..".
graph::Dimension parse_dimension(std::string_view text);
/// "data[1,2,3],info[4,5,6]", "[1,2,3],[4,5,6]", "(1,2,3)", "1,2,3".
std::vector<NumbersArgument> parse_numbers(std::string_view text);
/// "nhwc->nchw", "in(nhwc->nchw),b([n,c,h,w])", "in[n,h,w,c]->[n,c,h,w]", "?c??", "nc...".
std::vector<LayoutArgument> parse_layouts(std::string_view text);
/// "a->True,b->[1 2]": names and what they are frozen to.
std::vector<InputArgument> parse_frozen(std::string_view text);
/// "f32", "FP16", "float", "half", "int32", "i64", "uint8", "bool" …
ElementType parse_type_word(std::string_view word);

}  // namespace saccade::import
