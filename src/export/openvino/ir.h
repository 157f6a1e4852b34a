// SPDX-License-Identifier: Apache-2.0
// Writing OpenVINO IR: an .xml with the layers and a .bin with the constants, in forms that OpenVINO reads.
#pragma once

#include <filesystem>
#include <vector>

#include "base/problems.h"
#include "graph/graph.h"

namespace saccade::exporter::openvino {

struct WriteOptions {
  /// 11, or 10 for OpenVINO of 2020 and 2021, which has the operator sets 1 to 8 only.
  int ir_version = 11;
  /// Constants in f32 are stored as f16 followed by a Convert that OpenVINO folds away. Kept in f32: small ones, those beyond f16's
  /// range, and the limits of FakeQuantize.
  bool fp16 = false;
};

/// Writes the graph to `xml` and to the same path with the extension .bin, both written aside and renamed when complete.
///
/// Inputs and outputs keep their names as tensor names. Metadata: keys "rt_info/a/b" become the element a/b of rt_info, as OpenVINO
/// and the Model Optimizer keep their own ("rt_info/conversion_parameters/mean_values"); "layout/INPUT" = "[N,C,H,W]" becomes the layout
/// of a Parameter or a Result; "openvino.version" is left out; all others go to rt_info/framework. Version
/// 10 keeps the conversion parameters alone.
/// Throws Error: unsupported with the list of what IR cannot express, unavailable where a file cannot be written, invalid_argument for a
/// version that does not exist.
void write(const graph::Graph& graph, const std::filesystem::path& xml, const WriteOptions& options = {});

/// What write() would find inexpressible; nothing is written.
std::vector<Problem> unsupported(const graph::Graph& graph, const WriteOptions& options = {});

}  // namespace saccade::exporter::openvino
