// SPDX-License-Identifier: Apache-2.0
// Detectors' last stages, grids of samples and attention: decomposed as for every format.
#include "export/decompose.h"
#include "export/openvino/rules.h"

namespace saccade::exporter::openvino {
namespace {

constexpr RuleRow kVisionRules[] = {
    {"AffineGrid", affine_grid},
    {"Attention", attention},
    {"CropAndResize", crop_and_resize},
    {"DetectionPostProcess", detection_post_process},
    {"MulticlassNms", multiclass_nms},
    {"RotaryEmbedding", rotary_embedding},
};

}  // namespace

std::span<const RuleRow> vision_rules() { return kVisionRules; }

}  // namespace saccade::exporter::openvino
