// SPDX-License-Identifier: Apache-2.0
// From a device's name to the device. Thread safe.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "devices/device.h"

namespace saccade::devices {

/// All names, the best device first.
std::vector<std::string_view> device_names();
/// Throws Error(not_found), with the names there are, for any other name.
std::unique_ptr<Device> make_device(std::string_view name);

}  // namespace saccade::devices
