// SPDX-License-Identifier: Apache-2.0
// Reading and writing pictures with OpenCV's codecs, from memory, so that every failure has a reason.
#include "vision/image.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <opencv2/core/utils/logger.hpp>
#include <opencv2/imgcodecs.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "vision/output_file.h"

namespace saccade::vision {
namespace {

constexpr std::uintmax_t kLargestFile = std::uintmax_t{1} << 30;

std::string lower_ending(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

bool has(const std::vector<unsigned char>& bytes, std::size_t at, std::string_view text) {
  return bytes.size() >= at + text.size() && std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

std::size_t last_of(const std::vector<unsigned char>& bytes, std::string_view marker) {
  const auto at = std::find_end(bytes.begin(), bytes.end(), marker.begin(), marker.end(), [](unsigned char a, char b) { return a == static_cast<unsigned char>(b); });
  return at == bytes.end() ? 0 : static_cast<std::size_t>(at - bytes.begin());
}

/// Decoders fill what is missing of a cut-off file with grey and say nothing.
bool is_cut_off(const std::vector<unsigned char>& bytes) {
  if (has(bytes, 0, "\xFF\xD8")) return last_of(bytes, "\xFF\xD9") < last_of(bytes, "\xFF\xDA");  // the end of the image follows the last scan
  if (has(bytes, 1, "PNG")) return last_of(bytes, "IEND") == 0;
  return false;
}

std::vector<unsigned char> read_bytes(const std::filesystem::path& path) {
  std::error_code error;
  SACCADE_CHECK(!std::filesystem::is_directory(path, error), invalid_argument, "'{}' is a folder, not a picture", path.string());
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    const int reason = errno;
    fail(reason == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, "'{}' cannot be read: {}", path.string(), std::strerror(reason));
  }
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  SACCADE_CHECK(!error && size <= kLargestFile, invalid_argument, "'{}' is too large for a picture, or no file", path.string());
  SACCADE_CHECK(size > 0, invalid_argument, "'{}' is empty", path.string());
  std::vector<unsigned char> bytes(size);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

/// OpenCV's decoders write what they dislike to std::cerr whatever the log level; nothing else here uses that stream.
class QuietCerr {
 public:
  QuietCerr() : buffer_(std::cerr.rdbuf(nullptr)) {}
  ~QuietCerr() { std::cerr.rdbuf(buffer_); }

 private:
  std::streambuf* buffer_;
};

}  // namespace

bool is_picture_path(const std::filesystem::path& path) {
  static const char* const endings[] = {".jpg", ".jpeg", ".jpe", ".png", ".bmp", ".dib", ".webp", ".tif", ".tiff", ".jp2", ".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".hdr"};
  const std::string ending = lower_ending(path);
  return std::find(std::begin(endings), std::end(endings), ending) != std::end(endings);
}

cv::Mat read_picture(const std::filesystem::path& path) {
  const auto bytes = read_bytes(path);
  SACCADE_CHECK(!is_cut_off(bytes), invalid_argument, "'{}' is cut off: the end of the picture is missing", path.string());
  cv::Mat picture;
  const QuietCerr quiet;
  try {
    picture = cv::imdecode(bytes, cv::IMREAD_COLOR);
  } catch (const cv::Exception& error) {
    fail(ErrorCode::invalid_argument, "'{}' cannot be decoded: {}", path.string(), error.err);
  }
  SACCADE_CHECK(!picture.empty(), invalid_argument, "'{}' is broken, or no picture of a format that is known", path.string());
  return picture;
}

void write_picture(const std::filesystem::path& path, const cv::Mat& picture) {
  std::vector<unsigned char> bytes;
  bool encoded = false;
  try {
    encoded = cv::imencode(lower_ending(path), picture, bytes);
  } catch (const cv::Exception&) {
  }
  SACCADE_CHECK(encoded, invalid_argument, "'{}' cannot be written: no encoder for this ending (.jpg, .png, .bmp, .webp, .tif …)", path.string());
  write_whole_file(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void silence_libraries() {
  cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_SILENT);
  ::setenv("OPENCV_FFMPEG_LOGLEVEL", "-8", 0);  // read by OpenCV when it opens its first video
}

}  // namespace saccade::vision
