// SPDX-License-Identifier: Apache-2.0
// Finding an input or an output by its name.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "saccade/model.h"

namespace saccade::api {

/// The position of the port; throws Error(not_found) with the names there are. `kind`: "input" or "output".
inline std::size_t index_of(const std::vector<Port>& ports, std::string_view name, std::string_view kind) {
  const auto it = std::find_if(ports.begin(), ports.end(), [&](const Port& port) { return port.name == name; });
  if (it != ports.end()) return static_cast<std::size_t>(it - ports.begin());
  std::string names;
  for (const Port& port : ports) names += (names.empty() ? "'" : ", '") + port.name + "'";
  fail(ErrorCode::not_found, "the model has no {} '{}'; there are: {}", kind, name, names.empty() ? "none" : names);
}

}  // namespace saccade::api
