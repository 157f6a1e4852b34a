// SPDX-License-Identifier: Apache-2.0
// UltraFace: scores [1,N,2] of background and face, boxes [1,N,4]. Exports with and without the last layers look alike:
// corners in 0..1, or offsets to priors. Corners are in order in every row, offsets only by chance in a quarter of them.
#include <algorithm>

#include "base/error.h"
#include "vision/decoder_tools.h"
#include "vision/priors.h"

namespace saccade::vision {
namespace {

bool are_corners(const Matrix& boxes) {
  std::int64_t ordered = 0;
  for (std::int64_t r = 0; r < boxes.rows(); ++r) ordered += boxes.row(r)[2] > boxes.row(r)[0] && boxes.row(r)[3] > boxes.row(r)[1];
  return ordered * 10 >= boxes.rows() * 9;
}

class UltrafaceDecoder final : public Decoder {
 public:
  UltrafaceDecoder(std::size_t scores, std::size_t boxes) : scores_(scores), boxes_(boxes) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    require_outputs(outputs, std::max(scores_, boxes_) + 1);
    const Matrix scores(outputs[scores_], 2), boxes(outputs[boxes_], 4);
    SACCADE_CHECK(scores.rows() == boxes.rows(), invalid_model, "{} scores for {} boxes", scores.rows(), boxes.rows());
    const auto width = static_cast<float>(input.width), height = static_cast<float>(input.height);
    std::vector<Prior> priors;
    if (!are_corners(boxes)) {
      priors = ultraface_priors(input);
      SACCADE_CHECK(static_cast<std::int64_t>(priors.size()) == boxes.rows(), invalid_model, "{} boxes for {} priors of an input of {}x{}", boxes.rows(),
                    priors.size(), input.width, input.height);
    }
    for (std::int64_t r = 0; r < scores.rows(); ++r) {
      const float score = scores.row(r)[1];
      if (!(score > confidence)) continue;
      const float* box = boxes.row(r);
      const Corners c = priors.empty() ? Corners{box[0], box[1], box[2], box[3]} : decode_offsets(box, priors[static_cast<std::size_t>(r)], BoxCode{});
      add_box(found, c.x1 * width, c.y1 * height, c.x2 * width, c.y2 * height, score, 1);
    }
  }

 private:
  std::size_t scores_, boxes_;
};

}  // namespace

std::optional<DecoderChoice> choose_ultraface(const Signature& signature, const nlohmann::json&, std::string& why) {
  why = "its outputs are not scores [1,N,2] and boxes [1,N,4] with the priors of UltraFace";
  if (signature.outputs.size() != 2 || signature.width <= 0) return std::nullopt;
  const Shape first = without_batch(signature.outputs[0].shape, 2), second = without_batch(signature.outputs[1].shape, 2);
  if (first.empty() || second.empty() || first[0] != second[0]) return std::nullopt;
  const bool scores_first = first[1] == 2 && second[1] == 4;
  if (!scores_first && !(first[1] == 4 && second[1] == 2)) return std::nullopt;
  if (static_cast<std::int64_t>(ultraface_priors({signature.width, signature.height}).size()) != first[0]) return std::nullopt;
  return DecoderChoice{.decoder = std::make_unique<UltrafaceDecoder>(scores_first ? 0 : 1, scores_first ? 1 : 0),
                       .preparation = {.color = Color::rgb, .mean = {127, 127, 127}, .scale = {128, 128, 128}},
                       .label_names = {"background", "face"},
                       .iou = 0.3};
}

}  // namespace saccade::vision
