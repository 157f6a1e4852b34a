// SPDX-License-Identifier: Apache-2.0
// Parsing graph text by recursive descent. The text may be hostile: nothing is allocated that it does not pay for with
// characters, except by {all …}, {iota} and {random …}, which have a limit.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

#include "base/error.h"
#include "graph/edit.h"
#include "graph/text.h"
#include "graph/text_names.h"
#include "tensor/numeric.h"

namespace saccade::graph {
namespace {

constexpr std::int64_t kMaxGenerated = std::int64_t{1} << 26;
constexpr int kMaxDepth = 64;

bool is_word_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) || c == '_'; }
bool is_word_part(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }

// Counts down on scope exit, so that errors unwind it too.
struct DepthGuard {
  int& depth;
  explicit DepthGuard(int& d) : depth(++d) {}
  ~DepthGuard() { --depth; }
};

// splitmix64 and Box-Muller: the same numbers everywhere.
class Normal {
 public:
  explicit Normal(std::uint64_t seed) : state_(seed) {}
  double operator()() {
    const double u = uniform(), v = uniform();
    return std::sqrt(-2 * std::log(1 - u)) * std::cos(2 * std::numbers::pi * v);
  }

 private:
  double uniform() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
  }
  std::uint64_t state_;
};

}  // namespace

// Fills an operator's attributes from the texts found in its braces.
class TextReader::AttributeReader final : public FieldVisitor {
 public:
  explicit AttributeReader(TextReader& reader) : r_(reader) {
    if (!r_.accept("{")) {
      end_ = r_.at_;
      return;
    }
    while (!r_.accept("}")) {
      const std::size_t begin = r_.at_;
      const std::string name = r_.word();
      r_.expect("=");
      r_.skip_space();
      if (!values_.emplace(name, r_.at_).second) r_.at_ = begin, r_.error(fmt::format("attribute '{}' twice", name));
      r_.skip_attribute();
    }
    end_ = r_.at_;
  }
  // After the visit: every attribute given must have been asked for.
  void finish(std::string_view op) {
    for (const auto& [name, at] : values_) {
      r_.at_ = at;
      r_.error(fmt::format("{} has no attribute '{}'", op, name));
    }
    r_.at_ = end_;
  }

 private:
  bool seek(std::string_view name) {
    const auto it = values_.find(name);
    if (it == values_.end()) return false;
    r_.at_ = it->second;
    values_.erase(it);
    return true;
  }
  template <class T, class F>
  void list(std::string_view name, std::vector<T>& value, F element) {
    if (!seek(name)) return;
    value.clear();
    r_.expect("[");
    while (!r_.accept("]")) {
      if (!value.empty()) r_.expect(",");
      value.push_back(element());
    }
  }
  void integer(std::string_view n, std::int64_t& v) override {
    if (seek(n)) v = r_.integer();
  }
  void real(std::string_view n, double& v) override {
    if (seek(n)) v = r_.number();
  }
  void boolean(std::string_view n, bool& v) override {
    if (!seek(n)) return;
    v = r_.accept("true");
    if (!v) r_.expect("false");
  }
  void text(std::string_view n, std::string& v) override {
    if (seek(n)) v = r_.quoted();
  }
  void integers(std::string_view n, std::vector<std::int64_t>& v) override {
    list(n, v, [&] { return r_.integer(); });
  }
  void reals(std::string_view n, std::vector<double>& v) override {
    list(n, v, [&] { return r_.number(); });
  }
  void texts(std::string_view n, std::vector<std::string>& v) override {
    list(n, v, [&] { return r_.quoted(); });
  }
  void element_type(std::string_view n, ElementType& v) override {
    if (!seek(n)) return;
    const std::size_t begin = r_.at_;
    try {
      v = parse_element_type(r_.word());
    } catch (const Error& e) {
      r_.at_ = begin;
      r_.error(e.message());
    }
  }
  void tensor(std::string_view n, Tensor& v) override {
    if (seek(n)) v = r_.accept("none") ? Tensor() : r_.tensor();
  }
  void graph(std::string_view n, GraphPtr& v) override {
    if (!seek(n)) return;
    if (r_.accept("none"))
      v = nullptr;
    else
      v = std::make_shared<const Graph>(r_.graph());
  }
  void enumeration(std::string_view n, std::int64_t& v, std::span<const std::string_view> names) override {
    if (!seek(n)) return;
    const std::size_t begin = r_.at_;
    const std::string name = r_.word();
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == name) {
        v = static_cast<std::int64_t>(i);
        return;
      }
    r_.at_ = begin;
    r_.error(fmt::format("{} is not one of {}", name, fmt::join(names, ", ")));
  }

  TextReader& r_;
  std::map<std::string, std::size_t, std::less<>> values_;
  std::size_t end_ = 0;
};

TextReader::TextReader(std::string_view text, OpLookup ops) : text_(text), ops_(std::move(ops)) {}

void TextReader::skip_space() {
  while (at_ < text_.size()) {
    if (text_[at_] == '#')
      while (at_ < text_.size() && text_[at_] != '\n') ++at_;
    else if (std::isspace(static_cast<unsigned char>(text_[at_])))
      ++at_;
    else
      return;
  }
}

void TextReader::error(const std::string& message) {
  skip_space();
  const std::string_view before = text_.substr(0, at_);
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? at_ + 1 : at_ - newline;
  std::string found = at_ == text_.size() ? "the end" : "";
  for (std::size_t i = at_; i < text_.size() && i < at_ + 20 && text_[i] != '\n'; ++i) found += text_[i];
  fail(ErrorCode::invalid_model, "{}:{}: {}, at {}", line(), column, message, at_ == text_.size() ? found : quote(found));
}

std::size_t TextReader::line() {
  skip_space();
  if (at_ < counted_to_) counted_to_ = counted_lines_ = 0;
  counted_lines_ += static_cast<std::size_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(counted_to_), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n'));
  counted_to_ = at_;
  return 1 + counted_lines_;
}

bool TextReader::at_end() {
  skip_space();
  return at_ == text_.size();
}

bool TextReader::at(std::string_view token) {
  skip_space();
  if (text_.substr(at_, token.size()) != token) return false;
  // a word must not go on
  return !is_word_start(token[0]) || at_ + token.size() == text_.size() || !is_word_part(text_[at_ + token.size()]);
}

bool TextReader::accept(std::string_view token) {
  if (!at(token)) return false;
  at_ += token.size();
  return true;
}

void TextReader::expect(std::string_view token) {
  if (!accept(token)) error(fmt::format("expected '{}'", token));
}

std::string TextReader::word() {
  skip_space();
  if (at_ == text_.size() || !is_word_start(text_[at_])) error("expected a word");
  const std::size_t begin = at_;
  // two dots are the mark of an interval
  while (at_ < text_.size() && is_word_part(text_[at_]) && text_.substr(at_, 2) != "..") ++at_;
  return std::string(text_.substr(begin, at_ - begin));
}

std::string TextReader::quoted() {
  expect("\"");
  std::string out;
  for (;;) {
    if (at_ == text_.size()) error("a string without its end");
    const char c = text_[at_++];
    if (c == '"') return out;
    if (c != '\\') {
      out += c;
      continue;
    }
    const char e = at_ < text_.size() ? text_[at_++] : '\0';
    if (e == '"' || e == '\\') {
      out += e;
    } else if (e == 'n') {
      out += '\n';
    } else {
      int code = 0;
      const auto* first = text_.data() + at_;
      if (e != 'x' || at_ + 2 > text_.size() || std::from_chars(first, first + 2, code, 16).ptr != first + 2) error("a bad escape in a string");
      out += static_cast<char>(code);
      at_ += 2;
    }
  }
}

std::string TextReader::rest_of_line() {
  std::size_t end = text_.find('\n', at_);
  if (end == std::string_view::npos) end = text_.size();
  std::string_view rest = text_.substr(at_, end - at_);
  at_ = end;
  while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front()))) rest.remove_prefix(1);
  while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.back()))) rest.remove_suffix(1);
  return std::string(rest);
}

std::int64_t TextReader::integer() {
  skip_space();
  if (accept("true")) return 1;
  if (accept("false")) return 0;
  const char* begin = text_.data() + at_;
  const char* end = text_.data() + text_.size();
  std::int64_t value = 0;
  auto [stop, problem] = std::from_chars(begin, end, value);
  if (problem == std::errc::result_out_of_range) {
    std::uint64_t wide = 0;
    const auto again = std::from_chars(begin, end, wide);
    if (again.ec != std::errc()) error("an integer out of range");
    value = static_cast<std::int64_t>(wide);
    stop = again.ptr;
  } else if (problem != std::errc()) {
    error("expected an integer");
  }
  at_ += static_cast<std::size_t>(stop - begin);
  return value;
}

double TextReader::real(bool single_precision) {
  skip_space();
  const char* begin = text_.data() + at_;
  const char* end = text_.data() + text_.size();
  double value = 0;
  float narrow = 0;
  const auto [stop, problem] = single_precision ? std::from_chars(begin, end, narrow) : std::from_chars(begin, end, value);
  if (problem != std::errc()) error(problem == std::errc::result_out_of_range ? "a number out of range" : "expected a number");
  at_ += static_cast<std::size_t>(stop - begin);
  return single_precision ? static_cast<double>(narrow) : value;
}

double TextReader::number() { return real(false); }

Dimension TextReader::dimension() {
  skip_space();
  if (accept("?")) return Dimension::unknown();
  const auto bound = [&] {
    const std::int64_t value = integer();
    if (value < 0) error("a negative dimension");
    return value;
  };
  const auto interval = [&](std::int64_t min) {
    Dimension d{min, Dimension::kUnbounded, {}};
    if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) d.max = bound();
    if (d.max < d.min) error("an empty interval");
    return d;
  };
  if (at_ < text_.size() && (text_[at_] == '"' || is_word_start(text_[at_]))) {
    const std::string symbol = text_[at_] == '"' ? quoted() : word();
    Dimension d = Dimension::unknown(symbol);
    if (accept("(")) {
      const std::int64_t min = bound();
      expect("..");
      d = interval(min);
      d.symbol = symbol;
      expect(")");
    }
    return d;
  }
  const std::int64_t min = bound();
  return text_.substr(at_, 2) == ".." ? (at_ += 2, interval(min)) : Dimension::fixed(min);
}

PartialShape TextReader::shape() {
  if (!accept("[")) return PartialShape(Shape{});
  if (accept("...")) {
    expect("]");
    return {};
  }
  std::vector<Dimension> dimensions;
  while (!accept("]")) {
    if (!dimensions.empty()) expect(",");
    dimensions.push_back(dimension());
  }
  return PartialShape(std::move(dimensions));
}

TensorType TextReader::type() {
  skip_space();
  const std::size_t begin = at_;
  const std::string name = word();
  TensorType out;
  try {
    out.element = parse_element_type(name);
  } catch (const Error& e) {
    at_ = begin;
    error(e.message());
  }
  out.shape = shape();
  return out;
}

Tensor TextReader::tensor() {
  const TensorType t = type();
  if (!t.is_static()) error("a tensor needs a shape without unknowns");
  return contents(t.element, t.shape);
}

TextReader::Literal TextReader::literal() {
  Literal out{type(), {}};
  if (at("{")) {
    if (!out.type.is_static()) error("a tensor needs a shape without unknowns");
    out.tensor = contents(out.type.element, out.type.shape);
  }
  return out;
}

Tensor TextReader::contents(ElementType element, const PartialShape& partial) {
  const Shape shape = partial.shape();
  expect("{");
  std::int64_t count = 0;
  try {
    count = element_count(shape);
  } catch (const Error& e) {
    error(e.message());
  }
  const bool all = accept("all"), iota = !all && accept("iota"), random = !all && !iota && accept("random");
  if (!all && !iota && !random) return listed(element, shape);
  if (count > kMaxGenerated) error(fmt::format("a tensor of {} elements is too large to be generated", count));
  Tensor out;
  if (iota) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) values[static_cast<std::size_t>(i)] = i;
    out = from_i64(element, shape, values);
  } else if (random) {
    Normal normal(static_cast<std::uint64_t>(integer()));
    std::vector<double> values(static_cast<std::size_t>(count));
    for (auto& v : values) v = is_float(element) ? normal() : std::round(normal() * 40);
    out = from_f64(element, shape, values);
  } else if (is_float(element)) {
    out = from_f64(element, shape, std::vector<double>(static_cast<std::size_t>(count), real(element == ElementType::f32)));
  } else {
    out = from_i64(element, shape, std::vector<std::int64_t>(static_cast<std::size_t>(count), integer()));
  }
  expect("}");
  return out;
}

Tensor TextReader::listed(ElementType element, const Shape& shape) {
  std::vector<double> reals;
  std::vector<std::int64_t> integers;
  const std::int64_t count = element_count(shape);
  std::int64_t found = 0;
  while (!accept("}")) {
    if (found > 0) expect(",");
    if (++found > count) error(fmt::format("more than {} elements for {}", count, to_string(shape)));
    if (is_float(element))
      reals.push_back(real(element == ElementType::f32));
    else
      integers.push_back(integer());
  }
  if (found != count) error(fmt::format("{} elements for {}", found, to_string(shape)));
  return is_float(element) ? from_f64(element, shape, reals) : from_i64(element, shape, integers);
}

// Passes over one attribute's value, which ends before white space, '}' or the end outside of all brackets.
void TextReader::skip_attribute() {
  int open = 0;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      quoted();
      continue;
    }
    if (c == '#') {
      skip_space();
      continue;
    }
    if (open == 0 && (c == '}' || (std::isspace(static_cast<unsigned char>(c))))) {
      // a body goes on after its name and before its braces
      const std::size_t here = at_;
      skip_space();
      if (c == '}' || !(at("{") || at("(") || at("\""))) {
        at_ = here;
        return;
      }
      continue;
    }
    if (c == '[' || c == '(' || c == '{') ++open;
    if (c == ']' || c == ')' || c == '}') --open;
    if (open < 0) error("unbalanced brackets");
    ++at_;
  }
  error("an operator's attributes without their end");
}

bool TextReader::is_tensor_next() {
  const std::size_t here = at_;
  bool tensor = false;
  if (!at("none") && !at("%")) {
    word();
    tensor = at("[") || at("{");
  }
  at_ = here;
  return tensor;
}

// Reads "%name"; `key` becomes what tells names apart, the result is the value's own name, empty for a number.
std::string TextReader::value_name(std::string& key) {
  expect("%");
  if (at_ < text_.size() && text_[at_] == '"') {
    key = quoted();
    return key;
  }
  if (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_]))) {
    key = fmt::format("\x01{}", integer());  // no name of a file's own is like this
    return {};
  }
  key = word();
  return key;
}

ValueId TextReader::argument(Edit& edit, const Names& names) {
  skip_space();
  if (accept("none")) return {};
  const std::size_t begin = at_;
  if (at("%")) {
    std::string key;
    value_name(key);
    const auto it = names.find(key);
    if (it == names.end()) {
      at_ = begin;
      error("a value that is not defined above");
    }
    return it->second;
  }
  if (is_tensor_next()) return edit.constant(tensor());
  const auto values = call(edit, names, {});
  if (values.size() != 1) {
    at_ = begin;
    error(fmt::format("an argument with {} outputs", values.size()));
  }
  return values[0];
}

Op TextReader::op(const std::string& name) {
  std::optional<Op> found = ops_ ? ops_(name) : std::nullopt;
  if (!found) error(fmt::format("there is no operator '{}'", name));
  AttributeReader attributes(*this);
  Op out = found->edited(attributes);
  attributes.finish(name);
  return out;
}

std::vector<ValueId> TextReader::call(Edit& edit, const Names& names, const std::vector<std::string>& output_names) {
  const DepthGuard guard(depth_);
  if (depth_ > kMaxDepth) error("nested too deeply");
  skip_space();
  const std::size_t begin = at_;
  const std::string name = word();
  if (!ops_ || !ops_(name)) {
    at_ = begin;
    error(fmt::format("there is no operator '{}'", name));
  }
  expect("(");
  std::vector<ValueId> inputs;
  for (bool first = true; !accept(")"); first = false) {
    if (!first) expect(",");
    inputs.push_back(argument(edit, names));
  }
  Op op = this->op(name);
  std::string node_name;
  if (accept("@")) node_name = at("\"") ? quoted() : word();
  const std::string place = fmt::format("line {}", line());
  const ErrorContext scope(place, {});
  return edit.node(std::move(op), std::move(inputs), std::move(node_name), output_names);
}

void TextReader::statement(Edit& edit, Names& names) {
  std::vector<std::string> keys, own;
  std::vector<std::optional<TensorType>> types;
  const std::size_t begin = at_;
  do {
    std::string key;
    own.push_back(value_name(key));
    keys.push_back(std::move(key));
    types.push_back(accept(":") ? std::optional(type()) : std::nullopt);
  } while (accept(","));
  expect("=");
  std::vector<ValueId> values;
  if (is_tensor_next())
    values = {edit.constant(tensor(), own[0])};
  else
    values = call(edit, names, own);
  if (values.size() != keys.size()) {
    at_ = begin;
    error(fmt::format("{} names for {} values", keys.size(), values.size()));
  }
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (types[i]) {
      Fact fact = edit.graph().fact(values[i]);
      if (fact.type.element != types[i]->element) {
        at_ = begin;
        error(fmt::format("{} is stated, {} inferred", to_string(*types[i]), to_string(fact.type)));
      }
      try {
        fact.type.shape = meet(types[i]->shape, fact.type.shape);
      } catch (const Error& e) {
        at_ = begin;
        error(e.message());
      }
      edit.set_fact(values[i], std::move(fact));
    }
    if (!names.emplace(keys[i], values[i]).second) {
      at_ = begin;
      error("a name that is taken");
    }
  }
}

Graph TextReader::graph() {
  const DepthGuard guard(depth_);
  if (depth_ > kMaxDepth) error("nested too deeply");
  Graph out;
  Edit edit(out);
  Names names;
  expect("graph");
  if (at("\"")) out.name = quoted();
  expect("(");
  for (bool first = true; !accept(")"); first = false) {
    if (!first) expect(",");
    std::string key;
    std::string own = value_name(key);
    expect(":");
    if (!names.emplace(key, edit.input(std::move(own), type())).second) error("a name that is taken");
  }
  expect("{");
  while (!at("return")) {
    if (!at("%")) error("expected a value's name or 'return'");
    statement(edit, names);
  }
  expect("return");
  for (bool first = true; !accept("}"); first = false) {
    if (!first) expect(",");
    const ValueId value = argument(edit, names);
    if (!value.valid()) error("an output that is absent");
    edit.output(value, accept("as") ? quoted() : out[value].name);
  }
  return out;
}

Graph parse(std::string_view text, const OpLookup& ops) {
  TextReader reader(text, ops);
  Graph graph = reader.graph();
  if (!reader.at_end()) reader.error("expected the end");
  return graph;
}

}  // namespace saccade::graph
