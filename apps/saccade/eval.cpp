// SPDX-License-Identifier: Apache-2.0
// saccade eval RESULTS.json ANNOTATIONS.json: the COCO figures of detections.
#include <fmt/format.h>

#include <cstdio>

#include "command.h"
#include "eval/coco_boxes.h"
#include "verbs.h"

namespace saccade::cli {

int verb_eval(int argc, char** argv) {
  Command command("eval", "Compare detections with annotations: the twelve COCO figures for boxes, equal to those of pycocotools.",
                  "saccade detect yolox_nano.onnx -i val2017 --annotations instances_val2017.json --coco results.json --conf 0.01\n"
                  "  saccade eval results.json instances_val2017.json --per-class");
  std::string results_path, annotations_path;
  bool per_class = false;
  command.add("RESULTS", results_path, "detections in COCO's results form, as detect --coco writes them").value("FILE").required();
  command.add("ANNOTATIONS", annotations_path, "annotations in COCO's form").value("FILE").required();
  command.add("--per-class", per_class, "a table with a line for each class too");
  command.add_json_option();
  return command.run(argc, argv, [&] {
    const eval::CocoDataset dataset = eval::read_coco_annotations(annotations_path);
    const eval::CocoReport report = eval::evaluate_coco_boxes(dataset, eval::read_coco_results(results_path, dataset));
    for (const std::string& note : report.notes) fmt::print(stderr, "saccade eval: {}\n", note);
    if (command.json()) command.write_json(eval::report_json(report));
    if (command.json_on_stdout()) return kDone;
    fmt::print("{}", eval::summary_text(report));
    if (per_class) fmt::print("\n{}", eval::class_table_text(report));
    return kDone;
  });
}

}  // namespace saccade::cli
