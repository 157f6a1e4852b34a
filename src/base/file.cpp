// SPDX-License-Identifier: Apache-2.0
// Opening, reading and mapping files.
#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "base/error.h"

namespace saccade {
namespace {

constexpr std::size_t kAlignment = 64;

// A regular file, open for reading.
struct Opened {
  explicit Opened(const std::filesystem::path& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
    if (fd < 0) {
      SACCADE_CHECK(errno != ENOENT && errno != ENOTDIR, not_found, "there is no file '{}'", path.string());
      fail(ErrorCode::unavailable, "cannot open '{}': {}", path.string(), std::strerror(errno));
    }
    struct stat status {};
    const bool known = ::fstat(fd, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      const int reason = errno;
      ::close(fd);
      SACCADE_CHECK(known, unavailable, "cannot open '{}': {}", path.string(), std::strerror(reason));
      fail(ErrorCode::invalid_argument, "'{}' is not a file{}", path.string(), S_ISDIR(status.st_mode) ? " but a folder" : "");
    }
    size = static_cast<std::size_t>(status.st_size);
  }
  ~Opened() { ::close(fd); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  int fd;
  std::size_t size = 0;
};

thread_local OpenedFiles* recording = nullptr;

// Where files are mapped privately: first byte, and the first behind.
struct Mappings {
  std::mutex mutex;
  std::map<std::uintptr_t, std::uintptr_t> ends;
};

Mappings& mappings() {
  static auto& all = *new Mappings;  // never destroyed: objects that live until the process ends may hold files
  return all;
}

// Of `pages` from address `begin`, those that hold what is in the file: a page written to is the process's own. (Documentation of Linux,
// admin-guide/mm/pagemap: bit 63 for present, 61 for a page of a file.)
std::vector<bool> of_file(std::uintptr_t begin, std::size_t pages, std::size_t page) {
  std::vector<std::uint64_t> entries(pages);
  const int fd = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const std::size_t bytes = pages * sizeof(std::uint64_t);
  const bool complete =
      ::pread(fd, entries.data(), bytes, static_cast<off_t>(begin / page * sizeof(std::uint64_t))) == static_cast<ssize_t>(bytes);
  ::close(fd);
  if (!complete) return {};
  std::vector<bool> clean(pages);
  std::transform(entries.begin(), entries.end(), clean.begin(), [](std::uint64_t e) { return e >> 63 != 0 && (e >> 61 & 1) != 0; });
  return clean;
}

}  // namespace

OpenedFiles::OpenedFiles() noexcept : outer_(recording) { recording = this; }

OpenedFiles::~OpenedFiles() { recording = outer_; }

FileBytes::FileBytes(std::size_t size, int mapped_descriptor, bool shared) : size_(size), mapped_(mapped_descriptor >= 0) {
  if (mapped_) {
    void* p = ::mmap(nullptr, size, shared ? PROT_READ : PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, mapped_descriptor, 0);
    SACCADE_CHECK(p != MAP_FAILED, unavailable, "cannot map {} bytes: {}", size, std::strerror(errno));
    data_ = static_cast<char*>(p);
    if (!shared) {
      std::scoped_lock lock(mappings().mutex);
      mappings().ends.emplace(reinterpret_cast<std::uintptr_t>(data_), reinterpret_cast<std::uintptr_t>(data_) + size);
    }
  } else {
    // readable bytes after the end, as every Tensor has
    data_ = static_cast<char*>(::operator new(size + kAlignment, std::align_val_t(kAlignment)));
    std::memset(data_ + size, 0, kAlignment);
  }
}

FileBytes::~FileBytes() {
  if (mapped_) {
    {
      std::scoped_lock lock(mappings().mutex);
      mappings().ends.erase(reinterpret_cast<std::uintptr_t>(data_));
    }
    ::munmap(data_, size_);
  } else {
    ::operator delete(data_, std::align_val_t(kAlignment));
  }
}

void FileBytes::unload(const void* data, std::size_t size) noexcept try {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  // held to the end, so that the mapping stays
  std::scoped_lock lock(mappings().mutex);
  const auto& ends = mappings().ends;
  auto mapping = ends.upper_bound(address);
  if (mapping == ends.begin() || (--mapping)->second < address + size) return;
  static const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::uintptr_t begin = (address + page - 1) / page * page, end = (address + size) / page * page;
  if (begin >= end) return;
  const std::vector<bool> clean = of_file(begin, (end - begin) / page, page);
  for (auto from = clean.begin(); from != clean.end();) {
    from = std::find(from, clean.end(), true);
    const auto to = std::find(from, clean.end(), false);
    const auto at = begin + static_cast<std::size_t>(from - clean.begin()) * page;
    if (from != to) ::madvise(reinterpret_cast<void*>(at), static_cast<std::size_t>(to - from) * page, MADV_DONTNEED);
    from = to;
  }
} catch (const std::bad_alloc&) {
  // as much memory as before stays in use
}

std::shared_ptr<FileBytes> FileBytes::map(const std::filesystem::path& path) {
  const Opened file(path);
  SACCADE_CHECK(file.size > 0, invalid_model, "'{}' is empty", path.string());
  return std::shared_ptr<FileBytes>(new FileBytes(file.size, file.fd, true));
}

std::shared_ptr<FileBytes> FileBytes::open(const std::filesystem::path& path) {
  const Opened opened(path);
  const std::size_t size = opened.size;
  const int fd = opened.fd;
  for (OpenedFiles* record = recording; record != nullptr; record = record->outer_)
    if (std::find(record->paths_.begin(), record->paths_.end(), path) == record->paths_.end()) record->paths_.push_back(path);
  if (size > kReadLimit) return std::shared_ptr<FileBytes>(new FileBytes(size, fd));
  std::shared_ptr<FileBytes> file(new FileBytes(size, -1));
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd, file->data_ + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    SACCADE_CHECK(n >= 0, unavailable, "cannot read '{}': {}", path.string(), std::strerror(errno));
    SACCADE_CHECK(n > 0, unavailable, "'{}' became shorter while it was read", path.string());
    done += static_cast<std::size_t>(n);
  }
  return file;
}

std::shared_ptr<FileBytes> FileBytes::copy_of(std::span<const char> bytes) {
  std::shared_ptr<FileBytes> file(new FileBytes(bytes.size(), -1));
  if (!bytes.empty()) std::memcpy(file->data_, bytes.data(), bytes.size());
  return file;
}

std::shared_ptr<FileBytes> FileBytes::of_size(std::size_t size) { return std::shared_ptr<FileBytes>(new FileBytes(size, -1)); }

}  // namespace saccade
