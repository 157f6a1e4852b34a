// SPDX-License-Identifier: Apache-2.0
// From the wire to the tree of fields, by the table of schema.cpp.
#include "import/caffe/binary.h"

#include <cstring>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "base/error.h"
#include "import/caffe/schema.h"
#include "tensor/half.h"

namespace saccade::caffe {
namespace {

using import::TextField;
using import::TextMessage;
using protozero::pbf_reader;
using Wire = protozero::pbf_wire_type;

constexpr int kMaxDepth = 16;
constexpr std::size_t kMaxFields = 2'000'000;

// Elements of a blob as they lie in the file, in one piece or in many.
struct Elements {
  std::string_view piece;
  std::vector<float> gathered;

  std::int64_t count() const { return static_cast<std::int64_t>(gathered.empty() ? piece.size() / 4 : gathered.size()); }

  void add(std::string_view bytes) {
    SACCADE_CHECK(bytes.size() % 4 == 0, invalid_model, "{} bytes of floats in a blob", bytes.size());
    if (piece.empty() && gathered.empty()) {
      piece = bytes;
      return;
    }
    gather();
    const std::size_t old = gathered.size();
    gathered.resize(old + bytes.size() / 4);
    if (!bytes.empty()) std::memcpy(gathered.data() + old, bytes.data(), bytes.size());
  }

  void add(float value) {
    gather();
    gathered.push_back(value);
  }

 private:
  void gather() {
    if (piece.empty()) return;
    gathered.resize(piece.size() / 4);
    std::memcpy(gathered.data(), piece.data(), piece.size());
    piece = {};
  }
};

// Floats stand at any offset. Their tag and length have been read and are not needed again, so they can move over them.
std::string_view aligned(std::string_view bytes) {
  const std::size_t shift = reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(float);
  std::size_t prefix = 2;
  for (std::size_t length = bytes.size() >> 7; length > 0; length >>= 7) ++prefix;
  if (shift == 0 || shift > prefix) return bytes;
  char* to = const_cast<char*>(bytes.data()) - shift;
  std::memmove(to, bytes.data(), bytes.size());
  return {to, bytes.size()};
}

class Parser {
 public:
  explicit Parser(std::shared_ptr<FileBytes> file) : file_(std::move(file)) { storage_ = std::make_shared<std::deque<std::string>>(); }

  BinaryNet net() {
    message(pbf_reader(file_->bytes().data(), file_->bytes().size()), "Net", net_.definition.root);
    net_.definition.storage = storage_;
    return std::move(net_);
  }

  Tensor mean() {
    Tensor blob = this->blob(pbf_reader(file_->bytes().data(), file_->bytes().size()));
    Shape shape = blob.shape();
    while (shape.size() > 3 && shape.front() == 1) shape.erase(shape.begin());
    SACCADE_CHECK(shape.size() == 3 && blob.size() > 0, invalid_model, "a mean image of shape {}; three dimensions are needed", to_string(blob.shape()));
    return blob.reshaped(shape);
  }

 private:
  void message(pbf_reader r, std::string_view type, TextMessage& into) {
    SACCADE_CHECK(++depth_ <= kMaxDepth, invalid_model, "messages are nested more than {} deep", kMaxDepth);
    const bool is_layer = type == "Layer" || type == "LayerV1";
    std::vector<Tensor> blobs;
    int unknown = 0;
    while (r.next()) {
      const SchemaField* field = schema_field(type, r.tag());
      if (field == nullptr) {
        if (is_layer && r.wire_type() == Wire::length_delimited) unknown = static_cast<int>(r.tag());
        r.skip();
      } else if (field->type == "B" && r.wire_type() == Wire::length_delimited) {
        blobs.push_back(blob(r.get_message()));
        SACCADE_CHECK(blobs.size() <= 1000, invalid_model, "a layer of more than 1000 blobs");
      } else {
        value(r, *field, into);
      }
    }
    --depth_;
    if (!is_layer) return;
    const std::string name(into.text("name"));
    if (!blobs.empty()) net_.blobs.emplace(name, std::move(blobs));
    if (unknown != 0) net_.unknown_fields[name] = unknown;
  }

  TextField& add(TextMessage& into, const SchemaField& field) {
    SACCADE_CHECK(++fields_ <= kMaxFields, invalid_model, "more than {} fields", kMaxFields);
    TextField& added = into.fields.emplace_back();
    added.name = field.name;
    added.line = 0;
    return added;
  }

  void word(TextMessage& into, const SchemaField& field, std::string text) {
    storage_->push_back(std::move(text));
    add(into, field).value = storage_->back();
  }

  void integer(TextMessage& into, const SchemaField& field, std::int64_t number) {
    if (field.type == "b") return word(into, field, number != 0 ? "true" : "false");
    if (field.type != "i") {
      const std::string_view name = enumeration_name(field.type, number);
      if (!name.empty()) return word(into, field, std::string(name));
    }
    word(into, field, std::to_string(number));
  }

  void value(pbf_reader& r, const SchemaField& field, TextMessage& into) {
    const char type = field.type.size() == 1 ? field.type[0] : field.type.starts_with("e:") ? 'e' : 'm';
    const bool bytes = r.wire_type() == Wire::length_delimited;
    if (type == '-') return r.skip();
    if (type == 's' && bytes) {
      TextField& text = add(into, field);
      text.kind = TextField::Kind::string;
      const auto view = r.get_view();
      text.value = {view.data(), view.size()};
    } else if (type == 'm' && bytes) {
      TextField& inner = add(into, field);
      inner.kind = TextField::Kind::message;
      message(r.get_message(), field.type, inner.message);
    } else if (type == 'f' && r.wire_type() == Wire::fixed32) {
      word(into, field, fmt::format("{}", r.get_float()));
    } else if (type == 'f' && bytes) {
      for (const float number : r.get_packed_float()) word(into, field, fmt::format("{}", number));
    } else if ((type == 'i' || type == 'b' || type == 'e') && r.wire_type() == Wire::varint) {
      integer(into, field, r.get_int64());
    } else if ((type == 'i' || type == 'b' || type == 'e') && bytes) {
      for (const std::int64_t number : r.get_packed_int64()) integer(into, field, number);
    } else {
      r.skip();
    }
  }

  // BlobProto: a shape or four old dimensions; floats, doubles, or the raw bytes of NVIDIA's fork.
  Tensor blob(pbf_reader r) {
    Shape shape, old{1, 1, 1, 1};
    bool has_shape = false, has_old = false;
    Elements elements;
    std::int64_t raw_type = 1;
    std::string_view raw;
    while (r.next()) {
      const bool bytes = r.wire_type() == Wire::length_delimited;
      switch (r.tag()) {
        case 1: case 2: case 3: case 4:
          if (r.wire_type() != Wire::varint) {
            r.skip();
            break;
          }
          has_old = true;
          old[r.tag() - 1] = r.get_int64();
          break;
        case 5:
          if (bytes) {
            const auto view = r.get_view();
            elements.add(std::string_view(view.data(), view.size()));
          } else if (r.wire_type() == Wire::fixed32) {
            elements.add(r.get_float());
          } else {
            r.skip();
          }
          break;
        case 7:
          if (!bytes) {
            r.skip();
            break;
          }
          has_shape = true;
          shape = dimensions(r.get_message());
          break;
        case 8:
          if (bytes)
            for (const double number : r.get_packed_double()) elements.add(static_cast<float>(number));
          else if (r.wire_type() == Wire::fixed64)
            elements.add(static_cast<float>(r.get_double()));
          else
            r.skip();
          break;
        case 10:
          if (r.wire_type() == Wire::varint)
            raw_type = r.get_int64();
          else
            r.skip();
          break;
        case 12:
          if (bytes) {
            const auto view = r.get_view();
            raw = {view.data(), view.size()};
          } else {
            r.skip();
          }
          break;
        default: r.skip();
      }
    }
    if (!raw.empty()) add_raw(elements, raw, raw_type);
    if (!has_shape) shape = has_old ? old : Shape{elements.count()};
    for (const std::int64_t size : shape) SACCADE_CHECK(size >= 0, invalid_model, "a blob of shape {}", to_string(shape));
    SACCADE_CHECK(element_count(shape) == elements.count(), invalid_model, "a blob of shape {} with {} elements", to_string(shape), elements.count());
    if (!elements.gathered.empty() || elements.piece.empty()) return Tensor::from<float>(shape, std::span<const float>(elements.gathered));
    const std::string_view place = aligned(elements.piece);
    if (reinterpret_cast<std::uintptr_t>(place.data()) % alignof(float) != 0) {
      Tensor copy(ElementType::f32, shape);
      std::memcpy(copy.raw(), place.data(), place.size());
      return copy;
    }
    return Tensor(ElementType::f32, shape, const_cast<char*>(place.data()), file_);
  }

  static void add_raw(Elements& elements, std::string_view raw, std::int64_t type) {
    if (type == 1) return elements.add(raw);
    SACCADE_CHECK(type == 0 || type == 2, unsupported, "a blob of raw data of type {}", type);
    const std::size_t size = type == 0 ? 8 : 2;
    SACCADE_CHECK(raw.size() % size == 0, invalid_model, "{} bytes of raw data in a blob", raw.size());
    for (std::size_t at = 0; at < raw.size(); at += size) {
      double wide = 0;
      Half half{};
      if (type == 0)
        std::memcpy(&wide, raw.data() + at, size);
      else
        std::memcpy(&half, raw.data() + at, size);
      elements.add(type == 0 ? static_cast<float>(wide) : static_cast<float>(half));
    }
  }

  static Shape dimensions(pbf_reader r) {
    Shape shape;
    while (r.next()) {
      if (r.tag() != 1)
        r.skip();
      else if (r.wire_type() == Wire::length_delimited)
        for (const std::int64_t size : r.get_packed_int64()) shape.push_back(size);
      else if (r.wire_type() == Wire::varint)
        shape.push_back(r.get_int64());
      else
        r.skip();
    }
    SACCADE_CHECK(shape.size() <= 32, invalid_model, "a blob of {} dimensions", shape.size());
    return shape;
  }

  std::shared_ptr<FileBytes> file_;
  std::shared_ptr<std::deque<std::string>> storage_;
  BinaryNet net_;
  int depth_ = 0;
  std::size_t fields_ = 0;
};

template <class F>
auto reading(F&& read) {
  try {
    return read();
  } catch (const protozero::exception& e) {
    fail(ErrorCode::invalid_model, "not a readable Caffe file, or a truncated or damaged one ({})", e.what());
  }
}

// Whether the bytes are a layer: its first text fields can be printed.
bool looks_like_layer(pbf_reader r) {
  for (int fields = 0; fields < 4 && r.next(); ++fields) {
    if (r.tag() > 4 || r.wire_type() != Wire::length_delimited) return fields > 0;
    const auto text = r.get_view();
    for (std::size_t i = 0; i < text.size(); ++i)
      if (static_cast<unsigned char>(text.data()[i]) < 0x20) return false;
  }
  return true;
}

}  // namespace

bool looks_like_net(std::span<const char> bytes) {
  try {
    pbf_reader r(bytes.data(), bytes.size());
    for (int fields = 0; fields < 1000 && r.next(); ++fields) {
      const bool text = r.wire_type() == Wire::length_delimited;
      switch (r.tag()) {
        case 1: case 3: {
          if (!text) return false;
          const auto view = r.get_view();
          for (std::size_t i = 0; i < view.size(); ++i)
            if (static_cast<unsigned char>(view.data()[i]) < 0x20) return false;
          break;
        }
        case 2: case 100: return text && looks_like_layer(r.get_message());
        case 4: case 5: case 7: r.skip(); break;
        case 6: case 8:
          if (!text) return false;
          r.skip();
          break;
        default: return false;
      }
    }
  } catch (const protozero::exception&) {
    return false;
  }
  return false;
}

BinaryNet read_net(const std::shared_ptr<FileBytes>& file) {
  return reading([&] { return Parser(file).net(); });
}

Tensor read_mean(const std::shared_ptr<FileBytes>& file) {
  return reading([&] { return Parser(file).mean(); });
}

}  // namespace saccade::caffe
