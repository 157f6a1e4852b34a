// SPDX-License-Identifier: Apache-2.0
// COCO's box metric: sorts annotations and results into cells of one class and image, and averages what comes back.
#include "eval/coco_boxes.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "eval/matching.h"

namespace saccade::eval {
namespace {

constexpr CocoFigure kFigures[] = {
    {"AP", true, 0, kAllAreas, 2},      {"AP50", true, .5, kAllAreas, 2},    {"AP75", true, .75, kAllAreas, 2},
    {"APs", true, 0, kSmall, 2},        {"APm", true, 0, kMedium, 2},        {"APl", true, 0, kLarge, 2},
    {"AR1", false, 0, kAllAreas, 0},    {"AR10", false, 0, kAllAreas, 1},    {"AR100", false, 0, kAllAreas, 2},
    {"ARs", false, 0, kSmall, 2},       {"ARm", false, 0, kMedium, 2},       {"ARl", false, 0, kLarge, 2},
};

/// What lies in one image of one class, before it becomes a Cell.
struct Entries {
  std::vector<const CocoAnnotation*> truths;
  std::vector<const CocoResult*> found;
};

Cell make_cell(const Entries& entries) {
  Cell cell;
  for (const CocoAnnotation* truth : entries.truths)
    cell.truths.push_back({.area = truth->area, .ignore = truth->crowd, .crowd = truth->crowd, .counts = truth->id != 0});
  auto found = entries.found;
  std::stable_sort(found.begin(), found.end(), [](const CocoResult* a, const CocoResult* b) { return a->score > b->score; });
  found.resize(std::min<std::size_t>(found.size(), kDetectionLimits.back()));
  for (const CocoResult* result : found) {
    cell.found.push_back({.score = result->score, .area = result->box[2] * result->box[3]});
    for (const CocoAnnotation* truth : entries.truths) cell.similarity.push_back(box_similarity(result->box, truth->box, truth->crowd));
  }
  return cell;
}

struct ClassCurves {
  std::array<ClassCurve, kAreas> areas;
};

std::size_t threshold_index(double threshold) {
  const auto all = similarity_thresholds();
  const auto at = std::find(all.begin(), all.end(), threshold);
  SACCADE_ASSERT(at != all.end());
  return static_cast<std::size_t>(at - all.begin());
}

/// A figure over some classes. The values are visited with the class innermost, the order in which pycocotools adds them.
double average(const CocoFigure& figure, std::span<const ClassCurves* const> classes) {
  std::vector<double> values;
  const std::size_t first = figure.threshold == 0 ? 0 : threshold_index(figure.threshold);
  const std::size_t last = figure.threshold == 0 ? kThresholds : first + 1;
  const std::size_t points = figure.precision ? kRecallPoints : 1;
  for (std::size_t k = first; k < last; ++k)
    for (std::size_t r = 0; r < points; ++r)
      for (const ClassCurves* curves : classes) {
        const ClassCurve& curve = curves->areas[static_cast<std::size_t>(figure.area)];
        if (!curve.present) continue;
        values.push_back(figure.precision ? curve.precision[k][r] : curve.recall[static_cast<std::size_t>(figure.limit)][k]);
      }
  return mean(values);
}

}  // namespace

std::span<const CocoFigure> coco_figures() { return kFigures; }

double box_similarity(const Box& found, const Box& truth, bool crowd) {
  const double width = std::min(found[2] + found[0], truth[2] + truth[0]) - std::max(found[0], truth[0]);
  if (width <= 0) return 0;
  const double height = std::min(found[3] + found[1], truth[3] + truth[1]) - std::max(found[1], truth[1]);
  if (height <= 0) return 0;
  const double common = width * height, area = found[2] * found[3];
  return common / (crowd ? area : area + truth[2] * truth[3] - common);
}

CocoReport evaluate_coco_boxes(const CocoDataset& dataset, const std::vector<CocoResult>& results) {
  CocoReport report;
  report.images = static_cast<std::int64_t>(dataset.image_ids.size());
  std::unordered_map<std::int64_t, std::size_t> class_index;
  for (std::size_t i = 0; i < dataset.categories.size(); ++i) class_index.emplace(dataset.categories[i].id, i);
  std::vector<std::map<std::int64_t, Entries>> cells(dataset.categories.size());  // by class, then by ascending image id
  report.classes.resize(dataset.categories.size());
  std::int64_t foreign_truths = 0, foreign_results = 0, uncountable = 0;
  for (const CocoAnnotation& truth : dataset.annotations) {
    const auto at = class_index.find(truth.category_id);
    if (at == class_index.end()) {
      ++foreign_truths;
      continue;
    }
    cells[at->second][truth.image_id].truths.push_back(&truth);
    report.classes[at->second].truths += truth.crowd ? 0 : 1;
    uncountable += truth.id == 0;
  }
  for (const CocoResult& result : results) {
    const auto at = class_index.find(result.category_id);
    if (at == class_index.end()) {
      ++foreign_results;
      continue;
    }
    cells[at->second][result.image_id].found.push_back(&result);
    ++report.classes[at->second].detections;
  }

  std::vector<std::unique_ptr<ClassCurves>> curves;  // of the classes that have anything
  std::vector<const ClassCurves*> all;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    CocoClassReport& line = report.classes[c];
    line.category_id = dataset.categories[c].id;
    line.name = dataset.categories[c].name;
    line.figures.fill(-1);
    report.truths += line.truths;
    report.detections += line.detections;
    if (line.truths == 0) continue;  // crowds alone give no curve
    std::vector<Cell> images;
    for (const auto& [image, entries] : cells[c]) images.push_back(make_cell(entries));
    auto& mine = curves.emplace_back(std::make_unique<ClassCurves>());
    for (int area = 0; area < kAreas; ++area) mine->areas[static_cast<std::size_t>(area)] = evaluate_class(images, static_cast<AreaRange>(area));
    all.push_back(mine.get());
    for (std::size_t f = 0; f < line.figures.size(); ++f) line.figures[f] = average(kFigures[f], {&all.back(), 1});
  }
  for (std::size_t f = 0; f < report.figures.size(); ++f) report.figures[f] = average(kFigures[f], all);

  if (foreign_results == static_cast<std::int64_t>(results.size()) && foreign_results > 0)
    report.notes.push_back("no detection has a category_id that the annotations know; are the ids those of another label map?");
  else if (foreign_results > 0)
    report.notes.push_back(fmt::format("{} detections have a category_id that the annotations do not know; they do not count", foreign_results));
  if (foreign_truths > 0) report.notes.push_back(fmt::format("{} annotations have a category_id that is not in 'categories'; they do not count", foreign_truths));
  if (uncountable > 0) report.notes.push_back("an annotation has the id 0, whose matches pycocotools takes for none; so does this. Number annotations from 1");
  return report;
}

}  // namespace saccade::eval
