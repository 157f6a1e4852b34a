// SPDX-License-Identifier: Apache-2.0
// The registry, filled from ops.def and the kind lists.
#include "ops/registry.h"

#include <map>

#include "ops/elementwise.h"
#include "ops_headers.h"

namespace saccade::ops {
namespace {

struct Entry {
  graph::Op op;
  std::string_view form;
};

std::map<std::string_view, Entry> make_entries() {
  std::map<std::string_view, Entry> entries;
  // names live as long as the operators' definitions, which the map's values own
  const auto add = [&](graph::Op op, std::string_view form) { entries.emplace(op.name(), Entry{op, form}); };
#define SACCADE_OP(Type) add(Type{}, "");
#define SACCADE_OURS(Type, form) add(Type{}, form);
#include "ops/ops.def"
#undef SACCADE_OP
#undef SACCADE_OURS
  for (int k = 0; k < kUnaryKinds; ++k) add(Unary::of(static_cast<UnaryKind>(k)), "");
  for (int k = 0; k < kBinaryKinds; ++k) add(Binary{static_cast<BinaryKind>(k)}, "");
  for (int k = 0; k < kReduceKinds; ++k) {
    const auto kind = static_cast<ReduceKind>(k);
    const bool own = kind == ReduceKind::LogSum || kind == ReduceKind::LogSumExp || kind == ReduceKind::SumSquare;
    add(Reduce{.kind = kind}, own ? "decomposed" : "");
  }
  add(ArgReduce{.kind = ArgKind::ArgMax}, "TopK");
  add(ArgReduce{.kind = ArgKind::ArgMin}, "TopK");
  return entries;
}

const std::map<std::string_view, Entry>& entries() {
  static const auto map = make_entries();
  return map;
}

}  // namespace

std::optional<graph::Op> find_op(std::string_view name) {
  const auto it = entries().find(name);
  if (it == entries().end()) return std::nullopt;
  return it->second.op;
}

std::vector<std::string_view> op_names() {
  std::vector<std::string_view> names;
  for (const auto& [name, entry] : entries()) names.push_back(name);
  return names;
}

std::string_view export_form(std::string_view name) {
  const auto it = entries().find(name);
  return it == entries().end() ? std::string_view() : it->second.form;
}

}  // namespace saccade::ops
