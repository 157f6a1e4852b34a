// SPDX-License-Identifier: Apache-2.0
// Reading checkpoints (TensorFlow's "tensor bundle").
#include "import/tensorflow/checkpoint.h"

#include <cstring>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "base/error.h"
#include "import/tensorflow/crc32c.h"
#include "import/tensorflow/table.h"
#include "import/tensorflow/tensors.h"

namespace saccade::tensorflow {
namespace {

using Reader = protozero::pbf_reader;
using Wire = protozero::pbf_wire_type;

constexpr std::size_t kMaxEntries = 1'000'000;
constexpr std::int32_t kMaxShards = 100'000;

constexpr std::uint32_t varint_field(std::uint32_t tag) { return protozero::tag_and_type(tag, Wire::varint); }
constexpr std::uint32_t bytes_of(std::uint32_t tag) { return protozero::tag_and_type(tag, Wire::length_delimited); }

ShapeProto shape_of(Reader r) {
  ShapeProto s;
  while (r.next()) switch (r.tag_and_type()) {
      case bytes_of(2): {
        std::int64_t size = 0;
        Reader dim = r.get_message();
        while (dim.next()) {
          if (dim.tag_and_type() == varint_field(1))
            size = dim.get_int64();
          else
            dim.skip();
        }
        s.dims.push_back(size);
        break;
      }
      case varint_field(3): s.known_rank = !r.get_bool(); break;
      default: r.skip();
    }
  return s;
}

}  // namespace

Checkpoint::Checkpoint(std::shared_ptr<const Folder> folder, std::string prefix) : folder_(std::move(folder)), prefix_(std::move(prefix)) {
  const std::string name = prefix_ + ".index";
  ErrorContext frame("checkpoint", name);
  const auto file = folder_->open(name);
  bool has_header = false;
  try {
    read_table(file->bytes(), [&](std::string_view key, std::string_view value) {
      SACCADE_CHECK(entries_.size() < kMaxEntries, invalid_model, "the checkpoint holds more than {} tensors", kMaxEntries);
      Reader r(value.data(), value.size());
      if (key.empty()) {
        has_header = true;
        while (r.next()) switch (r.tag_and_type()) {
            case varint_field(1): shards_ = r.get_int32(); break;
            case varint_field(2): SACCADE_CHECK(r.get_int32() == 0, unsupported, "a checkpoint of a big-endian machine"); break;
            case bytes_of(1): fail(ErrorCode::unsupported, "a checkpoint in the format of before 2016; save it again with a newer TensorFlow");
            default: r.skip();
          }
        SACCADE_CHECK(shards_ >= 0 && shards_ <= kMaxShards, invalid_model, "a checkpoint of {} shards", shards_);
        return;
      }
      Entry e;
      while (r.next()) switch (r.tag_and_type()) {
          case varint_field(1): e.dtype = r.get_int32(); break;
          case bytes_of(2): e.shape = shape_of(r.get_message()); break;
          case varint_field(3): e.shard = r.get_int32(); break;
          case varint_field(4): e.offset = r.get_int64(); break;
          case varint_field(5): e.size = r.get_int64(); break;
          case protozero::tag_and_type(6, Wire::fixed32): e.crc = r.get_fixed32(); break;
          case bytes_of(7):
            e.sliced = true;
            r.skip();
            break;
          default: r.skip();
        }
      entries_.emplace(std::string(key), std::move(e));
    });
  } catch (const protozero::exception& e) {
    fail(ErrorCode::invalid_model, "an entry of the index is damaged ({})", e.what());
  }
  SACCADE_CHECK(has_header, invalid_model, "the index has no header");
}

const Checkpoint::Entry& Checkpoint::entry(std::string_view key) const {
  const auto it = entries_.find(key);
  SACCADE_CHECK(it != entries_.end(), invalid_model, "the checkpoint '{}' holds no '{}'", prefix_, shown(key));
  SACCADE_CHECK(!it->second.sliced, unsupported, "'{}' is stored in slices (a partitioned variable); freeze the graph with TensorFlow", shown(key));
  return it->second;
}

std::span<char> Checkpoint::bytes(const Entry& e) {
  SACCADE_CHECK(e.shard >= 0 && e.shard < std::max(shards_, 1), invalid_model, "a tensor in shard {} of {}", e.shard, shards_);
  auto& file = open_[e.shard];
  const std::string name = fmt::format("{}.data-{:05}-of-{:05}", prefix_, e.shard, std::max(shards_, 1));
  if (!file) {
    SACCADE_CHECK(folder_->has(name), not_found, "the file '{}' is missing; it holds the weights", name);
    file = folder_->open(name);
  }
  const std::size_t size = file->bytes().size();
  SACCADE_CHECK(e.offset >= 0 && e.size >= 0 && static_cast<std::size_t>(e.offset) <= size && static_cast<std::size_t>(e.size) <= size - static_cast<std::size_t>(e.offset), invalid_model,
                "'{}' ends before byte {} + {}: it is truncated, or belongs to another index", name, e.offset, e.size);
  return file->bytes().subspan(static_cast<std::size_t>(e.offset), static_cast<std::size_t>(e.size));
}

Tensor Checkpoint::read(std::string_view key) {
  const std::string name = shown(key);
  ErrorContext frame("variable", name);
  const Entry& e = entry(key);
  const auto data = bytes(e);
  SACCADE_CHECK(masked(crc32c(data)) == e.crc, invalid_model, "the checksum of its data is wrong: the file is damaged, or belongs to another index");
  TensorProto proto{.dtype = e.dtype, .shape = e.shape, .content = {data.data(), data.size()}};
  if (data.empty()) {
    const auto shape = partial_shape(e.shape);
    SACCADE_CHECK(shape.is_static() && element_count(shape.shape()) == 0, invalid_model, "a tensor of shape {} without data", to_string(shape));
  }
  return tensor_of(proto, open_.at(e.shard));
}

// The lengths as varints, a checksum of the lengths, then the strings.
std::vector<std::string_view> Checkpoint::read_strings(std::string_view key) {
  const std::string name = shown(key);
  ErrorContext frame("variable", name);
  const Entry& e = entry(key);
  SACCADE_CHECK(static_cast<DataType>(e.dtype) == DataType::string, invalid_model, "no strings");
  const auto data = bytes(e);
  const auto shape = partial_shape(e.shape);
  SACCADE_CHECK(shape.is_static(), invalid_model, "a tensor of shape {}", to_string(shape));
  const auto count = static_cast<std::uint64_t>(element_count(shape.shape()));
  SACCADE_CHECK(count <= data.size(), invalid_model, "{} strings in {} bytes", count, data.size());
  std::vector<std::uint64_t> lengths;
  const char *at = data.data(), *end = at + data.size();
  try {
    for (std::uint64_t i = 0; i < count; ++i) lengths.push_back(protozero::decode_varint(&at, end));
  } catch (const protozero::exception&) {
    fail(ErrorCode::invalid_model, "the lengths of its strings are damaged");
  }
  SACCADE_CHECK(end - at >= 4, invalid_model, "its strings are truncated");
  at += 4;
  std::vector<std::string_view> strings;
  for (const std::uint64_t length : lengths) {
    SACCADE_CHECK(length <= static_cast<std::uint64_t>(end - at), invalid_model, "its strings are truncated");
    strings.emplace_back(at, length);
    at += length;
  }
  return strings;
}

}  // namespace saccade::tensorflow
