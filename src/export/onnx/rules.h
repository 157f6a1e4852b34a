// SPDX-License-Identifier: Apache-2.0
// The rules from the graph's operators to ONNX's, one function a family. Rewriting::level is the operator set.
#pragma once

#include <initializer_list>
#include <span>
#include <vector>

#include "export/onnx/node.h"
#include "export/rewrite.h"

namespace saccade::exporter::onnx {

std::vector<RuleRow> all_rules();

std::span<const RuleRow> elementwise_rules();
std::span<const RuleRow> network_rules();
std::span<const RuleRow> shape_rules();
std::span<const RuleRow> sequence_rules();
std::span<const RuleRow> vision_rules();

/// A node that gives what the replaced one gives.
Values emit(Rewriting& r, const char* type, Values inputs, OnnxAttributes attributes = {});
/// A node with one output of that type.
ValueId emit_as(Rewriting& r, const char* type, Values inputs, TensorType output, OnnxAttributes attributes = {});
/// Throws Error(unsupported) unless the operator set is at least that.
void need(Rewriting& r, int opset);
/// A scalar integer input that is an attribute in ONNX; throws Error(unsupported) if it is not known.
std::int64_t known_scalar(Rewriting& r, std::size_t i);
/// An integer vector that is an attribute in ONNX; throws Error(unsupported) if it is not known.
std::vector<std::int64_t> known(Rewriting& r, std::size_t i);

}  // namespace saccade::exporter::onnx
