// SPDX-License-Identifier: Apache-2.0
// Pictures in files.
#pragma once

#include <filesystem>
#include <opencv2/core.hpp>

namespace saccade::vision {

/// Whether the ending is one of a picture that can be read.
bool is_picture_path(const std::filesystem::path& path);

/// Reads a picture as 8-bit BGR, upright (the EXIF orientation is applied), transparency dropped.
/// Throws Error(not_found | unavailable) if it cannot be read, Error(invalid_argument) if it is broken, cut off or no picture.
cv::Mat read_picture(const std::filesystem::path& path);

/// Writes a picture in the format of the ending, whole or not at all. Throws Error(unavailable | invalid_argument).
void write_picture(const std::filesystem::path& path, const cv::Mat& picture);

/// Stops OpenCV and FFmpeg from printing: what matters comes as errors.
void silence_libraries();

}  // namespace saccade::vision
