// SPDX-License-Identifier: Apache-2.0
// Video files, frame by frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <opencv2/core.hpp>
#include <opencv2/videoio.hpp>
#include <string>

#include "vision/output_file.h"

namespace saccade::vision {

/// Whether the ending is one of a video that can be read.
bool is_video_path(const std::filesystem::path& path);

/// A video file being read. Not thread safe.
class VideoReader {
 public:
  /// Throws Error(not_found | unavailable | invalid_argument).
  explicit VideoReader(const std::filesystem::path& path);

  /// The next frame, 8-bit BGR, upright; false at the end or where the file breaks off.
  bool read(cv::Mat& frame);
  double frames_per_s() const { return frames_per_s_; }
  /// As the file says; 0 where it does not.
  std::int64_t frame_count() const { return frame_count_; }
  std::int64_t frames_read() const { return frames_read_; }
  /// After the end: whether frames that the file promises are missing. Counts of some formats are estimates, so a few may lack.
  bool ended_early() const;

 private:
  cv::VideoCapture capture_;
  double frames_per_s_ = 0;
  std::int64_t frame_count_ = 0, frames_read_ = 0;
};

/// How frames are coded.
enum class VideoCoding {
  fast,      ///< MPEG-4 part 2
  browsers,  ///< H.264, which browsers play but which takes several times as long; `fast` where the system cannot write it
};

/// A video file being written: .mp4, .avi, .mkv or .mov, whole or absent.
class VideoWriter {
 public:
  /// Throws Error(unavailable) if the file cannot be made, Error(invalid_argument) for an ending that is not known.
  VideoWriter(const std::filesystem::path& path, double frames_per_s, cv::Size size, VideoCoding coding = VideoCoding::fast);
  void write(const cv::Mat& frame);
  /// Finishes the file and gives it its name. Throws Error(unavailable).
  void commit();
  const std::filesystem::path& path() const { return file_.path(); }
  /// What it came to be.
  VideoCoding coding() const { return coding_; }

 private:
  OutputFile file_;
  cv::VideoWriter writer_;
  VideoCoding coding_;
  cv::Size size_;
  std::int64_t frames_ = 0;
};

}  // namespace saccade::vision
