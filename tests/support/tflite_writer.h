// SPDX-License-Identifier: Apache-2.0
// Writes small TFLite models, so that tests need no files of others; broken ones can be put together as well.
#pragma once

#ifndef FLATBUFFERS_LOCALE_INDEPENDENT
#define FLATBUFFERS_LOCALE_INDEPENDENT 0
#endif
#include <flatbuffers/flatbuffers.h>
#include <flatbuffers/flexbuffers.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace saccade::testing {

enum TfliteType : std::int8_t { kTfF32 = 0, kTfF16 = 1, kTfI32 = 2, kTfU8 = 3, kTfI64 = 4, kTfString = 5, kTfBool = 6, kTfI16 = 7, kTfI8 = 9, kTfI4 = 17 };

struct TfliteQuantisation {
  std::vector<float> scale;
  std::vector<std::int64_t> zero_point;
  std::int32_t dimension = 0;
};

struct TfliteDimension {
  bool sparse = false;
  std::int32_t size = 0;
  std::vector<std::int32_t> segments = {}, indices = {};
  int width = 4;  ///< bytes of a segment or an index: 1, 2 or 4
};

struct TfliteSparsity {
  std::vector<std::int32_t> order, block_map;
  std::vector<TfliteDimension> dimensions;
};

struct TfliteTensor {
  std::string name;
  std::int8_t type = kTfF32;
  std::vector<std::int32_t> shape;
  std::string data;  ///< a constant's bytes
  TfliteQuantisation quantisation = {};
  std::vector<std::int32_t> signature = {};
  bool variable = false;
  TfliteSparsity sparsity = {};
};

/// A field of an operator's options; the kind decides its width.
struct TfliteOption {
  enum Kind { byte, integer, real, integers, reals } kind;
  int field;
  double value = 0;
  std::vector<std::int32_t> list = {};
};
inline TfliteOption byte_option(int field, int value) { return {TfliteOption::byte, field, static_cast<double>(value)}; }
inline TfliteOption int_option(int field, int value) { return {TfliteOption::integer, field, static_cast<double>(value)}; }
inline TfliteOption real_option(int field, double value) { return {TfliteOption::real, field, value}; }
inline TfliteOption ints_option(int field, std::vector<std::int32_t> list) { return {TfliteOption::integers, field, 0, std::move(list)}; }

struct TfliteOperator {
  std::int32_t code;
  std::vector<std::int32_t> inputs, outputs;
  std::vector<TfliteOption> options = {};
  std::string custom = {};
  std::vector<std::uint8_t> custom_options = {};
};

struct TfliteGraph {
  std::vector<TfliteTensor> tensors;
  std::vector<TfliteOperator> operators;
  std::vector<std::int32_t> inputs, outputs;
};

struct TfliteSignature {
  std::string key;
  std::vector<std::pair<std::string, std::int32_t>> inputs, outputs;
  std::int32_t subgraph = 0;
};

struct TfliteModel {
  std::vector<TfliteGraph> graphs;
  std::vector<TfliteSignature> signatures = {};
  std::int32_t version = 3;
};

template <class T>
std::string tflite_bytes(const std::vector<T>& values) {
  std::string out(values.size() * sizeof(T), '\0');
  if (!out.empty()) std::memcpy(out.data(), values.data(), out.size());
  return out;
}

class TfliteWriter {
 public:
  std::string write(const TfliteModel& model) {
    buffers_.push_back(table([&] {}));
    std::vector<Offset> graphs, signatures, codes;
    for (const auto& g : model.graphs) graphs.push_back(graph(g));
    for (const auto& s : model.signatures) signatures.push_back(signature(s));
    for (const auto& [code, custom] : codes_) {
      const auto name = custom.empty() ? 0 : fbb_.CreateString(custom).o;
      codes.push_back(table([&, code = code] {
        add<std::int8_t>(0, static_cast<std::int8_t>(std::min(code, 127)));
        if (name) offset(1, name);
        add<std::int32_t>(2, 1);
        add<std::int32_t>(3, code);
      }));
    }
    const auto code_list = list(codes), graph_list = list(graphs), buffer_list = list(buffers_), signature_list = list(signatures);
    const auto description = fbb_.CreateString("written by a test").o;
    const Offset root = table([&] {
      add<std::uint32_t>(0, static_cast<std::uint32_t>(model.version));
      offset(1, code_list);
      offset(2, graph_list);
      offset(3, description);
      offset(4, buffer_list);
      if (!signatures.empty()) offset(7, signature_list);
    });
    fbb_.Finish(flatbuffers::Offset<flatbuffers::Table>(root), "TFL3");
    return {reinterpret_cast<const char*>(fbb_.GetBufferPointer()), fbb_.GetSize()};
  }

 private:
  using Offset = flatbuffers::uoffset_t;

  Offset table(const std::function<void()>& fields) {
    const auto start = fbb_.StartTable();
    fields();
    return fbb_.EndTable(start);
  }
  static flatbuffers::voffset_t at(int field) { return static_cast<flatbuffers::voffset_t>(4 + 2 * field); }
  template <class T>
  void add(int field, T value) {
    fbb_.AddElement<T>(at(field), value);
  }
  void offset(int field, Offset value) { fbb_.AddOffset(at(field), flatbuffers::Offset<void>(value)); }
  Offset list(const std::vector<Offset>& tables) {
    std::vector<flatbuffers::Offset<flatbuffers::Table>> out(tables.begin(), tables.end());
    return fbb_.CreateVector(out).o;
  }
  template <class T>
  Offset vector(const std::vector<T>& values) {
    return fbb_.CreateVector(values).o;
  }

  Offset graph(const TfliteGraph& g) {
    std::vector<Offset> tensors, operators;
    for (const auto& t : g.tensors) {
      std::int32_t buffer = 0;
      if (!t.data.empty()) {
        fbb_.ForceVectorAlignment(t.data.size(), 1, 16);
        const Offset data = vector(std::vector<std::uint8_t>(t.data.begin(), t.data.end()));
        buffer = static_cast<std::int32_t>(buffers_.size());
        buffers_.push_back(table([&] { offset(0, data); }));
      }
      Offset quantisation = 0;
      if (!t.quantisation.scale.empty()) {
        const Offset scale = vector(t.quantisation.scale), zero = vector(t.quantisation.zero_point);
        quantisation = table([&] {
          offset(2, scale);
          offset(3, zero);
          add<std::int32_t>(6, t.quantisation.dimension);
        });
      }
      const Offset sparse = t.sparsity.order.empty() ? 0 : sparsity(t.sparsity);
      const Offset shape = vector(t.shape), name = fbb_.CreateString(t.name).o, signature = vector(t.signature);
      tensors.push_back(table([&] {
        offset(0, shape);
        add<std::int8_t>(1, t.type);
        add<std::int32_t>(2, buffer);
        offset(3, name);
        if (quantisation) offset(4, quantisation);
        if (t.variable) add<std::uint8_t>(5, 1);
        if (sparse) offset(6, sparse);
        if (!t.signature.empty()) offset(7, signature);
      }));
    }
    for (const auto& o : g.operators) operators.push_back(operation(o));
    const Offset tensor_list = list(tensors), inputs = vector(g.inputs), outputs = vector(g.outputs), operator_list = list(operators), name = fbb_.CreateString("main").o;
    return table([&] {
      offset(0, tensor_list);
      offset(1, inputs);
      offset(2, outputs);
      offset(3, operator_list);
      offset(4, name);
    });
  }

  Offset sparsity(const TfliteSparsity& s) {
    std::vector<Offset> dimensions;
    for (const auto& d : s.dimensions) {
      const auto narrow = [&]<class T>(const std::vector<std::int32_t>& list, T) {
        const Offset values = vector(std::vector<T>(list.begin(), list.end()));
        return table([&] { offset(0, values); });
      };
      const auto numbers = [&](const std::vector<std::int32_t>& list) {
        return d.width == 1 ? narrow(list, std::uint8_t{}) : d.width == 2 ? narrow(list, std::uint16_t{}) : narrow(list, std::int32_t{});
      };
      const Offset segments = d.sparse ? numbers(d.segments) : 0, indices = d.sparse ? numbers(d.indices) : 0;
      dimensions.push_back(table([&] {
        add<std::int8_t>(0, d.sparse ? 1 : 0);
        add<std::int32_t>(1, d.size);
        if (!d.sparse) return;
        const std::uint8_t kind = d.width == 1 ? 3 : d.width == 2 ? 2 : 1;
        add<std::uint8_t>(2, kind);
        offset(3, segments);
        add<std::uint8_t>(4, kind);
        offset(5, indices);
      }));
    }
    const Offset order = vector(s.order), blocks = vector(s.block_map), all = list(dimensions);
    return table([&] {
      offset(0, order);
      offset(1, blocks);
      offset(2, all);
    });
  }

  Offset operation(const TfliteOperator& o) {
    std::size_t code = 0;
    while (code < codes_.size() && codes_[code] != std::pair(o.code, o.custom)) ++code;
    if (code == codes_.size()) codes_.emplace_back(o.code, o.custom);
    std::vector<Offset> lists;
    for (const auto& x : o.options) lists.push_back(x.kind == TfliteOption::integers ? vector(x.list) : x.kind == TfliteOption::reals ? vector(std::vector<float>(x.list.begin(), x.list.end())) : 0);
    const Offset options = table([&] {
      for (std::size_t i = 0; i < o.options.size(); ++i) {
        const auto& x = o.options[i];
        switch (x.kind) {
          case TfliteOption::byte: add<std::int8_t>(x.field, static_cast<std::int8_t>(x.value)); break;
          case TfliteOption::integer: add<std::int32_t>(x.field, static_cast<std::int32_t>(x.value)); break;
          case TfliteOption::real: add<float>(x.field, static_cast<float>(x.value)); break;
          default: offset(x.field, lists[i]);
        }
      }
    });
    const Offset inputs = vector(o.inputs), outputs = vector(o.outputs), custom = vector(o.custom_options);
    return table([&] {
      add<std::uint32_t>(0, static_cast<std::uint32_t>(code));
      offset(1, inputs);
      offset(2, outputs);
      add<std::uint8_t>(3, 1);
      offset(4, options);
      if (!o.custom_options.empty()) offset(5, custom);
    });
  }

  Offset signature(const TfliteSignature& s) {
    const auto maps = [&](const auto& pairs) {
      std::vector<Offset> out;
      for (const auto& [name, tensor] : pairs) {
        const Offset text = fbb_.CreateString(name).o;
        out.push_back(table([&, tensor = tensor] {
          offset(0, text);
          add<std::int32_t>(1, tensor);
        }));
      }
      return list(out);
    };
    const Offset inputs = maps(s.inputs), outputs = maps(s.outputs), key = fbb_.CreateString(s.key).o;
    return table([&] {
      offset(0, inputs);
      offset(1, outputs);
      offset(2, key);
      add<std::int32_t>(4, s.subgraph);
    });
  }

  flatbuffers::FlatBufferBuilder fbb_;
  std::vector<Offset> buffers_;
  std::vector<std::pair<std::int32_t, std::string>> codes_;
};

inline std::string tflite_model(const TfliteModel& model) { return TfliteWriter().write(model); }

}  // namespace saccade::testing
