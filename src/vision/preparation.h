// SPDX-License-Identifier: Apache-2.0
// From a picture to a network's input tensor, and from the network's coordinates back to the picture.
#pragma once

#include <array>
#include <opencv2/core.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/tensor.h"
#include "vision/detection.h"

namespace saccade::vision {

/// How a picture of another shape gets into the input: stretched, or scaled evenly and padded right and below (top_left) or all around.
enum class Letterbox { none, top_left, centre };
/// Interpolation, as OpenCV defines it.
enum class Resize { nearest, bilinear, bicubic, area };
/// The order of the network's channels.
enum class Color { bgr, rgb, grey };
/// How the scaled size of a letterboxed picture becomes whole pixels.
enum class Rounding { down, nearest };

/// What is done to a picture: resize, pad, order channels, then (value - mean) / scale, all with `value` in 0..255.
struct Preparation {
  int width = 0, height = 0;  ///< of the network's input
  Letterbox letterbox = Letterbox::none;
  Rounding rounding = Rounding::down;
  Resize resize = Resize::bilinear;
  Color color = Color::bgr;
  std::array<float, 3> mean = {0, 0, 0};   ///< in the network's channel order
  std::array<float, 3> scale = {1, 1, 1};  ///< likewise; divides
  int pad_value = 0;                       ///< 0..255, of all channels, before mean and scale

  bool operator==(const Preparation&) const = default;
};

using saccade::to_string;  // of shapes and element types, beside those below

/// Names of the enumerators as in flags and JSON ("top-left"); parsing throws Error(invalid_argument) with the names there are.
std::string_view to_string(Letterbox value);
std::string_view to_string(Resize value);
std::string_view to_string(Color value);
Letterbox parse_letterbox(std::string_view text);
Resize parse_resize(std::string_view text);
Color parse_color(std::string_view text);

/// The inverse of the geometry: picture = (input - offset) * scale. Exact for the size that the picture was really resized to.
struct BoxMap {
  double scale_x = 1, scale_y = 1, offset_x = 0, offset_y = 0;
  int width = 0, height = 0;  ///< of the picture

  /// Maps boxes and points from input pixels to picture pixels, clips boxes to the picture and drops those that lie outside it.
  void to_picture(Detections& detections) const;
};

/// Where the picture ends up in the input.
struct Placement {
  int x = 0, y = 0, width = 0, height = 0;
};
Placement place(const Preparation& preparation, int picture_width, int picture_height);

enum class TensorLayout { nchw, nhwc };

/// Prepares pictures one after the other, reusing its buffers. Not thread safe; use one a thread.
class Preparer {
 public:
  /// Throws Error(unsupported) for an element type other than u8, f16, f32 and Error(invalid_argument) for a size or a scale that cannot be.
  Preparer(const Preparation& preparation, TensorLayout layout, ElementType type);

  /// Of the tensor: [1,C,H,W] or [1,H,W,C].
  Shape shape() const;
  /// Fills `tensor`, of shape() and the element type, from an 8-bit BGR picture.
  BoxMap prepare(const cv::Mat& picture, Tensor& tensor);
  BoxMap prepare(const cv::Mat& picture, Tensor&& tensor) { return prepare(picture, tensor); }

  const Preparation& preparation() const { return preparation_; }

 private:
  template <class T>
  void write(T* out) const;
  template <class T>
  void fill_table(std::vector<T>& table) const;
  bool keeps_bytes() const;

  Preparation preparation_;
  TensorLayout layout_;
  ElementType type_;
  int channels_;
  cv::Mat resized_, padded_, grey_;
  std::vector<float> table_f32_;  // value of every byte in every channel
  std::vector<std::uint16_t> table_f16_;
  std::vector<std::uint8_t> table_u8_;
};

}  // namespace saccade::vision
