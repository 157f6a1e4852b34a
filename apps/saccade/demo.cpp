// SPDX-License-Identifier: Apache-2.0
// saccade demo: renders a video, runs the bundled detector on it, measures both speed and accuracy, leaves a page to look at. Built
// into libsaccade_vision.so.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/imgcodecs.hpp>
#include <optional>

#include "base/cpu.h"
#include "command.h"
#include "demo_model.h"
#include "demo_page.h"
#include "vision/detector.h"
#include "vision/draw.h"
#include "vision/image.h"
#include "vision/results.h"
#include "vision/scene_random.h"
#include "vision/scene_truth.h"
#include "vision/video.h"

namespace saccade::cli {
namespace {

namespace fs = std::filesystem;
using namespace vision;

constexpr int kWidth = 960, kHeight = 540;
constexpr double kFramesPerSecond = 25;
constexpr std::int64_t kShotFrames = 42;  // six shots in ten seconds
constexpr int kObjects = 5;
constexpr double kShownFrom = 0.45;     // least score that is drawn and written to the lines
constexpr double kMeasuredFrom = 0.01;  // precision is averaged down to low scores
constexpr std::size_t kSamples = 6;

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Options {
  std::string out = "demo", device = "CPU";
  double seconds = 10;
  int threads = 0;
  std::int64_t seed = 7;
};

Detections shown(const Detections& found) {
  Detections strong;
  for (const Detection& d : found)
    if (d.score >= kShownFrom) strong.push_back(d);
  return strong;
}

/// One call of the verb.
class Run {
 public:
  Run(const Options& options, const fs::path& model)
      : options_(options), folder_(options.out), detector_(open(options, model)), labels_(detector_.settings().labels) {
    report_.device = options.device;
    report_.machine = cpu_model();
    report_.threads = options.threads > 0 ? options.threads : usable_cores();
    report_.width = kWidth;
    report_.height = kHeight;
    report_.input_width = detector_.settings().preparation.width;
    report_.input_height = detector_.settings().preparation.height;
    report_.frames_per_s = kFramesPerSecond;
    report_.shown_from = kShownFrom;
    report_.model_bytes = static_cast<std::int64_t>(demo_model().size());
    report_.video = "video.mp4";
    report_.lines = "results.jsonl";
    report_.results = "results.json";
    report_.truth = "truth.json";
    report_.model = model.filename().string();
  }

  void go() {
    const double start = now_s();
    const auto count = static_cast<std::int64_t>(std::llround(options_.seconds * kFramesPerSecond));
    // The first run allocates; it is not what a video costs.
    detector_.detect(cv::Mat(kHeight, kWidth, CV_8UC3, cv::Scalar::all(114)));
    video_.emplace(folder_ / report_.video, kFramesPerSecond, cv::Size(kWidth, kHeight), VideoCoding::browsers);
    results_.emplace(folder_ / report_.results, labels_, std::nullopt);
    lines_.emplace(folder_ / report_.lines, labels_);
    {
      Progress progress("demo", count);
      SceneRandom seeds(static_cast<std::uint64_t>(options_.seed));
      std::optional<Scene> scene;
      for (std::int64_t i = 0; i < count && !interrupted(); ++i) {
        if (i % kShotFrames == 0) {
          const double before = now_s();
          scene.emplace(SceneOptions{kWidth, kHeight, seeds.bits(), kObjects});
          best_in_shot_.emplace_back();
          render_s_ += now_s() - before;
        }
        frame(i, *scene);
        progress.advance();
      }
    }
    finish();
    report_.seconds = now_s() - start;
  }

  const DemoReport& report() const { return report_; }

  void print() const {
    fmt::print("{} frames: detected at {:.0f} frames/s ({:.2f} ms each), AP50 {:.3f}, AP {:.3f}\n ", report_.frames,
               report_.detect_frames_per_s(), report_.stage_ms(report_.detect_s), report_.quality.figures[1], report_.quality.figures[0]);
    for (const auto& [name, seconds] : report_.stage_s) fmt::print(" {} {:.2f} ms", name, report_.stage_ms(seconds));
    fmt::print("  (each frame)\n");
    const auto line = [&](const std::string& name, std::string_view what) { fmt::print("  {:<24} {}\n", (folder_ / name).string(), what); };
    line("index.html", "look at this");
    line(report_.video, "the annotated video");
    line(report_.lines, "detections, a line a frame");
    line(report_.results, "detections in COCO's form");
    line(report_.truth, "the truth in COCO's form");
    line(report_.model, "the detector");
  }

  std::string json() const {
    nlohmann::ordered_json stage_ms, figures;
    for (const auto& [name, seconds] : report_.stage_s) stage_ms[name] = report_.stage_ms(seconds);
    for (std::size_t i = 0; i < report_.quality.figures.size(); ++i)
      figures[std::string(eval::coco_figures()[i].key)] = report_.quality.figures[i];
    const auto path = [&](const std::string& name) { return (folder_ / name).string(); };
    const nlohmann::ordered_json root{{"device", report_.device},
                                      {"frames", report_.frames},
                                      {"seconds", report_.seconds},
                                      {"detect_ms", report_.stage_ms(report_.detect_s)},
                                      {"detect_frames_per_s", report_.detect_frames_per_s()},
                                      {"stage_ms", stage_ms},
                                      {"figures", figures},
                                      {"page", path("index.html")},
                                      {"video", path(report_.video)},
                                      {"lines", path(report_.lines)},
                                      {"results", path(report_.results)},
                                      {"truth", path(report_.truth)},
                                      {"model", path(report_.model)},
                                      {"interrupted", interrupted()}};
    return root.dump(1);
  }

 private:
  struct Sample {
    std::size_t boxes = 0;
    cv::Mat image;
  };

  static Detector open(const Options& options, const fs::path& model) {
    DetectorOptions detector{.device = options.device, .settings = {{"conf", kMeasuredFrom}, {"iou", 0.55}}};
    if (options.threads > 0) detector.properties.push_back(properties::threads(options.threads));
    Detector opened = open_detector(model, detector);
    print_warnings("demo", opened.warnings());
    return opened;
  }

  void frame(std::int64_t index, const Scene& scene) {
    const double start = now_s(), seconds = static_cast<double>(index) / kFramesPerSecond;
    SceneFrame rendered = scene.render(static_cast<double>(index % kShotFrames) / kFramesPerSecond);
    render_s_ += now_s() - start;
    const Detections found = detector_.detect(rendered.image, &times_);
    const FrameInfo info{.name = report_.video, .frame = index, .seconds = seconds, .width = kWidth, .height = kHeight};
    results_->add(truth_.add(fmt::format("frame_{:06}", index + 1), rendered), found);
    const Detections strong = shown(found);
    lines_->add(info, strong);
    const double drawing = now_s();
    draw_detections(rendered.image, strong, labels_);
    const double encoding = now_s();
    video_->write(rendered.image);
    draw_s_ += encoding - drawing;
    encode_s_ += now_s() - encoding;
    if (Sample& best = best_in_shot_.back(); strong.size() > best.boxes || best.image.empty()) best = {strong.size(), rendered.image};
  }

  void finish() {
    const double start = now_s();
    video_->commit();
    encode_s_ += now_s() - start;
    results_->commit();
    lines_->commit();
    write_whole_file(folder_ / report_.truth, truth_.json());
    const auto dataset = eval::read_coco_annotations((folder_ / report_.truth).string());
    report_.quality = eval::evaluate_coco_boxes(dataset, eval::read_coco_results((folder_ / report_.results).string(), dataset));
    report_.frames = truth_.frames();
    report_.stage_s = {{"render", render_s_},   {"prepare", times_.prepare}, {"infer", times_.infer},
                       {"boxes", times_.boxes}, {"draw", draw_s_},           {"encode", encode_s_}};
    report_.detect_s = times_.prepare + times_.infer + times_.boxes;
    report_.plays = video_->coding() == VideoCoding::browsers;
    std::stable_sort(best_in_shot_.begin(), best_in_shot_.end(), [](const Sample& a, const Sample& b) { return a.boxes > b.boxes; });
    for (std::size_t i = 0; i < std::min(kSamples, best_in_shot_.size()); ++i) {
      report_.samples.emplace_back();
      cv::imencode(".jpg", best_in_shot_[i].image, report_.samples.back(), {cv::IMWRITE_JPEG_QUALITY, 88});
    }
    write_whole_file(folder_ / "index.html", demo_page(report_));
  }

  Options options_;
  fs::path folder_;
  Detector detector_;
  Labels labels_;
  DemoReport report_;
  SceneTruth truth_;
  std::optional<VideoWriter> video_;
  std::optional<CocoResultsFile> results_;
  std::optional<JsonLinesFile> lines_;
  std::vector<Sample> best_in_shot_;
  DetectTimes times_;
  double render_s_ = 0, draw_s_ = 0, encode_s_ = 0;
};

}  // namespace

int demo(int argc, char** argv) {
  Command command("demo",
                  "Render a video, find the objects in it with the bundled detector, and leave a page that shows how well and how fast.",
                  "saccade demo --out demo --seconds 10");
  Options options;
  command.add("-o,--out", options.out, "the folder for everything").show_default();
  command.add("--seconds", options.seconds, "length of the video").range(0.04, 3600).show_default();
  command.add("-d,--device", options.device, "where to run").show_default();
  command.add("--threads", options.threads, "threads, 0: all cores").range(0, 4096);
  command.add("--seed", options.seed, "another number, another video").show_default();
  command.add_json_option();
  return command.run(argc, argv, [&] {
    silence_libraries();
    catch_interrupts();
    const fs::path model = fs::path(options.out) / "detector.onnx";
    write_whole_file(model, demo_model());
    Run run(options, model);
    run.go();
    if (command.json()) command.write_json(run.json());
    if (!command.json_on_stdout()) run.print();
    if (interrupted())
      fmt::print(stderr, "saccade demo: stopped after {} frames; what was found until then is written\n", run.report().frames);
    return interrupted() ? kFailed : kDone;
  });
}

}  // namespace saccade::cli

extern "C" __attribute__((visibility("default"))) int saccade_verb_demo(int argc, char** argv) { return saccade::cli::demo(argc, argv); }
