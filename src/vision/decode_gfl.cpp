// SPDX-License-Identifier: Apache-2.0
// NanoDet and PicoDet (generalised focal loss): for each stride, class scores (sigmoid done) and the four distances from
// the cell's centre to the sides, each as a distribution whose mean, times the stride, is the distance. As pairs of
// outputs [N,C] and [N,4*bins], or all strides in one [1,N,C+4*bins] (NanoDet-Plus, whose centres lie on the cell's corner).
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

constexpr std::int64_t kUsualBins = 8;

struct Pair {
  std::size_t scores = 0, boxes = 0;
};

/// The mean of a distribution given by its logits, in bins.
float expected(const float* logits, std::int64_t bins) {
  const float top = *std::max_element(logits, logits + bins);
  float sum = 0, weighted = 0;
  for (std::int64_t b = 0; b < bins; ++b) {
    const float e = std::exp(logits[b] - top);
    sum += e;
    weighted += e * static_cast<float>(b);
  }
  return weighted / sum;
}

void decode_cell(const float* distances, std::int64_t bins, float x, float y, float stride, const float* scores, std::int64_t classes, float confidence,
                 Detections& found) {
  bool decoded = false;
  float left = 0, top = 0, right = 0, bottom = 0;
  for (std::int64_t c = 0; c < classes; ++c) {
    if (!(scores[c] > confidence)) continue;
    if (!decoded) {
      left = expected(distances, bins) * stride;
      top = expected(distances + bins, bins) * stride;
      right = expected(distances + 2 * bins, bins) * stride;
      bottom = expected(distances + 3 * bins, bins) * stride;
      decoded = true;
    }
    add_box(found, x - left, y - top, x + right, y + bottom, scores[c], static_cast<int>(c));
  }
}

class GflDecoder final : public Decoder {
 public:
  GflDecoder(std::vector<Pair> pairs, float centre) : pairs_(std::move(pairs)), centre_(centre) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    int stride = 8;
    for (const Pair& pair : pairs_) {
      require_outputs(outputs, std::max(pair.scores, pair.boxes) + 1);
      const Matrix scores(outputs[pair.scores]), boxes(outputs[pair.boxes]);
      const Level level = levels_of(input, {&stride, 1})[0];
      SACCADE_CHECK(scores.rows() == level.cells() && boxes.rows() == level.cells() && boxes.columns() % 4 == 0, invalid_model,
                    "stride {} has {} scores and {} boxes of {} values for {} cells", stride, scores.rows(), boxes.rows(), boxes.columns(), level.cells());
      for (std::int64_t cell = 0; cell < level.cells(); ++cell)
        decode_cell(boxes.row(cell), boxes.columns() / 4, (static_cast<float>(cell % level.columns) + centre_) * static_cast<float>(stride),
                    (static_cast<float>(cell / level.columns) + centre_) * static_cast<float>(stride), static_cast<float>(stride), scores.row(cell),
                    scores.columns(), confidence, found);
      stride *= 2;
    }
  }

 private:
  std::vector<Pair> pairs_;
  float centre_;
};

class JoinedGflDecoder final : public Decoder {
 public:
  explicit JoinedGflDecoder(float centre) : centre_(centre) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    require_outputs(outputs, 1);
    const Matrix rows(outputs[0]);
    const std::int64_t classes = rows.columns() - 4 * kUsualBins;
    const auto levels = levels_with_cells(input, rows.rows());
    SACCADE_CHECK(classes > 0 && !levels.empty(), invalid_model, "{} rows of {} values do not fit an input of {}x{}", rows.rows(), rows.columns(), input.width,
                  input.height);
    const float* row = rows.data();
    for (const Level& level : levels)
      for (std::int64_t cell = 0; cell < level.cells(); ++cell, row += rows.columns()) {
        const auto stride = static_cast<float>(level.stride);
        decode_cell(row + classes, kUsualBins, (static_cast<float>(cell % level.columns) + centre_) * stride,
                    (static_cast<float>(cell / level.columns) + centre_) * stride, stride, row, classes, confidence, found);
      }
  }

 private:
  float centre_;
};

Preparation nanodet_recipe() {
  return {.letterbox = Letterbox::centre, .mean = {103.53f, 116.28f, 123.675f}, .scale = {57.375f, 57.12f, 58.395f}};
}
Preparation picodet_recipe() {
  return {.resize = Resize::bicubic, .color = Color::rgb, .mean = {123.675f, 116.28f, 103.53f}, .scale = {58.395f, 57.12f, 57.375f}};
}

bool could_be_boxes(std::int64_t columns) { return columns >= 16 && columns % 4 == 0 && columns <= 4 * 33; }

}  // namespace

std::optional<DecoderChoice> choose_gfl(const Signature& signature, const nlohmann::json& options, std::string& why) {
  const auto& outputs = signature.outputs;
  why = "its outputs are no pairs of scores [N,C] and distances [N,4*bins]";
  if (outputs.size() == 1) {
    const Shape shape = without_batch(outputs[0].shape, 2);
    const std::int64_t classes = shape.empty() ? 0 : shape[1] - 4 * kUsualBins;
    const bool nanodet_plus = classes > 0 && shape[0] > 0 && signature.width > 0 && (classes == 80 || options.value("joined", false)) &&
                              !levels_with_cells({signature.width, signature.height}, shape[0]).empty();
    if (!nanodet_plus) return std::nullopt;
    return DecoderChoice{.decoder = std::make_unique<JoinedGflDecoder>(options.value("centre", 0.f)),
                         .preparation = nanodet_recipe(),
                         .labels = usual_labels(classes),
                         .iou = 0.6};
  }
  if (outputs.size() < 4 || outputs.size() % 2 != 0) return std::nullopt;

  // Outputs with equal numbers of cells belong together; the largest map comes first.
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const Shape shape = without_batch(outputs[i].shape, 2);
    if (shape.empty() || shape[1] <= 0) return std::nullopt;
    order.push_back(i);
  }
  const auto cells = [&](std::size_t i) { return without_batch(outputs[i].shape, 2)[0]; };
  const auto columns = [&](std::size_t i) { return outputs[i].shape.back(); };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return cells(a) > cells(b); });
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < order.size(); i += 2) {
    std::size_t a = order[i], b = order[i + 1];
    if (cells(a) != cells(b)) return std::nullopt;
    const bool a_is_boxes = columns(b) != 4 * kUsualBins && (columns(a) == 4 * kUsualBins || (could_be_boxes(columns(a)) && !could_be_boxes(columns(b))));
    if (a_is_boxes) std::swap(a, b);
    if (!could_be_boxes(columns(b))) return std::nullopt;
    pairs.push_back({a, b});
  }
  const std::int64_t classes = columns(pairs[0].scores);
  for (const Pair& pair : pairs)
    if (columns(pair.scores) != classes || columns(pair.boxes) != columns(pairs[0].boxes)) return std::nullopt;
  return DecoderChoice{.decoder = std::make_unique<GflDecoder>(pairs, options.value("centre", 0.5f)),
                       .preparation = pairs.size() == 3 ? nanodet_recipe() : picodet_recipe(),
                       .labels = usual_labels(classes),
                       .iou = 0.6};
}

}  // namespace saccade::vision
