// SPDX-License-Identifier: Apache-2.0
// Video through OpenCV's FFmpeg backend.
#include "vision/video.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <opencv2/imgproc.hpp>

#include "base/error.h"

namespace saccade::vision {
namespace {

std::string file_ending(const std::filesystem::path& path) {
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return ending;
}

int codec_for(const std::filesystem::path& path) {
  const std::string ending = file_ending(path);
  if (ending == ".mp4" || ending == ".mov" || ending == ".m4v" || ending == ".mkv") return cv::VideoWriter::fourcc('m', 'p', '4', 'v');
  if (ending == ".avi") return cv::VideoWriter::fourcc('X', 'V', 'I', 'D');
  fail(ErrorCode::invalid_argument, "'{}' cannot be written: video goes to .mp4, .avi, .mkv or .mov", path.string());
}

}  // namespace

bool is_video_path(const std::filesystem::path& path) {
  static const char* const endings[] = {".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".ts", ".mts", ".3gp", ".ogv", ".h264", ".mjpeg"};
  const std::string ending = file_ending(path);
  return std::find(std::begin(endings), std::end(endings), ending) != std::end(endings);
}

VideoReader::VideoReader(const std::filesystem::path& path) {
  std::FILE* probe = std::fopen(path.c_str(), "rb");
  if (probe == nullptr) {
    const int reason = errno;
    fail(reason == ENOENT ? ErrorCode::not_found : ErrorCode::unavailable, "'{}' cannot be read: {}", path.string(), std::strerror(reason));
  }
  std::fclose(probe);
  bool open = false;
  try {
    open = capture_.open(path.string(), cv::CAP_FFMPEG);
  } catch (const cv::Exception&) {
  }
  SACCADE_CHECK(open, invalid_argument, "'{}' is broken or cut off, or no video of a format that is known", path.string());
  frames_per_s_ = capture_.get(cv::CAP_PROP_FPS);
  if (!(frames_per_s_ >= 0.1 && frames_per_s_ <= 1000)) frames_per_s_ = 25;
  const double count = capture_.get(cv::CAP_PROP_FRAME_COUNT);
  frame_count_ = count > 0 && count < 1e12 ? static_cast<std::int64_t>(count) : 0;
}

bool VideoReader::read(cv::Mat& frame) {
  try {
    if (!capture_.read(frame) || frame.empty()) return false;
  } catch (const cv::Exception&) {
    return false;
  }
  if (frame.type() == CV_8UC1) cv::cvtColor(frame, frame, cv::COLOR_GRAY2BGR);
  if (frame.type() != CV_8UC3) return false;
  ++frames_read_;
  return true;
}

bool VideoReader::ended_early() const {
  const std::int64_t slack = std::max<std::int64_t>(2, frame_count_ / 100);
  return frame_count_ > 0 && frames_read_ + slack < frame_count_;
}

VideoWriter::VideoWriter(const std::filesystem::path& path, double frames_per_s, cv::Size size, VideoCoding coding)
    : file_((codec_for(path), path)), coding_(coding), size_(size) {
  bool open = false;
  const auto try_codec = [&](int codec) {
    try {
      open = writer_.open(file_.aside().string(), cv::CAP_FFMPEG, codec, frames_per_s, size);
    } catch (const cv::Exception&) {
    }
  };
  if (coding_ == VideoCoding::browsers) try_codec(cv::VideoWriter::fourcc('a', 'v', 'c', '1'));
  if (!open) {
    coding_ = VideoCoding::fast;
    try_codec(codec_for(path));
  }
  SACCADE_CHECK(open, unavailable, "'{}' cannot be written: no encoder takes {}x{} pixels at {} frames/s", path.string(), size.width, size.height, frames_per_s);
}

void VideoWriter::write(const cv::Mat& frame) {
  SACCADE_CHECK(frame.size() == size_, invalid_argument, "'{}': a frame of {}x{} in a video of {}x{}", path().string(), frame.cols, frame.rows, size_.width,
                size_.height);
  writer_.write(frame);
  ++frames_;
}

void VideoWriter::commit() {
  writer_.release();
  // The encoder does not report a full disk; a file without its index does not open.
  cv::VideoCapture check;
  bool good = frames_ == 0;
  try {
    good = good || check.open(file_.aside().string(), cv::CAP_FFMPEG);
  } catch (const cv::Exception&) {
  }
  SACCADE_CHECK(good, unavailable, "'{}' could not be finished: is the disk full?", path().string());
  check.release();
  file_.commit();
}

}  // namespace saccade::vision
