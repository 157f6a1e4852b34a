// SPDX-License-Identifier: Apache-2.0
// Finds the note that ld --build-id leaves among the loaded segments.
#include "base/build_id.h"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>

#include <cstring>

namespace saccade {
namespace {

struct Search {
  std::uintptr_t address;  // within the object that is looked for
  std::string id;
};

std::string id_in_notes(const char* at, const char* end) {
  ElfW(Nhdr) note;
  while (end - at >= static_cast<std::ptrdiff_t>(sizeof note)) {
    std::memcpy(&note, at, sizeof note);
    const auto padded = [](std::size_t size) { return (size + 3) / 4 * 4; };
    const std::size_t size = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
    if (size > static_cast<std::size_t>(end - at)) return {};
    const char* const name = at + sizeof note;
    const auto* id = reinterpret_cast<const unsigned char*>(name + padded(note.n_namesz));
    if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0) return fmt::format("{:02x}", fmt::join(id, id + note.n_descsz, ""));
    at += size;
  }
  return {};
}

int look(dl_phdr_info* info, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  bool ours = false;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    const std::uintptr_t begin = info->dlpi_addr + part.p_vaddr;
    ours |= part.p_type == PT_LOAD && search.address >= begin && search.address - begin < part.p_memsz;
  }
  if (!ours) return 0;
  for (int i = 0; i < info->dlpi_phnum && search.id.empty(); ++i) {
    const ElfW(Phdr)& part = info->dlpi_phdr[i];
    const auto* begin = reinterpret_cast<const char*>(info->dlpi_addr + part.p_vaddr);
    if (part.p_type == PT_NOTE) search.id = id_in_notes(begin, begin + part.p_memsz);
  }
  return 1;
}

std::string find_build_id() {
  Search search{reinterpret_cast<std::uintptr_t>(&find_build_id), {}};
  dl_iterate_phdr(look, &search);
  if (!search.id.empty()) return search.id;
  Dl_info info = {};
  struct stat status = {};
  if (dladdr(reinterpret_cast<void*>(&find_build_id), &info) == 0 || info.dli_fname == nullptr || ::stat(info.dli_fname, &status) != 0) return "unknown";
  return fmt::format("{}-{}-{}", status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

}  // namespace

const std::string& build_id() {
  static const std::string id = find_build_id();
  return id;
}

}  // namespace saccade
