// SPDX-License-Identifier: Apache-2.0
// Protobuf's text format as a tree of fields, without a schema: Caffe's prototxt, TensorFlow's .pbtxt and pipeline.config, OpenCV's text
// graphs, label maps.
//
//   const TextDocument document = parse_text_format("layer { name: 'conv' bottom: 'data' }");
//   for (const TextField* layer : document.root.all("layer")) use(layer->message.text("name"));
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::import {

struct TextField;

/// The fields of a message in the order of the file. Numbers are converted when asked for; all getters throw Error(invalid_model) with the
/// line if the field holds something else. A scalar that is given several times counts as given last, as protobuf has it.
struct TextMessage {
  std::vector<TextField> fields;
  int line = 1;  // where it begins

  /// The last field of that name, or nullptr.
  const TextField* find(std::string_view name) const;
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::vector<const TextField*> all(std::string_view name) const;

  /// The field, or what to take if it is absent.
  std::string_view text(std::string_view name, std::string_view otherwise = {}) const;
  std::int64_t integer(std::string_view name, std::int64_t otherwise = 0) const;
  double real(std::string_view name, double otherwise = 0) const;
  bool boolean(std::string_view name, bool otherwise = false) const;
  /// The nested message, or an empty one.
  const TextMessage& message(std::string_view name) const;
  /// All of a repeated field.
  std::vector<std::int64_t> integers(std::string_view name) const;
  std::vector<double> reals(std::string_view name) const;
  std::vector<std::string_view> texts(std::string_view name) const;
};

struct TextField {
  enum class Kind : std::uint8_t {
    word,     // a number, a boolean or the name of an enumeration's value, as written
    string,   // the bytes that the quoted string stands for
    message,
  };

  std::string_view name;
  Kind kind = Kind::word;
  int line = 1;
  std::string_view value;  // of a word or a string
  TextMessage message;

  bool is_message() const { return kind == Kind::message; }
  /// The name of an enumeration's value or the contents of a string.
  std::string_view as_text() const;
  /// Decimal, 0x… or octal 0…; values beyond i64 up to u64 wrap.
  std::int64_t as_integer() const;
  /// Also inf, nan and a trailing f.
  double as_real() const;
  /// true, t, 1 and their opposites.
  bool as_boolean() const;
  const TextMessage& as_message() const;
};

/// A parsed text. Words and strings view the text that was parsed, which must outlive this, or `storage`.
struct TextDocument {
  TextMessage root;
  std::shared_ptr<std::deque<std::string>> storage;
};

/// Parses the text. Lists ("dim: [1, 2]") become repeated fields; extensions ("[name] {…}") are parsed and dropped.
/// Throws Error(invalid_model) with the line of the first fault, also when messages are nested more than 100 deep or there are more than
/// eight million fields.
TextDocument parse_text_format(std::string_view text);

}  // namespace saccade::import
