// SPDX-License-Identifier: Apache-2.0
// The checksum of TensorFlow's checkpoints and record files.
#pragma once

#include <cstdint>
#include <span>

namespace saccade::tensorflow {

/// CRC-32 with Castagnoli's polynomial, of `bytes` after something whose checksum is `before`.
std::uint32_t crc32c(std::span<const char> bytes, std::uint32_t before = 0);

/// The form in which checksums are stored, so that the checksum of a file that holds checksums is no trivial number.
constexpr std::uint32_t masked(std::uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

}  // namespace saccade::tensorflow
