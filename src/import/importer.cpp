// SPDX-License-Identifier: Apache-2.0
// Tells the format of a model file and hands it to that format's importer.
#include "import/importer.h"

#include "base/error.h"

namespace saccade::import {

std::shared_ptr<const graph::Graph> read_model(const std::filesystem::path& path) {
  const std::string file = path.filename().string();
  ErrorContext scope("file", file);
  std::error_code error;
  SACCADE_CHECK(std::filesystem::exists(path, error), not_found, "there is no file '{}'", path.string());
  SACCADE_CHECK(std::filesystem::is_regular_file(path, error), invalid_argument, "'{}' is not a file", path.string());
  fail(ErrorCode::unsupported, "the format of '{}' is not known", path.string());
}

}  // namespace saccade::import
