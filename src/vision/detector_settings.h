// SPDX-License-Identifier: Apache-2.0
// How a detector is fed and read: the recipe of its family, changed by what the model says about itself, by a JSON file
// beside it and by flags, in this order. All three have one form:
//   {"decoder": "yolox" | {"name": "ssd_raw", …}, "labels": "coco80" | ["cat", …] | {"1": "cat"} | "labels.txt",
//    "input": {"size": [W, H] | "picture", "letterbox": "none" | "top-left" | "centre", "resize": "bilinear", "rounding": "down" | "nearest",
//              "color": "bgr" | "rgb" | "grey", "mean": 0 | [r, g, b], "scale": 1 | [r, g, b], "pad_value": 114},
//    "conf": 0.25, "iou": 0.5, "max_det": 100, "nms": "class" | "all" | "none"}
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "vision/decoder.h"
#include "vision/labels.h"
#include "vision/nms.h"

namespace saccade::vision {

/// Width and height of an input that takes any, unless said otherwise.
inline constexpr int kUsualSize = 640;

struct DetectorSettings {
  std::string family;
  std::shared_ptr<const Decoder> decoder;
  Preparation preparation;
  bool follows_picture = false;  ///< the input takes the size of each picture
  Labels labels;
  double confidence = 0.25;
  bool suppress = true;
  NmsOptions nms;
};

/// What the model says in its metadata: the keys saccade.decoder, saccade.labels and saccade.input (JSON, or plain text where
/// a string would do), and the `names` that other exporters write. An empty object if it says nothing.
nlohmann::json settings_from_metadata(const std::map<std::string, std::string>& metadata);

/// The contents of MODEL.json or NAME.saccade.json beside the model (yolox.onnx.json, yolox.saccade.json); an empty object if
/// there is none. Label files in it are relative to it. Throws Error(invalid_argument) with the place of what is wrong.
nlohmann::json read_sidecar(const std::filesystem::path& model);

/// Later settings win, member by member. Throws Error(invalid_argument) for an unknown member, with those there are.
nlohmann::json merge_settings(nlohmann::json first, const nlohmann::json& later, const std::string& where);

/// The family's recipe with `settings` upon it. The size in `signature` is that of the model; 0 where any is taken.
DetectorSettings make_detector_settings(const Signature& signature, const nlohmann::json& settings);

}  // namespace saccade::vision
