// SPDX-License-Identifier: Apache-2.0
// Notes of hashed files: "saccade seen 1", the path, what stat said, the hash; a line each.
#include "api/seen_files.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <time.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "base/hash.h"
#include "export/output_file.h"
#include "saccade/error.h"

namespace saccade::api {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kNoteExtension = ".seen";
constexpr std::int64_t kCoarse_ns = 500'000'000;
constexpr std::time_t kOld_s = 90 * 24 * 3600;

std::int64_t nanoseconds(const timespec& t) { return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec; }

// What tells one state of a file from another.
struct State {
  std::string text;
  std::uint64_t bytes = 0;
  std::int64_t touched_ns = 0;
};

// Nothing where it cannot be asked.
std::optional<State> state(const fs::path& path) {
  struct stat s {};
  if (::stat(path.c_str(), &s) != 0) return std::nullopt;
  return State{fmt::format("{} {} {} {} {}", s.st_dev, s.st_ino, s.st_size, nanoseconds(s.st_mtim), nanoseconds(s.st_ctim)), static_cast<std::uint64_t>(s.st_size),
               std::max(nanoseconds(s.st_mtim), nanoseconds(s.st_ctim))};
}

std::string head(const std::string& path, const std::string& state) { return fmt::format("saccade seen 1\n{}\n{}\n", path, state); }

std::string read_note(const fs::path& note) {
  std::ifstream file(note, std::ios::binary);
  std::string text(8192, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

bool is_hash(std::string_view text) { return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos; }

void write_note(const fs::path& note, const std::string& text) {
  try {
    exporter::OutputFile file(note);
    file.write(text);
    file.commit();
  } catch (const Error&) {  // a folder that is only for reading
  }
}

}  // namespace

graph::OriginFile seen_file(const fs::path& folder, const fs::path& path) {
  graph::OriginFile file;
  file.path = fs::absolute(path).lexically_normal().string();
  const fs::path note = folder / (to_hex(hash_bytes(file.path.data(), file.path.size(), 5)) + std::string(kNoteExtension));
  const auto before = state(path);
  if (before) {
    const std::string expected = head(file.path, before->text), found = read_note(note);
    if (found.size() == expected.size() + 33 && found.starts_with(expected) && found.back() == '\n' && is_hash(std::string_view(found).substr(expected.size(), 32))) {
      file.bytes = before->bytes;
      file.hash.assign(found, expected.size(), 32);
      return file;
    }
  }
  const auto [hash, bytes] = hash_file(path);
  file.bytes = bytes;
  file.hash = to_hex(hash);
  timespec now = {};
  clock_gettime(CLOCK_REALTIME, &now);
  const auto after = state(path);
  if (before && after && before->text == after->text && nanoseconds(now) - before->touched_ns > kCoarse_ns) write_note(note, fmt::format("{}{}\n", head(file.path, before->text), file.hash));
  return file;
}

void prune_seen_files(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    struct stat s {};
    if (it->path().filename().string().find(kNoteExtension) != 32 || ::stat(it->path().c_str(), &s) != 0) continue;
    std::error_code ignored;
    if (s.st_mtim.tv_sec + kOld_s < std::time(nullptr)) fs::remove(it->path(), ignored);
  }
}

}  // namespace saccade::api
