// SPDX-License-Identifier: Apache-2.0
// From a graph to the two files of an IR.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>

#include "base/error.h"
#include "export/openvino/ir.h"
#include "export/openvino/net.h"
#include "export/openvino/rules.h"
#include "ops/control_flow.h"
#include "saccade/version.h"

namespace saccade::exporter::openvino {
namespace {

using graph::Graph;

void check(const WriteOptions& options) {
  SACCADE_CHECK(options.ir_version == 10 || options.ir_version == 11, invalid_argument, "IR version {}; 10 and 11 can be written", options.ir_version);
}

// What has no form after the rules.
void find_formless(const Graph& graph, int opset, Problems& problems) {
  for (graph::NodeId id : graph.order()) {
    const graph::Node& node = graph[id];
    try {
      if (const auto* op = node.op.as<ops::If>()) {
        find_formless(*op->then_body, opset, problems);
        find_formless(*op->else_body, opset, problems);
      } else if (const auto* loop = node.op.as<ops::Loop>()) {
        find_formless(*loop->body, opset, problems);
      } else if (const auto* scan = node.op.as<ops::Scan>()) {
        find_formless(*scan->body, opset, problems);
      } else {
        form_of(graph, node, opset);
      }
      for (graph::ValueId out : node.outputs) ir_element(graph.type(out).element);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      problems.add(std::string(node.op.name()), std::string(e.message()), node.name.empty() ? graph[node.outputs.at(0)].name : node.name);
    }
  }
}

Graph expressible(const Graph& graph, const WriteOptions& options, Problems& problems) {
  const int opset = newest_opset(options.ir_version);
  const auto rules = all_rules();
  Graph result = rewrite(graph, rules, opset, problems);
  // what a rule has already given up on is not reported again
  if (problems.empty()) find_formless(result, opset, problems);
  return result;
}

// Metadata with slashes as nested elements.
struct Tree {
  std::string value;
  bool leaf = false;
  std::map<std::string, Tree> children;
};

bool is_element_name(std::string_view name) {
  const auto is_start = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; };
  if (name.empty() || !is_start(name[0]) || name == "info") return false;
  return std::all_of(name.begin(), name.end(), [&](char c) { return is_start(c) || (c >= '0' && c <= '9') || c == '-' || c == '.'; });
}

void print(const Tree& tree, const std::string& margin, std::string& out) {
  for (const auto& [name, child] : tree.children) {
    const std::string tag = is_element_name(name) ? name : fmt::format("info name=\"{}\"", escaped(name));
    const std::string value = child.leaf ? fmt::format(" value=\"{}\"", escaped(child.value)) : "";
    if (child.children.empty()) {
      out += fmt::format("{}<{}{} />\n", margin, tag, value);
      continue;
    }
    out += fmt::format("{}<{}{}>\n", margin, tag, value);
    print(child, margin + '\t', out);
    out += fmt::format("{}</{}>\n", margin, tag.substr(0, tag.find(' ')));
  }
}

std::string info_text(const Graph& graph, int ir_version) {
  Tree root;
  const auto put = [&](std::string_view path, const std::string& value) {
    Tree* at = &root;
    while (true) {
      const auto slash = path.find('/');
      at = &at->children[std::string(path.substr(0, slash))];
      if (slash == std::string_view::npos) break;
      path.remove_prefix(slash + 1);
    }
    at->leaf = true;
    at->value = value;
  };
  put("MO_version", std::string("saccade ") + SACCADE_VERSION);
  put("Runtime_version", std::string("saccade ") + SACCADE_VERSION);
  for (const auto& [key, value] : graph.metadata) {
    if (key.starts_with("rt_info/")) put(std::string_view(key).substr(8), value);
    else if (!key.starts_with("layout/") && key != "openvino.version") root.children["framework"].children[key] = {value, true, {}};
  }
  std::string text;
  const auto section = [&](std::string_view tag, const Tree& tree) {
    text += fmt::format("\t<{}>\n", tag);
    print(tree, "\t\t", text);
    text += fmt::format("\t</{}>\n", tag);
  };
  if (ir_version > 10) {
    section("rt_info", root);
    return text;
  }
  // version 10 knows these two, under a name of its own, and nothing else
  Tree legacy;
  legacy.children["MO_version"] = root.children["MO_version"];
  if (const auto it = root.children.find("conversion_parameters"); it != root.children.end()) legacy.children["cli_parameters"] = it->second;
  section("meta_data", legacy);
  return text;
}

}  // namespace

std::vector<RuleRow> all_rules() {
  std::vector<RuleRow> rules;
  for (const auto family : {arithmetic_rules(), movement_rules(), normalization_rules(), quantize_rules(), recurrent_rules(), resize_rules(), vision_rules()})
    rules.insert(rules.end(), family.begin(), family.end());
  return rules;
}

std::vector<Problem> unsupported(const Graph& graph, const WriteOptions& options) {
  check(options);
  Problems problems;
  expressible(graph, options, problems);
  return problems.list();
}

void write(const Graph& source, const std::filesystem::path& xml, const WriteOptions& options) {
  check(options);
  const std::string name = xml.string();
  ErrorContext scope("writing", name);
  Problems problems;
  const Graph graph = expressible(source, options, problems);
  problems.throw_if_any();
  Weights weights(std::filesystem::path(xml).replace_extension(".bin"));
  const NetText net = net_text(graph, weights, options, 1);
  // OpenVINO takes an empty file for none, and then does not make constants without elements
  if (weights.file().size() == 0) weights.file().write(std::string_view("\0", 1));
  OutputFile file(xml);
  file.write(fmt::format("<?xml version=\"1.0\"?>\n<net name=\"{}\" version=\"{}\" bin_size=\"{}\" bin_fingerprint=\"{:016x}\">\n", escaped(graph.name.empty() ? "model" : graph.name), options.ir_version,
                         weights.file().size(), weights.hash()));
  file.write(net.text);
  file.write(info_text(graph, options.ir_version));
  file.write("</net>\n");
  weights.file().finish();
  file.finish();
  weights.file().commit();
  file.commit();
}

}  // namespace saccade::exporter::openvino
