// SPDX-License-Identifier: Apache-2.0
// Reading JSON files and their members with errors for people.
#include "base/json_file.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.h"

namespace saccade {
namespace {

using nlohmann::json;

std::string read_all(const std::string& path) {
  std::error_code error;
  SACCADE_CHECK(!std::filesystem::is_directory(path, error), invalid_argument, "'{}' is a folder, not a file", path);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) {
    const int reason = errno;
    fail(reason == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, "'{}' cannot be read: {}", path, std::strerror(reason));
  }
  std::string text;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  if (!error) text.reserve(static_cast<std::size_t>(size));
  char block[1 << 16];
  for (std::size_t n; (n = std::fread(block, 1, sizeof block, file.get())) > 0;) text.append(block, n);
  SACCADE_CHECK(std::ferror(file.get()) == 0, unavailable, "'{}' cannot be read to its end", path);
  return text;
}

}  // namespace

json read_json_file(const std::string& path) {
  const std::string text = read_all(path);
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const std::size_t end = std::min(error.byte, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
    fail(ErrorCode::invalid_argument, "'{}' is not valid JSON: {} at line {}, byte {}", path,
         text.empty() ? "the file is empty" : error.byte >= text.size() ? "it ends too early" : "something unexpected", line, error.byte);
  } catch (const json::exception& error) {
    fail(ErrorCode::invalid_argument, "'{}' is not valid JSON: {}", path, error.what());
  }
}

const json& json_member(const json& object, std::string_view key, std::string_view where) {
  SACCADE_CHECK(object.is_object(), invalid_argument, "{} is {}, not an object", where, object.type_name());
  const auto found = object.find(key);
  SACCADE_CHECK(found != object.end(), invalid_argument, "{} has no '{}'", where, key);
  return *found;
}

std::int64_t json_integer(const json& object, std::string_view key, std::string_view where) {
  const json& value = json_member(object, key, where);
  if (value.is_number_unsigned()) {
    SACCADE_CHECK(value.get<std::uint64_t>() <= INT64_MAX, invalid_argument, "{}: '{}' is too large", where, key);
    return value.get<std::int64_t>();
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::floor(number) == number && std::abs(number) < 9e15) return static_cast<std::int64_t>(number);
  }
  fail(ErrorCode::invalid_argument, "{}: '{}' is {}, not a whole number", where, key, value.is_number() ? value.dump() : value.type_name());
}

double json_number(const json& object, std::string_view key, std::string_view where) {
  const json& value = json_member(object, key, where);
  SACCADE_CHECK(value.is_number(), invalid_argument, "{}: '{}' is {}, not a number", where, key, value.type_name());
  const double number = value.get<double>();
  SACCADE_CHECK(std::isfinite(number), invalid_argument, "{}: '{}' is not finite", where, key);
  return number;
}

std::string json_string(const json& object, std::string_view key, std::string_view where) {
  const json& value = json_member(object, key, where);
  SACCADE_CHECK(value.is_string(), invalid_argument, "{}: '{}' is {}, not a string", where, key, value.type_name());
  return value.get<std::string>();
}

}  // namespace saccade
