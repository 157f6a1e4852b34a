// SPDX-License-Identifier: Apache-2.0
// Reading HDF5 files as Keras writes them: groups, attributes of strings, datasets of numbers. Every address, size and count is
// checked, because libhdf5 loops and crashes on damaged files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/tensor.h"

namespace saccade::keras {

/// Paths are absolute, with '/'. Functions throw Error: invalid_model for damage, unsupported for forms of HDF5 that Keras does
/// not write (compression other than deflate, indices of the newest form). One thread at a time.
class Hdf5File {
 public:
  /// Views the bytes, which `owner` keeps alive; tensors may view them too.
  Hdf5File(std::span<char> bytes, std::shared_ptr<void> owner);

  /// The names of a group's members; empty if there is no such group.
  std::vector<std::string> members(std::string_view group) const;
  /// The strings of an attribute, nullopt if it is not there.
  std::optional<std::vector<std::string>> texts(std::string_view object, std::string_view name) const;
  bool has_dataset(std::string_view path) const;
  /// Throws Error(not_found), Error(unsupported) for other types than numbers.
  Tensor dataset(std::string_view path) const;

 private:
  struct Message {
    std::uint16_t type;
    std::uint64_t at, size;
  };
  struct Type {
    int type_class = 0;
    std::uint64_t size = 0;
    bool is_signed = false, big_endian = false, variable_text = false;
  };
  struct Chunks;
  using Address = std::uint64_t;
  using Messages = std::vector<Message>;
  using Children = std::vector<std::pair<std::string, Address>>;

  std::uint64_t number(std::uint64_t at, int count) const;
  Address address(std::uint64_t at) const { return number(at, offset_bytes_); }
  std::uint64_t length(std::uint64_t at) const { return number(at, length_bytes_); }
  bool defined(Address a) const;
  bool matches(std::uint64_t at, std::string_view signature) const;

  const Messages& messages(Address header) const;
  void messages_in(std::uint64_t at, std::uint64_t end, bool second, bool ordered, Messages& out,
                   std::vector<std::pair<std::uint64_t, std::uint64_t>>& more) const;
  const Message* message(Address header, std::uint16_t type) const;
  const Children& children(Address header) const;
  void symbols(Address tree, std::uint64_t heap, std::uint64_t heap_size, int level, Children& out) const;
  std::optional<Address> find(std::string_view path) const;
  Type type_at(std::uint64_t at, std::uint64_t end) const;
  Shape shape_at(std::uint64_t at, std::uint64_t end) const;
  std::string heap_text(std::uint64_t at) const;
  std::vector<char> unpacked(std::uint64_t at, std::uint64_t size, std::uint32_t skipped, const Chunks& chunks) const;
  void chunks_in(Address tree, int level, Chunks& chunks) const;

  std::span<char> bytes_;
  std::shared_ptr<void> owner_;
  int offset_bytes_ = 8, length_bytes_ = 8;
  Address root_ = 0;
  mutable std::map<Address, Messages> headers_;
  mutable std::map<Address, Children> groups_;
  mutable std::uint64_t steps_ = 0;  // over the life of the file, which bounds the work on a hostile one
};

}  // namespace saccade::keras
