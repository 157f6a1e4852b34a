// SPDX-License-Identifier: Apache-2.0
// A CocoReport as text and as JSON.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "eval/coco_boxes.h"
#include "eval/matching.h"

namespace saccade::eval {
namespace {

constexpr std::string_view kAreaNames[] = {"all", "small", "medium", "large"};

std::string cell(double value) { return value < 0 ? "-" : fmt::format("{:.3f}", value); }

}  // namespace

std::string summary_text(const CocoReport& report) {
  std::string text;
  std::size_t index = 0;
  for (const CocoFigure& figure : coco_figures())
    text += fmt::format(" {:<18} {} @[ IoU={:<9} | area={:>6} | maxDets={:>3} ] = {:0.3f}\n", figure.precision ? "Average Precision" : "Average Recall",
                        figure.precision ? "(AP)" : "(AR)", figure.threshold == 0 ? "0.50:0.95" : fmt::format("{:0.2f}", figure.threshold),
                        kAreaNames[figure.area], kDetectionLimits[static_cast<std::size_t>(figure.limit)], report.figures[index++]);
  return text;
}

std::string class_table_text(const CocoReport& report) {
  std::size_t width = 5;
  for (const CocoClassReport& line : report.classes) width = std::max(width, line.name.size());
  std::string text = fmt::format("{:<{}}  {:>6} {:>8} {:>10}  {:>5} {:>5} {:>5} {:>5}\n", "class", width, "id", "truths", "detections", "AP", "AP50", "AP75", "AR100");
  for (const CocoClassReport& line : report.classes)
    text += fmt::format("{:<{}}  {:>6} {:>8} {:>10}  {:>5} {:>5} {:>5} {:>5}\n", line.name, width, line.category_id, line.truths, line.detections,
                        cell(line.figures[0]), cell(line.figures[1]), cell(line.figures[2]), cell(line.figures[8]));
  return text;
}

std::string report_json(const CocoReport& report) {
  const auto figures = [](const std::array<double, 12>& values) {
    nlohmann::ordered_json object;
    std::size_t index = 0;
    for (const CocoFigure& figure : coco_figures()) object[std::string(figure.key)] = values[index++];
    return object;
  };
  nlohmann::ordered_json root{{"metric", "coco_bbox"},
                              {"images", report.images},
                              {"truths", report.truths},
                              {"detections", report.detections},
                              {"figures", figures(report.figures)},
                              {"stats", report.figures}};
  root["classes"] = nlohmann::ordered_json::array();
  for (const CocoClassReport& line : report.classes)
    root["classes"].push_back({{"id", line.category_id}, {"name", line.name}, {"truths", line.truths}, {"detections", line.detections}, {"figures", figures(line.figures)}});
  root["notes"] = report.notes;
  return root.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace saccade::eval
