// SPDX-License-Identifier: Apache-2.0
// The rules that replace operators of our own by ones that IR has, one function a family.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "export/openvino/layer.h"
#include "export/rewrite.h"

namespace saccade::exporter::openvino {

/// All of them. Rewriting::level is the newest operator set that may be used.
std::vector<RuleRow> all_rules();

std::span<const RuleRow> arithmetic_rules();
std::span<const RuleRow> movement_rules();
std::span<const RuleRow> normalization_rules();
std::span<const RuleRow> quantize_rules();
std::span<const RuleRow> recurrent_rules();
std::span<const RuleRow> resize_rules();
std::span<const RuleRow> vision_rules();

}  // namespace saccade::exporter::openvino
