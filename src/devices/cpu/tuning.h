// SPDX-License-Identifier: Apache-2.0
// The file in which `saccade tune` keeps what it measured, for each kind of machine apart:
//
//   saccade tuning 1
//   [AMD EPYC, avx2, 512 KB]
//   winograd 64>64 56x56 n1 = yes
//   rows 24*1x1>144 3x3/1>24 56x56 n1 = no
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "plan/choices.h"

namespace saccade::devices::cpu {

using Tunings = std::map<std::string, plan::Answers>;  ///< by machine

/// This machine's heading: processor, instruction set in use, second-level cache.
std::string this_machine();
/// Throws Error(invalid_model) with the line that is wrong, Error(not_found | unavailable) where the file cannot be read.
Tunings read_tunings(const std::filesystem::path& path);
Tunings parse_tunings(std::string_view text);
std::string print_tunings(const Tunings& tunings);

}  // namespace saccade::devices::cpu
