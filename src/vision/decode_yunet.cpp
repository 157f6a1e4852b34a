// SPDX-License-Identifier: Apache-2.0
// YuNet faces: per stride a class score, an objectness, a box and five points, relative to their cell. Outputs are told
// by their names (cls_8, obj_8, bbox_8, kps_8, cls_16 …).
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "vision/decoder_tools.h"

namespace saccade::vision {
namespace {

struct Head {
  int stride = 0;
  int cls = -1, obj = -1, bbox = -1, kps = -1;
};

class YunetDecoder final : public Decoder {
 public:
  explicit YunetDecoder(std::vector<Head> heads) : heads_(std::move(heads)) {}

  void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const override {
    for (const Head& head : heads_) {
      require_outputs(outputs, static_cast<std::size_t>(std::max({head.cls, head.obj, head.bbox, head.kps}) + 1));
      const Matrix cls(outputs[static_cast<std::size_t>(head.cls)], 1), obj(outputs[static_cast<std::size_t>(head.obj)], 1);
      const Matrix boxes(outputs[static_cast<std::size_t>(head.bbox)], 4);
      const int columns = input.width / head.stride, rows = input.height / head.stride;
      const std::int64_t cells = static_cast<std::int64_t>(columns) * rows;
      SACCADE_CHECK(cls.rows() == cells && obj.rows() == cells && boxes.rows() == cells, invalid_model,
                    "stride {} has {} scores and {} boxes for {} cells; is the input a multiple of 32 pixels?", head.stride, cls.rows(), boxes.rows(), cells);
      const auto stride = static_cast<float>(head.stride);
      for (std::int64_t cell = 0; cell < cells; ++cell) {
        const float score = std::sqrt(std::clamp(cls.data()[cell], 0.f, 1.f) * std::clamp(obj.data()[cell], 0.f, 1.f));
        if (!(score > confidence)) continue;
        const auto column = static_cast<float>(cell % columns), row = static_cast<float>(cell / columns);
        const float* box = boxes.row(cell);
        const float x = (column + box[0]) * stride, y = (row + box[1]) * stride, w = std::exp(box[2]) * stride, h = std::exp(box[3]) * stride;
        const std::size_t before = found.size();
        add_box(found, x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, 0);
        if (head.kps < 0 || found.size() == before) continue;
        const Matrix points(outputs[static_cast<std::size_t>(head.kps)], 10);
        if (cell >= points.rows()) continue;
        const float* p = points.row(cell);
        for (int i = 0; i < 5; ++i) found.back().points.push_back({(column + p[2 * i]) * stride, (row + p[2 * i + 1]) * stride});
      }
    }
  }

 private:
  std::vector<Head> heads_;
};

}  // namespace

std::optional<DecoderChoice> choose_yunet(const Signature& signature, const nlohmann::json&, std::string& why) {
  const auto find = [&](const std::string& name) {
    for (std::size_t i = 0; i < signature.outputs.size(); ++i)
      if (signature.outputs[i].name == name) return static_cast<int>(i);
    return -1;
  };
  std::vector<Head> heads;
  for (const int stride : {8, 16, 32, 64}) {
    const std::string end = "_" + std::to_string(stride);
    const Head head{stride, find("cls" + end), find("obj" + end), find("bbox" + end), find("kps" + end)};
    if (head.cls >= 0 && head.obj >= 0 && head.bbox >= 0) heads.push_back(head);
  }
  if (heads.empty()) {
    why = "there are no outputs cls_8, obj_8, bbox_8 and so on";
    return std::nullopt;
  }
  return DecoderChoice{.decoder = std::make_unique<YunetDecoder>(std::move(heads)),
                       .preparation = {.letterbox = Letterbox::top_left},
                       .label_names = {"face"},
                       .iou = 0.3};
}

}  // namespace saccade::vision
