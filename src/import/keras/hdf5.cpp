// SPDX-License-Identifier: Apache-2.0
// The HDF5 file format, versions 0 to 3 of the superblock, as its specification describes it.
#include "import/keras/hdf5.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "tensor/strided.h"

namespace saccade::keras {
namespace {

constexpr std::uint64_t kMaxSteps = 50'000'000;
constexpr std::size_t kMaxBlocks = 10'000, kMaxMessages = 100'000, kMaxMembers = 1'000'000;
constexpr std::uint64_t kMaxText = std::uint64_t{1} << 28;
constexpr std::size_t kMaxRank = 32;
// Deflate gets no further than 1032 to 1.
constexpr double kMaxRatio = 1100;

enum : std::uint16_t {
  kDataspace = 1,
  kLinkInfo = 2,
  kDatatype = 3,
  kLink = 6,
  kLayout = 8,
  kFilters = 11,
  kAttribute = 12,
  kContinuation = 16,
  kSymbolTable = 17,
  kAttributeInfo = 21
};
enum { kInteger = 0, kReal = 1, kText = 3, kEnumeration = 8, kVariable = 9 };

[[noreturn]] void damaged(const char* what) { fail(ErrorCode::invalid_model, "the HDF5 file is damaged or truncated: {}", what); }
[[noreturn]] void newest(const char* what) {
  fail(ErrorCode::unsupported, "an HDF5 file with {}: save it with h5py's default settings", what);
}

std::uint64_t up_to_8(std::uint64_t n) { return (n + 7) & ~std::uint64_t{7}; }

}  // namespace

struct Hdf5File::Chunks {
  Shape shape, chunk;  // without the element
  std::size_t element_bytes = 1;
  std::vector<std::pair<std::uint16_t, std::uint32_t>> filters;  // id and first value
  char* to = nullptr;
  std::uint64_t count = 0;
};

Hdf5File::Hdf5File(std::span<char> bytes, std::shared_ptr<void> owner) : bytes_(bytes), owner_(std::move(owner)) {
  if (!matches(0, "\x89HDF\r\n\x1a\n")) damaged("its signature is missing");
  const auto version = number(8, 1);
  const auto sizes = [&](std::uint64_t at) {
    offset_bytes_ = static_cast<int>(number(at, 1));
    length_bytes_ = static_cast<int>(number(at + 1, 1));
    const auto known = [](int n) { return n == 2 || n == 4 || n == 8; };
    if (!known(offset_bytes_) || !known(length_bytes_)) damaged("addresses of an impossible size");
  };
  const auto o = [&] { return static_cast<std::uint64_t>(offset_bytes_); };
  std::uint64_t base = 0;
  if (version <= 1) {
    sizes(13);
    const std::uint64_t at = version == 0 ? 24 : 28;
    base = address(at);
    root_ = address(at + 5 * o());
  } else if (version <= 3) {
    sizes(9);
    base = address(12);
    root_ = address(12 + 3 * o());
  } else {
    newest("a superblock of a version that is not known");
  }
  if (base != 0) newest("a user block");
  messages(root_);
}

std::uint64_t Hdf5File::number(std::uint64_t at, int count) const {
  if (++steps_ > kMaxSteps) damaged("it goes round in circles");
  if (at > bytes_.size() || bytes_.size() - at < static_cast<std::uint64_t>(count)) damaged("an address lies outside of it");
  std::uint64_t value = 0;
  for (int i = count; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes_[at + static_cast<std::uint64_t>(i)]);
  return value;
}

bool Hdf5File::defined(Address a) const {
  return a != (offset_bytes_ == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * offset_bytes_)) - 1);
}

bool Hdf5File::matches(std::uint64_t at, std::string_view signature) const {
  return at <= bytes_.size() && bytes_.size() - at >= signature.size() &&
         std::memcmp(bytes_.data() + at, signature.data(), signature.size()) == 0;
}

// Objects: a header with messages, in blocks.

void Hdf5File::messages_in(std::uint64_t at, std::uint64_t end, bool second, bool ordered, Messages& out,
                           std::vector<std::pair<std::uint64_t, std::uint64_t>>& more) const {
  const std::uint64_t header = second ? (ordered ? 6 : 4) : 8;
  while (at + header <= end) {
    const auto type = static_cast<std::uint16_t>(number(at, second ? 1 : 2));
    const std::uint64_t size = number(at + (second ? 1 : 2), 2), flags = number(at + (second ? 3 : 4), 1);
    at += header;
    if (size > end - at) damaged("a message is longer than its block");
    const bool matters = type == kDataspace || type == kDatatype || type == kLayout || type == kFilters || type == kAttribute;
    if ((flags & 2) && matters) newest("messages that objects share");
    if (type == kContinuation) {
      if (size < static_cast<std::uint64_t>(offset_bytes_ + length_bytes_)) damaged("a message is too short");
      more.emplace_back(address(at), length(at + static_cast<std::uint64_t>(offset_bytes_)));
    } else if (type != 0) {
      out.push_back({type, at, size});
    }
    if (out.size() > kMaxMessages || more.size() > kMaxBlocks) damaged("an object has too many messages");
    at += size;
  }
}

const Hdf5File::Messages& Hdf5File::messages(Address header) const {
  const auto known = headers_.find(header);
  if (known != headers_.end()) return known->second;
  Messages out;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> more;  // blocks: address and size
  const auto block = [&](std::uint64_t at, std::uint64_t size, bool second, bool ordered) {
    if (at > bytes_.size() || size > bytes_.size() - at) damaged("an object lies outside of it");
    messages_in(at, at + size, second, ordered, out, more);
  };
  if (matches(header, "OHDR")) {
    const auto flags = number(header + 5, 1);
    std::uint64_t at = header + 6 + ((flags & 0x20) ? 16 : 0) + ((flags & 0x10) ? 4 : 0);
    const int width = 1 << (flags & 3);
    const std::uint64_t size = number(at, width);
    block(at + static_cast<std::uint64_t>(width), size, true, (flags & 4) != 0);
    for (std::size_t i = 0; i < more.size(); ++i) {
      const auto [start, whole] = more[i];
      if (whole < 8 || !matches(start, "OCHK")) damaged("a part of an object is missing");
      block(start + 4, whole - 8, true, (flags & 4) != 0);
    }
  } else {
    if (number(header, 1) != 1) damaged("an object is not where it should be");
    block(header + 16, number(header + 8, 4), false, false);
    for (std::size_t i = 0; i < more.size(); ++i) block(more[i].first, more[i].second, false, false);
  }
  return headers_.emplace(header, std::move(out)).first->second;
}

const Hdf5File::Message* Hdf5File::message(Address header, std::uint16_t type) const {
  for (const Message& m : messages(header))
    if (m.type == type) return &m;
  return nullptr;
}

// Groups.

void Hdf5File::symbols(Address tree, std::uint64_t heap, std::uint64_t heap_size, int level, Children& out) const {
  const auto o = static_cast<std::uint64_t>(offset_bytes_), l = static_cast<std::uint64_t>(length_bytes_);
  if (matches(tree, "SNOD")) {
    const auto count = number(tree + 6, 2);
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t entry = tree + 8 + i * (2 * o + 24);
      const std::uint64_t name = address(entry);
      if (name >= heap_size) damaged("a name lies outside of its heap");
      const char* text = bytes_.data() + heap + name;
      const std::size_t most = heap_size - name, size = strnlen(text, most);
      if (size == most) damaged("a name has no end");
      if (number(entry + 2 * o, 4) != 2) out.emplace_back(std::string(text, size), address(entry + o));  // 2: a soft link
      steps_ += size;
      if (out.size() > kMaxMembers) damaged("a group has too many members");
    }
    return;
  }
  if (!matches(tree, "TREE") || number(tree + 4, 1) != 0) damaged("the index of a group is missing");
  const int own = static_cast<int>(number(tree + 5, 1));
  if (level >= 0 && own != level) damaged("the index of a group is wrong");
  const auto count = number(tree + 6, 2);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Address child = address(tree + 8 + 2 * o + l + i * (l + o));
    if (own == 0 && !matches(child, "SNOD")) damaged("the index of a group is wrong");
    symbols(child, heap, heap_size, own - 1, out);
  }
}

const Hdf5File::Children& Hdf5File::children(Address header) const {
  const auto known = groups_.find(header);
  if (known != groups_.end()) return known->second;
  const auto o = static_cast<std::uint64_t>(offset_bytes_), l = static_cast<std::uint64_t>(length_bytes_);
  Children out;
  for (const Message& m : messages(header)) {
    if (m.type == kSymbolTable) {
      if (m.size < 2 * o) damaged("a message is too short");
      const Address tree = address(m.at), heap = address(m.at + o);
      if (!matches(heap, "HEAP")) damaged("the names of a group are missing");
      const std::uint64_t size = length(heap + 8), data = address(heap + 8 + 2 * l);
      if (data > bytes_.size() || size > bytes_.size() - data) damaged("the names of a group lie outside of it");
      symbols(tree, data, size, -1, out);
    } else if (m.type == kLink) {
      const std::uint64_t end = m.at + m.size;
      const auto flags = number(m.at + 1, 1);
      std::uint64_t at = m.at + 2;
      const auto kind = (flags & 8) ? number(at++, 1) : 0;
      at += ((flags & 4) ? 8 : 0) + ((flags & 16) ? 1 : 0);
      const int width = 1 << (flags & 3);
      const std::uint64_t size = number(at, width);
      at += static_cast<std::uint64_t>(width);
      if (at > end || size > end - at) damaged("a link is longer than its message");
      if (kind == 0) out.emplace_back(std::string(bytes_.data() + at, size), address(at + size));
    } else if (m.type == kLinkInfo) {
      const auto flags = number(m.at + 1, 1);
      if (defined(address(m.at + 2 + ((flags & 1) ? 8 : 0)))) newest("large groups in the newest form");
    }
  }
  return groups_.emplace(header, std::move(out)).first->second;
}

std::optional<Hdf5File::Address> Hdf5File::find(std::string_view path) const {
  Address at = root_;
  for (std::size_t start = 1; start < path.size();) {
    const std::size_t stop = std::min(path.find('/', start), path.size());
    const std::string_view part = path.substr(start, stop - start);
    start = stop + 1;
    if (part.empty()) continue;
    const Children& list = children(at);
    const auto it = std::find_if(list.begin(), list.end(), [&](const auto& c) { return c.first == part; });
    if (it == list.end()) return std::nullopt;
    at = it->second;
  }
  return at;
}

std::vector<std::string> Hdf5File::members(std::string_view group) const {
  std::vector<std::string> names;
  const auto at = find(group);
  if (!at) return names;
  for (const auto& [name, address] : children(*at)) names.push_back(name);
  return names;
}

// Types, shapes, attributes.

Hdf5File::Type Hdf5File::type_at(std::uint64_t at, std::uint64_t end) const {
  if (end < at || end - at < 8) damaged("a type is too short");
  Type t;
  t.type_class = static_cast<int>(number(at, 1) & 15);
  const auto bits = number(at + 1, 3);
  t.size = number(at + 4, 4);
  t.big_endian = (t.type_class == kInteger || t.type_class == kReal) && (bits & 1);
  t.is_signed = t.type_class == kInteger && (bits & 8);
  t.variable_text = t.type_class == kVariable && (bits & 15) == 1;
  if (t.type_class == kEnumeration) t.size = end - at >= 16 ? number(at + 12, 4) : 0;
  return t;
}

Shape Hdf5File::shape_at(std::uint64_t at, std::uint64_t end) const {
  if (end < at || end - at < 4) damaged("a shape is too short");
  const auto version = number(at, 1), rank = number(at + 1, 1);
  if (version != 1 && version != 2) damaged("a shape of a form that is not known");
  if (version == 2 && number(at + 3, 1) == 2) damaged("a shape without elements");
  const std::uint64_t dims = at + (version == 1 ? 8 : 4), l = static_cast<std::uint64_t>(length_bytes_);
  if (rank > kMaxRank || dims + rank * l > end) damaged("a shape is too short");
  Shape shape;
  for (std::uint64_t d = 0; d < rank; ++d) {
    const std::uint64_t size = length(dims + d * l);
    if (size > (std::uint64_t{1} << 48)) damaged("a shape is too large");
    shape.push_back(static_cast<std::int64_t>(size));
  }
  return shape;
}

// A text in the global heap: its length, the address of a collection, and its number there.
std::string Hdf5File::heap_text(std::uint64_t at) const {
  const std::uint64_t size = number(at, 4);
  const Address heap = address(at + 4);
  const std::uint64_t wanted = number(at + 4 + static_cast<std::uint64_t>(offset_bytes_), 4);
  if (size == 0) return {};
  if (!matches(heap, "GCOL")) damaged("a heap of texts is missing");
  const auto l = static_cast<std::uint64_t>(length_bytes_);
  const std::uint64_t whole = length(heap + 8);
  if (whole > bytes_.size() - heap) damaged("a heap of texts lies outside of it");
  for (std::uint64_t object = heap + 8 + l; object + 8 + l <= heap + whole;) {
    const std::uint64_t index = number(object, 2), bytes = length(object + 8);
    if (index == 0 || bytes > heap + whole - object - 8 - l) break;
    if (index == wanted) {
      if (size > bytes || size > kMaxText) damaged("a text is longer than its place");
      steps_ += size / 16;
      return {bytes_.data() + object + 8 + l, size};
    }
    object += 8 + l + up_to_8(bytes);
  }
  damaged("a text is not in its heap");
}

std::optional<std::vector<std::string>> Hdf5File::texts(std::string_view object, std::string_view name) const {
  const auto header = find(object);
  if (!header) return std::nullopt;
  for (const Message& m : messages(*header)) {
    if (m.type == kAttributeInfo) {
      const auto flags = number(m.at + 1, 1);
      if (defined(address(m.at + 2 + ((flags & 1) ? 2 : 0)))) newest("many attributes in the newest form");
    }
    if (m.type != kAttribute) continue;
    const std::uint64_t end = m.at + m.size;
    const auto version = number(m.at, 1);
    if (version < 1 || version > 3) damaged("an attribute of a form that is not known");
    const std::uint64_t name_size = number(m.at + 2, 2), type_size = number(m.at + 4, 2), space_size = number(m.at + 6, 2);
    const auto padded = [&](std::uint64_t n) { return version == 1 ? up_to_8(n) : n; };
    const std::uint64_t name_at = m.at + (version == 3 ? 9 : 8), type_at_ = name_at + padded(name_size),
                        space_at = type_at_ + padded(type_size), data = space_at + padded(space_size);
    if (data > end) damaged("an attribute is longer than its message");
    if (std::string_view(bytes_.data() + name_at, strnlen(bytes_.data() + name_at, name_size)) != name) continue;
    if (version > 1 && (number(m.at + 1, 1) & 3)) newest("types that attributes share");
    const Type type = type_at(type_at_, type_at_ + type_size);
    const Shape shape = shape_at(space_at, space_at + space_size);
    std::uint64_t count = 1;
    for (auto d : shape) {
      if (d != 0 && count > kMaxMembers / static_cast<std::uint64_t>(d)) damaged("an attribute has too many elements");
      count *= static_cast<std::uint64_t>(d);
    }
    if (!type.variable_text && type.type_class != kText) newest("an attribute that is no text where one is needed");
    const std::uint64_t step = type.variable_text ? static_cast<std::uint64_t>(offset_bytes_) + 8 : type.size;
    if (step == 0 || count > (end - data) / step) damaged("an attribute is longer than its message");
    std::vector<std::string> out;
    for (std::uint64_t i = 0; i < count; ++i) {
      const char* text = bytes_.data() + data + i * step;
      out.push_back(type.variable_text ? heap_text(data + i * step) : std::string(text, strnlen(text, step)));
    }
    return out;
  }
  return std::nullopt;
}

// Datasets.

std::vector<char> Hdf5File::unpacked(std::uint64_t at, std::uint64_t size, std::uint32_t skipped, const Chunks& chunks) const {
  if (at > bytes_.size() || size > bytes_.size() - at) damaged("a part of a dataset lies outside of it");
  std::vector<char> data(bytes_.data() + at, bytes_.data() + at + size);
  std::uint64_t wanted = chunks.element_bytes;
  for (auto d : chunks.chunk) wanted *= static_cast<std::uint64_t>(d);
  for (std::size_t f = chunks.filters.size(); f-- > 0;) {
    if (skipped & (1u << f)) continue;
    const auto [id, value] = chunks.filters[f];
    if (id == 1) {
      std::vector<char> out(wanted + 8);
      uLongf length = out.size();
      if (uncompress(reinterpret_cast<Bytef*>(out.data()), &length, reinterpret_cast<const Bytef*>(data.data()), data.size()) != Z_OK)
        damaged("a part of a dataset cannot be unpacked");
      out.resize(length);
      data = std::move(out);
    } else if (id == 2) {
      const std::size_t width = value;
      if (width == 0 || width > 64) damaged("a filter with an impossible size");
      const std::size_t count = data.size() / width;
      std::vector<char> out = data;
      for (std::size_t i = 0; i < count; ++i)
        for (std::size_t b = 0; b < width; ++b) out[i * width + b] = data[b * count + i];
      data = std::move(out);
    } else {  // a checksum behind the data
      if (data.size() < 4) damaged("a part of a dataset is too short");
      data.resize(data.size() - 4);
    }
  }
  if (data.size() != wanted) damaged("a part of a dataset has another size");
  return data;
}

void Hdf5File::chunks_in(Address tree, int level, Chunks& chunks) const {
  const auto o = static_cast<std::uint64_t>(offset_bytes_);
  if (!matches(tree, "TREE") || number(tree + 4, 1) != 1) damaged("the index of a dataset is missing");
  const int own = static_cast<int>(number(tree + 5, 1));
  if (level >= 0 && own != level) damaged("the index of a dataset is wrong");
  const auto count = number(tree + 6, 2);
  const std::size_t rank = chunks.shape.size();
  const std::uint64_t key = 8 + 8 * (rank + 1);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = tree + 8 + 2 * o + i * (key + o);
    const Address child = address(at + key);
    if (own > 0) {
      chunks_in(child, own - 1, chunks);
      continue;
    }
    // as many parts as cover the shape, no more
    std::uint64_t parts = 1;
    for (std::size_t d = 0; d < rank; ++d) parts *= static_cast<std::uint64_t>((chunks.shape[d] + chunks.chunk[d] - 1) / chunks.chunk[d]);
    if (++chunks.count > parts) damaged("a dataset has too many parts");
    Shape start(rank), size(rank);
    bool outside = false;
    for (std::size_t d = 0; d < rank; ++d) {
      const std::uint64_t first = number(at + 8 + 8 * d, 8);
      outside |= first >= static_cast<std::uint64_t>(chunks.shape[d]);
      if (outside) break;
      start[d] = static_cast<std::int64_t>(first);
      size[d] = std::min(chunks.chunk[d], chunks.shape[d] - start[d]);
    }
    if (outside) continue;
    const std::vector<char> data = unpacked(child, number(at, 4), static_cast<std::uint32_t>(number(at + 4, 4)), chunks);
    const Strides to = dense_strides(chunks.shape);
    std::int64_t offset = 0;
    for (std::size_t d = 0; d < rank; ++d) offset += start[d] * to[d];
    strided_copy(chunks.to + offset * static_cast<std::int64_t>(chunks.element_bytes), to, data.data(), dense_strides(chunks.chunk), size,
                 chunks.element_bytes);
  }
}

bool Hdf5File::has_dataset(std::string_view path) const {
  const auto header = find(path);
  return header && message(*header, kLayout) != nullptr;
}

Tensor Hdf5File::dataset(std::string_view path) const {
  const auto header = find(path);
  SACCADE_CHECK(header, not_found, "the HDF5 file has no '{}'", path);
  const Message *type_message = message(*header, kDatatype), *space = message(*header, kDataspace), *layout = message(*header, kLayout),
                *filters = message(*header, kFilters);
  SACCADE_CHECK(type_message && space && layout, invalid_model, "'{}' of the HDF5 file is no dataset", path);
  const Type type = type_at(type_message->at, type_message->at + type_message->size);
  std::optional<ElementType> element;
  const auto sized = [&](ElementType one, ElementType two, ElementType four, ElementType eight) -> std::optional<ElementType> {
    return type.size == 1   ? std::optional(one)
           : type.size == 2 ? std::optional(two)
           : type.size == 4 ? std::optional(four)
           : type.size == 8 ? std::optional(eight)
                            : std::nullopt;
  };
  if (type.type_class == kInteger)
    element = type.is_signed ? sized(ElementType::i8, ElementType::i16, ElementType::i32, ElementType::i64)
                             : sized(ElementType::u8, ElementType::u16, ElementType::u32, ElementType::u64);
  if (type.type_class == kReal && type.size > 1) element = sized(ElementType::f32, ElementType::f16, ElementType::f32, ElementType::f64);
  if (type.type_class == kEnumeration && type.size == 1) element = ElementType::boolean;
  SACCADE_CHECK(element && !(type.big_endian && type.size > 1), unsupported, "'{}' of the HDF5 file holds no numbers of a known type",
                path);

  const Shape shape = shape_at(space->at, space->at + space->size);
  std::int64_t count = 0;
  try {
    count = element_count(shape);
  } catch (const Error& e) {
    fail(ErrorCode::invalid_model, "'{}': {}", path, e.message());
  }
  const std::uint64_t bytes = static_cast<std::uint64_t>(count) * type.size;
  if (count > 0 && bytes / type.size != static_cast<std::uint64_t>(count)) damaged("a dataset is too large");
  if (static_cast<double>(bytes) > static_cast<double>(bytes_.size()) * kMaxRatio)
    fail(ErrorCode::invalid_model, "'{}' claims {} bytes in a file of {}", path, bytes, bytes_.size());

  const auto o = static_cast<std::uint64_t>(offset_bytes_);
  const std::uint64_t at = layout->at, end = at + layout->size, version = number(at, 1);
  std::uint64_t kind = 0, data = 0, stored = 0, dims = 0, dim_count = 0;
  bool present = true;
  if (version == 3 || version == 4) {
    kind = number(at + 1, 1);
    if (kind == 0) {
      stored = number(at + 2, 2);
      data = at + 4;
    } else if (kind == 1) {
      data = address(at + 2);
      stored = length(at + 2 + o);
    } else if (kind == 2 && version == 3) {
      dim_count = number(at + 2, 1);
      data = address(at + 3);
      dims = at + 3 + o;
    } else {
      newest("chunks in the newest form");
    }
  } else if (version == 1 || version == 2) {
    dim_count = number(at + 1, 1);
    kind = number(at + 2, 1);
    data = kind == 0 ? 0 : address(at + 8);
    dims = at + 8 + (kind == 0 ? 0 : o);
    stored = bytes;
    if (kind == 0) data = dims + 4 * dim_count + 4;
  } else {
    newest("a layout that is not known");
  }
  present = kind == 0 || defined(data);

  if (kind <= 1) {
    // what was never written is zero, and takes no place in the file
    if (!present) {
      if (bytes > 4096) fail(ErrorCode::invalid_model, "'{}' claims {} bytes of which none are in the file", path, bytes);
      return Tensor(*element, shape);
    }
    if (stored < bytes || data > bytes_.size() || bytes > bytes_.size() - data || (kind == 0 && data + bytes > end))
      damaged("a dataset lies outside of it");
    if (*element != ElementType::boolean && reinterpret_cast<std::uintptr_t>(bytes_.data() + data) % type.size == 0)
      return Tensor(*element, shape, bytes_.data() + data, owner_);
    Tensor out(*element, shape);
    if (bytes > 0) std::memcpy(out.raw(), bytes_.data() + data, bytes);
    if (*element == ElementType::boolean)
      for (std::uint8_t *b = static_cast<std::uint8_t*>(out.raw()), *stop = b + bytes; b != stop; ++b) *b = *b != 0;
    return out;
  }

  Chunks chunks;
  chunks.shape = shape;
  chunks.element_bytes = type.size;
  if (dim_count != shape.size() + 1 || dims + 4 * dim_count > end) damaged("the parts of a dataset have another shape");
  double chunk_bytes = static_cast<double>(type.size);
  for (std::size_t d = 0; d < shape.size(); ++d) {
    chunks.chunk.push_back(static_cast<std::int64_t>(number(dims + 4 * d, 4)));
    if (chunks.chunk[d] < 1) damaged("a dataset has empty parts");
    chunk_bytes *= static_cast<double>(chunks.chunk[d]);
  }
  if (chunk_bytes > static_cast<double>(bytes_.size()) * kMaxRatio) damaged("the parts of a dataset are too large");
  if (filters) {
    const std::uint64_t stop = filters->at + filters->size, form = number(filters->at, 1), n = number(filters->at + 1, 1);
    std::uint64_t f = filters->at + (form == 1 ? 8 : 2);
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto id = static_cast<std::uint16_t>(number(f, 2));
      const std::uint64_t name = form == 1 || id >= 256 ? number(f + 2, 2) : 0;
      f += form == 1 || id >= 256 ? 4 : 2;
      const std::uint64_t values = number(f + 2, 2);
      f += 4 + (form == 1 ? up_to_8(name) : name);
      if (id < 1 || id > 3) fail(ErrorCode::unsupported, "'{}' is compressed by the filter {} of HDF5", path, id);
      chunks.filters.emplace_back(id, values > 0 ? static_cast<std::uint32_t>(number(f, 4)) : 0);
      f += 4 * values + (form == 1 && values % 2 ? 4 : 0);
      if (f > stop || chunks.filters.size() > 8) damaged("the filters of a dataset are wrong");
    }
  }
  Tensor out(*element, shape);
  chunks.to = static_cast<char*>(out.raw());
  if (present && count > 0) chunks_in(data, -1, chunks);
  if (*element == ElementType::boolean)
    for (std::uint8_t *b = static_cast<std::uint8_t*>(out.raw()), *stop = b + bytes; b != stop; ++b) *b = *b != 0;
  return out;
}

}  // namespace saccade::keras
