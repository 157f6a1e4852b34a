// SPDX-License-Identifier: Apache-2.0
// The Object Detection API's suppression over a batch as one MulticlassNms: a map loop over the images, or, for a batch of known
// size, the images one after the other.
#include <algorithm>

#include "import/tensorflow/map.h"
#include "import/tensorflow/map_loop.h"
#include "import/tensorflow/nms_stage.h"
#include "import/tensorflow/patterns.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/multiclass_nms.h"
#include "ops/reshape.h"
#include "ops/shape_of.h"
#include "ops/slice.h"

namespace saccade::tensorflow {
namespace {

// What the custom node needs besides its inputs: boxes, scores, window?, valid?, fields….
struct Plan {
  ops::MulticlassNms op;
  std::optional<std::int64_t> images;
  bool window = false, valid = false;
  std::optional<Tensor> constant_window;  // one for all images
  bool shared_window = false;             // an input, one for all images
  std::vector<std::vector<std::int64_t>> trailing;  // of boxes, scores and fields, as the graph states them
};

// Sizes that the graph states must be those that the inputs have: a Reshape may have meant something else.
void check_trailing(NodeContext& c, const PartialShape& shape, const std::vector<std::int64_t>& trailing) {
  if (trailing.empty()) return;
  if (!shape.ranked() || shape.rank() != trailing.size() + 2) c.unsupported("a suppression over lists of shape {}", to_string(shape));
  for (std::size_t d = 0; d < trailing.size(); ++d)
    if (!shape[d + 2].is_static() || shape[d + 2].size() != trailing[d]) c.unsupported("a suppression over lists of shape {}", to_string(shape));
}

std::vector<ValueId> build(NodeContext& c, const Plan& plan) {
  // a batch whose size the graph fixes must have it
  const auto whole = [&](ValueId x) {
    const PartialShape& shape = c.edit.graph().type(x).shape;
    if (!plan.images || (shape.ranked() && shape.rank() > 0 && shape[0].is_static() && shape[0].size() == *plan.images)) return x;
    return c.op(ops::Slice{}, {x, c.i64({0}), c.i64({*plan.images}), c.i64({1})});
  };
  std::size_t next = 0;
  const ValueId boxes = whole(c.in(next++)), scores = whole(c.in(next++));
  if (!c.shape(0).ranked() || c.shape(0).rank() != 4) c.unsupported("a suppression over boxes of shape {}", to_string(c.shape(0)));
  check_trailing(c, c.shape(0), plan.trailing[0]);
  check_trailing(c, c.shape(1), plan.trailing[1]);
  const ElementType type = c.element(0);
  const auto of_type = [&](ValueId x) { return c.edit.graph().type(x).element == type ? x : c.op(ops::Convert{type}, {x}); };
  std::vector<ValueId> inputs{boxes, scores, {}, {}};
  if (plan.constant_window || plan.shared_window) {
    const ValueId one = of_type(plan.constant_window ? c.constant_of(*plan.constant_window) : c.in(next++));
    const ValueId images = c.op(ops::Slice{}, {c.op(ops::ShapeOf{}, {boxes}), c.i64({0}), c.i64({1}), c.i64({1})});
    inputs[2] = c.op(ops::Broadcast{}, {one, c.op(ops::Concat{0}, {images, c.i64({4})})});
  } else if (plan.window) {
    inputs[2] = of_type(whole(c.in(next++)));
  }
  if (plan.valid) inputs[3] = whole(c.in(next++));
  for (std::size_t f = 2; f < plan.trailing.size(); ++f, ++next) {
    check_trailing(c, c.shape(next), plan.trailing[f]);
    inputs.push_back(whole(c.in(next)));
  }
  while (!inputs.back().valid()) inputs.pop_back();
  return c.node(plan.op, inputs);
}

// The parts of a stage as ports of the network that the node will stand in.
struct NmsParts {
  Port boxes, scores, window, valid;
  std::optional<Tensor> constant_window;
  bool shared_window = false;
  std::vector<Port> fields;
};

constexpr int kCount = 3, kFirstField = 4;

int slot_of(NmsOutput kind, std::size_t field) { return kind == NmsOutput::field ? kFirstField + static_cast<int>(field) : static_cast<int>(kind); }

// Appends the node; its slots are boxes, scores, classes, count, fields….
int add_node(Network& network, std::string name, const NmsStage& stage, const NmsParts& parts, std::optional<std::int64_t> images, std::vector<std::vector<std::int64_t>> trailing) {
  Plan plan;
  plan.op.iou_threshold = stage.iou_threshold;
  plan.op.score_threshold = stage.score_threshold;
  plan.op.max_per_class = stage.max_per_class;
  plan.op.max_total = stage.max_total;
  plan.op.change_coordinate_frame = stage.change_coordinate_frame;
  plan.images = images;
  plan.trailing = std::move(trailing);
  plan.constant_window = parts.constant_window;
  plan.shared_window = parts.shared_window;
  Node node{.name = std::move(name), .op = "MulticlassNms", .inputs = {parts.boxes, parts.scores}};
  if (parts.window.valid()) {
    plan.window = true;
    node.inputs.push_back(parts.window);
  }
  if (parts.valid.valid()) {
    plan.valid = true;
    node.inputs.push_back(parts.valid);
  }
  for (const Port p : parts.fields) node.inputs.push_back(p);
  node.custom = [plan = std::move(plan)](NodeContext& c) { return build(c, plan); };
  return network.add(std::move(node));
}

bool has_suppression(const Network& network) {
  return std::any_of(network.nodes.begin(), network.nodes.end(), [](const Node& n) { return n.op.starts_with("NonMaxSuppression"); });
}

void redirect(Network& network, const std::vector<std::pair<Port, Port>>& changes) {
  for (const auto& [from, to] : changes) network.redirect(from, to);
}

// ---- a loop over the images

int fuse_loop(Network& network, const MapLoop& loop) {
  const Look look(*loop.body);
  NmsImage image(*loop.body);
  std::vector<std::pair<Port, Port>> changes;
  std::vector<NmsSource> fields;
  std::vector<const MapLoop::Result*> counts;
  std::vector<std::pair<const MapLoop::Result*, int>> results;
  for (const auto& r : loop.results) {
    if (!look.is(r.value, {"Pad", "PadV2", "If", "StatelessIf"})) {
      counts.push_back(&r);
      continue;
    }
    const auto [kind, source] = image.result(r.value);
    results.emplace_back(&r, slot_of(kind, fields.size()));
    if (kind == NmsOutput::field) fields.push_back(source);
  }
  expect(!results.empty(), "a list");
  for (const auto* r : counts) {
    expect(image.is_count(r->value), "the number of boxes");
    results.emplace_back(r, kCount);
  }
  const NmsStage& stage = image.stage();
  const auto element = [&](Port p) -> Port {
    for (const auto& e : loop.elements)
      if (e.read == p) return e.tensor;
    return {};
  };
  const auto needed = [&](Port p) {
    const Port tensor = element(p);
    expect(tensor.valid(), "an item of the loop");
    return tensor;
  };
  NmsParts parts;
  parts.boxes = needed(stage.boxes.tensor);
  parts.scores = needed(stage.scores.tensor);
  expect(stage.boxes.valid == stage.scores.valid, "the same boxes");
  if (stage.boxes.valid.valid()) parts.valid = needed(stage.boxes.valid);
  if (stage.window.valid()) {
    parts.window = element(stage.window);
    if (!parts.window.valid()) {
      parts.constant_window = loop.body->constant(stage.window);
      parts.window = loop.outside(stage.window);
      parts.shared_window = !parts.constant_window;
      expect(parts.constant_window ? parts.constant_window->shape() == Shape{4} : parts.window.valid(), "a window");
      if (parts.constant_window) parts.window = {};
    }
  }
  std::vector<std::vector<std::int64_t>> trailing{stage.boxes.trailing, stage.scores.trailing};
  for (const NmsSource& f : fields) {
    parts.fields.push_back(needed(f.tensor));
    trailing.push_back(f.trailing);
  }
  const int node = add_node(network, network[loop.node].name, stage, parts, loop.trips, std::move(trailing));
  for (const auto& [r, slot] : results)
    for (const Port p : r->stacked) changes.emplace_back(p, Port{node, slot});
  redirect(network, changes);
  return 1;
}

int fuse_loops(Network& network) {
  int done = 0;
  const auto users = network.users();
  for (const int i : network.order()) {
    const Node& n = network[i];
    if (n.custom || n.bodies.size() != 2 || !has_suppression(*n.bodies[1])) continue;
    const auto loop = map_loop(network, i, users);
    if (!loop) continue;
    try {
      done += fuse_loop(network, *loop);
    } catch (const Mismatch&) {
      continue;  // the loop stays
    }
  }
  return done;
}

// ---- images one after the other

struct Unrolled {
  std::vector<NmsImage> images;
  std::vector<NmsSource> fields;              // of the first image
  std::vector<std::pair<Port, int>> results;  // the stacks, and their slots
};

// A list of each image as one tensor; invalid if they are no items of one.
Port stacked_source(const Look& look, const std::vector<Port>& items) {
  Port tensor;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Port p = look.origin(items[i]);
    expect(look.is(p, "Unpack") && look.integer(p, "axis", 0) == 0 && look.integer(p, "num", 0) == static_cast<std::int64_t>(items.size()) && p.slot == static_cast<int>(i), "item i of a tensor");
    const Port from = look.in(p, 0);
    expect(i == 0 || from == tensor, "items of one tensor");
    tensor = from;
  }
  return tensor;
}

void add_stack(const Look& look, Port stack, Unrolled& u) {
  const std::size_t images = look.inputs(stack);
  expect(u.images.empty() || u.images.size() == images, "as many images");
  if (u.images.empty()) u.images.assign(images, NmsImage(look.network()));
  std::vector<NmsImage> tried = u.images;  // a list that does not belong leaves nothing behind
  NmsOutput kind{};
  NmsSource source;
  for (std::size_t i = 0; i < images; ++i) {
    const auto [k, s] = tried[i].result(look.in(stack, i));
    expect(i == 0 || k == kind, "the same list of every image");
    kind = k;
    if (i == 0) source = s;
    // fields of further images are held against the first one's by their tensor
    if (k == NmsOutput::field) expect(look.is(s.tensor, "Unpack") && look.in(s.tensor, 0) == look.in(source.tensor, 0) && s.tensor.slot == static_cast<int>(i), "items of one tensor");
  }
  u.images = std::move(tried);
  u.results.emplace_back(stack, slot_of(kind, u.fields.size()));
  if (kind == NmsOutput::field) u.fields.push_back(source);
}

int fuse_unrolled(Network& network, Unrolled& u, const std::vector<Port>& stacks) {
  const Look look(network);
  const std::size_t images = u.images.size();
  for (const Port stack : stacks) {
    if (look.inputs(stack) != images) continue;
    bool counts = true;
    for (std::size_t i = 0; i < images && counts; ++i) counts = u.images[i].is_count(look.in(stack, i));
    if (counts) u.results.emplace_back(stack, kCount);
  }
  const NmsStage& stage = u.images[0].stage();
  const auto collect = [&](auto&& of) {
    std::vector<Port> items;
    for (const NmsImage& image : u.images) items.push_back(of(image.stage()));
    return items;
  };
  for (const NmsImage& image : u.images) {
    const NmsStage& s = image.stage();
    expect(s.iou_threshold == stage.iou_threshold && s.score_threshold == stage.score_threshold && s.max_per_class == stage.max_per_class && s.max_total == stage.max_total &&
               s.change_coordinate_frame == stage.change_coordinate_frame && s.classes == stage.classes && s.boxes.trailing == stage.boxes.trailing &&
               s.scores.trailing == stage.scores.trailing && s.boxes.valid == s.scores.valid && s.boxes.valid.valid() == stage.boxes.valid.valid() &&
               s.window.valid() == stage.window.valid(),
           "the same stage for every image");
  }
  NmsParts parts;
  parts.boxes = stacked_source(look, collect([](const NmsStage& s) { return s.boxes.tensor; }));
  parts.scores = stacked_source(look, collect([](const NmsStage& s) { return s.scores.tensor; }));
  if (stage.boxes.valid.valid()) parts.valid = stacked_source(look, collect([](const NmsStage& s) { return s.boxes.valid; }));
  if (stage.window.valid()) {
    const std::vector<Port> windows = collect([](const NmsStage& s) { return s.window; });
    if (look.is(windows[0], "Unpack")) {
      parts.window = stacked_source(look, windows);
    } else {
      expect(std::all_of(windows.begin(), windows.end(), [&](Port p) { return p == windows[0]; }), "one window");
      parts.constant_window = network.constant(windows[0]);
      parts.shared_window = !parts.constant_window;
      if (parts.shared_window) parts.window = windows[0];
      expect(!parts.constant_window || parts.constant_window->shape() == Shape{4}, "a window");
    }
  }
  std::vector<std::vector<std::int64_t>> trailing{stage.boxes.trailing, stage.scores.trailing};
  for (const NmsSource& f : u.fields) {
    parts.fields.push_back(look.in(f.tensor, 0));
    trailing.push_back(f.trailing);
  }
  std::string name = look.node(u.results[0].first).name;
  if (const auto slash = name.rfind('/'); slash != std::string::npos) name.resize(slash);
  const int node = add_node(network, std::move(name), stage, parts, static_cast<std::int64_t>(images), std::move(trailing));
  std::vector<std::pair<Port, Port>> changes;
  for (const auto& [stack, slot] : u.results) changes.emplace_back(stack, Port{node, slot});
  redirect(network, changes);
  return 1;
}

int fuse_images(Network& network) {
  if (!has_suppression(network)) return 0;
  const Look look(network);
  std::vector<Port> stacks;
  for (const int i : network.order()) {
    const Port p{i, 0};
    if (network[i].op == "Pack" && look.is(p, "Pack") && look.integer(p, "axis", 0) == 0 && look.inputs(p) > 0) stacks.push_back(p);
  }
  std::vector<Unrolled> found;
  for (const Port stack : stacks) {
    if (!look.is(look.in(stack, 0), {"Pad", "PadV2", "If", "StatelessIf"})) continue;
    const auto belongs = [&](Unrolled& u) {
      try {
        add_stack(look, stack, u);
        return true;
      } catch (const Mismatch&) {
        return false;
      }
    };
    if (std::any_of(found.begin(), found.end(), belongs)) continue;
    if (Unrolled fresh; belongs(fresh)) found.push_back(std::move(fresh));
  }
  int done = 0;
  for (Unrolled& u : found) {
    try {
      done += fuse_unrolled(network, u, stacks);
    } catch (const Mismatch&) {
      continue;
    }
  }
  return done;
}

}  // namespace

int fuse_multiclass_nms(Network& network) { return fuse_loops(network) + fuse_images(network); }

}  // namespace saccade::tensorflow
