// SPDX-License-Identifier: Apache-2.0
// Preparation: OpenCV resizes, a table of 256 values a channel does the arithmetic, so that every element is the one that
// the network's recipe computes from the byte.
#include "vision/preparation.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "base/error.h"
#include "tensor/half.h"

namespace saccade::vision {
namespace {

template <class E>
struct Name {
  E value;
  std::string_view text;
};
constexpr Name<Letterbox> kLetterboxes[] = {{Letterbox::none, "none"}, {Letterbox::top_left, "top-left"}, {Letterbox::centre, "centre"}};
constexpr Name<Resize> kResizes[] = {{Resize::nearest, "nearest"}, {Resize::bilinear, "bilinear"}, {Resize::bicubic, "bicubic"}, {Resize::area, "area"}};
constexpr Name<Color> kColors[] = {{Color::bgr, "bgr"}, {Color::rgb, "rgb"}, {Color::grey, "grey"}};

template <class E, std::size_t N>
std::string_view name_of(const Name<E> (&names)[N], E value) {
  for (const auto& name : names)
    if (name.value == value) return name.text;
  return "?";
}

template <class E, std::size_t N>
E parse(const Name<E> (&names)[N], std::string_view text, const char* what) {
  std::string lower(text), known;
  for (char& c : lower) c = c == '_' ? '-' : static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (lower == "center") lower = "centre";
  if (lower == "gray") lower = "grey";
  if (lower == "linear") lower = "bilinear";
  if (lower == "cubic") lower = "bicubic";
  for (const auto& name : names) {
    if (name.text == lower) return name.value;
    known += (known.empty() ? "" : ", ") + std::string(name.text);
  }
  fail(ErrorCode::invalid_argument, "there is no {} '{}'; there are {}", what, text, known);
}

int interpolation(Resize resize) {
  switch (resize) {
    case Resize::nearest: return cv::INTER_NEAREST;
    case Resize::bilinear: return cv::INTER_LINEAR;
    case Resize::bicubic: return cv::INTER_CUBIC;
    case Resize::area: return cv::INTER_AREA;
  }
  return cv::INTER_LINEAR;
}

}  // namespace

std::string_view to_string(Letterbox value) { return name_of(kLetterboxes, value); }
std::string_view to_string(Resize value) { return name_of(kResizes, value); }
std::string_view to_string(Color value) { return name_of(kColors, value); }
Letterbox parse_letterbox(std::string_view text) { return parse(kLetterboxes, text, "letterbox"); }
Resize parse_resize(std::string_view text) { return parse(kResizes, text, "way to resize"); }
Color parse_color(std::string_view text) { return parse(kColors, text, "colour order"); }

void BoxMap::to_picture(Detections& detections) const {
  const auto map_x = [&](float x) { return static_cast<float>((x - offset_x) * scale_x); };
  const auto map_y = [&](float y) { return static_cast<float>((y - offset_y) * scale_y); };
  const auto right = static_cast<float>(width), bottom = static_cast<float>(height);
  std::erase_if(detections, [&](Detection& d) {
    d.x1 = std::clamp(map_x(d.x1), 0.f, right);
    d.x2 = std::clamp(map_x(d.x2), 0.f, right);
    d.y1 = std::clamp(map_y(d.y1), 0.f, bottom);
    d.y2 = std::clamp(map_y(d.y2), 0.f, bottom);
    for (auto& point : d.points) point = {map_x(point[0]), map_y(point[1])};
    return !(d.x2 > d.x1 && d.y2 > d.y1);
  });
}

Placement place(const Preparation& preparation, int picture_width, int picture_height) {
  if (preparation.letterbox == Letterbox::none) return {0, 0, preparation.width, preparation.height};
  const double ratio = std::min(static_cast<double>(preparation.width) / picture_width, static_cast<double>(preparation.height) / picture_height);
  const auto whole = [&](int size, int limit) {
    const double scaled = size * ratio;
    return std::clamp(static_cast<int>(preparation.rounding == Rounding::down ? scaled : std::round(scaled)), 1, limit);
  };
  Placement placement{0, 0, whole(picture_width, preparation.width), whole(picture_height, preparation.height)};
  if (preparation.letterbox == Letterbox::centre) {
    placement.x = (preparation.width - placement.width) / 2;
    placement.y = (preparation.height - placement.height) / 2;
  }
  return placement;
}

Preparer::Preparer(const Preparation& preparation, TensorLayout layout, ElementType type)
    : preparation_(preparation), layout_(layout), type_(type), channels_(preparation.color == Color::grey ? 1 : 3) {
  SACCADE_CHECK(type == ElementType::f32 || type == ElementType::f16 || type == ElementType::u8, unsupported,
                "pictures become f32, f16 or u8 inputs; this input is {}", saccade::to_string(type));
  SACCADE_CHECK(preparation.width > 0 && preparation.height > 0 && preparation.width <= 1 << 15 && preparation.height <= 1 << 15, invalid_argument,
                "an input of {}x{} pixels cannot be", preparation.width, preparation.height);
  SACCADE_CHECK(preparation.pad_value >= 0 && preparation.pad_value <= 255, invalid_argument, "the pad value {} is not within 0..255", preparation.pad_value);
  for (std::size_t c = 0; c < 3; ++c)
    SACCADE_CHECK(std::isfinite(preparation.mean[c]) && std::isfinite(preparation.scale[c]) && preparation.scale[c] != 0, invalid_argument,
                  "mean and scale must be finite, and scale not 0");
  if (type == ElementType::f32) fill_table(table_f32_);
  if (type == ElementType::f16) fill_table(table_f16_);
  if (type == ElementType::u8) fill_table(table_u8_);
}

template <class T>
void Preparer::fill_table(std::vector<T>& table) const {
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels_); ++c)
    for (int byte = 0; byte < 256; ++byte) {
      const float value = (static_cast<float>(byte) - preparation_.mean[c]) / preparation_.scale[c];
      if constexpr (std::is_same_v<T, float>)
        table.push_back(value);
      else if constexpr (std::is_same_v<T, std::uint16_t>)
        table.push_back(Half::from_double(value));
      else
        table.push_back(static_cast<std::uint8_t>(std::clamp(std::nearbyint(value), 0.f, 255.f)));
    }
}

bool Preparer::keeps_bytes() const {
  const auto is = [](const std::array<float, 3>& values, float wanted) { return std::all_of(values.begin(), values.end(), [&](float v) { return v == wanted; }); };
  return is(preparation_.mean, 0) && is(preparation_.scale, 1);
}

Shape Preparer::shape() const {
  if (layout_ == TensorLayout::nchw) return {1, channels_, preparation_.height, preparation_.width};
  return {1, preparation_.height, preparation_.width, channels_};
}

template <class T>
void Preparer::write(T* out) const {
  const T* table = nullptr;
  if constexpr (std::is_same_v<T, float>)
    table = table_f32_.data();
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    table = table_f16_.data();
  else
    table = table_u8_.data();
  const int width = preparation_.width, height = preparation_.height;
  const cv::Mat& picture = channels_ == 1 ? grey_ : padded_;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(width) * height;
  const int first = preparation_.color == Color::rgb ? 2 : 0, last = 2 - first;  // where the first and the last channel lie in BGR
  const bool as_it_is = std::is_same_v<T, std::uint8_t> && (channels_ == 1 || (layout_ == TensorLayout::nhwc && first == 0)) && keeps_bytes();
  for (int y = 0; y < height; ++y) {
    const std::uint8_t* in = picture.ptr<std::uint8_t>(y);
    T* row = out + static_cast<std::ptrdiff_t>(y) * width * (layout_ == TensorLayout::nhwc ? channels_ : 1);
    if (as_it_is) {
      std::copy_n(in, static_cast<std::ptrdiff_t>(width) * channels_, row);
    } else if (channels_ == 1) {
      for (int x = 0; x < width; ++x) row[x] = table[in[x]];
    } else if (layout_ == TensorLayout::nhwc) {
      for (int x = 0; x < width; ++x, in += 3, row += 3) {
        row[0] = table[in[first]];
        row[1] = table[256 + in[1]];
        row[2] = table[512 + in[last]];
      }
    } else {
      T *row1 = row + plane, *row2 = row1 + plane;
      for (int x = 0; x < width; ++x, in += 3) {
        row[x] = table[in[first]];
        row1[x] = table[256 + in[1]];
        row2[x] = table[512 + in[last]];
      }
    }
  }
}

BoxMap Preparer::prepare(const cv::Mat& picture, Tensor& tensor) {
  SACCADE_CHECK(picture.type() == CV_8UC3 && !picture.empty(), invalid_argument, "only 8-bit pictures of three channels can be prepared");
  SACCADE_CHECK(tensor.type() == type_ && tensor.shape() == shape(), invalid_argument, "the tensor is {}{}, not {}{}", saccade::to_string(tensor.type()),
                saccade::to_string(tensor.shape()), saccade::to_string(type_), saccade::to_string(shape()));
  const Placement placed = place(preparation_, picture.cols, picture.rows);
  const cv::Size input(preparation_.width, preparation_.height), scaled(placed.width, placed.height);
  if (scaled == input) {
    if (picture.size() == scaled)
      padded_ = picture;
    else
      cv::resize(picture, resized_, scaled, 0, 0, interpolation(preparation_.resize)), padded_ = resized_;
  } else {
    cv::resize(picture, resized_, scaled, 0, 0, interpolation(preparation_.resize));
    padded_ = cv::Mat(input, CV_8UC3, cv::Scalar::all(preparation_.pad_value));
    resized_.copyTo(padded_(cv::Rect(placed.x, placed.y, placed.width, placed.height)));
  }
  if (channels_ == 1) cv::cvtColor(padded_, grey_, cv::COLOR_BGR2GRAY);
  switch (type_) {
    case ElementType::f32: write(static_cast<float*>(tensor.raw())); break;
    case ElementType::f16: write(static_cast<std::uint16_t*>(tensor.raw())); break;
    default: write(static_cast<std::uint8_t*>(tensor.raw())); break;
  }
  padded_.release();  // it may be the caller's picture
  return {static_cast<double>(picture.cols) / placed.width, static_cast<double>(picture.rows) / placed.height, static_cast<double>(placed.x),
          static_cast<double>(placed.y), picture.cols, picture.rows};
}

}  // namespace saccade::vision
