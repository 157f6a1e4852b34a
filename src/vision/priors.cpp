// SPDX-License-Identifier: Apache-2.0
// Prior boxes: from a description, and those of well-known networks.
#include "vision/priors.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

constexpr std::int64_t kMostPriors = 10'000'000;

/// A box of that area's square root, `ratio` times as wide as high.
std::array<double, 2> with_ratio(double size, double ratio) { return {size * std::sqrt(ratio), size / std::sqrt(ratio)}; }

/// TensorFlow's SSD anchors: six maps, sizes evenly from 0.2 to 0.95, the lowest map with three boxes only.
std::vector<PriorLayer> tensorflow_layers() {
  constexpr int kMaps[] = {19, 10, 5, 3, 2, 1};
  std::vector<PriorLayer> layers;
  for (int i = 0; i < 6; ++i) {
    const double size = .2 + .75 * i / 5, next = i == 5 ? 1.0 : .2 + .75 * (i + 1) / 5;
    PriorLayer layer{.columns = kMaps[i], .rows = kMaps[i]};
    if (i == 0)
      layer.sizes = {with_ratio(.1, 1), with_ratio(size, 2), with_ratio(size, .5)};
    else
      layer.sizes = {with_ratio(size, 1), with_ratio(size, 2),      with_ratio(size, .5), with_ratio(size, 3),
                     with_ratio(size, .3333), with_ratio(std::sqrt(size * next), 1)};
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The first SSD, 300 pixels: sizes in pixels for each map, VOC's or COCO's.
std::vector<PriorLayer> ssd300_layers(bool coco) {
  constexpr int kMaps[] = {38, 19, 10, 5, 3, 1}, kSteps[] = {8, 16, 32, 64, 100, 300};
  const std::array<double, 7> voc_sizes = {30, 60, 111, 162, 213, 264, 315}, coco_sizes = {21, 45, 99, 153, 207, 261, 315};
  const auto& sizes = coco ? coco_sizes : voc_sizes;
  std::vector<PriorLayer> layers;
  for (std::size_t i = 0; i < 6; ++i) {
    const double size = sizes[i] / 300, larger = std::sqrt(sizes[i] * sizes[i + 1]) / 300, step = kSteps[i] / 300.0;
    PriorLayer layer{.columns = kMaps[i], .rows = kMaps[i], .step_x = step, .step_y = step};
    layer.sizes = {{size, size}, {larger, larger}, with_ratio(size, 2), with_ratio(size, .5)};
    if (i > 0 && i < 4) layer.sizes.insert(layer.sizes.end(), {with_ratio(size, 3), with_ratio(size, 1.0 / 3)});
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The 260-pixel face mask detector: two sizes, and the smaller one with two more ratios.
std::vector<PriorLayer> face_mask_layers() {
  constexpr int kMaps[] = {33, 17, 9, 5, 3};
  constexpr double kSizes[][2] = {{.04, .056}, {.08, .11}, {.16, .22}, {.32, .45}, {.64, .72}};
  std::vector<PriorLayer> layers;
  for (int i = 0; i < 5; ++i)
    layers.push_back({.columns = kMaps[i], .rows = kMaps[i],
                      .sizes = {with_ratio(kSizes[i][0], 1), with_ratio(kSizes[i][1], 1), with_ratio(kSizes[i][0], .62), with_ratio(kSizes[i][0], .42)}});
  return layers;
}

}  // namespace

std::vector<Prior> make_priors(const std::vector<PriorLayer>& layers, bool clamp) {
  std::vector<Prior> priors;
  for (const PriorLayer& layer : layers) {
    const double step_x = layer.step_x > 0 ? layer.step_x : 1.0 / layer.columns, step_y = layer.step_y > 0 ? layer.step_y : 1.0 / layer.rows;
    for (int row = 0; row < layer.rows; ++row)
      for (int column = 0; column < layer.columns; ++column)
        for (const auto& [width, height] : layer.sizes) {
          Prior prior{static_cast<float>((column + .5) * step_x), static_cast<float>((row + .5) * step_y), static_cast<float>(width), static_cast<float>(height)};
          if (clamp) prior = {std::clamp(prior.x, 0.f, 1.f), std::clamp(prior.y, 0.f, 1.f), std::clamp(prior.width, 0.f, 1.f), std::clamp(prior.height, 0.f, 1.f)};
          priors.push_back(prior);
        }
  }
  return priors;
}

std::vector<Prior> parse_priors(const nlohmann::json& description) {
  std::vector<PriorLayer> layers;
  std::int64_t count = 0;
  try {
    for (const auto& entry : description.at("layers")) {
      PriorLayer layer;
      layer.columns = entry.at("size").at(0).get<int>();
      layer.rows = entry.at("size").at(1).get<int>();
      if (entry.contains("step")) {
        layer.step_x = entry["step"].at(0).get<double>();
        layer.step_y = entry["step"].at(1).get<double>();
      }
      layer.sizes = entry.at("boxes").get<std::vector<std::array<double, 2>>>();
      SACCADE_CHECK(layer.columns > 0 && layer.rows > 0 && layer.columns <= 1 << 14 && layer.rows <= 1 << 14, invalid_argument,
                    "priors: a layer of {}x{} cells cannot be", layer.columns, layer.rows);
      count += static_cast<std::int64_t>(layer.columns) * layer.rows * static_cast<std::int64_t>(layer.sizes.size());
      SACCADE_CHECK(count <= kMostPriors, invalid_argument, "priors: more than {} boxes", kMostPriors);
      layers.push_back(std::move(layer));
    }
    return make_priors(layers, description.value("clip", false));
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::invalid_argument, "priors must be {{\"layers\": [{{\"size\": [columns, rows], \"boxes\": [[w, h], ...]}}, ...]}}: {}", error.what());
  }
}

Corners decode_offsets(const float* offsets, const Prior& prior, const BoxCode& code) {
  const bool swapped = code.order == OffsetOrder::yxhw;
  const float dx = offsets[swapped ? 1 : 0], dy = offsets[swapped ? 0 : 1], dw = offsets[swapped ? 3 : 2], dh = offsets[swapped ? 2 : 3];
  const float x = prior.x + dx * code.variances[0] * prior.width, y = prior.y + dy * code.variances[1] * prior.height;
  const float width = prior.width * std::exp(dw * code.variances[2]), height = prior.height * std::exp(dh * code.variances[3]);
  return {x - width / 2, y - height / 2, x + width / 2, y + height / 2};
}

std::optional<PriorPreset> find_prior_preset(std::int64_t count, std::int64_t classes, InputSize input) {
  PriorPreset preset;
  if (count == 1917) {
    preset.priors = make_priors(tensorflow_layers(), false);
    preset.code.order = OffsetOrder::yxhw;
    preset.preparation = {.color = Color::rgb, .mean = {127.5f, 127.5f, 127.5f}, .scale = {127.5f, 127.5f, 127.5f}};
    preset.labels = usual_labels(classes);
    preset.sigmoid = true;
    preset.iou = 0.6;
    return preset;
  }
  if (count == 8732) {
    preset.priors = make_priors(ssd300_layers(classes > 21), false);
    preset.preparation = {.color = Color::bgr, .mean = {104, 117, 123}};
    preset.labels = usual_labels(classes);
    preset.iou = 0.45;
    return preset;
  }
  if (count == 5972) {
    preset.priors = make_priors(face_mask_layers(), false);
    preset.preparation = {.color = Color::rgb, .scale = {255, 255, 255}};
    preset.background = classes == 3;
    if (classes == 2) preset.label_names = {"mask", "no mask"};
    preset.iou = 0.4;
    return preset;
  }
  if (classes == 2 && input.width > 0) {
    preset.priors = ultraface_priors(input);
    if (static_cast<std::int64_t>(preset.priors.size()) != count) return std::nullopt;
    preset.preparation = {.color = Color::rgb, .mean = {127, 127, 127}, .scale = {128, 128, 128}};
    preset.label_names = {"background", "face"};
    preset.iou = 0.3;
    return preset;
  }
  return std::nullopt;
}

std::vector<Prior> ultraface_priors(InputSize input) {
  constexpr int kStrides[] = {8, 16, 32, 64};
  const std::vector<double> sizes[] = {{10, 16, 24}, {32, 48}, {64, 96}, {128, 192, 256}};
  std::vector<PriorLayer> layers;
  for (std::size_t i = 0; i < 4; ++i) {
    const Level level = levels_of(input, {&kStrides[i], 1})[0];
    PriorLayer layer{.columns = level.columns, .rows = level.rows, .step_x = static_cast<double>(level.stride) / input.width,
                     .step_y = static_cast<double>(level.stride) / input.height};
    for (const double size : sizes[i]) layer.sizes.push_back({size / input.width, size / input.height});
    layers.push_back(std::move(layer));
  }
  return make_priors(layers, true);
}

}  // namespace saccade::vision
