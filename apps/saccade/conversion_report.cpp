// SPDX-License-Identifier: Apache-2.0
// Differences of models as text and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "conversion.h"

namespace saccade::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownAround = 3;

Json json_of(const eval::Difference& d, double tolerance) {
  Json row = {{"name", d.name}};
  if (!d.operation.empty()) row["operation"] = d.operation;
  if (!d.mismatch.empty()) {
    row["mismatch"] = d.mismatch;
  } else {
    row.update({{"max_abs", d.max_abs}, {"max_relative", d.max_relative}, {"cosine", d.cosine}, {"deviation", d.deviation}, {"elements", d.elements}});
    if (d.integer) row["integer"] = true;
    if (d.not_finite > 0) row["not_finite"] = d.not_finite;
  }
  row["within"] = d.within(tolerance);
  return row;
}

std::string line_of(const eval::Difference& d, double tolerance) {
  const std::string name = d.operation.empty() ? d.name : fmt::format("{} ({})", d.name, d.operation);
  if (!d.mismatch.empty()) return fmt::format("  {:44} {}\n", name, d.mismatch);
  const std::string strange = d.not_finite > 0 ? fmt::format(", {} not finite in one of them", d.not_finite) : "";
  if (d.integer) return fmt::format("  {:44} {:.4g} % unequal{}{}\n", name, 100 * d.deviation, strange, d.within(tolerance) ? "" : "  ←");
  return fmt::format("  {:44} max abs {:9.3g}  relative {:9.3g}  of deviation {:9.3g}  cosine {:.9f}{}{}\n", name, d.max_abs, d.max_relative, d.deviation, d.cosine, strange, d.within(tolerance) ? "" : "  ←");
}

}  // namespace

std::string to_json(const eval::ModelDifference& difference, double tolerance) {
  Json report = {{"within", difference.within}, {"tolerance", tolerance}, {"outputs", Json::array()}};
  for (const auto& d : difference.outputs) report["outputs"].push_back(json_of(d, tolerance));
  if (difference.has_detections)
    report["detections"] = {{"expected", difference.detections.expected}, {"found", difference.detections.found}, {"matched", difference.detections.matched}, {"share", difference.detections.share()}};
  if (!difference.values.empty()) {
    report["values"] = Json::array();
    for (const auto& d : difference.values) report["values"].push_back(json_of(d, tolerance));
    report["first"] = difference.first < 0 ? Json() : Json(difference.values[static_cast<std::size_t>(difference.first)].name);
  }
  return report.dump(2);
}

std::string to_text(const eval::ModelDifference& difference, double tolerance) {
  std::string text = "outputs\n";
  for (const auto& d : difference.outputs) text += line_of(d, tolerance);
  if (difference.has_detections)
    text += fmt::format("  detections: {} of {} matched ({:.1f} %)\n", difference.detections.matched, std::max(difference.detections.expected, difference.detections.found), 100 * difference.detections.share());
  if (!difference.values.empty()) {
    text += fmt::format("layer by layer: {} values have the same name in both\n", difference.values.size());
    if (difference.first < 0) {
      text += "  none diverges\n";
    } else {
      text += "  the first that diverges, and what is around it\n";
      const auto first = static_cast<std::size_t>(difference.first);
      for (std::size_t i = first - std::min(first, kShownAround); i < std::min(difference.values.size(), first + kShownAround); ++i) text += line_of(difference.values[i], tolerance);
    }
  }
  return text + (difference.within ? "equal within the tolerance\n" : "different\n");
}

}  // namespace saccade::cli
