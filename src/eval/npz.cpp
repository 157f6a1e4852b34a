// SPDX-License-Identifier: Apache-2.0
// Reading .npz archives.
#include "eval/npz.h"

#include "base/error.h"
#include "base/file.h"
#include "import/zip.h"
#include "tensor/npy.h"

namespace saccade::eval {

NamedTensors read_arrays(const std::filesystem::path& path) {
  const std::string shown = path.string();
  ErrorContext scope("file", shown);
  const auto file = FileBytes::open(path);
  NamedTensors arrays;
  if (!import::ZipArchive::at_end_of(file->bytes())) {
    arrays[path.stem().string()] = parse_npy(file->bytes());
    return arrays;
  }
  const import::ZipArchive archive(file->bytes());
  for (const auto& entry : archive.entries()) {
    if (!entry.name.ends_with(".npy")) continue;
    const std::string bytes = archive.read(entry);
    arrays[entry.name.substr(0, entry.name.size() - 4)] = parse_npy(bytes).clone();
  }
  SACCADE_CHECK(!arrays.empty(), invalid_argument, "no .npz: the archive holds no arrays");
  return arrays;
}

}  // namespace saccade::eval
