// SPDX-License-Identifier: Apache-2.0
// JSON files as values, with errors that say which file, which entry and what was expected there.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace saccade {

/// Reads a whole file. Throws Error(not_found | unavailable) if it cannot be read, Error(invalid_argument) with the line
/// if it is not JSON.
nlohmann::json read_json_file(const std::string& path);

/// Members of an object; `where` names the object in errors, for example "annotations[17]". They throw
/// Error(invalid_argument) if `object` is no object, the member is missing or is of another kind.
const nlohmann::json& json_member(const nlohmann::json& object, std::string_view key, std::string_view where);
/// Whole numbers, also written as 3.0.
std::int64_t json_integer(const nlohmann::json& object, std::string_view key, std::string_view where);
double json_number(const nlohmann::json& object, std::string_view key, std::string_view where);
std::string json_string(const nlohmann::json& object, std::string_view key, std::string_view where);

}  // namespace saccade
