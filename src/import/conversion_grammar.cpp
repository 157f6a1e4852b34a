// SPDX-License-Identifier: Apache-2.0
// Parsing the arguments of conversion tools.
#include "import/conversion_grammar.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.h"

namespace saccade::import {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

// Parts between commas that stand in no bracket.
std::vector<std::string_view> split_outside(std::string_view text) {
  std::vector<std::string_view> parts;
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const char c = i < text.size() ? text[i] : ',';
    depth += c == '[' || c == '(' || c == '{' ? 1 : c == ']' || c == ')' || c == '}' ? -1 : 0;
    SACCADE_CHECK(depth >= 0, invalid_argument, "'{}' closes a bracket that is not open", text);
    if (c != ',' || (depth > 0 && i < text.size())) continue;
    SACCADE_CHECK(depth == 0, invalid_argument, "'{}' does not close a bracket", text);
    const std::string_view part = trimmed(text.substr(start, i - start));
    if (!part.empty()) parts.push_back(part);
    start = i + 1;
  }
  return parts;
}

// Words between spaces or commas.
std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] != ',' && !std::isspace(static_cast<unsigned char>(text[i]))) continue;
    if (i > start) words.push_back(text.substr(start, i - start));
    start = i + 1;
  }
  return words;
}

std::optional<double> number_of(std::string_view word) {
  std::string lower(word);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (lower == "true") return 1;
  if (lower == "false") return 0;
  if (word.starts_with('+')) word.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (word.empty() || error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

std::vector<double> numbers_of(std::string_view text) {
  std::vector<double> numbers;
  for (const std::string_view word : words_of(text)) {
    const auto number = number_of(word);
    SACCADE_CHECK(number.has_value(), invalid_argument, "'{}' is no number", word);
    numbers.push_back(*number);
  }
  return numbers;
}

std::string_view inside(std::string_view bracketed) { return bracketed.substr(1, bracketed.size() - 2); }

bool is_bracketed(std::string_view text) {
  return text.size() >= 2 && ((text.front() == '[' && text.back() == ']') || (text.front() == '(' && text.back() == ')'));
}

graph::PartialShape shape_of(std::string_view words) {
  std::vector<graph::Dimension> dimensions;
  for (const std::string_view word : words_of(words)) dimensions.push_back(parse_dimension(word));
  return graph::PartialShape(std::move(dimensions));
}

// The position of a bracket that ends the text, or npos: "name[1 2]" → 4.
std::size_t opening_at_end(std::string_view text, char open, char close) { return text.ends_with(close) ? text.rfind(open) : std::string_view::npos; }

InputArgument input_of(std::string_view part) {
  InputArgument input;
  const auto arrow = part.find("->");
  std::string_view head = trimmed(part.substr(0, arrow));
  if (arrow != std::string_view::npos) {
    const std::string_view value = trimmed(part.substr(arrow + 2));
    input.frozen = true;
    input.scalar = !is_bracketed(value);
    input.values = numbers_of(is_bracketed(value) ? inside(value) : value);
    SACCADE_CHECK(!input.values.empty(), invalid_argument, "'{}' freezes an input to nothing", part);
  }
  if (const auto open = opening_at_end(head, '{', '}'); open != std::string_view::npos) {
    input.type = parse_type_word(head.substr(open + 1, head.size() - open - 2));
    head = trimmed(head.substr(0, open));
  }
  if (const auto open = opening_at_end(head, '[', ']'); open != std::string_view::npos) {
    input.shape = shape_of(head.substr(open + 1, head.size() - open - 2));
    head = trimmed(head.substr(0, open));
  }
  input.name = std::string(head);
  return input;
}

std::string layout_of(std::string_view text) {
  text = trimmed(text);
  if (is_bracketed(text)) text = inside(text);
  std::string layout;
  for (const char c : text) {
    if (c == ',' || c == ' ') continue;
    SACCADE_CHECK(std::isalpha(static_cast<unsigned char>(c)) || c == '?' || c == '.', invalid_argument, "'{}' is no layout; it is written as nhwc, [n,h,w,c], ?c?? or nc...", text);
    layout += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return layout;
}

LayoutArgument layout_argument(std::string_view part) {
  LayoutArgument argument;
  std::string_view layouts = part;
  const auto open = part.find('(');
  if (open != std::string_view::npos && part.ends_with(')')) {  // in(nhwc->nchw)
    argument.input = std::string(trimmed(part.substr(0, open)));
    layouts = part.substr(open + 1, part.size() - open - 2);
  } else if (const auto bracket = part.find('['); bracket != std::string_view::npos && bracket > 0) {  // in[n,h,w,c]->[n,c,h,w]
    const std::string_view before = trimmed(part.substr(0, bracket));
    if (!before.ends_with("->")) {
      argument.input = std::string(before);
      layouts = part.substr(bracket);
    }
  }
  const auto arrow = layouts.find("->");
  argument.source = layout_of(layouts.substr(0, arrow));
  if (arrow != std::string_view::npos) argument.target = layout_of(layouts.substr(arrow + 2));
  return argument;
}

}  // namespace

graph::Dimension parse_dimension(std::string_view text) {
  const auto wrong = [&] { fail(ErrorCode::invalid_argument, "'{}' is no size; write 5, ?, -1, 1..10, ..10 or 1..", text); };
  const auto size = [&](std::string_view digits) {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size() || value < 0) wrong();
    return value;
  };
  if (text == "?" || text == "-1") return graph::Dimension::unknown();
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) return graph::Dimension::fixed(size(text));
  graph::Dimension dimension = graph::Dimension::unknown();
  if (dots > 0) dimension.min = size(text.substr(0, dots));
  if (dots + 2 < text.size()) dimension.max = size(text.substr(dots + 2));
  if (dimension.min > dimension.max) wrong();
  return dimension;
}

std::vector<graph::PartialShape> parse_shapes(std::string_view text) {
  std::vector<graph::PartialShape> shapes;
  const auto parts = split_outside(text);
  if (!parts.empty() && std::none_of(parts.begin(), parts.end(), is_bracketed)) return {shape_of(text)};  // 1,3,224,224
  for (const std::string_view part : parts) {
    SACCADE_CHECK(is_bracketed(part), invalid_argument, "'{}' is no shape; write [1,3,224,224]", part);
    shapes.push_back(shape_of(inside(part)));
  }
  return shapes;
}

std::vector<InputArgument> parse_inputs(std::string_view text) {
  std::vector<InputArgument> inputs;
  for (const std::string_view part : split_outside(text)) inputs.push_back(input_of(part));
  return inputs;
}

std::vector<InputArgument> parse_frozen(std::string_view text) {
  auto inputs = parse_inputs(text);
  for (const InputArgument& input : inputs) SACCADE_CHECK(input.frozen && !input.name.empty(), invalid_argument, "'{}' says no value; write NAME->VALUE", text);
  return inputs;
}

std::vector<NumbersArgument> parse_numbers(std::string_view text) {
  std::vector<NumbersArgument> arguments;
  const auto parts = split_outside(text);
  if (!parts.empty() && std::none_of(parts.begin(), parts.end(), [](std::string_view p) { return p.ends_with(']') || p.ends_with(')'); })) return {{{}, numbers_of(text)}};
  for (const std::string_view part : parts) {
    const auto open = std::min(part.rfind('['), part.rfind('('));
    SACCADE_CHECK(open != std::string_view::npos && (part.ends_with(']') || part.ends_with(')')), invalid_argument, "'{}' is no list of numbers; write NAME[1,2,3] or [1,2,3]", part);
    arguments.push_back({std::string(trimmed(part.substr(0, open))), numbers_of(part.substr(open + 1, part.size() - open - 2))});
    SACCADE_CHECK(!arguments.back().numbers.empty(), invalid_argument, "'{}' is an empty list", part);
  }
  return arguments;
}

std::vector<LayoutArgument> parse_layouts(std::string_view text) {
  std::vector<LayoutArgument> arguments;
  for (const std::string_view part : split_outside(text)) arguments.push_back(layout_argument(part));
  return arguments;
}

ElementType parse_type_word(std::string_view word) {
  std::string lower(trimmed(word));
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  constexpr std::pair<std::string_view, ElementType> words[] = {
      {"float", ElementType::f32}, {"fp32", ElementType::f32}, {"float32", ElementType::f32}, {"half", ElementType::f16}, {"fp16", ElementType::f16}, {"float16", ElementType::f16},
      {"fp64", ElementType::f64}, {"float64", ElementType::f64}, {"double", ElementType::f64}, {"int8", ElementType::i8}, {"int16", ElementType::i16}, {"int32", ElementType::i32},
      {"int64", ElementType::i64}, {"uint8", ElementType::u8}, {"uint16", ElementType::u16}, {"uint32", ElementType::u32}, {"uint64", ElementType::u64}, {"bool", ElementType::boolean},
      {"bfloat16", ElementType::bf16},
  };
  for (const auto& [name, type] : words)
    if (lower == name) return type;
  return parse_element_type(lower);
}

}  // namespace saccade::import
