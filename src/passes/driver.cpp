// SPDX-License-Identifier: Apache-2.0
// Running passes to a fixed point.
#include "passes/driver.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <set>

#include "base/error.h"
#include "graph/verify.h"

namespace saccade::passes {
namespace {

// Rewrites per node after which the pipeline must be going in circles.
constexpr std::int64_t kMaxRewritesPerNode = 64;
constexpr int kMaxRounds = 50;

// Gives every body to a function and takes what it returns.
class BodyVisitor final : public graph::FieldVisitor {
 public:
  using Change = std::function<graph::GraphPtr(const graph::GraphPtr&)>;
  explicit BodyVisitor(Change change) : change_(std::move(change)) {}
  bool changed = false;

 private:
  void integer(std::string_view, std::int64_t&) override {}
  void real(std::string_view, double&) override {}
  void boolean(std::string_view, bool&) override {}
  void text(std::string_view, std::string&) override {}
  void integers(std::string_view, std::vector<std::int64_t>&) override {}
  void reals(std::string_view, std::vector<double>&) override {}
  void texts(std::string_view, std::vector<std::string>&) override {}
  void element_type(std::string_view, ElementType&) override {}
  void tensor(std::string_view, Tensor&) override {}
  void enumeration(std::string_view, std::int64_t&, std::span<const std::string_view>) override {}
  void graph(std::string_view, graph::GraphPtr& body) override {
    if (!body) return;
    graph::GraphPtr next = change_(body);
    changed |= next != body;
    body = std::move(next);
  }
  Change change_;
};

class Driver final : public PassContext {
 public:
  Driver(std::span<const Pass> passes, const PipelineOptions& options, PassLog& log)
      : passes_(passes), options_(options), log_(log), left_(options.stop_after < 0 ? std::numeric_limits<std::int64_t>::max() : options.stop_after) {
    for (const Pass& pass : passes) log_.times.push_back({pass.name, 0, 0});
  }

  void run(Graph& graph) {
    bodies(graph);
    refresh(graph);
    std::int64_t ceiling = kMaxRewritesPerNode * static_cast<std::int64_t>(graph.node_count() + 16);
    for (int round = 0; round < kMaxRounds; ++round) {
      std::int64_t rewrites = 0;
      for (std::size_t i = 0; i < passes_.size() && left_ > 0; ++i) rewrites += run(graph, i);
      if (rewrites == 0 || left_ <= 0) break;
      ceiling -= rewrites;
      SACCADE_CHECK(ceiling > 0, internal, "the passes undo each other's work");
    }
    if (Edit(graph).remove_dead() > 0 && options_.verify) graph::verify(graph);
  }

  bool rewrite(const std::string& what) override {
    if (left_ <= 0) return false;
    --left_;
    ++count_;
    log_.entries.push_back({std::string(pass_), {}, what, true});
    return true;
  }

  void refuse(const Node& node, const std::string& reason) override {
    if (refused_.emplace(pass_, node.id.index, reason).second) log_.entries.push_back({std::string(pass_), graph::describe(node), reason, false});
  }

 private:
  void bodies(Graph& graph) {
    for (NodeId id : graph.order()) {
      BodyVisitor visitor([&](const graph::GraphPtr& body) {
        auto copy = std::make_shared<Graph>(*body);
        const std::int64_t before = done_;
        run(*copy);
        refused_.clear();
        return done_ == before ? body : graph::GraphPtr(copy);
      });
      const graph::Op op = graph[id].op.edited(visitor);
      if (visitor.changed) Edit(graph).set_op(id, op);
    }
  }

  std::int64_t run(Graph& graph, std::size_t index) {
    const Pass& pass = passes_[index];
    const auto begin = std::chrono::steady_clock::now();
    const ErrorContext scope("pass", pass.name);
    pass_ = pass.name;
    count_ = 0;
    if (pass.whole)
      pass.whole(graph, *this);
    else
      rules(graph, pass);
    if (count_ > 0) {
      Edit(graph).remove_dead();
      refresh(graph);
      if (options_.verify) graph::verify(graph);
    }
    log_.times[index].ms += std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    log_.times[index].rewrites += count_;
    done_ += count_;
    return count_;
  }

  void rules(Graph& graph, const Pass& pass) {
    Match match;
    for (NodeId id : graph.order()) {
      for (const Rule& rule : pass.rules) {
        if (left_ <= 0) return;
        if (dead(graph, graph[id])) break;
        const ValueId root = graph[id].outputs[0];
        if (!matches(graph, rule.root, root, match)) continue;
        const std::size_t nodes_before = graph.node_limit();
        Edit edit(graph);
        Outcome outcome = rule.build(match, edit);
        if (outcome.value.valid() && !fits(graph, root, outcome.value)) outcome = no("the result would have another type: " + to_string(graph.type(outcome.value)));
        if (!outcome.reason.empty()) refuse(graph[id], outcome.reason);
        if (!outcome.value.valid()) {
          if (graph.node_limit() != nodes_before) edit.remove_dead();
          continue;
        }
        rewrite(describe_change(graph, root, outcome.value));
        keep_type(graph, root, outcome.value);
        edit.replace(root, outcome.value);
        break;
      }
    }
  }

  // Replaced nodes stay until the pass is done, but nothing uses them any more.
  static bool dead(const Graph& graph, const Node& node) {
    return !node.alive || std::all_of(node.outputs.begin(), node.outputs.end(), [&](ValueId v) { return graph.use_count(v) == 0; });
  }

  static bool fits(const Graph& graph, ValueId old_value, ValueId new_value) {
    const auto &a = graph.type(old_value), &b = graph.type(new_value);
    if (a.element != b.element) return false;
    if (!a.shape.ranked() || !b.shape.ranked()) return true;
    if (a.shape.rank() != b.shape.rank()) return false;
    for (std::size_t d = 0; d < a.shape.rank(); ++d)
      if (a.shape[d].max < b.shape[d].min || a.shape[d].min > b.shape[d].max) return false;
    return true;
  }

  // The replaced value may be known better than the new one is inferred.
  static void keep_type(Graph& graph, ValueId from, ValueId to) {
    if (!graph[to].producer.valid()) return;
    graph::Fact fact = graph.fact(to);
    fact.type.shape = meet(fact.type.shape, graph.type(from).shape);
    if (!fact.constant.defined()) fact.constant = graph.constant(from);
    if (fact.contents.empty()) fact.contents = graph.fact(from).contents;
    Edit(graph).set_fact(to, std::move(fact));
  }

  static std::string describe_change(const Graph& graph, ValueId from, ValueId to) {
    const Node* made = graph.producer(to);
    const std::string what = made ? graph::describe(*made) : graph[to].is_constant() ? "a constant" : fmt::format("input '{}'", graph[to].name);
    return graph::describe(*graph.producer(from)) + " → " + what;
  }

  // Types become more precise as inputs do; what a file states stays known.
  static void refresh(Graph& graph) {
    Edit edit(graph);
    for (NodeId id : graph.order()) {
      const Node& node = graph[id];
      const ErrorContext scope(node.op.name(), node.name);
      auto facts = node.op.infer(graph.input_facts(node));
      SACCADE_CHECK(facts.size() == node.outputs.size(), internal, "the number of outputs changed");
      for (std::size_t i = 0; i < facts.size(); ++i) {
        const graph::Fact& old_fact = graph.fact(node.outputs[i]);
        facts[i].type.shape = meet(facts[i].type.shape, old_fact.type.shape);
        if (!facts[i].constant.defined()) facts[i].constant = old_fact.constant;
        if (facts[i].contents.empty()) facts[i].contents = old_fact.contents;
        edit.set_fact(node.outputs[i], std::move(facts[i]));
      }
    }
  }

  std::span<const Pass> passes_;
  const PipelineOptions& options_;
  PassLog& log_;
  std::int64_t left_, count_ = 0, done_ = 0;
  std::string_view pass_;
  std::set<std::tuple<std::string_view, std::int32_t, std::string>> refused_;
};

}  // namespace

void run(std::span<const Pass> passes, Graph& graph, const PipelineOptions& options, PassLog& log) { Driver(passes, options, log).run(graph); }

}  // namespace saccade::passes
