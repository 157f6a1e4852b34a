// SPDX-License-Identifier: Apache-2.0
// One image's suppression, from its padded results back to the boxes and scores of each class. Years differ in what stands between
// (a filter by score before the suppression or a threshold in it, padded or exact lists, one sort or two); what each step must be for
// MulticlassNms to be the same is checked here.
#include "import/tensorflow/nms_stage.h"

#include <algorithm>
#include <array>

namespace saccade::tensorflow {
namespace {

Port suppression(const Look& look, Port p) {
  return look.need(p, {"NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5"});
}

// The one list and four columns of it, in order, that a concatenation puts together again.
struct Columns {
  std::array<Port, 4> made;
};

std::optional<Columns> columns(const Look& look, Port p) {
  if (!look.is(p, "ConcatV2") || look.inputs(p) != 5) return std::nullopt;
  const auto axis = look.number(look.in(p, 4));
  if (axis != 1.0 && axis != -1.0) return std::nullopt;
  return Columns{{look.in(p, 0), look.in(p, 1), look.in(p, 2), look.in(p, 3)}};
}

// Column `index` of a list; `list` is set, or must be the same.
bool is_column(const Look& look, Port p, int index, Port& list) {
  if (!look.is(p, "Split") || p.slot != index || look.integer(p, "num_split", 0) != 4 || look.number(look.in(p, 0)) != 1.0) return false;
  const Port from = look.in(p, 1);
  if (!list.valid()) list = from;
  return list == from;
}

}  // namespace

// ---- windows

bool NmsImage::is_window(Port p, std::int64_t index) {
  const auto part = look_.component(p);
  if (!part || part->index != index) return false;
  const Port vector = look_.origin(part->vector);
  if (!window_.valid()) window_ = vector;
  return window_ == vector;
}

// max(min(column, end), begin) for every column.
std::optional<Port> NmsImage::clipped(Port p) {
  const auto four = columns(look_, p);
  if (!four) return std::nullopt;
  Port list;
  for (int k = 0; k < 4; ++k) {
    const Port outer = four->made[static_cast<std::size_t>(k)];
    if (!look_.is(outer, "Maximum")) return std::nullopt;
    const auto begin = look_.operands(outer, [&](Port x) { return look_.is(x, "Minimum"); });
    if (!begin || !is_window(begin->second, k % 2)) return std::nullopt;
    const auto end = look_.operands(begin->first, [&](Port x) { return is_column(look_, x, k, list); });
    if (!end || !is_window(end->second, 2 + k % 2)) return std::nullopt;
  }
  return list;
}

// (column − begin) · 1 / (end − begin) for every column.
std::optional<Port> NmsImage::moved(Port p) {
  const auto four = columns(look_, p);
  if (!four) return std::nullopt;
  Port shifted;
  for (int k = 0; k < 4; ++k) {
    const Port product = four->made[static_cast<std::size_t>(k)];
    if (!look_.is(product, "Mul")) return std::nullopt;
    const auto scale = look_.operands(product, [&](Port x) { return is_column(look_, x, k, shifted); });
    if (!scale || !look_.is(scale->second, {"RealDiv", "Div"}) || look_.number(look_.in(scale->second, 0)) != 1.0) return std::nullopt;
    const Port extent = look_.in(scale->second, 1);
    if (!look_.is(extent, "Sub") || !is_window(look_.in(extent, 0), 2 + k % 2) || !is_window(look_.in(extent, 1), k % 2)) return std::nullopt;
  }
  if (!look_.is(shifted, "Sub") || !look_.is(look_.in(shifted, 1), "Pack") || look_.inputs(look_.in(shifted, 1)) != 4) return std::nullopt;
  for (int k = 0; k < 4; ++k)
    if (!is_window(look_.in(look_.in(shifted, 1), static_cast<std::size_t>(k)), k % 2)) return std::nullopt;
  return look_.in(shifted, 0);
}

// The boxes whose areas these are.
std::optional<Port> NmsImage::area_of(Port p) const {
  if (look_.is(p, "Squeeze")) p = look_.in(p, 0);
  if (!look_.is(p, "Mul")) return std::nullopt;
  Port list;
  const auto difference = [&](Port x, int k) { return look_.is(x, "Sub") && is_column(look_, look_.in(x, 0), 2 + k, list) && is_column(look_, look_.in(x, 1), k, list); };
  if (!difference(look_.in(p, 0), 0) || !difference(look_.in(p, 1), 1)) return std::nullopt;
  return list;
}

// ---- from a result to the classes' lists

// Whether it is "size if the list is longer, else all of it", or the size itself.
bool NmsImage::pads_to(Port p, std::int64_t& size) const {
  if (look_.is(p, {"Select", "SelectV2"})) {
    const auto then = look_.number(look_.in(p, 1)), otherwise = look_.number(look_.in(p, 2));
    if (!then || otherwise != -1.0 || !look_.is(look_.in(p, 0), "Greater")) return false;
    const Port difference = look_.in(look_.in(p, 0), 0);
    if (look_.number(look_.in(look_.in(p, 0), 1)) != 0.0 || !look_.is(difference, "Sub") || look_.number(look_.in(difference, 1)) != *then) return false;
    size = static_cast<std::int64_t>(*then);
    return true;
  }
  return false;
}

// Pad(Slice(list, 0, …), 0 in front, what is missing behind), of years before 2018 a condition that does either.
Port NmsImage::unpadded(Port padded) {
  std::int64_t size = -1;
  Port list;
  if (look_.is(padded, {"Pad", "PadV2"})) {
    const Port slice = look_.need(look_.in(padded, 0), "Slice"), sizes = look_.need(look_.in(slice, 2), "Pack");
    expect(look_.uniform(look_.in(slice, 1)) == 0.0 && pads_to(look_.in(sizes, 0), size), "a list cut to a size");
    trailing_.clear();
    for (std::size_t i = 1; i < look_.inputs(sizes); ++i) {
      trailing_.push_back(-1);
      expect(pads_to(look_.in(sizes, i), trailing_.back()), "a list cut to a size");
    }
    const Port amounts = look_.need(look_.in(padded, 1), "Pack");
    expect(look_.integer(amounts, "axis", 0) == 1 && look_.inputs(amounts) == 2 && look_.uniform(look_.in(amounts, 0)) == 0.0, "padding behind");
    const Port behind = look_.need(look_.in(amounts, 1), "Pack"), missing = look_.need(look_.in(behind, 0), "Sub");
    const auto length = look_.size(look_.in(missing, 1));
    expect(look_.number(look_.in(missing, 0)) == static_cast<double>(size) && length && length->axis == 0 && length->tensor == slice, "padding to the size");
    if (look_.is(padded, "PadV2")) expect(look_.uniform(look_.in(padded, 2)) == 0.0, "padding with zeros");
    expect(look_.inputs(behind) == 1 + trailing_.size(), "padding of every dimension");
    for (std::size_t i = 0; i < trailing_.size(); ++i)
      expect(look_.is(look_.in(behind, i + 1), "Sub") && look_.number(look_.in(look_.in(behind, i + 1), 0)) == static_cast<double>(trailing_[i]), "padding to the size");
    list = look_.in(slice, 0);
  } else {
    trailing_.clear();
    padded = look_.need(padded, {"If", "StatelessIf"});
    const Node& choice = look_.node(padded);
    expect(choice.bodies.size() == 2, "two branches");
    const Port greater = look_.need(look_.in(padded, 0), "Greater");
    const auto length = look_.size(look_.in(greater, 0)), limit = look_.size(look_.in(greater, 1));
    expect(length && length->tensor.valid() && length->axis == 0 && limit && !limit->tensor.valid(), "a length and a size");
    list = length->tensor;
    size = limit->number;
    const auto outside = [&](const Network& body, Port p) {
      const auto at = std::find(body.parameters.begin(), body.parameters.end(), body.origin(p).node);
      return at == body.parameters.end() ? Port{} : look_.in(padded, 1 + static_cast<std::size_t>(at - body.parameters.begin()));
    };
    const Network &cut = *choice.bodies[0], &filled = *choice.bodies[1];
    const Look in_cut(cut), in_filled(filled);
    const auto part = in_cut.gathered(cut.outputs[0].port);
    expect(part && outside(cut, part->data) == list, "a list that is cut");
    // what does not depend on the list may have been computed outside
    const Port given = outside(cut, part->indices);
    const Look& around = given.valid() ? look_ : in_cut;
    const auto count = around.count_to(given.valid() ? given : part->indices);
    expect(count && around.number(*count) == static_cast<double>(size), "a list cut to the size");
    const Port both = in_filled.need(filled.outputs[0].port, {"ConcatV2", "Concat"});
    const std::size_t first = in_filled.is(both, "Concat") ? 1 : 0;
    expect(in_filled.inputs(both) == 3 && outside(filled, in_filled.in(both, first)) == list && in_filled.uniform(in_filled.in(both, first + 1)) == 0.0 &&
               in_filled.number(in_filled.in(both, first == 1 ? 0 : 2)) == 0.0,
           "a list filled up with zeros");
  }
  expect(size > 0 && (padded_to_ < 0 || padded_to_ == size), "one size for all lists");
  padded_to_ = size;
  return list;
}

std::optional<NmsImage::Step> NmsImage::step_of(Port indices) const {
  if (look_.count_to(indices)) return Step::cut;
  if (look_.is(indices, {"TopKV2", "TopK"}) && look_.origin(indices).slot == 1) return Step::sort;
  const Port p = look_.is(indices, "Cast") ? look_.in(indices, 0) : look_.origin(indices);
  if (!look_.is(p, {"Reshape", "Squeeze"})) return std::nullopt;
  Port where = look_.in(p, 0);
  if (look_.is(where, "Cast")) where = look_.in(where, 0);
  if (!look_.is(where, "Where") || !look_.is(look_.in(where, 0), "Greater")) return std::nullopt;
  // a filter by score belongs to a class
  return area_of(look_.in(look_.in(where, 0), 0)) ? std::optional(Step::filter) : std::nullopt;
}

NmsImage::Way NmsImage::way_down(Port list) {
  Way way;
  Port p = look_.origin(list);
  for (int i = 0; i < 16; ++i) {
    if (const auto g = look_.gathered(p)) {
      const auto step = step_of(g->indices);
      if (!step) break;
      way.steps.emplace_back(*step, g->indices);
      p = g->data;
    } else if (const auto before = clipped(p)) {
      expect(!way.clipped.valid(), "boxes clipped once");
      way.clipped = p;
      p = *before;
    } else if (const auto from = moved(p)) {
      expect(!way.moved && !way.clipped.valid(), "boxes moved once");
      way.moved = true;
      p = *from;
    } else if (look_.is(p, {"Select", "SelectV2"}) && look_.is(look_.in(p, 0), "Cast") && area_of(look_.in(look_.in(p, 0), 0))) {
      expect(look_.uniform(look_.in(p, 2)) == -1.0 && !way.marked, "a score of -1");
      way.marked = true;
      p = look_.in(p, 1);
    } else {
      break;
    }
  }
  way.bottom = p;
  return way;
}

// ---- the steps

// The number of entries of a list that is about to be sorted.
void NmsImage::check_length(Port k, Port list) const {
  const auto size = look_.size(k);
  expect(size && size->axis == 0, "the length of a list");
  expect(size->tensor.valid(), "the length of a list");
  const Port measured = look_.origin(size->tensor);
  if (measured == list) return;
  // another list of the same length: gathered alike, marked, or put together of as many classes
  const auto a = look_.gathered(measured), b = look_.gathered(list);
  if (a && b && a->indices == b->indices) return;
  if (look_.is(list, {"Select", "SelectV2"})) {
    const auto c = look_.gathered(look_.in(list, 1));
    if (a && c && a->indices == c->indices) return;
  }
  const std::vector<Port> parts = entries(measured);
  expect(parts.size() == classes_.size(), "the length of a list");
  for (std::size_t c = 0; c < parts.size(); ++c) {
    Port data;
    expect(is_entry_of(parts[c], classes_[c], data), "the length of a list");
  }
}

std::vector<Port> NmsImage::entries(Port list) const {
  if (look_.is(list, "ConcatV2") && look_.inputs(list) >= 2 && look_.number(look_.in(list, look_.inputs(list) - 1)) == 0.0) {
    std::vector<Port> parts;
    for (std::size_t i = 0; i + 1 < look_.inputs(list); ++i) parts.push_back(look_.in(list, i));
    return parts;
  }
  return {look_.origin(list)};
}

void NmsImage::read_first_sort(Port indices) {
  const Port sort = look_.origin(indices);
  expect(look_.integer(sort, "sorted", 1) != 0, "a sort");
  score_list_ = look_.in(sort, 0);
  const std::vector<Port> lists = entries(score_list_);
  stage_->classes = static_cast<std::int64_t>(lists.size());
  for (std::size_t c = 0; c < lists.size(); ++c) classes_.push_back(read_class(lists[c], static_cast<std::int64_t>(c)));
  check_length(look_.in(sort, 1), score_list_);
}

void NmsImage::read_filter(Port indices) {
  Port p = look_.is(indices, "Cast") ? look_.in(indices, 0) : look_.origin(indices);
  p = look_.in(p, 0);
  if (look_.is(p, "Cast")) p = look_.in(p, 0);
  const Port greater = look_.need(look_.in(p, 0), "Greater");
  expect(look_.number(look_.in(greater, 1)) == 0.0, "areas above 0");
  clipped_boxes_ = *area_of(look_.in(greater, 0));
  const auto boxes = clipped(clipped_boxes_);
  expect(boxes.has_value(), "clipped boxes");
  // the boxes must be those that go with the scores
  const auto sorted = look_.gathered(*boxes);
  expect(sorted && sorted->indices == steps_.back().second, "sorted boxes");
  const std::vector<Port> lists = entries(sorted->data);
  expect(lists.size() == classes_.size(), "boxes of all classes");
  for (std::size_t c = 0; c < lists.size(); ++c) {
    Port data;
    expect(is_entry_of(lists[c], classes_[c], data) && data == classes_[c].boxes, "boxes of a class");
  }
}

// Scores of boxes without area were set to -1, which changes nothing after the filter: there are none.
void NmsImage::read_second_sort(Port indices) {
  const Port sort = look_.origin(indices);
  second_scores_ = look_.in(sort, 0);
  expect(look_.integer(sort, "sorted", 1) != 0, "a sort");
  Port scores = second_scores_;
  if (look_.is(scores, {"Select", "SelectV2"})) {
    const auto boxes = look_.is(look_.in(scores, 0), "Cast") ? area_of(look_.in(look_.in(scores, 0), 0)) : std::nullopt;
    expect(boxes && look_.uniform(look_.in(scores, 2)) == -1.0, "a score of -1");
    const auto left = look_.gathered(*boxes);
    expect(left && left->data == clipped_boxes_, "areas of the clipped boxes");
    scores = look_.in(scores, 1);
  }
  const auto left = look_.gathered(scores);
  expect(left && step_of(left->indices) == Step::filter, "filtered scores");
  const auto sorted = look_.gathered(left->data);
  expect(sorted && sorted->data == score_list_, "the sorted scores");
  check_length(look_.in(sort, 1), second_scores_);
}

void NmsImage::read_cuts(const std::vector<Port>& cuts) {
  expect(cuts.size() <= 2, "two cuts");
  stage_->max_total = padded_to_;
  const bool exact = !classes_[0].count.valid();  // nothing but boxes in the lists
  if (!cuts.empty()) {
    first_limit_ = *look_.count_to(cuts.back());
    look_.need(first_limit_, "Minimum");
    const auto most = look_.operands(first_limit_, [&](Port x) { return look_.number(x).has_value(); });
    const auto length = most ? look_.size(most->second) : std::nullopt;
    expect(length && length->tensor.valid() && length->axis == 0 && look_.number(most->first) == static_cast<double>(padded_to_), "as many boxes as the result holds");
    const Way way = way_down(length->tensor);
    expect(std::equal(way.steps.begin(), way.steps.end(), steps_.begin() + static_cast<std::ptrdiff_t>(cuts.size()), steps_.end()), "the length of the list that is cut");
  }
  if (cuts.size() < 2) return expect(exact, "lists without padding");
  last_limit_ = look_.need(*look_.count_to(cuts[0]), {"Select", "SelectV2"});
  const Port greater = look_.need(look_.in(last_limit_, 0), "Greater"), valid = look_.in(last_limit_, 1);
  expect(look_.in(greater, 0) == first_limit_ && look_.in(greater, 1) == valid && look_.in(last_limit_, 2) == first_limit_, "the valid boxes that were not cut off");
  if (second_scores_.valid()) {
    look_.need(valid, "Sum");
    const Port cast = look_.need(look_.in(valid, 0), "Cast"), marks = look_.need(look_.in(cast, 0), "GreaterEqual");
    expect(look_.in(marks, 0) == second_scores_ && look_.number(look_.in(marks, 1)) == 0.0 && look_.is_list(look_.in(valid, 1), {0}), "the number of scores from 0");
    return;
  }
  // the sum over the classes of what each selected, of which none is dropped
  expect(!clipped_boxes_.valid(), "a number of boxes after clipping");
  std::vector<Port> open{valid}, counts;
  while (!open.empty()) {
    const Port p = open.back();
    open.pop_back();
    expect(counts.size() + open.size() <= 2 * classes_.size() + 2, "a sum over the classes");
    if (look_.number(p) == 0.0) continue;
    if (look_.is(p, {"Add", "AddV2", "AddN"})) {
      for (std::size_t i = 0; i < look_.inputs(p); ++i) open.push_back(look_.in(p, i));
      continue;
    }
    const auto size = look_.size(p);
    expect(size && size->tensor.valid() && size->axis == 0, "the number of boxes of a class");
    counts.push_back(look_.origin(size->tensor));
  }
  std::vector<Port> wanted;
  for (const PerClass& c : classes_) wanted.push_back({c.nms.node, 0});
  std::sort(counts.begin(), counts.end());
  std::sort(wanted.begin(), wanted.end());
  expect(counts == wanted, "a sum over the classes");
}

// ---- the classes

// The list of one class's scores: gathered, and where it has a fixed length filled up with -1.
Port NmsImage::read_score_list(Port scores, PerClass& c) const {
  if (const auto g = look_.gathered(scores)) {
    c.indices = g->indices;
    c.nms = suppression(look_, g->indices);
    return g->data;
  }
  look_.need(scores, {"Select", "SelectV2"});
  expect(look_.uniform(look_.in(scores, 2)) == -1.0, "a score of -1");
  const Port less = look_.need(look_.in(scores, 0), "Less");
  const auto length = look_.count_to(look_.in(less, 0));
  const auto valid = look_.size(look_.in(less, 1));
  expect(length && valid && valid->tensor.valid() && valid->axis == 0, "the boxes of the class that are valid");
  c.count = look_.in(less, 1);
  c.nms = suppression(look_, valid->tensor);
  expect(c.nms.slot == 0 && look_.in(c.nms, 2) == *length, "as many as the suppression may select");
  const auto filled = [&](Port p, Port list) {
    return look_.is(p, "ConcatV2") && look_.inputs(p) == 3 && look_.in(p, 0) == list && look_.uniform(look_.in(p, 1)) == 0.0;
  };
  const Port kept = look_.in(scores, 1);
  if (const auto g = look_.gathered(kept)) {
    expect(filled(g->indices, {c.nms.node, 0}), "indices filled up with zeros");
    c.indices = g->indices;
    return g->data;
  }
  expect(look_.is(c.nms, "NonMaxSuppressionV5") && filled(kept, {c.nms.node, 1}), "scores filled up with zeros");
  return look_.in(c.nms, 1);  // and the indices are found with the first list that is gathered by them
}

NmsImage::PerClass NmsImage::read_class(Port scores, std::int64_t index) {
  PerClass c;
  Port from = read_score_list(scores, c);
  expect(from == look_.in(c.nms, 1), "scores that were suppressed by");
  c.boxes = look_.in(c.nms, 0);
  double threshold = -1;
  if (const auto high = look_.gathered(c.boxes)) {
    // boxes above the threshold first
    const auto same = look_.gathered(from);
    expect(same && same->indices == high->indices, "boxes and scores above a threshold");
    c.above = high->indices;
    Port p = look_.is(c.above, "Cast") ? look_.in(c.above, 0) : c.above;
    p = look_.in(look_.need(p, {"Reshape", "Squeeze"}), 0);
    if (look_.is(p, "Cast")) p = look_.in(p, 0);
    const Port greater = look_.need(look_.in(look_.need(p, "Where"), 0), "Greater");
    const auto limit = look_.number(look_.in(greater, 1));
    expect(look_.in(greater, 0) == same->data && limit, "scores above a threshold");
    threshold = *limit;
    c.boxes = high->data;
    from = same->data;
  }
  if (look_.is(c.nms, {"NonMaxSuppressionV3", "NonMaxSuppressionV4", "NonMaxSuppressionV5"})) {
    const auto limit = look_.number(look_.in(c.nms, 4));
    expect(limit && !c.above.valid(), "a threshold");
    threshold = *limit;
  }
  if (look_.is(c.nms, "NonMaxSuppressionV5")) expect(look_.number(look_.in(c.nms, 5)) == 0.0, "no soft suppression");
  expect(look_.integer(c.nms, "pad_to_max_output_size", 0) == 0, "lists without padding of the suppression's own");
  double iou = 0.5;
  if (look_.is(c.nms, "NonMaxSuppression")) {
    const AttrValue* given = look_.node(c.nms).def == nullptr ? nullptr : look_.node(c.nms).def->find("iou_threshold");
    if (given != nullptr) iou = static_cast<double>(given->f);
  } else {
    const auto limit = look_.number(look_.in(c.nms, 3));
    expect(limit.has_value(), "an IoU threshold");
    iou = *limit;
  }
  const Port most = look_.in(c.nms, 2);
  auto per_class = look_.number(most);
  if (!per_class) {
    look_.need(most, "Minimum");
    const auto limit = look_.operands(most, [&](Port x) { return look_.number(x).has_value(); });
    expect(limit.has_value(), "a number of boxes a class");
    per_class = look_.number(limit->first);
    // the other operand is the number of boxes, which changes nothing
    const auto boxes = look_.size(limit->second);
    expect(boxes && boxes->axis == 0 && (boxes->tensor.valid() ? boxes->tensor == look_.in(c.nms, 0) || boxes->tensor == look_.in(c.nms, 1) : boxes->number > 0), "the number of boxes");
    if (!boxes->tensor.valid()) per_class = std::min(*per_class, static_cast<double>(boxes->number));
  }
  // below 0 the padding's -1 would be in the way; with a filter by score nothing else is known
  expect(threshold >= 0, "a threshold from 0");
  const auto take = [&](auto& known, auto value) {
    if (index == 0) known = value;
    expect(known == value, "the same for all classes");
  };
  take(stage_->iou_threshold, iou);
  take(stage_->score_threshold, threshold);
  take(stage_->max_per_class, static_cast<std::int64_t>(*per_class));
  expect(stage_->max_per_class > 0, "boxes in a class");
  class_boxes(c.boxes, index);
  keep(scores_, class_scores(from, index));
  return c;
}

// Column `index` of the scores of all classes.
Port NmsImage::class_scores(Port p, std::int64_t index) {
  if (look_.is(p, "Unpack")) {
    expect(look_.integer(p, "axis", 0) == 1 && p.slot == index, "the scores of a class");
    return look_.in(p, 0);
  }
  const Port column = look_.need(look_.in(look_.need(p, {"Reshape", "Squeeze"}), 0), "Slice");
  expect(look_.is_list(look_.in(column, 1), {0, index}), "the scores of a class");
  const Port size = look_.in(column, 2);
  if (const auto known = look_.list(size))
    expect(known->size() == 2 && (*known)[1] == 1, "one column");
  else
    expect(look_.is(size, "Pack") && look_.inputs(size) == 2 && look_.number(look_.in(size, 1)) == 1.0, "one column");
  return look_.in(column, 0);
}

// The boxes [b, q, 4] of all classes, of which this is the class's.
void NmsImage::class_boxes(Port p, std::int64_t index) {
  if (look_.is(p, "Squeeze")) {
    const auto dims = look_.integers(p, "squeeze_dims");
    expect(dims.size() == 1 && dims[0] == 1, "boxes of all classes");
    return keep(boxes_, look_.in(p, 0));
  }
  look_.need(p, "Unpack");
  const std::int64_t count = look_.integer(p, "num", 0);
  expect(look_.integer(p, "axis", 0) == 1 && (count == 1 ? p.slot == 0 : count == stage_->classes && p.slot == index), "the boxes of a class");
  keep(boxes_, look_.in(p, 0));
}

// A list from around the stage, cut to the valid boxes: Reshape(Slice(list, 0, (valid, -1, …)), (-1, …)).
NmsSource NmsImage::source(Port p) const {
  NmsSource s{look_.origin(p), {}, {}};
  if (look_.is(p, "Reshape")) {
    const auto shape = look_.list(look_.in(p, 1));
    if (!shape || shape->empty() || (*shape)[0] != -1 || std::any_of(shape->begin() + 1, shape->end(), [](std::int64_t d) { return d <= 0; })) return s;
    const Port slice = look_.in(p, 0);
    if (!look_.is(slice, "Slice") || look_.uniform(look_.in(slice, 1)) != 0.0 || !look_.is(look_.in(slice, 2), "Pack")) return s;
    const Port sizes = look_.in(slice, 2);
    for (std::size_t i = 1; i < look_.inputs(sizes); ++i)
      if (look_.number(look_.in(sizes, i)) != -1.0) return s;
    s.tensor = look_.in(slice, 0);
    s.valid = look_.in(sizes, 0);
    s.trailing.assign(shape->begin() + 1, shape->end());
  }
  return s;
}

void NmsImage::keep(std::optional<NmsSource>& known, Port list) {
  const NmsSource s = source(list);
  if (!known) known = s;
  expect(known->tensor == s.tensor && known->valid == s.valid && known->trailing == s.trailing, "the same list for all classes");
}

// Whether an entry of a list is gathered as the class's scores are; `data` is what from.
bool NmsImage::is_entry_of(Port entry, const PerClass& c, Port& data) const {
  const auto g = look_.gathered(entry);
  if (!g) return false;
  Port indices = g->indices;
  if (c.indices.valid() ? indices != c.indices
                        : !(look_.is(indices, "ConcatV2") && look_.inputs(indices) == 3 && look_.in(indices, 0) == Port{c.nms.node, 0} && look_.uniform(look_.in(indices, 1)) == 0.0))
    return false;
  data = g->data;
  if (!c.above.valid()) return true;
  const auto above = look_.gathered(data);
  if (!above || above->indices != c.above) return false;
  data = above->data;
  return true;
}

// ---- all together

void NmsImage::read_stage(const Way& way) {
  stage_.emplace();
  std::vector<Port> cuts;
  std::size_t i = 0;
  for (; i < way.steps.size() && way.steps[i].first == Step::cut; ++i) cuts.push_back(way.steps[i].second);
  steps_.assign(way.steps.begin(), way.steps.end());
  std::vector<Step> rest;
  for (std::size_t k = i; k < way.steps.size(); ++k) rest.push_back(way.steps[k].first);
  using enum Step;
  expect(rest == std::vector{sort} || rest == std::vector{filter, sort} || rest == std::vector{sort, filter, sort}, "a sorted list");
  second_scores_ = {};
  read_first_sort(way.steps.back().second);
  if (rest.size() > 1) read_filter(way.steps[way.steps.size() - 2].second);
  if (rest.size() > 2) read_second_sort(way.steps[i].second);
  read_cuts(cuts);
  stage_->boxes = *boxes_;
  stage_->scores = *scores_;
  stage_->window = window_;
}

std::pair<NmsOutput, NmsSource> NmsImage::result(Port padded) {
  const Port list = unpadded(padded);
  Way way = way_down(list);
  expect(!way.steps.empty() && way.steps.back().first == Step::sort, "a sorted list");
  if (!stage_) {
    read_stage(way);
    final_list_ = list;
  }
  expect(way.steps == steps_, "lists that go the same way");
  if (way.bottom == score_list_) {
    expect(!way.clipped.valid() && !way.moved, "scores");
    return {NmsOutput::scores, {}};
  }
  expect(!way.marked, "scores");
  const std::vector<Port> lists = entries(way.bottom);
  expect(lists.size() == classes_.size(), "a list of all classes");
  Port common;
  bool is_boxes = true, is_classes = true;
  for (std::size_t c = 0; c < lists.size(); ++c) {
    Port data;
    if (!is_entry_of(lists[c], classes_[c], data)) {
      is_boxes = false;
      // zeros plus the class
      const auto value = look_.uniform(lists[c]);
      is_classes &= value == static_cast<double>(c);
      continue;
    }
    is_classes = false;
    is_boxes &= data == classes_[c].boxes;
    if (c == 0) common = data;
    expect(is_boxes || data == common, "one field for all classes");
  }
  if (is_boxes) {
    expect(way.clipped == clipped_boxes_, "clipped boxes");
    expect(trailing_.empty() || trailing_ == std::vector<std::int64_t>{4}, "boxes");
    stage_->change_coordinate_frame = way.moved;
    return {NmsOutput::boxes, {}};
  }
  expect(!way.clipped.valid() && !way.moved, "boxes");
  if (is_classes) return {NmsOutput::classes, {}};
  expect(common.valid(), "a field");
  NmsSource field = source(common);
  expect(field.valid == stage_->scores.valid && (field.trailing.empty() || trailing_.empty() || field.trailing == trailing_), "a field of the same boxes");
  if (field.trailing.empty()) field.trailing = trailing_;
  return {NmsOutput::field, field};
}

bool NmsImage::is_count(Port p) const {
  if (last_limit_.valid() && look_.origin(p) == last_limit_) return true;
  const auto size = look_.size(p);
  return size && size->tensor.valid() && size->axis == 0 && look_.same(size->tensor, final_list_);
}

}  // namespace saccade::tensorflow
