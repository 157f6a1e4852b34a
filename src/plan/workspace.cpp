// SPDX-License-Identifier: Apache-2.0
// Running a program: plans in their arenas, and the nodes between plans.
#include <chrono>
#include <cstring>
#include <limits>

#include "base/cpu.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "ops/control_flow.h"
#include "plan/program.h"
#include "plan/steps.h"
#include "tensor/numeric.h"

namespace saccade::plan {
namespace {

// Images that together are larger than this are worth pages that take long to get.
constexpr std::size_t kHugeFrom = std::size_t{8} << 20;

double milliseconds() { return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

bool as_bool(const Tensor& t) {
  SACCADE_CHECK(t.size() == 1, invalid_model, "a condition has {} elements", t.size());
  return *t.data<bool>();
}

// Slices of equal type along a new first axis; `type` stands in where there are none.
Tensor stack(const std::vector<Tensor>& slices, const graph::TensorType& type) {
  if (slices.empty()) {
    Shape shape{0};
    if (type.shape.ranked())
      for (const auto& d : type.shape.dimensions()) shape.push_back(d.is_static() ? d.size() : 0);
    return Tensor(type.element, shape);
  }
  Shape shape = slices[0].shape();
  shape.insert(shape.begin(), static_cast<std::int64_t>(slices.size()));
  Tensor out(slices[0].type(), shape);
  auto* to = static_cast<std::byte*>(out.raw());
  for (const Tensor& slice : slices) {
    SACCADE_CHECK(slice.shape() == slices[0].shape(), invalid_model, "scan output slices of shapes {} and {}", to_string(slices[0].shape()), to_string(slice.shape()));
    if (slice.size()) std::memcpy(to, slice.raw(), slice.size_bytes());
    to += slice.size_bytes();
  }
  return out;
}

}  // namespace

Workspace::Instance& Workspace::instance(const std::shared_ptr<const Compilation>& compilation) {
  for (auto it = instances_.begin(); it != instances_.end(); ++it)
    if (it->compilation == compilation) {
      instances_.splice(instances_.begin(), instances_, it);
      return instances_.front();
    }
  Instance fresh;
  fresh.compilation = compilation;
  const std::size_t bytes = std::max<std::size_t>(compilation->plan->arena_bytes, 1);
  fresh.arena = Arena(bytes, bytes >= kHugeFrom ? Pages::huge : Pages::usual);
  const Plan& plan = *compilation->plan;
  fresh.bases.resize(plan.buffers.size());
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const Buffer& b = plan.buffers[i];
    if (b.kind == Buffer::Kind::arena) fresh.bases[i] = fresh.arena.data() + b.offset;
    if (b.kind == Buffer::Kind::constant) fresh.bases[i] = static_cast<std::byte*>(const_cast<void*>(b.constant.raw()));
  }
  instances_.push_front(std::move(fresh));
  if (instances_.size() > kMaxInstances) instances_.pop_back();
  return instances_.front();
}

void Workspace::run_plan(const Program& program, Instance& inst, std::span<const Tensor> inputs, std::vector<Tensor>& outputs) {
  const Plan& plan = *inst.compilation->plan;
  outputs.resize(plan.outputs.size());
  for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
    const Place& p = plan.outputs[i];
    if (!outputs[i].defined() || !outputs[i].unique() || outputs[i].type() != p.type || outputs[i].shape() != p.dims) outputs[i] = Tensor(p.type, p.dims);
  }
  for (std::size_t i = 0; i < plan.buffers.size(); ++i) {
    const Buffer& b = plan.buffers[i];
    if (b.kind == Buffer::Kind::input) inst.bases[i] = static_cast<std::byte*>(const_cast<void*>(inputs[static_cast<std::size_t>(b.index)].raw()));
    if (b.kind == Buffer::Kind::output) inst.bases[i] = static_cast<std::byte*>(outputs[static_cast<std::size_t>(b.index)].raw());
  }
  const std::size_t threads = pool_ == nullptr ? 1 : static_cast<std::size_t>(pool_->threads());
  if (scratch_.size() < threads * plan.scratch_bytes) scratch_ = Arena(threads * plan.scratch_bytes);
  const Run run{const_cast<Program&>(program).machine().k, pool_, inst.bases.data(), scratch_.data(), plan.scratch_bytes};
  for (const auto& step : plan.steps) {
    const double start = profile_ ? milliseconds() : 0;
    if (step->exact_denormals) {
      step->run(run);
    } else {
      FlushDenormals scope;
      step->run(run);
    }
    if (profile_) times_.push_back({step.get(), {}, milliseconds() - start});
  }
}

void Workspace::run(Program& program, std::span<const Tensor> inputs, std::vector<Tensor>& outputs) {
  const auto compilation = program.compile_for(inputs);
  if (compilation->is_static()) {
    run_plan(program, instance(compilation), inputs, outputs);
    return;
  }
  std::vector<Tensor> head, values(compilation->dynamic_values), rest;
  run_plan(program, instance(compilation), inputs, head);
  const auto take = [&](const Source& s) -> Tensor {
    switch (s.from) {
      case Source::From::plan: return head[s.index];
      case Source::From::dynamic: return values[s.index];
      case Source::From::rest: return rest[s.index];
      case Source::From::constant: return s.constant;
    }
    return {};
  };
  for (const DynamicNode& node : compilation->dynamic) {
    std::vector<Tensor> args;
    for (const Source& s : node.inputs) args.push_back(take(s));
    const double start = profile_ ? milliseconds() : 0;
    auto results = run_dynamic(node, args);
    if (profile_) times_.push_back({nullptr, node.name, milliseconds() - start});
    SACCADE_CHECK(results.size() == node.output_count, internal, "{} gave {} outputs instead of {}", node.op.name(), results.size(), node.output_count);
    for (std::size_t i = 0; i < results.size(); ++i) values[node.first_output + i] = std::move(results[i]);
  }
  if (compilation->rest) {
    std::vector<Tensor> args;
    for (const Source& s : compilation->rest_inputs) args.push_back(take(s));
    run(*compilation->rest, args, rest);
  }
  outputs.resize(compilation->outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    outputs[i] = take(compilation->outputs[i]);
    if (compilation->outputs[i].from == Source::From::constant) outputs[i] = outputs[i].clone();
  }
}

std::vector<Tensor> Workspace::run_dynamic(const DynamicNode& node, std::span<const Tensor> inputs) {
  ErrorContext scope(node.op.name(), node.name);
  if (node.op.is<ops::If>()) return run_if(node, inputs);
  if (node.op.is<ops::Loop>()) return run_loop(node, inputs);
  return node.op.evaluate(inputs);
}

std::vector<Tensor> Workspace::run_if(const DynamicNode& node, std::span<const Tensor> inputs) {
  const bool condition = as_bool(inputs[0]);
  const std::size_t then_inputs = node.bodies[0]->graph().inputs().size();
  std::vector<Tensor> outputs;
  if (condition)
    run(*node.bodies[0], inputs.subspan(1, then_inputs), outputs);
  else
    run(*node.bodies[1], inputs.subspan(1 + then_inputs), outputs);
  return outputs;
}

std::vector<Tensor> Workspace::run_loop(const DynamicNode& node, std::span<const Tensor> inputs) {
  const auto& loop = *node.op.as<ops::Loop>();
  const auto carried = static_cast<std::size_t>(loop.num_carried);
  Program& body = *node.bodies[0];
  const std::int64_t trips = inputs[0].defined() ? element_as_i64(inputs[0], 0) : std::numeric_limits<std::int64_t>::max();
  bool condition = !inputs[1].defined() || as_bool(inputs[1]);
  if (condition) ops::check_ends(loop, trips);
  std::vector<Tensor> args(inputs.begin(), inputs.end());
  const std::size_t scans = body.graph().outputs().size() - 1 - carried;
  std::vector<std::vector<Tensor>> slices(scans);
  for (std::int64_t i = 0; i < trips && condition; ++i) {
    args[0] = Tensor::scalar<std::int64_t>(i);
    args[1] = Tensor::scalar<bool>(condition);
    std::vector<Tensor> results;
    run(body, args, results);
    condition = as_bool(results[0]);
    for (std::size_t c = 0; c < carried; ++c) args[2 + c] = results[1 + c];
    for (std::size_t s = 0; s < scans; ++s) slices[s].push_back(results[1 + carried + s]);
  }
  std::vector<Tensor> outputs(args.begin() + 2, args.begin() + 2 + static_cast<std::ptrdiff_t>(carried));
  for (std::size_t s = 0; s < scans; ++s) outputs.push_back(stack(slices[s], body.graph().type(body.graph().outputs()[1 + carried + s].value)));
  return outputs;
}

}  // namespace saccade::plan
