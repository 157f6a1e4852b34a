// SPDX-License-Identifier: Apache-2.0
// Parsing protobuf's text format by recursive descent over the characters.
#include "import/text_format.h"

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "base/error.h"

namespace saccade::import {
namespace {

constexpr int kMaxDepth = 100;
constexpr std::size_t kMaxFields = 8'000'000;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What a message may quote of a hostile file.
std::string shown(std::string_view text) {
  std::string safe;
  for (const char c : text.substr(0, 40)) safe += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > 40 ? safe + "…" : safe;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text), storage_(std::make_shared<std::deque<std::string>>()) {
    if (text_.starts_with("\xef\xbb\xbf")) at_ = 3;
  }

  TextDocument document() {
    TextDocument result;
    message(result.root, '\0');
    result.storage = std::move(storage_);
    return result;
  }

 private:
  [[noreturn]] void damaged(std::string_view what) const { fail(ErrorCode::invalid_model, "line {}: {}", line_, what); }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool ended() const { return at_ >= text_.size(); }

  void space() {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\n') ++line_;
      if (c == '#') {
        const std::size_t end = text_.find('\n', at_);
        if (end == std::string_view::npos) {
          at_ = text_.size();
          return;
        }
        at_ = end;
        ++line_;
      } else if (!is_space(c)) {
        return;
      }
    }
  }

  bool take(char c) {
    space();
    if (ended() || peek() != c) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (take(c)) return;
    damaged(ended() ? fmt::format("the text ends where '{}' is needed: a truncated file", c) : fmt::format("'{}' where '{}' is needed", shown(text_.substr(at_, 1)), c));
  }

  // Fields up to the closing bracket; '\0': up to the end of the text.
  void message(TextMessage& into, char closing) {
    into.line = line_;
    if (++depth_ > kMaxDepth) damaged(fmt::format("messages are nested more than {} deep", kMaxDepth));
    while (true) {
      space();
      if (ended()) {
        if (closing != '\0') damaged(fmt::format("the text ends in a message that line {} opened: a truncated file", into.line));
        break;
      }
      if (closing != '\0' && take(closing)) break;
      field(into);
      if (!take(',')) take(';');
    }
    --depth_;
  }

  void field(TextMessage& into) {
    if (peek() == '[') {  // an extension or an Any: without a schema nothing can be made of it
      extension_name();
      TextMessage dropped;
      values(dropped, {});
      return;
    }
    const std::size_t start = at_;
    while (at_ < text_.size() && (is_letter(peek()) || is_digit(peek()))) ++at_;
    if (at_ == start) damaged(fmt::format("'{}' where the name of a field is needed", shown(text_.substr(at_, 1))));
    values(into, text_.substr(start, at_ - start));
  }

  void extension_name() {
    const std::size_t end = text_.substr(at_, 1024).find(']');
    if (end == std::string_view::npos) damaged("'[' without ']'");
    at_ += end + 1;
  }

  void values(TextMessage& into, std::string_view name) {
    const bool colon = take(':');
    space();
    if (!colon && peek() != '{' && peek() != '<' && peek() != '[') damaged(fmt::format("':' or '{{' is missing after '{}'", shown(name)));
    if (!take('[')) return value(into, name);
    if (take(']')) return;
    do {
      space();
      value(into, name);
    } while (take(','));
    expect(']');
  }

  void value(TextMessage& into, std::string_view name) {
    if (++fields_ > kMaxFields) damaged(fmt::format("more than {} fields", kMaxFields));
    TextField& field = into.fields.emplace_back();
    field.name = name;
    field.line = line_;
    const char c = peek();
    if (c == '{' || c == '<') {
      ++at_;
      field.kind = TextField::Kind::message;
      // the vector that holds `field` does not grow while its own message is parsed
      message(field.message, c == '{' ? '}' : '>');
    } else if (c == '"' || c == '\'') {
      field.kind = TextField::Kind::string;
      field.value = string();
    } else {
      field.value = word();
    }
  }

  std::string_view word() {
    const bool negative = peek() == '-';
    std::size_t start = at_;
    if (negative) {
      ++at_;
      space();
      if (at_ != start + 1) {
        storage_->emplace_back("-");
        start = at_;
      }
    }
    const bool apart = negative && start == at_;
    const std::size_t first = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      const bool exponent_sign = (c == '+' || c == '-') && at_ > first && (text_[at_ - 1] == 'e' || text_[at_ - 1] == 'E') && (is_digit(text_[first]) || text_[first] == '.');
      if (!is_letter(c) && !is_digit(c) && c != '.' && !exponent_sign) break;
      ++at_;
    }
    if (at_ == first) damaged(ended() ? std::string("the text ends where a value is needed: a truncated file") : fmt::format("'{}' where a value is needed", shown(text_.substr(at_, 1))));
    if (!apart) return text_.substr(start, at_ - start);
    storage_->back() += text_.substr(first, at_ - first);
    return storage_->back();
  }

  // One or several quoted pieces, concatenated; a single piece without escapes stays where it is.
  std::string_view string() {
    std::string_view first;
    std::string* joined = nullptr;
    for (bool more = false; !ended() && (peek() == '"' || peek() == '\''); more = true) {
      const std::size_t start = at_ + 1;
      const char quote = peek();
      bool escapes = false;
      for (++at_; !ended() && peek() != quote; ++at_) {
        if (peek() == '\n') damaged("a string that does not end on its line");
        if (peek() != '\\') continue;
        escapes = true;
        if (++at_ < text_.size() && peek() == '\n') ++line_;
      }
      if (ended()) damaged("a string that does not end: a truncated file");
      const std::string_view piece = text_.substr(start, at_ - start);
      ++at_;
      if (more || escapes) {
        if (joined == nullptr) joined = &storage_->emplace_back(first);
        unescape(piece, *joined);
      } else {
        first = piece;
      }
      space();
    }
    return joined != nullptr ? std::string_view(*joined) : first;
  }

  void unescape(std::string_view piece, std::string& out) const {
    for (std::size_t i = 0; i < piece.size(); ++i) {
      if (piece[i] != '\\') {
        out += piece[i];
        continue;
      }
      const char c = ++i < piece.size() ? piece[i] : '\0';
      switch (c) {
        case 'n': out += '\n'; break;
        case 't': out += '\t'; break;
        case 'r': out += '\r'; break;
        case 'a': out += '\a'; break;
        case 'b': out += '\b'; break;
        case 'f': out += '\f'; break;
        case 'v': out += '\v'; break;
        case '\\': case '\'': case '"': case '?': case '\n': out += c; break;
        case 'x': case 'X': out += static_cast<char>(digits(piece, i, 16, 2)); break;
        case 'u': append_utf8(out, digits(piece, i, 16, 4)); break;
        case 'U': append_utf8(out, digits(piece, i, 16, 8)); break;
        default:
          if (c < '0' || c > '7') damaged(fmt::format("an escape '\\{}' in a string", shown(std::string_view(&c, 1))));
          --i;
          out += static_cast<char>(digits(piece, i, 8, 3));
      }
    }
  }

  // Up to `most` digits after position i, which ends on the last of them.
  std::uint32_t digits(std::string_view piece, std::size_t& i, std::uint32_t base, int most) const {
    std::uint32_t value = 0;
    int count = 0;
    for (; count < most && i + 1 < piece.size(); ++count) {
      const int digit = hex_digit(piece[i + 1]);
      if (digit < 0 || digit >= static_cast<int>(base)) break;
      value = value * base + static_cast<std::uint32_t>(digit);
      ++i;
    }
    if (count == 0) damaged("an escape without digits in a string");
    return value;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    const auto byte = [&](std::uint32_t value) { out += static_cast<char>(value); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) {
      byte(0xc0 | code >> 6);
    } else {
      if (code < 0x10000) {
        byte(0xe0 | code >> 12);
      } else {
        byte(0xf0 | (code >> 18 & 7));
        byte(0x80 | (code >> 12 & 0x3f));
      }
      byte(0x80 | (code >> 6 & 0x3f));
    }
    byte(0x80 | (code & 0x3f));
  }

  std::string_view text_;
  std::shared_ptr<std::deque<std::string>> storage_;
  std::size_t at_ = 0, fields_ = 0;
  int line_ = 1, depth_ = 0;
};

[[noreturn]] void wrong(const TextField& field, std::string_view needed) {
  if (field.is_message()) fail(ErrorCode::invalid_model, "line {}: '{}' is a message where {} is needed", field.line, shown(field.name), needed);
  fail(ErrorCode::invalid_model, "line {}: '{}' is '{}' where {} is needed", field.line, shown(field.name), shown(field.value), needed);
}

}  // namespace

std::string_view TextField::as_text() const {
  if (is_message()) wrong(*this, "a text");
  return value;
}

std::int64_t TextField::as_integer() const {
  if (kind != Kind::word) wrong(*this, "an integer");
  std::string_view digits = value;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0') {
    base = 8;
    digits.remove_prefix(1);
  }
  std::uint64_t magnitude = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  const bool fits = !negative || magnitude <= std::uint64_t{1} << 63;
  if (error != std::errc{} || end != digits.data() + digits.size() || !fits) wrong(*this, "an integer");
  return static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
}

double TextField::as_real() const {
  if (kind != Kind::word) wrong(*this, "a number");
  std::string_view digits = value;
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  const double sign = negative ? -1 : 1;
  if (digits == "inf" || digits == "Inf" || digits == "infinity") return sign * std::numeric_limits<double>::infinity();
  if (digits == "nan" || digits == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) return static_cast<double>(as_integer());
  if (digits.size() > 1 && (digits.back() == 'f' || digits.back() == 'F')) digits.remove_suffix(1);
  double magnitude = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), magnitude);
  if (end != digits.data() + digits.size() || digits.empty() || !(is_digit(digits[0]) || digits[0] == '.')) wrong(*this, "a number");
  if (error == std::errc::result_out_of_range) magnitude = std::strtod(std::string(digits).c_str(), nullptr);  // 0 or infinity
  return sign * magnitude;
}

bool TextField::as_boolean() const {
  if (kind == Kind::word) {
    if (value == "true" || value == "True" || value == "t" || value == "1") return true;
    if (value == "false" || value == "False" || value == "f" || value == "0") return false;
  }
  wrong(*this, "true or false");
}

const TextMessage& TextField::as_message() const {
  if (!is_message()) wrong(*this, "a message");
  return message;
}

const TextField* TextMessage::find(std::string_view name) const {
  for (std::size_t i = fields.size(); i-- > 0;)
    if (fields[i].name == name) return &fields[i];
  return nullptr;
}

std::vector<const TextField*> TextMessage::all(std::string_view name) const {
  std::vector<const TextField*> found;
  for (const TextField& field : fields)
    if (field.name == name) found.push_back(&field);
  return found;
}

std::string_view TextMessage::text(std::string_view name, std::string_view otherwise) const {
  const TextField* field = find(name);
  return field != nullptr ? field->as_text() : otherwise;
}

std::int64_t TextMessage::integer(std::string_view name, std::int64_t otherwise) const {
  const TextField* field = find(name);
  return field != nullptr ? field->as_integer() : otherwise;
}

double TextMessage::real(std::string_view name, double otherwise) const {
  const TextField* field = find(name);
  return field != nullptr ? field->as_real() : otherwise;
}

bool TextMessage::boolean(std::string_view name, bool otherwise) const {
  const TextField* field = find(name);
  return field != nullptr ? field->as_boolean() : otherwise;
}

const TextMessage& TextMessage::message(std::string_view name) const {
  static const TextMessage empty;
  const TextField* field = find(name);
  return field != nullptr ? field->as_message() : empty;
}

std::vector<std::int64_t> TextMessage::integers(std::string_view name) const {
  std::vector<std::int64_t> found;
  for (const TextField& field : fields)
    if (field.name == name) found.push_back(field.as_integer());
  return found;
}

std::vector<double> TextMessage::reals(std::string_view name) const {
  std::vector<double> found;
  for (const TextField& field : fields)
    if (field.name == name) found.push_back(field.as_real());
  return found;
}

std::vector<std::string_view> TextMessage::texts(std::string_view name) const {
  std::vector<std::string_view> found;
  for (const TextField& field : fields)
    if (field.name == name) found.push_back(field.as_text());
  return found;
}

TextDocument parse_text_format(std::string_view text) { return Parser(text).document(); }

}  // namespace saccade::import
