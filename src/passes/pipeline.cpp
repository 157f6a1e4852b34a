// SPDX-License-Identifier: Apache-2.0
// The ordered list of passes, and the options that choose among them.
#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "base/knobs.h"
#include "base/nearest.h"
#include "passes/all.h"
#include "passes/driver.h"

namespace saccade::passes {
namespace {

const std::vector<Pass>& pipeline() {
  static const std::vector<Pass> passes = {
      fold_constants(),
      fold_branches(),
      fold_loops(),
      drop_identities(),
      fuse_common_subexpressions(),
      fuse_normalizations(),
      fuse_attention(),
      fuse_reshapes(),
      fuse_movers(),
      normalize_resize(),
      normalize_arithmetic(),
      fuse_activations(),
      normalize_layout(),
      fuse_dilation(),
      fold_batch_norm(),
      fold_scale(),
      fold_arithmetic(),
      fold_pad(),
      fuse_space_to_depth(),
  };
  return passes;
}

void check_name(const std::string& name) {
  const auto names = pass_names();
  SACCADE_CHECK(std::find(names.begin(), names.end(), name) != names.end(), invalid_argument, "there is no pass '{}'; did you mean '{}'?", name, nearest(name, names));
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  std::string item;
  for (char c : list + ",") {
    if (c != ',') {
      item += c;
    } else if (!item.empty()) {
      out.push_back(std::move(item));
      item.clear();
    }
  }
  return out;
}

PipelineOptions with_knobs(PipelineOptions options) {
  for (auto& name : split(knob(Knob::skip_pass))) options.skip.push_back(std::move(name));
  if (const std::string limit = knob(Knob::stop_after); options.stop_after < 0 && !limit.empty()) {
    const auto [end, problem] = std::from_chars(limit.data(), limit.data() + limit.size(), options.stop_after);
    SACCADE_CHECK(problem == std::errc() && end == limit.data() + limit.size(), invalid_argument, "SACCADE_STOP_AFTER is '{}', not a number", limit);
  }
  for (const auto& name : options.skip) check_name(name);
  for (const auto& name : options.only) check_name(name);
  return options;
}

bool contains(const std::vector<std::string>& names, std::string_view name) { return std::find(names.begin(), names.end(), name) != names.end(); }

}  // namespace

std::vector<std::string_view> pass_names() {
  std::vector<std::string_view> names;
  for (const Pass& pass : pipeline()) names.push_back(pass.name);
  return names;
}

void optimise(graph::Graph& graph, const PipelineOptions& given, PassLog* log) {
  const PipelineOptions options = with_knobs(given);
  std::vector<Pass> passes;
  for (const Pass& pass : pipeline())
    if ((options.only.empty() || contains(options.only, pass.name)) && !contains(options.skip, pass.name)) passes.push_back(pass);
  PassLog unread;
  run(passes, graph, options, log ? *log : unread);
}

std::string to_string(const PassLog& log) {
  std::string text;
  for (const auto& entry : log.entries)
    text += entry.done ? fmt::format("  done     {:28} {}\n", entry.pass, entry.text) : fmt::format("  not done {:28} {}: {}\n", entry.pass, entry.node, entry.text);
  for (const auto& time : log.times) text += fmt::format("  {:28} {:6} rewrites {:9.2f} ms\n", time.pass, time.rewrites, time.ms);
  return text;
}

}  // namespace saccade::passes
