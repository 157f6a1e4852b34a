// SPDX-License-Identifier: Apache-2.0
// saccade tune: measures, on this machine, the choices in a model's plan that the rules are not sure of.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "command.h"
#include "devices/cpu/tuning.h"
#include "devices/registry.h"
#include "eval/compare.h"
#include "model_options.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

using devices::Compiled;

double seconds_now() {
  timespec t = {};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

/// One compilation that is timed: the least time that each step ever took, summed. Other work on the machine makes single steps slower, never
/// faster, so that this settles long before a median of whole runs does.
class Timed {
 public:
  explicit Timed(Compiled& compiled) : request_(compiled.request()) {}

  void run(const std::vector<Tensor>& inputs) {
    request_->run(inputs, outputs_);
    const auto steps = request_->profile();
    least_.resize(steps.size(), 1e30);
    for (std::size_t i = 0; i < steps.size(); ++i) least_[i] = std::min(least_[i], steps[i].ms);
  }
  double ms() const {
    double sum = 0;
    for (const double ms : least_) sum += ms;
    return sum;
  }

 private:
  std::unique_ptr<devices::Request> request_;
  std::vector<Tensor> outputs_;
  std::vector<double> least_;
};

struct Decision {
  plan::Choice choice;  ///< as the rule or what was known had it
  bool taken = false;
  double before_ms = 0, other_ms = 0;  ///< of the whole network, with the choice as it was and the other way
};

struct Result {
  std::vector<Decision> decisions;
  plan::Answers answers;
  double before_ms = 0, after_ms = 0;
  bool changed() const {
    return std::ranges::any_of(decisions, [](const Decision& d) { return d.taken != d.choice.taken; });
  }
};

/// A difference below this is left to the rule.
constexpr double kWorth = 0.995;

Result tune(const std::shared_ptr<const graph::Graph>& graph, const devices::CompileOptions& options, double seconds) {
  const auto device = devices::make_device("CPU");
  const auto given = eval::random_inputs(*graph);
  std::vector<Tensor> inputs;
  for (graph::ValueId v : graph->inputs()) inputs.push_back(given.at((*graph)[v].name));
  Result result;
  const auto compile = [&] {
    devices::CompileOptions with = options;
    with.answers = result.answers;
    return device->compile(graph, with);
  };
  // Both in turn, whichever first.
  const auto compare = [&](Compiled& a, Compiled& b) {
    Timed first(a), second(b);
    const double end = seconds_now() + seconds;
    for (int i = 0; i < 5 || (seconds_now() < end && !interrupted()); ++i) {
      (i % 2 == 0 ? first : second).run(inputs);
      (i % 2 == 0 ? second : first).run(inputs);
    }
    return std::pair(first.ms(), second.ms());
  };
  const auto untuned = compile();
  auto best = compile();
  std::set<std::string> asked;
  const auto next = [&]() -> std::optional<plan::Choice> {
    for (const plan::Choice& c : best->choices())
      if (c.close && asked.insert(c.key).second) return c;
    return std::nullopt;
  };
  while (const auto choice = interrupted() ? std::nullopt : next()) {
    result.answers[choice->key] = !choice->taken;
    auto other = compile();
    const auto [before, after] = compare(*best, *other);
    const bool better = after < before * kWorth;
    if (better)
      best = std::move(other);
    else
      result.answers[choice->key] = choice->taken;
    result.decisions.push_back({*choice, better != choice->taken, before, after});
  }
  std::tie(result.before_ms, result.after_ms) = compare(*untuned, *best);
  if (result.after_ms >= result.before_ms) {  // what single measurements said was noise
    for (Decision& d : result.decisions) result.answers[d.choice.key] = d.taken = d.choice.taken;
    result.after_ms = result.before_ms;
  }
  return result;
}

std::string to_json(const Result& result, const std::string& machine, const std::string& file) {
  nlohmann::ordered_json json{{"machine", machine}, {"file", file}, {"before_ms", result.before_ms}, {"after_ms", result.after_ms}};
  for (const Decision& d : result.decisions)
    json["choices"].push_back({{"choice", d.choice.key}, {"node", d.choice.node}, {"rule", d.choice.taken}, {"taken", d.taken}, {"ms", d.before_ms}, {"other_ms", d.other_ms}});
  return json.dump(2);
}

}  // namespace

int verb_tune(int argc, char** argv) {
  Command command("tune", "Measure, on this machine, the choices in a model's plan that the rules are not sure of: Winograd's algorithm or sums as defined, stages row by row or one after the other, convolutions of one image together or not.",
                  "saccade tune yolov8n.onnx -o tuning.txt && SACCADE_TUNING=tuning.txt saccade bench yolov8n.onnx");
  ModelOptions model;
  std::string file = "tuning.txt";
  int threads = 1;
  double seconds = 0.5;
  model.add_model(command);
  model.add_shapes(command);
  command.add("-o,--output", file, "the file of choices; what it says of other models and machines stays").value("FILE").show_default();
  command.add("--threads", threads, "threads that run the model").value("N").range(1, 4096).show_default();
  command.add("--time", seconds, "seconds for each choice").value("S").range(0.01, 3600).show_default();
  command.add_json_option();
  return command.run(argc, argv, [&] {
    catch_interrupts();
    devices::cpu::Tunings tunings;
    if (std::filesystem::exists(file)) tunings = devices::cpu::read_tunings(file);
    const std::string machine = devices::cpu::this_machine();
    devices::CompileOptions options;
    options.threads = threads;
    options.profile = true;
    const Result result = tune(model.read(ModelOptions::Unknown::becomes_one).graph(), options, seconds);
    for (const auto& [key, taken] : result.answers) tunings[machine][key] = taken;
    write_file(file, devices::cpu::print_tunings(tunings));
    if (command.json()) command.write_json(to_json(result, machine, file));
    if (command.json_on_stdout()) return kDone;
    fmt::print("{}, {} thread{}\n", machine, threads, threads == 1 ? "" : "s");
    for (const Decision& d : result.decisions)
      fmt::print("  {:<48} {:9.3f} ms, {} {:9.3f} ms: {}\n", d.choice.key, d.before_ms, d.choice.taken ? "without it" : "with it   ", d.other_ms,
                 d.taken == d.choice.taken ? (d.taken ? "stays" : "stays out") : (d.taken ? "taken now" : "left out now"));
    if (result.decisions.empty()) fmt::print("  the rules are sure of every choice in this model\n");
    if (result.changed())
      fmt::print("in all {:.3f} ms before, {:.3f} ms now; use it with --tuning {} or SACCADE_TUNING\n", result.before_ms, result.after_ms,
                 file);
    else
      fmt::print("in all {:.3f} ms: nothing is faster than the rules' choices, which {} keeps\n", result.before_ms, file);
    return kDone;
  });
}

}  // namespace saccade::cli
