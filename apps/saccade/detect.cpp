// SPDX-License-Identifier: Apache-2.0
// saccade detect MODEL -i INPUT… -o OUTPUT: finds objects on pictures and in video. Built into libsaccade_vision.so.
#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "command.h"
#include "model_options.h"
#include "saccade/error.h"
#include "vision/detector.h"
#include "vision/draw.h"
#include "vision/image.h"
#include "vision/inputs.h"
#include "vision/results.h"
#include "vision/video.h"

namespace saccade::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using namespace vision;

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Options {
  std::string model, output, device = "CPU";
  std::vector<std::string> inputs;
  std::string decoder, input_size, letterbox, resize, mean, scale, color, labels, classes, nms;
  double confidence = -1, iou = -1;  // below 0: not given
  int max_detections = -1, pad_value = -1, threads = 0;
  std::string coco, annotations, jsonl, yolo_folder;
  bool no_draw = false, exact = false;
  std::string weights, signature, cache_dir;
  std::vector<std::string> cut_inputs, cut_outputs;
};

void add_options(Command& command, Options& o) {
  command.add("MODEL", o.model, "the model file").value("FILE").required();
  command.add("-i,--input", o.inputs, "pictures, videos, folders (with all below them), patterns in quotes").value("INPUT...").several().required();
  command.add("-o,--output", o.output, "annotated pictures and videos: a folder, or a file for one input").value("PATH");
  command.add("-d,--device", o.device, "where to run").value("DEVICE").show_default();
  command.add("--threads", o.threads, "threads, 0: all cores").value("N").range(0, 4096);
  command.add("--cache-dir", o.cache_dir, kCacheDirHelp).value("DIR");
  command.add("--exact", o.exact, kExactHelp);
  const char* reading = "Reading the model";
  command.add("-w,--weights", o.weights, "the second file of a pair [beside the model, under its name]").value("FILE").group(reading);
  command.add("--cut-input", o.cut_inputs, "a value that becomes an input; several times for several").value("NAME").group(reading);
  command.add("--cut-output", o.cut_outputs, "a value that becomes an output").value("NAME").group(reading);
  command.add("--signature", o.signature, "the signature of a SavedModel").value("NAME").group(reading);
  const char* finding = "Finding";
  command.add("--conf", o.confidence, "least score [0.25]").value("0..1").range(0, 1).group(finding);
  command.add("--iou", o.iou, "boxes of a class that overlap more are one [by family]").value("0..1").range(0, 1).group(finding);
  command.add("--max-det", o.max_detections, "most detections a picture [100]").value("N").range(1, 1e6).group(finding);
  command.add("--nms", o.nms, "suppress overlaps within a class, among all, or none").value("class|all|none").among({"class", "all", "none"}).group(finding);
  command.add("--classes", o.classes, "report only these, by name or id: person,car").value("LIST").group(finding);
  command.add("--labels", o.labels, "names: FILE (.pbtxt .txt .names .yaml .json), or coco80, coco90, voc, imagenet").value("NAME|FILE").group(finding);
  std::string families;
  for (const DecoderFamily& family : decoder_families()) families += (families.empty() ? "" : ", ") + std::string(family.name);
  command.add("--decoder", o.decoder, "family of the outputs, if not recognised: " + families).value("NAME").group(finding);
  const char* feeding = "Feeding the network (default: by family, metadata, or MODEL.json / NAME.saccade.json)";
  command.add("--input-size", o.input_size, "N, WxH, or 'picture'").value("SIZE").group(feeding);
  command.add("--letterbox", o.letterbox, "none, top-left or centre").value("HOW").group(feeding);
  command.add("--resize", o.resize, "nearest, bilinear, bicubic or area").value("HOW").group(feeding);
  command.add("--mean", o.mean, "subtracted from 0..255: a number, or one a channel: 123.7,116.3,103.5").value("M").group(feeding);
  command.add("--scale", o.scale, "then divides: a number, or one a channel").value("S").group(feeding);
  command.add("--color", o.color, "bgr, rgb or grey").value("ORDER").group(feeding);
  command.add("--pad-value", o.pad_value, "of the letterbox's bars, 0..255").value("N").range(0, 255).group(feeding);
  const char* results = "Results";
  command.add("--coco", o.coco, "COCO results").value("FILE.json").group(results);
  command.add("--annotations", o.annotations, "COCO annotations that give the image and category ids for --coco").value("FILE.json").group(results);
  command.add("--jsonl", o.jsonl, "a JSON object a line for each picture or frame").value("FILE").group(results);
  command.add("--yolo-txt", o.yolo_folder, "a YOLO text file for each").value("DIR").group(results);
  command.add("--no-draw", o.no_draw, "write no annotated pictures").group(results);
}

/// "3", "1,2,3" → JSON.
json numbers(const std::string& text, const char* flag) {
  json list = json::array();
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    try {
      std::size_t used = 0;
      const std::string part = text.substr(at, end - at);
      list.push_back(std::stod(part, &used));
      if (used != part.size()) throw std::invalid_argument(part);
    } catch (const std::exception&) {
      throw UsageError(fmt::format("{} takes a number or three with commas, not '{}'", flag, text));
    }
    at = end + 1;
  }
  if (list.size() != 1 && list.size() != 3) throw UsageError(fmt::format("{} takes a number or three with commas, not '{}'", flag, text));
  return list.size() == 1 ? list[0] : list;
}

json parse_size(const std::string& text) {
  if (text == "picture") return text;
  int width = 0, height = 0, used = 0;
  const auto length = static_cast<int>(text.size());
  if (std::sscanf(text.c_str(), "%6dx%6d%n", &width, &height, &used) == 2 && used == length && width > 0 && height > 0) return {width, height};
  if (std::sscanf(text.c_str(), "%6d%n", &width, &used) == 1 && used == length && width > 0) return {width, width};
  throw UsageError(fmt::format("--input-size takes N, WxH or 'picture', not '{}'", text));
}

json settings_from_flags(const Options& o) {
  json settings = json::object();
  try {
    if (!o.letterbox.empty()) settings["input"]["letterbox"] = to_string(parse_letterbox(o.letterbox));
    if (!o.resize.empty()) settings["input"]["resize"] = to_string(parse_resize(o.resize));
    if (!o.color.empty()) settings["input"]["color"] = to_string(parse_color(o.color));
  } catch (const Error& error) {
    throw UsageError(error.message());
  }
  if (!o.input_size.empty()) settings["input"]["size"] = parse_size(o.input_size);
  if (!o.mean.empty()) settings["input"]["mean"] = numbers(o.mean, "--mean");
  if (!o.scale.empty()) settings["input"]["scale"] = numbers(o.scale, "--scale");
  if (o.pad_value >= 0) settings["input"]["pad_value"] = o.pad_value;
  if (!o.decoder.empty()) settings["decoder"] = o.decoder;
  if (!o.labels.empty()) settings["labels"] = o.labels;
  if (o.confidence >= 0) settings["conf"] = o.confidence;
  if (o.iou >= 0) settings["iou"] = o.iou;
  if (o.max_detections > 0) settings["max_det"] = o.max_detections;
  if (!o.nms.empty()) settings["nms"] = o.nms;
  return settings;
}

std::set<int> parse_classes(const std::string& text, const Labels& labels) {
  std::set<int> classes;
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::string name = text.substr(at, end - at);
    at = end + 1;
    if (name.empty()) continue;
    if (const auto id = labels.find(name))
      classes.insert(*id);
    else if (name.size() < 8 && name.find_first_not_of("0123456789") == std::string::npos)
      classes.insert(std::stoi(name));
    else
      throw UsageError(fmt::format("--classes: this model has no class '{}'", name));
  }
  return classes;
}

/// Where the annotated pictures go: the path for each input, empty where none is written.
std::vector<fs::path> plan_outputs(const Options& o, const std::vector<InputFile>& inputs) {
  std::vector<fs::path> outputs(inputs.size());
  if (o.output.empty() || o.no_draw) return outputs;
  const fs::path output = o.output;
  std::error_code error;
  const bool picture = is_picture_path(output), video = is_video_path(output);
  if ((picture || video) && !fs::is_directory(output, error)) {
    if (inputs.size() != 1) throw UsageError(fmt::format("-o '{}' is one file, but there are {} inputs; name a folder", o.output, inputs.size()));
    if (inputs[0].video != video) throw UsageError(fmt::format("-o '{}' is a {}, but the input is a {}", o.output, video ? "video" : "picture", video ? "picture" : "video"));
    outputs[0] = output;
  } else {
    std::vector<InputFile> named = inputs;
    for (InputFile& input : named) {
      const std::string ending = input.name.extension().string();
      if (input.video && ending != ".mp4" && ending != ".avi" && ending != ".mkv" && ending != ".mov") input.name.replace_extension(".mp4");
    }
    const auto names = output_names(named);
    for (std::size_t i = 0; i < inputs.size(); ++i) outputs[i] = output / names[i];
  }
  std::set<fs::path> sources;
  for (const InputFile& input : inputs) sources.insert(fs::weakly_canonical(input.path, error));
  for (const fs::path& path : outputs)
    if (sources.contains(fs::weakly_canonical(path, error))) throw UsageError(fmt::format("'{}' would be overwritten by its result; name another output", path.string()));
  return outputs;
}

/// One call of the verb.
class Run {
 public:
  Run(const Options& options, Detector detector) : options_(options), detector_(std::move(detector)) {
    detector_.keep_classes(parse_classes(options.classes, detector_.settings().labels));
    inputs_ = list_inputs(options.inputs, fs::is_directory(options.output) ? fs::path(options.output) : fs::path());
    outputs_ = plan_outputs(options, inputs_);
    text_names_ = output_names(inputs_, ".txt");
    std::optional<CocoIds> ids;
    if (!options.annotations.empty()) ids = annotated_ = CocoIds::read(options.annotations);
    if (!options.coco.empty()) coco_.emplace(options.coco, labels(), std::move(ids));
    if (!options.jsonl.empty()) json_lines_.emplace(options.jsonl, labels());
    print_ = options.output.empty() && !coco_ && !json_lines_ && options.yolo_folder.empty();
    std::vector<std::string> names;
    for (const InputFile& input : inputs_)
      if (!input.video) names.push_back(input.name.generic_string());
    picture_ids_ = image_ids_from_names(names);
    if (!picture_ids_.empty()) next_frame_id_ = *std::max_element(picture_ids_.begin(), picture_ids_.end()) + 1;
  }

  void go(bool print_allowed) {
    print_ = print_ && print_allowed;
    start_s_ = now_s();
    std::size_t pictures = 0;
    for (const InputFile& input : inputs_) pictures += input.video ? 0 : 1;
    std::optional<Progress> progress;
    progress.emplace("detect", static_cast<std::int64_t>(pictures));
    for (std::size_t i = 0, picture = 0; i < inputs_.size() && !interrupted(); ++i) {
      try {
        if (inputs_[i].video) {
          progress.reset();
          video(i);
        } else {
          this->picture(i, picture_ids_[picture++]);
          if (progress) progress->advance();
        }
      } catch (const Error& error) {
        // A bad input must not cost the others; anything else ends the run.
        if (!reading_) throw;
        ++failed_;
        if (::isatty(STDERR_FILENO) != 0) fmt::print(stderr, "\r\033[K");  // over the progress bar
        fmt::print(stderr, "saccade detect: {}\n", error.message());
      }
    }
    if (coco_) coco_->commit();
    if (json_lines_) json_lines_->commit();
    wall_s_ = now_s() - start_s_;
  }

  int report(Command& command) const {
    if (command.json()) command.write_json(summary().dump(1));
    if (!command.json_on_stdout()) print_summary();
    if (coco_ && coco_->left_out() > 0)
      fmt::print(stderr, "saccade detect: {} detections are of classes that the annotations do not have; they are not in '{}'\n", coco_->left_out(), options_.coco);
    if (not_annotated_ > 0)
      fmt::print(stderr, "saccade detect: {} pictures are not in '{}'; their detections are not in '{}'\n", not_annotated_, options_.annotations, options_.coco);
    if (interrupted()) fmt::print(stderr, "saccade detect: stopped after {} pictures and frames; what was found until then is written\n", frames());
    if (failed_ > 0 && inputs_.size() > 1) fmt::print(stderr, "saccade detect: {} of {} inputs could not be read to their end\n", failed_, inputs_.size());
    return failed_ > 0 || interrupted() ? kFailed : kDone;
  }

 private:
  const Labels& labels() const { return detector_.settings().labels; }

  void picture(std::size_t index, std::int64_t id) {
    const double start = now_s();
    reading_ = true;
    cv::Mat image = read_picture(inputs_[index].path);
    reading_ = false;
    decode_s_ += now_s() - start;
    FrameInfo info{.name = inputs_[index].name.generic_string(), .width = image.cols, .height = image.rows};
    if (annotated_) {
      const auto known = annotated_->image(info.name);
      not_annotated_ += !known && coco_;
      id = known ? *known : -1;
    }
    const Detections found = frame(info, image, id, fs::path(options_.yolo_folder) / text_names_[index]);
    if (!outputs_[index].empty()) {
      draw(image, found);
      const double drawn = now_s();
      write_picture(outputs_[index], image);
      encode_s_ += now_s() - drawn;
    }
    ++pictures_;
  }

  void video(std::size_t index) {
    reading_ = true;
    VideoReader reader(inputs_[index].path);
    reading_ = false;
    Progress progress(inputs_[index].name.filename().string(), reader.frame_count());
    std::optional<VideoWriter> writer;
    cv::Mat image;
    for (std::int64_t number = 0; !interrupted(); ++number) {
      const double start = now_s();
      if (!reader.read(image)) break;
      decode_s_ += now_s() - start;
      const FrameInfo info{.name = inputs_[index].name.generic_string(), .frame = number, .seconds = static_cast<double>(number) / reader.frames_per_s(),
                           .width = image.cols, .height = image.rows};
      const fs::path text = fs::path(options_.yolo_folder) / fs::path(text_names_[index]).replace_extension() / fmt::format("{:06}.txt", number + 1);
      const Detections found = frame(info, image, next_frame_id_++, text);
      if (!outputs_[index].empty()) {
        if (!writer) writer.emplace(outputs_[index], reader.frames_per_s(), image.size());
        draw(image, found);
        const double drawn = now_s();
        writer->write(image);
        encode_s_ += now_s() - drawn;
      }
      ++frames_;
      progress.advance();
    }
    const double finished = now_s();
    if (writer) writer->commit();
    encode_s_ += now_s() - finished;
    reading_ = true;
    if (reader.frames_read() == 0 && !interrupted()) throw Error(ErrorCode::invalid_argument, fmt::format("'{}' holds no frame that can be decoded", inputs_[index].path.string()));
    if (reader.ended_early() && !interrupted())
      throw Error(ErrorCode::invalid_argument, fmt::format("'{}' breaks off after {} of {} frames; the results hold what there was", inputs_[index].path.string(),
                                                           reader.frames_read(), reader.frame_count()));
    reading_ = false;
  }

  /// Detects and writes the results of one picture or frame.
  Detections frame(const FrameInfo& info, const cv::Mat& image, std::int64_t id, const fs::path& text_path) {
    Detections found = detector_.detect(image, &times_);
    detections_ += static_cast<std::int64_t>(found.size());
    if (coco_ && id >= 0) coco_->add(id, found);
    if (json_lines_) json_lines_->add(info, found);
    if (!options_.yolo_folder.empty()) write_whole_file(text_path, yolo_text(info, found));
    if (print_) {
      const std::string where = info.frame < 0 ? info.name : fmt::format("{}#{}", info.name, info.frame);
      if (found.empty()) fmt::print("{}: nothing\n", where);
      for (const Detection& d : found)
        fmt::print("{}: {} {:.3f} at {:.0f},{:.0f} size {:.0f}x{:.0f}\n", where, labels().name(d.class_id), d.score, d.x1, d.y1, d.width(), d.height());
    }
    return found;
  }

  void draw(cv::Mat& image, const Detections& found) {
    const double start = now_s();
    draw_detections(image, found, labels());
    draw_s_ += now_s() - start;
  }

  std::int64_t frames() const { return pictures_ + frames_; }

  std::vector<std::pair<const char*, double>> stages() const {
    return {{"decode", decode_s_}, {"prepare", times_.prepare}, {"infer", times_.infer}, {"boxes", times_.boxes}, {"draw", draw_s_}, {"encode", encode_s_}};
  }

  nlohmann::ordered_json summary() const {
    nlohmann::ordered_json stage_ms;
    for (const auto& [name, seconds] : stages()) stage_ms[name] = frames() > 0 ? 1e3 * seconds / static_cast<double>(frames()) : 0;
    return {{"model", options_.model}, {"device", options_.device}, {"decoder", detector_.settings().family}, {"pictures", pictures_}, {"video_frames", frames_},
            {"detections", detections_}, {"failed_inputs", failed_}, {"seconds", wall_s_}, {"frames_per_s", wall_s_ > 0 ? static_cast<double>(frames()) / wall_s_ : 0},
            {"stage_ms", stage_ms}, {"interrupted", interrupted()}};
  }

  void print_summary() const {
    std::string what;
    if (pictures_ > 0 || frames_ == 0) what = fmt::format("{} picture{}", with_commas(pictures_), pictures_ == 1 ? "" : "s");
    if (frames_ > 0) what += fmt::format("{}{} video frames", what.empty() ? "" : " and ", with_commas(frames_));
    fmt::print("{} detections on {} in {:.2f} s: {:.1f} frames/s ({} on {})\n", with_commas(detections_), what, wall_s_,
               wall_s_ > 0 ? static_cast<double>(frames()) / wall_s_ : 0, detector_.settings().family, options_.device);
    if (frames() == 0) return;
    fmt::print(" ");
    for (const auto& [name, seconds] : stages()) fmt::print(" {} {:.2f} ms", name, 1e3 * seconds / static_cast<double>(frames()));
    fmt::print("  (each frame)\n");
  }

  Options options_;
  Detector detector_;
  std::vector<InputFile> inputs_;
  std::vector<fs::path> outputs_, text_names_;
  std::optional<CocoIds> annotated_;
  std::optional<CocoResultsFile> coco_;
  std::optional<JsonLinesFile> json_lines_;
  std::vector<std::int64_t> picture_ids_;
  std::int64_t next_frame_id_ = 1, pictures_ = 0, frames_ = 0, detections_ = 0, failed_ = 0, not_annotated_ = 0;
  DetectTimes times_;
  double decode_s_ = 0, draw_s_ = 0, encode_s_ = 0, start_s_ = 0, wall_s_ = 0;
  bool print_ = false, reading_ = false;
};

}  // namespace

int detect(int argc, char** argv) {
  Command command("detect", "Find objects on pictures and in video.",
                  "saccade detect yolox_nano.onnx -i photos/ -o annotated/\n"
                  "  saccade detect ssd.onnx -i street.mp4 -o street_boxes.mp4 --labels coco90 --conf 0.4");
  Options options;
  add_options(command, options);
  command.add_json_option();
  return command.run(argc, argv, [&] {
    silence_libraries();
    catch_interrupts();
    const json settings = settings_from_flags(options);
    if (!options.annotations.empty() && options.coco.empty()) throw UsageError("--annotations gives ids for --coco FILE.json, which is missing");
    DetectorOptions detector{.device = options.device, .settings = settings};
    detector.reading = {.weights = options.weights, .inputs = options.cut_inputs, .outputs = options.cut_outputs, .signature = options.signature};
    if (options.threads > 0) detector.properties.push_back(properties::threads(options.threads));
    if (!options.cache_dir.empty()) detector.properties.push_back(properties::cache_dir(options.cache_dir));
    if (options.exact) detector.properties.push_back(properties::exact(true));
    Detector opened = open_detector(options.model, detector);
    print_warnings("detect", opened.warnings());
    Run run(options, std::move(opened));
    run.go(!command.json_on_stdout());
    return run.report(command);
  });
}

}  // namespace saccade::cli

extern "C" __attribute__((visibility("default"))) int saccade_verb_detect(int argc, char** argv) { return saccade::cli::detect(argc, argv); }
