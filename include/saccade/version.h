// SPDX-License-Identifier: Apache-2.0
// The version of saccade, for programs that support several.
//
// Example:
//   std::puts("built against saccade " SACCADE_VERSION);
#pragma once

#define SACCADE_VERSION_MAJOR 0
#define SACCADE_VERSION_MINOR 1
#define SACCADE_VERSION_PATCH 0
/// The version as text.
#define SACCADE_VERSION "0.1.0"
