// SPDX-License-Identifier: Apache-2.0
// SSDs cut before their last layers: offsets [1,N,4] (or [1,4N]) to prior boxes, class scores [1,N,C] (or [1,CN]). The
// priors come from an output [1,2,4N] of the network, from the option "priors", or are those of a well-known network.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "vision/decoder_tools.h"
#include "vision/priors.h"

namespace saccade::vision {
namespace {

enum class Scores { automatic, ready, sigmoid, softmax };

struct Settings {
  std::size_t offsets = 0, scores = 1;
  int priors = -1;  // an output
  std::vector<Prior> fixed_priors;
  BoxCode code;
  bool background = true;
  Scores activation = Scores::automatic;
  Scores for_logits = Scores::softmax;
};

/// Probabilities need nothing; anything beyond 0..1 shows that the last layer is missing.
Scores tell_activation(const Matrix& scores, Scores for_logits) {
  for (std::int64_t i = 0; i < scores.size(); ++i)
    if (scores.data()[i] < -1e-4f || scores.data()[i] > 1 + 1e-4f) return for_logits;
  return Scores::ready;
}

void activate(Scores activation, std::vector<float>& row) {
  if (activation == Scores::sigmoid) {
    for (float& value : row) value = sigmoid(value);
  } else if (activation == Scores::softmax) {
    const float top = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (float& value : row) sum += value = std::exp(value - top);
    for (float& value : row) value /= sum;
  }
}

class SsdRawDecoder final : public Decoder {
 public:
  explicit SsdRawDecoder(Settings settings) : settings_(std::move(settings)) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    require_outputs(outputs, std::max({settings_.offsets, settings_.scores, static_cast<std::size_t>(std::max(settings_.priors, 0))}) + 1);
    const Matrix offsets(outputs[settings_.offsets], 4);
    const std::int64_t count = offsets.rows();
    SACCADE_CHECK(count > 0 && outputs[settings_.scores].size() % count == 0, invalid_model, "{} scores for {} boxes", outputs[settings_.scores].size(), count);
    const Matrix scores(outputs[settings_.scores], outputs[settings_.scores].size() / count);
    BoxCode code = settings_.code;
    std::vector<Prior> own;
    if (settings_.priors >= 0) own = read_priors(outputs[static_cast<std::size_t>(settings_.priors)], code);
    const std::vector<Prior>& priors = settings_.priors >= 0 ? own : settings_.fixed_priors;
    SACCADE_CHECK(static_cast<std::int64_t>(priors.size()) == count, invalid_model, "{} boxes for {} priors", count, priors.size());

    const Scores activation = settings_.activation == Scores::automatic ? tell_activation(scores, settings_.for_logits) : settings_.activation;
    const auto width = static_cast<float>(input.width), height = static_cast<float>(input.height);
    const std::int64_t first = settings_.background ? 1 : 0;
    std::vector<float> row;
    for (std::int64_t r = 0; r < count; ++r) {
      const float* values = scores.row(r);
      if (activation != Scores::ready) {
        row.assign(values, values + scores.columns());
        activate(activation, row);
        values = row.data();
      }
      for (std::int64_t c = first; c < scores.columns(); ++c) {
        if (!(values[c] > confidence)) continue;
        const Corners corners = decode_offsets(offsets.row(r), priors[static_cast<std::size_t>(r)], code);
        add_box(found, corners.x1 * width, corners.y1 * height, corners.x2 * width, corners.y2 * height, values[c], static_cast<int>(c));
      }
    }
  }

 private:
  /// Caffe's PriorBox: corners in the first row, variances in the second.
  static std::vector<Prior> read_priors(const Tensor& tensor, BoxCode& code) {
    const Matrix corners(tensor, 4);
    const std::int64_t count = corners.rows() / 2;
    std::vector<Prior> priors;
    for (std::int64_t r = 0; r < count; ++r) {
      const float* p = corners.row(r);
      priors.push_back({(p[0] + p[2]) / 2, (p[1] + p[3]) / 2, p[2] - p[0], p[3] - p[1]});
    }
    if (count > 0) std::copy_n(corners.row(count), 4, code.variances.begin());
    return priors;
  }

  Settings settings_;
};

Scores parse_scores(const std::string& text) {
  if (text == "auto") return Scores::automatic;
  if (text == "none") return Scores::ready;
  if (text == "sigmoid") return Scores::sigmoid;
  if (text == "softmax") return Scores::softmax;
  fail(ErrorCode::invalid_argument, "decoder option \"scores\" is '{}', not auto, none, sigmoid or softmax", text);
}

}  // namespace

std::optional<DecoderChoice> choose_ssd_raw(const Signature& signature, const nlohmann::json& options, std::string& why) {
  why = "its outputs are not offsets [1,N,4] and scores [1,N,C]";
  const auto& outputs = signature.outputs;
  if (outputs.size() < 2 || outputs.size() > 3) return std::nullopt;
  Settings settings;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].shape.size() == 3 && outputs[i].shape[1] == 2 && outputs[i].shape[2] % 4 == 0 && outputs[i].shape[2] > 4) settings.priors = static_cast<int>(i);
  std::vector<std::size_t> rest;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (static_cast<int>(i) != settings.priors) rest.push_back(i);
  if (rest.size() != 2) return std::nullopt;

  // Which of the two holds the offsets: [.,N,4] beside [.,N,C], or, flat, 4N beside CN with N from the priors.
  std::int64_t count = 0, classes = 0;
  const auto fits = [&](std::size_t offsets, std::size_t scores) {
    const Shape a = without_batch(outputs[offsets].shape, 2), b = without_batch(outputs[scores].shape, 2);
    if (!a.empty() && !b.empty() && a[1] == 4 && a[0] == b[0] && a[0] > 1) {
      count = a[0];
      classes = b[1];
      return true;
    }
    if (settings.priors < 0 || outputs[offsets].shape.size() != 2 || outputs[scores].shape.size() != 2) return false;
    count = outputs[static_cast<std::size_t>(settings.priors)].shape[2] / 4;
    classes = outputs[scores].shape[1] / count;
    return outputs[offsets].shape[1] == 4 * count && outputs[scores].shape[1] % count == 0;
  };
  if (fits(rest[0], rest[1])) {
    settings.offsets = rest[0], settings.scores = rest[1];
  } else if (fits(rest[1], rest[0])) {
    settings.offsets = rest[1], settings.scores = rest[0];
  } else {
    return std::nullopt;
  }

  DecoderChoice choice{.preparation = {.color = Color::rgb}, .labels = usual_labels(classes)};
  if (options.contains("priors")) {
    settings.fixed_priors = parse_priors(options["priors"]);
    settings.priors = -1;
  } else if (settings.priors < 0) {
    auto preset = find_prior_preset(count, classes, {signature.width, signature.height});
    if (!preset) {
      why = fmt::format("its {} prior boxes are not known; describe them in a sidecar as \"decoder\": {{\"name\": \"ssd_raw\", \"priors\": ...}}", count);
      return std::nullopt;
    }
    settings.fixed_priors = std::move(preset->priors);
    settings.code = preset->code;
    settings.background = preset->background;
    settings.for_logits = preset->sigmoid || !preset->background ? Scores::sigmoid : Scores::softmax;
    choice.preparation = preset->preparation;
    choice.labels = preset->labels;
    choice.label_names = preset->label_names;
    choice.iou = preset->iou;
  }
  if (options.contains("priors") && static_cast<std::int64_t>(settings.fixed_priors.size()) != count) {
    why = fmt::format("it has {} boxes, the option \"priors\" describes {}", count, settings.fixed_priors.size());
    return std::nullopt;
  }
  settings.background = options.value("background", settings.background);
  if (options.contains("variances")) settings.code.variances = options["variances"].get<std::array<float, 4>>();
  if (options.contains("order")) settings.code.order = options["order"].get<std::string>() == "yxhw" ? OffsetOrder::yxhw : OffsetOrder::xywh;
  settings.activation = parse_scores(options.value("scores", "auto"));
  choice.decoder = std::make_unique<SsdRawDecoder>(std::move(settings));
  return choice;
}

}  // namespace saccade::vision
