// SPDX-License-Identifier: Apache-2.0
// Settings from metadata, sidecar and flags, checked member by member, laid over the recipe of the family.
#include "vision/detector_settings.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/json_file.h"

namespace saccade::vision {
namespace {

using nlohmann::json;

constexpr std::string_view kMembers[] = {"decoder", "labels", "input", "conf", "iou", "max_det", "nms"};
constexpr std::string_view kInputMembers[] = {"size", "letterbox", "resize", "rounding", "color", "mean", "scale", "pad_value"};

void check_members(const json& object, std::span<const std::string_view> known, const std::string& where) {
  SACCADE_CHECK(object.is_object(), invalid_argument, "{} is {}, not an object", where, object.type_name());
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    std::string list;
    for (const std::string_view name : known) list += (list.empty() ? "" : ", ") + std::string(name);
    fail(ErrorCode::invalid_argument, "{} has an unknown member '{}'; there are {}", where, key, list);
  }
}

std::array<float, 3> three_numbers(const json& value, const char* what) {
  std::array<float, 3> numbers{};
  if (value.is_number()) {
    numbers.fill(value.get<float>());
  } else if (value.is_array() && (value.size() == 3 || value.size() == 1) && std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_number(); })) {
    for (std::size_t i = 0; i < 3; ++i) numbers[i] = value[value.size() == 1 ? 0 : i].get<float>();
  } else {
    fail(ErrorCode::invalid_argument, "{} must be a number or three, not {}", what, value.dump());
  }
  return numbers;
}

double share(const json& value, const char* what) {
  SACCADE_CHECK(value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1, invalid_argument, "{} must be between 0 and 1, not {}", what, value.dump());
  return value.get<double>();
}

std::string text_of(const json& value, const char* what) {
  SACCADE_CHECK(value.is_string(), invalid_argument, "{} must be a text, not {}", what, value.dump());
  return value.get<std::string>();
}

void apply_input(DetectorSettings& settings, const json& input, const Signature& signature) {
  Preparation& p = settings.preparation;
  if (input.contains("letterbox")) p.letterbox = parse_letterbox(text_of(input["letterbox"], "letterbox"));
  if (input.contains("resize")) p.resize = parse_resize(text_of(input["resize"], "resize"));
  if (input.contains("rounding")) {
    const std::string text = text_of(input["rounding"], "rounding");
    SACCADE_CHECK(text == "down" || text == "nearest", invalid_argument, "rounding is '{}', not down or nearest", text);
    p.rounding = text == "down" ? Rounding::down : Rounding::nearest;
  }
  if (input.contains("color")) p.color = parse_color(text_of(input["color"], "color"));
  if (input.contains("mean")) p.mean = three_numbers(input["mean"], "mean");
  if (input.contains("scale")) p.scale = three_numbers(input["scale"], "scale");
  if (input.contains("pad_value")) {
    SACCADE_CHECK(input["pad_value"].is_number() && input["pad_value"].get<double>() >= 0 && input["pad_value"].get<double>() <= 255, invalid_argument,
                  "pad_value must be between 0 and 255, not {}", input["pad_value"].dump());
    p.pad_value = static_cast<int>(std::lround(input["pad_value"].get<double>()));
  }
  if (!input.contains("size")) return;
  const json& size = input["size"];
  if (size == "picture") {
    settings.follows_picture = true;
    SACCADE_CHECK(signature.width == 0 && signature.height == 0, invalid_argument, "the input size 'picture' needs a model whose input takes any size");
    return;
  }
  settings.follows_picture = false;
  SACCADE_CHECK(size.is_array() && size.size() == 2 && size[0].is_number_integer() && size[1].is_number_integer(), invalid_argument,
                "the input size must be [width, height] or \"picture\", not {}", size.dump());
  const auto width = size[0].get<std::int64_t>(), height = size[1].get<std::int64_t>();
  SACCADE_CHECK(width > 0 && height > 0 && width <= 1 << 15 && height <= 1 << 15, invalid_argument, "an input of {}x{} pixels cannot be", width, height);
  p.width = static_cast<int>(width);
  p.height = static_cast<int>(height);
}

/// Text in metadata may be JSON or just a word.
json json_or_text(const std::string& text) {
  json value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json(text) : value;
}

}  // namespace

json settings_from_metadata(const std::map<std::string, std::string>& metadata) {
  json settings = json::object();
  const auto find = [&](const char* key) -> const std::string* {
    const auto at = metadata.find(key);
    return at == metadata.end() ? nullptr : &at->second;
  };
  if (const auto* text = find("saccade.decoder")) settings["decoder"] = json_or_text(*text);
  if (const auto* text = find("saccade.input")) {
    settings["input"] = json::parse(*text, nullptr, false);
    SACCADE_CHECK(settings["input"].is_object(), invalid_argument, "the model's metadata 'saccade.input' is no JSON object");
  }
  const std::string* names = find("saccade.labels");
  if (names == nullptr) names = find("names");
  if (names != nullptr) {
    json labels = json::object();
    const Labels known = Labels::from_metadata(*names);
    for (const auto& [id, name] : known.all()) labels[std::to_string(id)] = name;
    if (!labels.empty()) settings["labels"] = std::move(labels);
  }
  for (const char* key : {"conf", "iou"})
    if (const auto* text = find((std::string("saccade.") + key).c_str())) settings[key] = json_or_text(*text);
  return settings;
}

json read_sidecar(const std::filesystem::path& model) {
  std::filesystem::path beside = model;
  beside.replace_extension(".saccade.json");
  for (const std::filesystem::path& path : {std::filesystem::path(model.string() + ".json"), beside}) {
    std::error_code error;
    if (!std::filesystem::is_regular_file(path, error)) continue;
    json settings = read_json_file(path.string());
    check_members(settings, kMembers, path.string());
    if (settings.contains("input")) check_members(settings["input"], kInputMembers, path.string() + ": input");
    if (settings.contains("labels") && settings["labels"].is_string() && !Labels::builtin(settings["labels"].get<std::string>()))
      settings["labels"] = (path.parent_path() / settings["labels"].get<std::string>()).string();
    return settings;
  }
  return json::object();
}

json merge_settings(json first, const json& later, const std::string& where) {
  check_members(later, kMembers, where);
  for (const auto& [key, value] : later.items()) {
    if (key != "input") {
      first[key] = value;
      continue;
    }
    check_members(value, kInputMembers, where + ": input");
    for (const auto& [input_key, input_value] : value.items()) first["input"][input_key] = input_value;
  }
  return first;
}

DetectorSettings make_detector_settings(const Signature& signature, const json& settings) {
  std::string forced;
  json options = json::object();
  if (settings.contains("decoder")) {
    const json& decoder = settings["decoder"];
    if (decoder.is_object()) {
      forced = json_string(decoder, "name", "decoder");
      options = decoder;
    } else {
      forced = text_of(decoder, "decoder");
    }
  }
  DecoderChoice choice = choose_decoder(signature, forced, options);
  DetectorSettings result{.family = choice.family,
                          .decoder = std::move(choice.decoder),
                          .preparation = choice.preparation,
                          .follows_picture = choice.follows_picture && signature.width == 0,
                          .suppress = choice.suppress,
                          .nms = {.iou = choice.iou}};
  if (!choice.label_names.empty())
    result.labels = Labels(choice.label_names);
  else if (!choice.labels.empty())
    result.labels = *Labels::builtin(choice.labels);

  if (settings.contains("input")) apply_input(result, settings["input"], signature);
  if (!result.follows_picture && result.preparation.width == 0) {
    result.preparation.width = result.preparation.height = kUsualSize;
  }
  if (settings.contains("labels"))
    result.labels = settings["labels"].is_string() ? Labels::load(settings["labels"].get<std::string>()) : Labels::from_json(settings["labels"]);
  if (settings.contains("conf")) result.confidence = share(settings["conf"], "conf");
  if (settings.contains("iou")) result.nms.iou = share(settings["iou"], "iou");
  if (settings.contains("max_det")) {
    SACCADE_CHECK(settings["max_det"].is_number_integer() && settings["max_det"].get<std::int64_t>() > 0 && settings["max_det"].get<std::int64_t>() <= 1'000'000,
                  invalid_argument, "max_det must be a whole number from 1, not {}", settings["max_det"].dump());
    result.nms.max_detections = settings["max_det"].get<int>();
  }
  if (settings.contains("nms")) {
    const std::string text = text_of(settings["nms"], "nms");
    SACCADE_CHECK(text == "class" || text == "all" || text == "none", invalid_argument, "nms is '{}', not class, all or none", text);
    result.suppress = text != "none";
    result.nms.scope = text == "all" ? NmsScope::all_classes : NmsScope::per_class;
  }
  return result;
}

}  // namespace saccade::vision
