// SPDX-License-Identifier: Apache-2.0
// Which build of saccade this is.
#pragma once

#include <string>

namespace saccade {

/// The linker's identification of the library that holds this function, in hexadecimal digits; its size and time where the linker
/// gave none. Differs as soon as the code does.
const std::string& build_id();

}  // namespace saccade
