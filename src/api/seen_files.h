// SPDX-License-Identifier: Apache-2.0
// Which files were hashed already and have not been touched since: a note in the cache's folder for each.
#pragma once

#include <filesystem>

#include "graph/cache_format.h"

namespace saccade::api {

/// The file with its hash, which is not computed again while device, inode, size and both times of the file are those of the note. The
/// time of change (ctime) cannot be set, so that a file with a restored date is noticed. A file that was touched within the last half
/// second gets no note: clocks of file systems are coarse. Throws as FileBytes::open does. A folder that cannot be written is fine.
graph::OriginFile seen_file(const std::filesystem::path& folder, const std::filesystem::path& path);

/// Removes notes that were written long ago.
void prune_seen_files(const std::filesystem::path& folder);

}  // namespace saccade::api
