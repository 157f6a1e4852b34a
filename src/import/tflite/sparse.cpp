// SPDX-License-Identifier: Apache-2.0
// Sparse constants: levels of dimensions, outermost first, each dense or with the list of its indices; dimensions that are cut into blocks
// have a second level.
#include "import/tflite/sparse.h"

#include <cstring>

#include "base/error.h"

namespace saccade::tflite {
namespace {

using i64 = std::int64_t;

constexpr std::size_t kMaxLevels = 16;
constexpr double kMaxRatio = 64, kFreeBytes = 1 << 26;

[[noreturn]] void damaged(const char* what) { fail(ErrorCode::invalid_model, "a sparse constant: {}", what); }

struct Level {
  bool dense = true;
  i64 size = 0;                        // where dense
  std::vector<i64> segments, indices;  // where not
  std::size_t axis = 0;                // of the tensor
  i64 factor = 1;                      // what an index counts for along it
};

// A union of vectors of different integers.
std::vector<i64> numbers(const Table& t, int type_field, int field) {
  const Table vector = t.table(field);
  switch (t.byte(type_field)) {
    case 1: {
      const auto v = vector.integers(0);
      return {v.begin(), v.end()};
    }
    case 2: {
      const auto v = vector.shorts(0);
      return {v.begin(), v.end()};
    }
    case 3: {
      std::vector<i64> out;
      for (const char c : vector.bytes(0)) out.push_back(static_cast<unsigned char>(c));
      return out;
    }
    default:
      damaged("a dimension without indices");
  }
}

std::vector<Level> levels_of(const TensorInfo& info) {
  const auto order = info.sparsity.integers(sparsity::order), blocks = info.sparsity.integers(sparsity::block_map);
  const auto tables = info.sparsity.tables(sparsity::dimensions);
  const std::size_t rank = info.dims.size(), count = rank + blocks.size();
  if (count > kMaxLevels || order.size() != count || tables.size() != count) damaged("its dimensions and their order do not fit together");
  std::vector<Level> levels(count);
  std::vector<i64> block_size(rank, 1);
  std::vector<char> seen(count, 0);
  for (std::size_t l = 0; l < count; ++l) {
    const auto d = static_cast<std::size_t>(order[l]);
    if (order[l] < 0 || d >= count || seen[d]) damaged("its order is no permutation");
    seen[d] = 1;
    Level& level = levels[l];
    level.dense = tables[l].byte(dimension::format) == 0;
    level.size = tables[l].integer(dimension::size);
    if (d >= rank) {
      const i64 axis = blocks[d - rank];
      if (axis < 0 || static_cast<std::size_t>(axis) >= rank || !level.dense || level.size < 1 ||
          block_size[static_cast<std::size_t>(axis)] != 1)
        damaged("a block that cannot be");
      level.axis = static_cast<std::size_t>(axis);
      block_size[level.axis] = level.size;
    } else {
      level.axis = d;
    }
    if (level.dense) {
      if (level.size < 0) damaged("a negative size");
    } else {
      level.segments = numbers(tables[l], dimension::segments_type, dimension::segments);
      level.indices = numbers(tables[l], dimension::indices_type, dimension::indices);
    }
  }
  for (std::size_t l = 0; l < count; ++l)
    if (static_cast<std::size_t>(order[l]) < rank) levels[l].factor = block_size[levels[l].axis];
  return levels;
}

class Filler {
 public:
  Filler(const TensorInfo& info, std::span<const char> data, Tensor& out)
      : levels_(levels_of(info)),
        dims_(info.dims),
        data_(data),
        out_(out),
        bytes_(size_in_bytes(out.type())),
        place_(dims_.size()),
        left_(out.size() * static_cast<i64>(levels_.size() + 1) + 1) {}

  void fill(std::size_t l = 0, i64 position = 0) {
    // every element is passed once on every level
    if (--left_ < 0 || position > out_.size()) damaged("it has more elements than its shape");
    if (l == levels_.size()) {
      store(position);
      return;
    }
    const Level& level = levels_[l];
    if (level.dense) {
      for (i64 i = 0; i < level.size; ++i) enter(l, i, position * level.size + i);
      return;
    }
    const auto at = static_cast<std::size_t>(position);
    if (level.segments.size() < 2 || at >= level.segments.size() - 1) damaged("a segment that is not there");
    const i64 first = level.segments[at], last = level.segments[at + 1];
    if (first < 0 || last < first || last > static_cast<i64>(level.indices.size())) damaged("a segment that is not there");
    for (i64 k = first; k < last; ++k) enter(l, level.indices[static_cast<std::size_t>(k)], k);
  }

 private:
  void enter(std::size_t l, i64 index, i64 position) {
    const Level& level = levels_[l];
    if (index < 0 || index >= dims_[level.axis]) damaged("an index outside of its shape");
    const i64 step = index * level.factor;
    place_[level.axis] += step;
    fill(l + 1, position);
    place_[level.axis] -= step;
  }

  void store(i64 position) {
    i64 to = 0;
    for (std::size_t d = 0; d < dims_.size(); ++d) {
      if (place_[d] >= dims_[d]) damaged("an index outside of its shape");
      to = to * dims_[d] + place_[d];
    }
    const auto from = static_cast<std::size_t>(position) * bytes_;
    if (from + bytes_ > data_.size()) damaged("fewer values than places");
    std::memcpy(static_cast<char*>(out_.raw()) + static_cast<std::size_t>(to) * bytes_, data_.data() + from, bytes_);
  }

  std::vector<Level> levels_;
  const Shape& dims_;
  std::span<const char> data_;
  Tensor& out_;
  std::size_t bytes_;
  std::vector<i64> place_;
  i64 left_;
};

}  // namespace

Tensor densified(const TensorInfo& info, ElementType type, std::span<const char> data, std::size_t file_bytes) {
  if (info.type == Type::i4 || info.type == Type::u4 || info.type == Type::i2)
    fail(ErrorCode::unsupported, "a sparse constant of {}", to_string(type));
  const double bytes = static_cast<double>(element_count(info.dims)) * static_cast<double>(size_in_bytes(type));
  if (bytes > kFreeBytes + kMaxRatio * static_cast<double>(file_bytes)) damaged("it is out of proportion to the file");
  Tensor out(type, info.dims);
  if (out.size() == 0) return out;
  std::memset(out.raw(), 0, out.size_bytes());
  Filler(info, data, out).fill();
  return out;
}

}  // namespace saccade::tflite
