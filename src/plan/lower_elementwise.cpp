// SPDX-License-Identifier: Apache-2.0
// Unary, Binary and Select over f32: loops merged over all operands, the two innermost given to the kernel.
#include <algorithm>

#include "base/error.h"
#include "ops/elementwise.h"
#include "ops/inference.h"
#include "plan/lower.h"
#include "plan/parallel.h"
#include "plan/steps.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;
using kernels::Index;

namespace {

// Strides of a place over a broadcast shape: zero along repeated dimensions.
Strides spread(const Place& p, const Shape& dims) {
  Strides out(dims.size(), 0);
  const std::size_t shift = dims.size() - p.dims.size();
  for (std::size_t d = 0; d < p.dims.size(); ++d)
    if (p.dims[d] != 1) out[d + shift] = p.strides[d];
  return out;
}

// An elementwise step over up to four operands, the first being the output. The nest's innermost loop has stride 1 in the
// output; inputs have stride 1 or 0 there.
class MapStep final : public Step {
 public:
  enum class What { unary, binary, compare, select };
  What what = What::unary;
  kernels::Activation fn;
  kernels::Binary op = kernels::Binary::add;
  kernels::Compare compare = kernels::Compare::equal;
  std::vector<Place> places;  // output, inputs
  LoopNest nest;

  void run(const Run& run) const override {
    const std::size_t rank = nest.dims.size();
    for (auto d : nest.dims)
      if (d == 0) return;
    const Index n = nest.dims[rank - 1], rows = rank > 1 ? nest.dims[rank - 2] : 1;
    OuterWalk walk(nest.dims, rank > 1 ? rank - 2 : 0);
    do {
      Index offset[4] = {};
      for (std::size_t o = 0; o < places.size(); ++o) offset[o] = walk.offset(nest.strides[o]);
      const double work = static_cast<double>(rows * n) * (what == What::unary ? 0.6 : 0.25);
      if (rows > 1)
        run.parallel(rows, 1, work, [&](Index begin, Index end) { piece(run, offset, begin, end - begin, 0, n); });
      else
        run.parallel(n, 64, work, [&](Index begin, Index end) { piece(run, offset, 0, 1, begin, end - begin); });
    } while (walk.next());
  }

 private:
  Index pitch(std::size_t o) const { return nest.dims.size() > 1 ? nest.strides[o][nest.dims.size() - 2] : 0; }
  Index step(std::size_t o) const { return nest.strides[o].back(); }

  void piece(const Run& run, const Index* offset, Index row, Index rows, Index begin, Index n) const {
    const auto at = [&](std::size_t o) { return offset[o] + row * pitch(o) + begin * step(o); };
    const auto floats = [&](std::size_t o) { return run.floats(places[o]) + at(o); };
    if (what == What::unary) {
      kernels::UnaryArgs a;
      a.fn = fn;
      a.rows = rows;
      a.n = n;
      a.in = floats(1);
      a.in_pitch = pitch(1);
      a.out = floats(0);
      a.out_pitch = pitch(0);
      run.k.unary(a);
    } else if (what == What::select) {
      kernels::SelectArgs a;
      a.rows = rows;
      a.n = n;
      a.condition = run.at<std::uint8_t>(places[1]) + at(1);
      a.c_pitch = pitch(1);
      a.c_step = step(1);
      a.a = floats(2);
      a.a_pitch = pitch(2);
      a.a_step = step(2);
      a.b = floats(3);
      a.b_pitch = pitch(3);
      a.b_step = step(3);
      a.out = floats(0);
      a.out_pitch = pitch(0);
      run.k.select(a);
    } else {
      kernels::BinaryArgs a;
      a.op = op;
      a.compare = compare;
      a.rows = rows;
      a.n = n;
      a.a = floats(1);
      a.a_pitch = pitch(1);
      a.a_step = step(1);
      a.b = floats(2);
      a.b_pitch = pitch(2);
      a.b_step = step(2);
      a.out_pitch = pitch(0);
      a.then = fn;
      if (what == What::compare) {
        a.out_u8 = run.at<std::uint8_t>(places[0]) + at(0);
        run.k.compare(a);
      } else {
        a.out = floats(0);
        run.k.binary(a);
      }
    }
  }
};

// Gives the step its places; inputs that are neither contiguous nor repeated along the output's innermost loop are copied
// into the output's order first.
void attach(Lowering& l, MapStep& step, const Place& out, std::vector<Place> inputs) {
  const Shape dims = out.dims;
  std::size_t inner = dims.size();
  for (std::size_t d = 0; d < dims.size(); ++d)
    if (dims[d] != 1 && (inner == dims.size() || out.strides[d] < out.strides[inner])) inner = d;
  // single columns of something wider: rows of one element
  if (inner != dims.size() && out.strides[inner] != 1) inner = dims.size();
  for (Place& in : inputs) {
    const Strides s = spread(in, dims);
    if (inner == dims.size() || s[inner] == 0 || s[inner] == 1) continue;
    std::vector<int> order;
    const std::size_t own_inner = inner - (dims.size() - in.dims.size());
    for (std::size_t d = 0; d < in.dims.size(); ++d)
      if (d != own_inner) order.push_back(static_cast<int>(d));
    order.push_back(static_cast<int>(own_inner));
    const Place copy = l.scratch(in.type, in.dims, ordered_strides(in.dims, order, in.dims[own_inner]), 16);
    l.copy(in, copy, "", "to the output's order");
    in = copy;
  }
  std::vector<Strides> strides{out.strides};
  step.places = {out};
  for (Place& in : inputs) {
    strides.push_back(spread(in, dims));
    step.reads.push_back(in);
    step.places.push_back(in);
    if (lie_alike(in, out)) step.overwritable = in;
  }
  step.writes = {out};
  step.nest = merge_loops(dims, strides);
  if (step.nest.dims.back() != 1 && step.nest.strides[0].back() != 1) {
    step.nest.dims.push_back(1);
    for (auto& s : step.nest.strides) s.push_back(1);
  }
  step.flops = static_cast<double>(element_count(dims));
}

std::optional<kernels::Binary> binary_of(ops::BinaryKind kind) {
  using ops::BinaryKind;
  switch (kind) {
    case BinaryKind::Add: return kernels::Binary::add;
    case BinaryKind::Subtract: return kernels::Binary::sub;
    case BinaryKind::Multiply: return kernels::Binary::mul;
    case BinaryKind::Divide: return kernels::Binary::div;
    case BinaryKind::Minimum: return kernels::Binary::min;
    case BinaryKind::Maximum: return kernels::Binary::max;
    case BinaryKind::Power: return kernels::Binary::pow;
    case BinaryKind::SquaredDifference: return kernels::Binary::squared_difference;
    case BinaryKind::FloorMod: return kernels::Binary::floor_mod;
    case BinaryKind::Prelu: return kernels::Binary::prelu;
    default: return std::nullopt;
  }
}

std::optional<kernels::Compare> compare_of(ops::BinaryKind kind) {
  using ops::BinaryKind;
  switch (kind) {
    case BinaryKind::Equal: return kernels::Compare::equal;
    case BinaryKind::NotEqual: return kernels::Compare::not_equal;
    case BinaryKind::Less: return kernels::Compare::less;
    case BinaryKind::LessEqual: return kernels::Compare::less_equal;
    case BinaryKind::Greater: return kernels::Compare::greater;
    case BinaryKind::GreaterEqual: return kernels::Compare::greater_equal;
    default: return std::nullopt;
  }
}

// The one unary node behind a value that a step can apply itself.
Chain activation_behind(Lowering& l, const Node& node) {
  Chain chain = l.chain_behind(node, 0, false);
  if (chain.nodes.size() == 2 && chain.first.fn != kernels::Fn::none && chain.first.fn != kernels::Fn::prelu) return chain;
  chain = {};
  chain.nodes = {node.id};
  chain.result = node.outputs[0];
  return chain;
}

}  // namespace

bool lower_unary(Lowering& l, const Node& node) {
  const auto fn = activation_of(*node.op.as<ops::Unary>());
  if (!fn || l.element(node.inputs[0]) != ElementType::f32) return false;
  auto step = std::make_unique<MapStep>();
  step->fn = *fn;
  const Place in = l.place(node.inputs[0]);
  attach(l, *step, l.destination(node.outputs[0]), {in});
  step->kernel = "map";
  l.emit(std::move(step));
  return true;
}

bool lower_binary(Lowering& l, const Node& node) {
  const ops::BinaryKind kind = node.op.as<ops::Binary>()->kind;
  if (l.element(node.inputs[0]) != ElementType::f32) return false;
  const auto op = binary_of(kind);
  const auto compare = compare_of(kind);
  if (!op && !compare) return false;
  Chain chain;
  chain.nodes = {node.id};
  chain.result = node.outputs[0];
  if (op) chain = activation_behind(l, node);
  l.defer(chain, [&l, &node, chain, op, compare] {
    auto step = std::make_unique<MapStep>();
    step->what = op ? MapStep::What::binary : MapStep::What::compare;
    if (op) step->op = *op;
    if (compare) step->compare = *compare;
    step->fn = chain.first;
    const Place a = l.place(node.inputs[0]), b = l.place(node.inputs[1]);
    attach(l, *step, l.destination(chain.result), {a, b});
    step->name = node.name;
    step->kind = l.kind(chain);
    step->kernel = "map";
    l.emit(std::move(step));
  });
  return true;
}

bool lower_select(Lowering& l, const Node& node) {
  if (l.element(node.inputs[1]) != ElementType::f32) return false;
  auto step = std::make_unique<MapStep>();
  step->what = MapStep::What::select;
  const Place c = l.place(node.inputs[0]), a = l.place(node.inputs[1]), b = l.place(node.inputs[2]);
  attach(l, *step, l.destination(node.outputs[0]), {c, a, b});
  step->kernel = "map";
  l.emit(std::move(step));
  return true;
}

}  // namespace saccade::plan
