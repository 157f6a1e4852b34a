// SPDX-License-Identifier: Apache-2.0
// Files of mo's --transformations_config: those of detection models say what the graph tells by itself; YOLO's say where its regions are.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "conversion.h"
#include "graph/edit.h"
#include "import/cut.h"
#include "import/tensorflow/pipeline_config.h"
#include "ops/transpose.h"
#include "ops/yolo.h"
#include "tensor/numeric.h"

namespace saccade::cli {
namespace {

using graph::Graph;
using graph::ValueId;
using PlainJson = nlohmann::json;

// The file itself, or what it would be beside an old tool: "extensions/front/tf/ssd_v2_support.json" need not exist.
std::optional<PlainJson> read_config(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    const std::string name = std::filesystem::path(path).filename().string();
    if (name.find("_support") != std::string::npos && name.ends_with(".json")) return std::nullopt;
    fail(ErrorCode::not_found, "cannot read {}", path);
  }
  const auto file = FileBytes::open(path);
  try {
    return PlainJson::parse(file->bytes().begin(), file->bytes().end(), nullptr, true, true);
  } catch (const PlainJson::parse_error& e) {
    fail(ErrorCode::invalid_argument, "{} is no JSON, or is damaged at byte {}", path, e.byte);
  }
}

template <class T>
T attribute(const PlainJson& attributes, const char* name, T otherwise) {
  const auto found = attributes.find(name);
  try {
    return found == attributes.end() ? otherwise : found->get<T>();
  } catch (const PlainJson::exception&) {
    fail(ErrorCode::invalid_argument, "custom_attributes.{} is of the wrong type", name);
  }
}

bool has_detections(const Graph& graph) {
  return std::any_of(graph.outputs().begin(), graph.outputs().end(), [](const auto& o) { return o.name.find("detection_boxes") != std::string::npos || o.name.find("raw_detection") != std::string::npos; });
}

// The heads as RegionYolo, in OpenVINO's order of dimensions.
std::shared_ptr<Graph> with_regions(const Graph& graph, const PlainJson& attributes, bool v3) {
  ops::RegionYolo region{.coords = attribute<std::int64_t>(attributes, "coords", 4), .classes = attribute<std::int64_t>(attributes, "classes", 80), .num = attribute<std::int64_t>(attributes, "num", 9), .do_softmax = !v3};
  if (attributes.contains("do_softmax")) region.do_softmax = attributes["do_softmax"].is_boolean() ? attributes["do_softmax"].get<bool>() : attribute<std::int64_t>(attributes, "do_softmax", 1) != 0;
  region.anchors = attribute<std::vector<double>>(attributes, "anchors", {});
  const auto masks = attribute<std::vector<std::vector<std::int64_t>>>(attributes, "masks", {});
  const auto entries = attribute<std::vector<std::string>>(attributes, "entry_points", {});
  auto copy = std::make_shared<Graph>(graph);
  graph::Edit edit(*copy);
  std::vector<std::pair<ValueId, std::string>> heads;
  if (entries.empty())
    for (const auto& output : copy->outputs()) heads.emplace_back(output.value, output.name);
  else
    for (const std::string& entry : entries) heads.emplace_back(import::find_value(*copy, "0:" + entry), entry);
  SACCADE_CHECK(!v3 || masks.size() >= heads.size(), invalid_argument, "{} masks for {} heads", masks.size(), heads.size());
  std::vector<graph::GraphOutput> outputs;
  for (std::size_t i = 0; i < heads.size(); ++i) {
    ValueId head = heads[i].first;
    const graph::PartialShape& shape = copy->type(head).shape;
    if (v3) region.mask = masks[i];
    const std::int64_t channels = (v3 ? static_cast<std::int64_t>(region.mask.size()) : region.num) * (region.coords + 1 + region.classes);
    SACCADE_CHECK(shape.ranked() && shape.rank() == 4, invalid_argument, "the head '{}' of shape {} is no feature map", heads[i].second, graph::to_string(shape));
    const auto is = [&](std::size_t d) { return shape[d].is_static() && shape[d].size() == channels; };
    SACCADE_CHECK(is(1) || is(3), invalid_argument, "the head '{}' of shape {} does not have the {} channels that the configuration says", heads[i].second, graph::to_string(shape), channels);
    if (is(3)) head = edit(ops::Transpose{}, {head, edit.constant(Tensor::from<std::int64_t>({4}, {0, 3, 1, 2}))}, heads[i].second);
    outputs.push_back({edit(region, {head}, heads[i].second + "/RegionYolo"), heads[i].second + "/RegionYolo"});
  }
  edit.set_outputs(outputs);
  edit.remove_dead();
  return copy;
}

}  // namespace

std::string check_pipeline(const Graph& graph, const std::string& path) {
  const auto file = FileBytes::open(path);
  ErrorContext scope("file", path);
  const auto check = tensorflow::check_pipeline_config(graph, {file->bytes().data(), file->bytes().size()});
  SACCADE_CHECK(check.differences.empty(), invalid_argument, "the configuration is of another model: {}", fmt::join(check.differences, "; "));
  const std::string name = std::filesystem::path(path).filename().string();
  return fmt::format("{} is not needed: the structure of the graph says it all{}", name, check.agreed.empty() ? "" : fmt::format(" (the same here: {})", fmt::join(check.agreed, ", ")));
}

std::vector<std::string> apply_transformations(std::shared_ptr<Graph>& graph, const std::string& path) {
  const auto config = read_config(path);
  const std::string unnecessary = fmt::format("{} is not needed: the structure of the graph says it all", std::filesystem::path(path).filename().string());
  if (!config) return {unnecessary};
  SACCADE_CHECK(config->is_array(), invalid_argument, "{} is no file of transformations: a list is expected", path);
  std::vector<std::string> notes;
  for (const PlainJson& entry : *config) {
    SACCADE_CHECK(entry.is_object() && entry.contains("id") && entry["id"].is_string(), invalid_argument, "{} is no file of transformations: an entry has no id", path);
    const std::string id = entry["id"].get<std::string>();
    const PlainJson attributes = entry.value("custom_attributes", PlainJson::object());
    if (id == "TFYOLOV3" || id == "TFYOLO" || id == "TFYOLOV2") {
      graph = with_regions(*graph, attributes, id == "TFYOLOV3");
      notes.push_back(fmt::format("{}: {} heads end in RegionYolo", id, graph->outputs().size()));
    } else if (id.starts_with("ObjectDetectionAPI") && !has_detections(*graph)) {
      notes.push_back(fmt::format("{} is for models of the TensorFlow Object Detection API, which this is not: it is ignored", id));
      return notes;
    }
  }
  if (notes.empty()) notes.push_back(unnecessary);
  return notes;
}

}  // namespace saccade::cli
