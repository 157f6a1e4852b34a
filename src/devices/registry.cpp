// SPDX-License-Identifier: Apache-2.0
// The rows of devices.def as a table.
#include "devices/registry.h"

#include "base/error.h"
#include "base/nearest.h"

namespace saccade::devices {

#define SACCADE_DEVICE(NAME, SPACE)          \
  namespace SPACE {                          \
  std::unique_ptr<Device> make_device();     \
  }
#include "devices/devices.def"
#undef SACCADE_DEVICE

namespace {

struct Row {
  std::string_view name;
  std::unique_ptr<Device> (*make)();
};

#define SACCADE_DEVICE(NAME, SPACE) {NAME, SPACE::make_device},
constexpr Row kDevices[] = {
#include "devices/devices.def"
};
#undef SACCADE_DEVICE

}  // namespace

std::vector<std::string_view> device_names() {
  std::vector<std::string_view> names;
  for (const Row& row : kDevices) names.push_back(row.name);
  return names;
}

std::unique_ptr<Device> make_device(std::string_view name) {
  for (const Row& row : kDevices)
    if (row.name == name) return row.make();
  const auto names = device_names();
  fail(ErrorCode::not_found, "there is no device '{}'; did you mean '{}'? There are: {}", name, nearest(name, names), fmt::join(names, ", "));
}

}  // namespace saccade::devices
