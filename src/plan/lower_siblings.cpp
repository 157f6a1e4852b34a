// SPDX-License-Identifier: Apache-2.0
// Siblings: convolutions that read the same image in the same way, as the heads of a detector and the branches of an inception block
// do, run as one step, so that the image is fetched, or transformed, once for all.
#include <algorithm>

#include "ops/convolution.h"
#include "ops/elementwise.h"
#include "plan/conv.h"
#include "plan/pool.h"
#include "plan/winograd.h"

namespace saccade::plan {

using graph::Node;
using graph::NodeId;
using graph::ValueId;

namespace {

// An image that very many convolutions read must not take long to plan.
constexpr std::size_t kMostMembers = 16;

class SiblingsStep final : public Step {
 public:
  std::vector<std::unique_ptr<DenseStep>> siblings;  // products of the same rows, the widest first: it has the time to fetch them meanwhile
  ProductSize size{};                                // of all siblings
  Index strip = 0;                                   // rows that stay in the cache while every sibling reads them

  void run(const Run& run) const override {
    const Index batch = siblings.front()->batch;
    const double work = flops / static_cast<double>(batch) * 0.01;
    for (Index b = 0; b < batch; ++b)
      cut_product(run, size, work, [&](Index m_begin, Index m_end, Index panel_begin, Index panel_end) {
        const Index all = m_end - m_begin, strips = (all + strip - 1) / strip;
        const Index rows = std::min(strip, ((all + strips - 1) / strips + kWholeTiles - 1) / kWholeTiles * kWholeTiles);
        for (Index m = m_begin; m < m_end; m += rows) multiply(run, b, m, std::min(m_end, m + rows), panel_begin, panel_end);
      });
  }

 private:
  // Panels are counted through all siblings.
  void multiply(const Run& run, Index b, Index m_begin, Index m_end, Index panel_begin, Index panel_end) const {
    for (const auto& s : siblings) {
      const Index panels = s->panels(), begin = std::clamp<Index>(panel_begin, 0, panels), end = std::clamp<Index>(panel_end, 0, panels);
      if (begin < end) s->multiply(run, b, m_begin, m_end, begin, end);
      panel_begin -= panels;
      panel_end -= panels;
    }
  }
};

// As many rows as stay in the second-level cache; within them, each product goes its way through the first one. Weights that are more than
// the image are what must not be read often.
Index strip_rows(const kernels::DenseArgs& a, const ProductSize& size) {
  const Index row_bytes = 4 * std::max(a.k, a.rows.y == nullptr ? a.rows.pitch : 0);
  return static_cast<Index>(size.weight_bytes) > size.m * row_bytes ? size.m : std::max<Index>(24, a.cache_bytes / row_bytes);
}

void lower_dense(Lowering& l, const std::vector<PlacedConvolution>& convolutions) {
  auto step = std::make_unique<SiblingsStep>();
  step->reads = {convolutions.front().in};
  for (const PlacedConvolution& p : convolutions) {
    const Geometry& g = p.conv.g;
    auto s = make_dense(l, p.conv.weights, p.in, p.out, p.other, g, {0, 0, g.c, 0, g.o}, p.epilogue);
    ProductSize& all = step->size;
    all = {s->m, all.n + g.o, std::max(all.nr, s->nr), all.panels + s->panels(), all.weight_bytes + s->weights.size_bytes()};
    step->flops += s->flops;
    if (p.other.valid()) step->reads.push_back(s->other);
    step->writes.push_back(s->out);
    step->kernel = s->kernel;
    step->siblings.push_back(std::move(s));
  }
  std::stable_sort(step->siblings.begin(), step->siblings.end(), [](const auto& a, const auto& b) { return a->args.n > b->args.n; });
  step->strip = strip_rows(step->siblings.front()->args, step->size);
  emit_convolutions(l, convolutions, std::move(step));
}

const Node& node_of(const Lowering& l, const Convolution& c) { return l.graph[c.chain.nodes.front()]; }

bool contains(const std::vector<NodeId>& nodes, NodeId node) { return std::find(nodes.begin(), nodes.end(), node) != nodes.end(); }

// The convolutions of one step, in the order of the graph.
struct Siblings {
  std::vector<Convolution> members;

  // The node where the first result is expected: there the step runs.
  NodeId due(const Lowering& l) const {
    NodeId first = members.front().chain.nodes.back();
    for (const Convolution& c : members)
      if (l.position(c.chain.nodes.back()) < l.position(first)) first = c.chain.nodes.back();
    return first;
  }
  bool has(NodeId node) const {
    return std::any_of(members.begin(), members.end(), [&](const Convolution& c) { return contains(c.chain.nodes, node); });
  }
  // Whether the value is there by then, and not made by the step itself.
  bool in_time(const Lowering& l, ValueId value) const {
    const Node* producer = l.graph.producer(value);
    return producer == nullptr || (!has(producer->id) && l.position(producer->id) < l.position(due(l)));
  }
  // Whether other nodes come between the step and the member's own turn, for which its result then waits.
  bool waits(const Lowering& l, const Convolution& member) const {
    const std::size_t from = l.position(due(l)), until = l.position(member.chain.nodes.front());
    std::size_t own = 1;
    for (const Convolution& c : members)
      for (const NodeId n : c.chain.nodes) own += l.position(n) > from && l.position(n) < until ? 1 : 0;
    return until > from + own;
  }
};

// Whether the convolution that makes c's second operand can end in the same node, so that c need not.
bool ends_elsewhere(Lowering& l, const Siblings& group, const Convolution& c, const Chain& shorter) {
  const NodeId end = c.chain.nodes[shorter.nodes.size()];
  const Node* maker = l.graph.producer(c.chain.other);
  while (maker != nullptr && (maker->op.is<ops::Unary>() || maker->op.is<ops::Binary>())) maker = l.graph.producer(maker->inputs[0]);
  const bool convolves = maker != nullptr && (maker->op.is<ops::Convolution>() || maker->op.is<ops::GroupConvolution>());
  if (!convolves || group.has(maker->id)) return false;
  return contains(l.chain_behind(*maker, 1, true).nodes, end);
}

// A shortcut is made before what it is added to: then the addition belongs to the other side. Where that cannot be, the member leaves.
void settle(Lowering& l, Siblings& group) {
  const auto late = [&](const Convolution& c) { return c.chain.other.valid() && !group.in_time(l, c.chain.other); };
  for (;;) {
    const auto c = std::find_if(group.members.begin(), group.members.end(), late);
    if (c == group.members.end()) return;
    Chain shorter = l.chain_behind(node_of(l, *c), 1, false);
    if (ends_elsewhere(l, group, *c, shorter))
      c->chain = std::move(shorter);
    else
      group.members.erase(c);
  }
}

Siblings find(Lowering& l, const Convolution& first, Index winograd) {
  Siblings group{{first}};
  std::vector<NodeId> nodes;
  for (const graph::Use& use : l.graph[first.input].uses) {
    const bool later = l.position(use.node) > l.position(node_of(l, first).id) && !l.absorbed(use.node);
    if (later && use.input == 0 && l.graph[use.node].op.is<ops::Convolution>()) nodes.push_back(use.node);
  }
  const std::size_t count = std::min(nodes.size(), kMostMembers - 1);
  std::partial_sort(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(count), nodes.end(),
                    [&](NodeId a, NodeId b) { return l.position(a) < l.position(b); });
  nodes.resize(count);
  for (NodeId id : nodes) {
    const Node& node = l.graph[id];
    const auto c = convolution_of(l, node, true);
    if (!c) continue;
    Geometry same = c->g;
    same.o = first.g.o;
    if (same != first.g || begins_region(l, node) || begins_pooled(l, *c)) continue;
    if (winograd_tile(l, node, c->g, 1) == winograd) group.members.push_back(*c);
  }
  settle(l, group);
  return group;
}

// Results that are made before their turn take memory meanwhile, but then the image need not stay.
Choice choice(const Lowering& l, const Siblings& group, Index winograd) {
  const Geometry& g = group.members.front().g;
  std::vector<ValueId> results, at_once;
  std::string channels;
  for (const Convolution& c : group.members) {
    results.push_back(c.chain.result);
    if (!group.waits(l, c)) at_once.push_back(c.chain.result);
    channels += fmt::format("{}{}", channels.empty() ? "" : "+", c.g.o);
  }
  const std::int64_t waiting = l.new_bytes(results) - l.new_bytes(at_once), image = 4 * g.n * g.c * g.h * g.w;
  Choice c;
  c.key = fmt::format("siblings {}{}>{} {}x{}/{} {}x{} n{}", winograd == 4 ? "winograd " : winograd == 2 ? "winograd 2x2 " : "", g.c, channels, g.kh, g.kw, g.sh, g.oh, g.ow, g.n);
  c.node = node_of(l, group.members.front()).name;
  c.taken = waiting <= 2 * image;
  c.close = c.taken;
  c.why = fmt::format("the image takes {} KB, results that wait in memory {} KB", image >> 10, waiting >> 10);
  return c;
}

}  // namespace

bool lower_siblings(Lowering& l, const Convolution& first, Index winograd) {
  if (first.groups != 1 || first.merges_taps()) return false;
  const Siblings group = find(l, first, winograd);
  if (group.members.size() < 2 || group.members.front().chain.nodes.front() != first.chain.nodes.front()) return false;
  if (!l.decide(choice(l, group, winograd))) return false;
  std::vector<NodeId> nodes;
  for (const Convolution& c : group.members) nodes.insert(nodes.end(), c.chain.nodes.begin(), c.chain.nodes.end());
  l.defer(nodes, group.due(l), [&l, members = group.members, winograd] {
    std::vector<PlacedConvolution> convolutions;
    for (const Convolution& c : members) convolutions.push_back(placed(l, c));
    winograd != 0 ? lower_winograd(l, convolutions, winograd) : lower_dense(l, convolutions);
  });
  return true;
}

}  // namespace saccade::plan
