// SPDX-License-Identifier: Apache-2.0
// From a file to a Graph, whatever its format. A format is a folder beside this file and a row in importer.cpp.
#pragma once

#include <filesystem>
#include <memory>

#include "graph/graph.h"

namespace saccade::import {

/// Reads a model; the format is told by the contents, not by the name. Throws Error(not_found | unavailable) if the file cannot
/// be read, Error(invalid_model) if it is broken, Error(unsupported) with all that is missing. Thread safe.
std::shared_ptr<const graph::Graph> read_model(const std::filesystem::path& path);

}  // namespace saccade::import
