// SPDX-License-Identifier: Apache-2.0
// Comparing pipeline.config with a graph.
#include "import/tensorflow/pipeline_config.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "import/text_format.h"
#include "ops/control_flow.h"
#include "ops/multiclass_nms.h"
#include "ops/resize.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using graph::Graph;
using import::TextMessage;

struct Stage {
  const ops::MulticlassNms* op;
  std::int64_t classes;  // -1: not known
};

class Check {
 public:
  Check(const Graph& graph, const TextMessage& model) : g_(graph), model_(model) {
    for (const graph::NodeId id : g_.order()) {
      const auto* op = g_[id].op.as<ops::MulticlassNms>();
      if (op == nullptr) continue;
      const auto& scores = g_.type(g_[id].inputs[1]).shape;
      stages_.push_back({op, scores.ranked() && scores.rank() == 3 && scores[2].is_static() ? scores[2].size() : -1});
    }
  }

  PipelineCheck run() {
    const bool two_stages = model_.has("faster_rcnn");
    const TextMessage& detector = model_.message(two_stages ? "faster_rcnn" : "ssd");
    resizer(detector.message("image_resizer"));
    if (stages_.size() != (two_stages ? 2u : 1u)) {
      out_.differences.push_back(fmt::format("the file describes {}, and {} suppressions of boxes were recognised in the graph", two_stages ? "a detector of two stages" : "a detector of one stage",
                                             stages_.size()));
      return std::move(out_);
    }
    const Stage& last = stages_.back();
    if (detector.has("num_classes") && last.classes >= 0) equal("num_classes", detector.integer("num_classes"), last.classes);
    if (two_stages) {
      const ops::MulticlassNms& first = *stages_[0].op;
      near("first_stage_nms_score_threshold", detector.real("first_stage_nms_score_threshold", 0), first.score_threshold);
      near("first_stage_nms_iou_threshold", detector.real("first_stage_nms_iou_threshold", 0.7), first.iou_threshold);
      equal("first_stage_max_proposals", detector.integer("first_stage_max_proposals", 300), first.max_total);
    }
    const TextMessage& nms = detector.message(two_stages ? "second_stage_post_processing" : "post_processing").message("batch_non_max_suppression");
    near("score_threshold", nms.real("score_threshold", 0), last.op->score_threshold);
    near("iou_threshold", nms.real("iou_threshold", 0.6), last.op->iou_threshold);
    equal("max_detections_per_class", nms.integer("max_detections_per_class", 100), last.op->max_per_class);
    equal("max_total_detections", nms.integer("max_total_detections", 100), last.op->max_total);
    return std::move(out_);
  }

 private:
  void equal(std::string_view name, std::int64_t said, std::int64_t found) {
    if (said == found)
      out_.agreed.push_back(fmt::format("{} {}", name, said));
    else
      out_.differences.push_back(fmt::format("{} is {}, the graph has {}", name, said, found));
  }

  // Thresholds were rounded to f32 on their way into the graph.
  void near(std::string_view name, double said, double found) {
    if (std::fabs(said - found) <= 1e-6 * std::max(std::fabs(said), std::fabs(found)))
      out_.agreed.push_back(fmt::format("{} {:g}", name, said));
    else
      out_.differences.push_back(fmt::format("{} is {:g}, the graph has {:g}", name, said, found));
  }

  void resizer(const TextMessage& said) {
    if (said.has("fixed_shape_resizer")) {
      const TextMessage& fixed = said.message("fixed_shape_resizer");
      const std::int64_t height = fixed.integer("height", 300), width = fixed.integer("width", 300);
      for (const graph::NodeId id : g_.order()) {
        if (!g_[id].op.is<ops::Resize>()) continue;
        // the first one is the preprocessor's
        const Tensor& sizes = g_.constant(g_[id].inputs[1]);
        if (!sizes.defined() || sizes.size() != 2) return;
        const auto found = to_i64(sizes);
        if (found[0] == height && found[1] == width)
          out_.agreed.push_back(fmt::format("fixed_shape_resizer {}x{}", height, width));
        else
          out_.differences.push_back(fmt::format("fixed_shape_resizer is {}x{} (height, width), the graph has {}x{}", height, width, found[0], found[1]));
        return;
      }
    } else if (said.has("keep_aspect_ratio_resizer")) {
      const TextMessage& kept = said.message("keep_aspect_ratio_resizer");
      const std::int64_t least = kept.integer("min_dimension", 600), most = kept.integer("max_dimension", 1024);
      std::set<std::int64_t> limits;
      for (const graph::NodeId id : g_.order())
        if (const auto* choice = g_[id].op.as<ops::If>())
          for (const auto* body : {choice->then_body.get(), choice->else_body.get()}) collect(*body, limits);
      if (limits.empty()) return;
      if (limits.contains(least) && limits.contains(most))
        out_.agreed.push_back(fmt::format("keep_aspect_ratio_resizer {} to {}", least, most));
      else
        out_.differences.push_back(fmt::format("keep_aspect_ratio_resizer is {} to {}, the graph has {} to {}", least, most, *limits.begin(), *limits.rbegin()));
    }
  }

  // Numbers in a branch that can be limits of a picture's sides.
  static void collect(const Graph& body, std::set<std::int64_t>& limits) {
    for (const graph::NodeId id : body.order())
      for (const graph::ValueId v : body[id].inputs) {
        if (!v.valid() || !body[v].is_constant() || !is_integer(body.type(v).element) || body.constant(v).size() > 3) continue;
        for (const std::int64_t n : to_i64(body.constant(v)))
          if (n >= 16 && n < (1 << 20)) limits.insert(n);
      }
  }

  const Graph& g_;
  const TextMessage& model_;
  std::vector<Stage> stages_;
  PipelineCheck out_;
};

}  // namespace

PipelineCheck check_pipeline_config(const Graph& graph, std::string_view text) {
  const import::TextDocument document = import::parse_text_format(text);
  const TextMessage& model = document.root.message("model");
  SACCADE_CHECK(model.has("ssd") || model.has("faster_rcnn"), invalid_model, "not a pipeline.config of the Object Detection API: it holds no model {{ ssd {{…}} }} or model {{ faster_rcnn {{…}} }}");
  return Check(graph, model).run();
}

}  // namespace saccade::tensorflow
