// SPDX-License-Identifier: Apache-2.0
// The list of families, and finding a row.
#include "import/openvino/map.h"

#include <algorithm>
#include <unordered_map>

namespace saccade::openvino {
namespace {

using Table = std::unordered_map<std::string_view, std::vector<Row>>;

Table table_of(const std::vector<Row>& rows) {
  Table table;
  for (const Row& row : rows) table[row.type].push_back(row);
  for (auto& [type, versions] : table) std::sort(versions.begin(), versions.end(), [](const Row& a, const Row& b) { return a.since < b.since; });
  return table;
}

const Row* newest(const Table& table, std::string_view type, int opset) {
  const auto found = table.find(type);
  if (found == table.end()) return nullptr;
  const Row* best = nullptr;
  for (const Row& row : found->second)
    if (row.since <= opset) best = &row;
  return best;
}

}  // namespace

const std::vector<Row>& opset_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const auto family : {basic_rows(), control_rows(), detection_rows(), recurrent_rows(), shape_rows(), vision_rows(), upgrade_rows()}) all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return rows;
}

const std::vector<Row>& legacy_rows() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    for (const auto family : {legacy_layer_rows(), legacy_shape_rows()}) all.insert(all.end(), family.begin(), family.end());
    return all;
  }();
  return rows;
}

const Row* find_row(const LayerSpec& layer, int version) {
  static const Table opsets = table_of(opset_rows()), legacy = table_of(legacy_rows());
  if (layer.opset > 0) return newest(opsets, layer.type, layer.opset);
  if (version >= 10) return nullptr;
  if (const Row* row = newest(legacy, layer.type, version)) return row;
  // many layers of version 7 became operators as they were
  return newest(opsets, layer.type, 1);
}

}  // namespace saccade::openvino
