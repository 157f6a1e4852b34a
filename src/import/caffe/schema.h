// SPDX-License-Identifier: Apache-2.0
// The fields of Caffe's messages by number, as far as definitions of trained networks need them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace saccade::caffe {

struct SchemaField {
  std::uint32_t number;
  std::string_view name;
  /// "s" a string, "i" an integer, "f" a float, "b" a boolean, "-" something not needed, "B" a blob, "e:A=0,B=1" an enumeration,
  /// else the name of a message.
  std::string_view type;
};

/// The field, or nullptr if the message has none of that number.
const SchemaField* schema_field(std::string_view message, std::uint32_t number);

/// The name of an enumeration's value; empty if there is none of that number.
std::string_view enumeration_name(std::string_view type, std::int64_t number);

}  // namespace saccade::caffe
