// SPDX-License-Identifier: Apache-2.0
// The random numbers of rendered scenes: the same with every standard library, unlike the distributions
// of <random>. Where one expression draws several numbers it does so in braces, which fix the order.
#pragma once

#include <cmath>
#include <cstdint>
#include <opencv2/core.hpp>

namespace saccade::vision {

/// A small counter-based generator. Copyable; one per object, so that adding a draw to one object
/// leaves all others as they were. Not thread safe.
class SceneRandom {
 public:
  /// The seed is mixed twice, so that neighbouring seeds do not give the same numbers one place apart.
  explicit SceneRandom(uint64_t seed) : state_(mixed(mixed(seed ^ 0xD1B54A32D192ED03ull) + kStep)) {}

  uint64_t bits() { return mixed(state_ += kStep); }

  /// Uniform in [0, 1).
  float unit() { return float(bits() >> 40) * (1.0f / 16777216.0f); }
  /// Uniform in [low, high).
  float between(float low, float high) { return low + (high - low) * unit(); }
  /// Uniform in 0 … count - 1; count must be positive.
  int below(int count) { return int(bits() % uint64_t(count)); }
  bool chance(float probability) { return unit() < probability; }

  /// A color in BGR 0..255 of any hue, with saturation and value in the ranges given (0..1).
  cv::Scalar color(float saturation_low, float saturation_high, float value_low, float value_high) {
    return hsv({unit(), between(saturation_low, saturation_high), between(value_low, value_high)});
  }

  struct Hsv {
    float hue, saturation, value;  ///< each 0..1; the hue wraps
  };

  /// The same color in BGR 0..255.
  static cv::Scalar hsv(Hsv color) {
    auto [hue, saturation, value] = color;
    auto channel = [hue = hue, saturation = saturation, value = value](float n) {
      float k = std::fmod(n + (hue - std::floor(hue)) * 6.0f, 6.0f);
      float dip = std::fmax(0.0f, std::fmin(std::fmin(k, 4.0f - k), 1.0f));
      return double(255.0f * value * (1.0f - saturation * dip));
    };
    return {channel(1.0f), channel(3.0f), channel(5.0f)};
  }

 private:
  static constexpr uint64_t kStep = 0x9E3779B97F4A7C15ull;

  static uint64_t mixed(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }

  uint64_t state_;
};

}  // namespace saccade::vision
