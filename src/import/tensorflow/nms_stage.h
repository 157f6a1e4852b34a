// SPDX-License-Identifier: Apache-2.0
// The Object Detection API's multi-class non-maximum suppression of one image, as its exporters of all years unroll it: a
// NonMaxSuppression for each class, then sorting, clipping, another frame, cutting and padding.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "import/tensorflow/look.h"

namespace saccade::tensorflow {

/// A list with one entry a box that the suppression takes: a tensor from around it, cut to the boxes that are valid.
struct NmsSource {
  Port tensor;                         // [b, …] of this image
  Port valid;                          // how many boxes count; invalid: all
  std::vector<std::int64_t> trailing;  // sizes after the first dimension that the graph states; empty: it does not
};

struct NmsStage {
  double iou_threshold = 0, score_threshold = 0;
  std::int64_t max_per_class = 0, max_total = 0;
  bool change_coordinate_frame = false;
  std::int64_t classes = 0;
  NmsSource boxes, scores;  // [b, q, 4], [b, c]
  Port window;              // [4]; invalid: none
};

enum class NmsOutput { boxes, scores, classes, field };

/// One image's results. Every call of `result` must find the same stage; all throw Mismatch.
class NmsImage {
 public:
  explicit NmsImage(const Network& network) : look_(network) {}

  /// A list, padded to max_total: what it holds. For a field also where it comes from.
  std::pair<NmsOutput, NmsSource> result(Port padded);
  /// Whether it is the number of boxes. Demands that a list has been found.
  bool is_count(Port p) const;
  const NmsStage& stage() const { return *stage_; }
  bool found() const { return stage_.has_value(); }

 private:
  // One class: its suppression, and the indices by which its lists are gathered.
  struct PerClass {
    Port nms;
    Port indices;  // into what the suppression got, padded or not
    Port above;    // of the boxes above the threshold, where those are gathered first; invalid otherwise
    Port boxes;    // [b, 4], before that
    Port count;    // how many are selected, where the lists are padded; invalid otherwise
  };
  enum class Step { cut, sort, filter };
  // What happened to a list on its way from the classes' lists to the result, the last step first.
  struct Way {
    Port bottom;
    std::vector<std::pair<Step, Port>> steps;  // with the indices
    Port clipped;                              // the list of clipped boxes
    bool moved = false;                        // to the window's frame
    bool marked = false;                       // scores of boxes without area became -1
  };

  Port unpadded(Port padded);  // also sets trailing_
  bool pads_to(Port p, std::int64_t& size) const;
  Way way_down(Port list);
  std::optional<Step> step_of(Port indices) const;

  void read_stage(const Way& way);
  void read_filter(Port indices);
  void read_first_sort(Port indices);
  void read_second_sort(Port indices);
  void read_cuts(const std::vector<Port>& cuts);
  void check_length(Port k, Port list) const;

  PerClass read_class(Port scores, std::int64_t index);
  Port read_score_list(Port scores, PerClass& c) const;
  Port class_scores(Port p, std::int64_t index);
  void class_boxes(Port p, std::int64_t index);
  std::vector<Port> entries(Port list) const;
  bool is_entry_of(Port entry, const PerClass& c, Port& data) const;
  NmsSource source(Port p) const;
  void keep(std::optional<NmsSource>& known, Port list);

  std::optional<Port> clipped(Port p);
  std::optional<Port> moved(Port p);
  std::optional<Port> area_of(Port p) const;
  bool is_window(Port p, std::int64_t index);

  Look look_;
  std::optional<NmsStage> stage_;
  std::optional<NmsSource> boxes_, scores_;
  Port window_;
  std::int64_t padded_to_ = -1;
  std::vector<std::int64_t> trailing_;  // what the last list's other dimensions are padded to
  std::vector<std::pair<Step, Port>> steps_;
  Port clipped_boxes_, score_list_, last_limit_, first_limit_, second_scores_, final_list_;
  std::vector<PerClass> classes_;
};

}  // namespace saccade::tensorflow
