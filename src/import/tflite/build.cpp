// SPDX-License-Identifier: Apache-2.0
// Building graphs from operators: tensors, quantisation, order, sub-graphs.
#include "import/tflite/build.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "import/tflite/sparse.h"
#include "ops/convert.h"
#include "ops/quantize.h"
#include "tensor/numeric.h"

namespace saccade::tflite {
namespace {

// Sub-graphs that call each other twice at every level grow without bound from a small file.
constexpr std::size_t kMaxOperators = 300'000;
constexpr std::size_t kMaxDepth = 32;

std::string name_of(const SubgraphInfo& graph, std::int32_t tensor) {
  const auto& name = graph.tensors[static_cast<std::size_t>(tensor)].name;
  return name.empty() ? fmt::format("tensor {}", tensor) : shown(name);
}

// Several values in each byte, the first in the lowest bits.
Tensor unpacked(ElementType type, const Shape& shape, std::span<const char> data, int bits) {
  Tensor out(type, shape);
  const auto count = static_cast<std::size_t>(out.size());
  SACCADE_CHECK(data.size() >= (count * static_cast<std::size_t>(bits) + 7) / 8, invalid_model, "{} bytes for a constant of shape {}",
                data.size(), to_string(shape));
  auto* to = static_cast<std::uint8_t*>(out.raw());
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t bit = i * static_cast<std::size_t>(bits);
    const int value = (static_cast<unsigned char>(data[bit / 8]) >> (bit % 8)) & ((1 << bits) - 1);
    const bool negative = is_signed(type) && (value >> (bits - 1)) != 0;
    to[i] = static_cast<std::uint8_t>(negative ? value - (1 << bits) : value);
  }
  return out;
}

}  // namespace

ModelBuilder::ModelBuilder(const ModelInfo& model, const import::Source& source) : model_(model), source_(source) {
  for (const Row& r : all_rows()) {
    if (r.code == kCustom)
      custom_rows_.emplace(r.name, r);
    else
      rows_.emplace(r.code, r);
  }
}

void ModelBuilder::note(const std::string& text) {
  if (notes_.size() < 20 && std::find(notes_.begin(), notes_.end(), text) == notes_.end()) notes_.push_back(text);
}

Tensor ModelBuilder::constant(const TensorInfo& info) {
  const auto data = model_.buffers[info.buffer];
  const auto type = element_type(info.type);
  if (!type) fail(ErrorCode::unsupported, "{} tensors", type_name(info.type));
  for (auto d : info.dims) SACCADE_CHECK(d >= 0, invalid_model, "a constant of shape {}", to_string(info.dims));
  std::int64_t count = 0;
  try {
    count = element_count(info.dims);
  } catch (const Error& e) {
    fail(ErrorCode::invalid_model, "{}", e.message());
  }
  if (info.sparsity.valid()) return densified(info, *type, data, model_.file.size());
  const int bits = info.type == Type::i4 || info.type == Type::u4 ? 4 : info.type == Type::i2 ? 2 : 0;
  SACCADE_CHECK(bits == 0 || static_cast<double>(count) * bits / 8 <= static_cast<double>(data.size()), invalid_model,
                "{} bytes for a constant of shape {}", data.size(), to_string(info.dims));
  if (count == 0) return Tensor(*type, info.dims);
  if (bits != 0) return unpacked(*type, info.dims, data, bits);
  const std::size_t bytes = static_cast<std::size_t>(count) * size_in_bytes(*type);
  SACCADE_CHECK(static_cast<std::size_t>(count) <= data.size() && data.size() == bytes, invalid_model, "{} bytes for a constant {}{}",
                data.size(), to_string(*type), to_string(info.dims));
  if (reinterpret_cast<std::uintptr_t>(data.data()) % size_in_bytes(*type) == 0) {
    // writable in its place: the file is private to us
    char* at = source_.file->bytes().data() + (data.data() - model_.file.data());
    return Tensor(*type, info.dims, at, source_.file);
  }
  Tensor copy(*type, info.dims);
  if (bytes > 0) std::memcpy(copy.raw(), data.data(), bytes);
  return copy;
}

const std::optional<Quantisation>& ModelBuilder::quantisation(Scope& scope, std::int32_t tensor) {
  auto& known = scope.quantisations[static_cast<std::size_t>(tensor)];
  if (known) return *known;
  known.emplace();
  const TensorInfo& info = scope.info.tensors[static_cast<std::size_t>(tensor)];
  const auto type = element_type(info.type);
  if (!type || !is_integer(*type) || !info.quantization.valid()) return *known;
  if (info.quantization.byte(quantization::details_type) != 0)
    fail(ErrorCode::unsupported, "tensor '{}' has a custom or blockwise quantisation", name_of(scope.info, tensor));
  Quantisation q;
  q.scale = info.quantization.reals(quantization::scale);
  q.zero_point = info.quantization.longs(quantization::zero_point);
  if (q.scale.empty() || std::all_of(q.scale.begin(), q.scale.end(), [](float s) { return s == 0; })) return *known;
  if (q.zero_point.empty()) q.zero_point.assign(q.scale.size(), 0);
  if (q.zero_point.size() == 1 && q.scale.size() > 1) q.zero_point.assign(q.scale.size(), q.zero_point[0]);
  SACCADE_CHECK(q.zero_point.size() == q.scale.size(), invalid_model, "tensor '{}' has {} scales and {} zero points",
                name_of(scope.info, tensor), q.scale.size(), q.zero_point.size());
  if (q.scale.size() > 1) {
    const auto size = static_cast<std::int64_t>(q.scale.size());
    q.axis = info.quantization.integer(quantization::dimension);
    const auto fits = [&](std::int64_t d) {
      return d >= 0 && d < static_cast<std::int64_t>(info.dims.size()) && info.dims[static_cast<std::size_t>(d)] == size;
    };
    if (!fits(q.axis)) {
      const auto rank = static_cast<std::int64_t>(info.dims.size());
      std::int64_t only = -1;
      for (std::int64_t d = 0; d < rank; ++d)
        if (fits(d)) only = only < 0 ? d : rank;
      SACCADE_CHECK(only >= 0 && only < rank, invalid_model, "tensor '{}' of shape {} has {} scales along dimension {}",
                    name_of(scope.info, tensor), to_string(info.dims), size, q.axis);
      note(fmt::format("tensor '{}' of shape {} names dimension {} for its {} scales; dimension {} is meant", name_of(scope.info, tensor),
                       to_string(info.dims), q.axis, size, only));
      q.axis = only;
    }
  }
  *known = std::move(q);
  return *known;
}

ValueId ModelBuilder::raw(Scope& scope, std::int32_t tensor) {
  Binding& b = scope.tensors[static_cast<std::size_t>(tensor)];
  if (b.poisoned) throw Poisoned{};
  if (b.raw.valid()) return b.raw;
  const TensorInfo& info = scope.info.tensors[static_cast<std::size_t>(tensor)];
  const std::string name = name_of(scope.info, tensor);
  ErrorContext frame("tensor", name);
  if (b.real.valid()) {  // an exact result that nobody has asked for in integers yet
    const auto& q = quantisation(scope, tensor);
    const ElementType type = *element_type(info.type);
    const import::NodeBuilder build(scope.edit, name);
    Tensor zero(type, {});
    set_element_f64(zero, 0, static_cast<double>(q->zero_point[0]));
    b.raw = build.op(ops::Quantize{.destination_type = type}, {b.real, build.scalar(ElementType::f32, q->scale[0]), build.constant(zero)});
    scope.edit.rename(b.raw, std::string(info.name));
    return b.raw;
  }
  SACCADE_CHECK(!scope.produced[static_cast<std::size_t>(tensor)], invalid_model, "used before the operator that produces it");
  const bool empty = std::find(info.dims.begin(), info.dims.end(), 0) != info.dims.end();
  if (info.is_variable) fail(ErrorCode::unsupported, "a variable, whose contents last from run to run");
  SACCADE_CHECK(!model_.buffers.empty() && (empty || !model_.buffers[info.buffer].empty()), invalid_model, "produced by nothing");
  b.raw = scope.edit.constant(constant(info), std::string(info.name));
  return b.raw;
}

ValueId ModelBuilder::real(Scope& scope, std::int32_t tensor, const std::string& name) {
  Binding& b = scope.tensors[static_cast<std::size_t>(tensor)];
  if (b.poisoned) throw Poisoned{};
  if (b.real.valid()) return b.real;
  const auto& q = quantisation(scope, tensor);
  const ValueId value = raw(scope, tensor);
  if (!q) return value;
  const import::NodeBuilder build(scope.edit, name);
  const ElementType type = build.element(value);
  const graph::Value& known = scope.edit.graph()[value];
  if (type == ElementType::i64 && known.is_constant()) {  // biases beside 16-bit activations
    std::vector<double> numbers = to_f64(known.fact.constant);
    if (numbers.size() != q->scale.size() && q->scale.size() != 1)
      fail(ErrorCode::unsupported, "64-bit numbers with scales along a dimension");
    for (std::size_t i = 0; i < numbers.size(); ++i)
      numbers[i] = (numbers[i] - static_cast<double>(q->zero_point[q->scale.size() == 1 ? 0 : i])) * q->scale[q->scale.size() == 1 ? 0 : i];
    return b.real = build.constant(from_f64(ElementType::f32, known.fact.constant.shape(), numbers));
  }
  const bool single = q->scale.size() == 1;
  const Shape shape = single ? Shape{} : Shape{static_cast<std::int64_t>(q->scale.size())};
  Values inputs{value, build.constant(Tensor::from<float>(shape, q->scale))};
  if (std::any_of(q->zero_point.begin(), q->zero_point.end(), [](auto z) { return z != 0; }))
    inputs.push_back(build.constant(from_i64(type, shape, q->zero_point)));
  return b.real = build.op(ops::Dequantize{.axis = q->axis}, inputs);
}

void ModelBuilder::finish(OperatorContext& c, Scope& scope, const OperatorInfo& info, const Values& values) {
  for (std::size_t i = 0; i < info.outputs.size(); ++i) {
    const std::int32_t tensor = info.outputs[i];
    Binding& b = scope.tensors[static_cast<std::size_t>(tensor)];
    SACCADE_CHECK(!b.set(), invalid_model, "'{}' is the output of two operators, or an input", name_of(scope.info, tensor));
    if (i >= values.size() || !values[i].valid()) fail(ErrorCode::unsupported, "output {}", i);
    const ElementType type = c.output_type(i);
    const auto& q = c.output_quantisation(i);
    ValueId v = values[i];
    if (q && is_float(c.element(v))) {
      SACCADE_CHECK(q->scale.size() == 1, unsupported, "a result with scales along a dimension");
      if (c.grid_kept()) {
        b.real = v;
        continue;
      }
      SACCADE_CHECK(type == ElementType::u8 || type == ElementType::i8 || type == ElementType::i16 || type == ElementType::u16, unsupported,
                    "a quantised result of type {}", to_string(type));
      const ValueId zero = c.constant(from_i64(type, {}, q->zero_point));
      v = c.op(ops::Quantize{.destination_type = type}, {c.convert(v, ElementType::f32), c.scalar(ElementType::f32, q->scale[0]), zero});
    } else {
      v = c.convert(v, type);
    }
    const graph::Value& value = scope.edit.graph()[v];
    if (value.name.empty() && value.producer.valid())
      scope.edit.rename(v, std::string(scope.info.tensors[static_cast<std::size_t>(tensor)].name));
    if (!value.fact.type.shape.ranked() && !scope.info.tensors[static_cast<std::size_t>(tensor)].shape.dimensions().empty()) {
      // operators whose results cannot be foreseen: what the file says is better than nothing
      graph::Fact fact = value.fact;
      fact.type.shape = PartialShape::of_rank(scope.info.tensors[static_cast<std::size_t>(tensor)].shape.rank());
      scope.edit.set_fact(v, std::move(fact));
    }
    b.raw = v;
  }
}

void ModelBuilder::apply(Scope& scope, const OperatorInfo& info) {
  const std::string kind = info.code == kCustom ? shown(info.custom) : builtin_name(info.code);
  const std::string name = info.outputs.empty() ? kind : name_of(scope.info, info.outputs[0]);
  ErrorContext frame(kind, name);
  SACCADE_CHECK(++operators_built_ <= kMaxOperators, invalid_model, "the model unfolds into more than {} operators", kMaxOperators);
  const auto poison = [&] {
    for (auto t : info.outputs) scope.tensors[static_cast<std::size_t>(t)] = Binding{{}, {}, true};
  };
  try {
    const Row* row = nullptr;
    if (info.code == kCustom) {
      if (const auto it = custom_rows_.find(info.custom); it != custom_rows_.end()) row = &it->second;
    } else if (const auto it = rows_.find(info.code); it != rows_.end()) {
      row = &it->second;
    }
    if (row == nullptr) {
      const bool flex = info.custom.starts_with("Flex");
      fail(ErrorCode::unsupported, "{}",
           flex ? "a TensorFlow operator inside of a TensorFlow Lite model: give the TensorFlow model itself" : "not supported");
    }
    OperatorContext context(*this, scope, info, name);
    finish(context, scope, info, row->map(context));
  } catch (const Error& e) {
    if (e.code() != ErrorCode::unsupported) throw;
    problems_.add(fmt::format("{} (version {})", kind, info.version), e.message(), name);
    poison();
  } catch (const Poisoned&) {
    poison();
  }
}

void ModelBuilder::operators(Scope& scope, const std::vector<char>& wanted) {
  for (const auto& o : scope.info.operators)
    for (auto t : o.outputs) scope.produced[static_cast<std::size_t>(t)] = 1;
  for (std::size_t i = 0; i < scope.info.operators.size(); ++i)
    if (wanted[i]) apply(scope, scope.info.operators[i]);
}

std::vector<char> ModelBuilder::needed(const SubgraphInfo& info, const std::vector<std::int32_t>& outputs,
                                       const std::vector<std::int32_t>& cut) const {
  std::vector<char> wanted(info.operators.size(), 0), tensors(info.tensors.size(), 0);
  for (auto t : outputs) tensors[static_cast<std::size_t>(t)] = 1;
  for (auto t : cut) tensors[static_cast<std::size_t>(t)] = 0;
  for (std::size_t i = info.operators.size(); i-- > 0;) {
    const auto& o = info.operators[i];
    // variables and hash tables change what others see, though nothing takes their results
    wanted[i] = o.outputs.empty() ||
                std::any_of(o.outputs.begin(), o.outputs.end(), [&](auto t) { return tensors[static_cast<std::size_t>(t)] != 0; });
    if (!wanted[i]) continue;
    for (auto t : o.inputs)
      if (t >= 0) tensors[static_cast<std::size_t>(t)] = 1;
    for (auto t : cut) tensors[static_cast<std::size_t>(t)] = 0;
  }
  return wanted;
}

Values ModelBuilder::run(graph::Edit& edit, std::int64_t subgraph, const Values& inputs) {
  SACCADE_CHECK(subgraph > 0 && static_cast<std::size_t>(subgraph) < model_.subgraphs.size(), invalid_model, "sub-graph {} of {}", subgraph,
                model_.subgraphs.size());
  const auto index = static_cast<std::size_t>(subgraph);
  SACCADE_CHECK(std::find(running_.begin(), running_.end(), index) == running_.end(), invalid_model, "sub-graph {} contains itself",
                subgraph);
  SACCADE_CHECK(running_.size() < kMaxDepth, invalid_model, "sub-graphs are nested more than {} deep", kMaxDepth);
  const SubgraphInfo& info = model_.subgraphs[index];
  SACCADE_CHECK(inputs.size() == info.inputs.size(), invalid_model, "sub-graph {} takes {} inputs, {} are given", subgraph,
                info.inputs.size(), inputs.size());
  struct Level {
    std::vector<std::size_t>& stack;
    ~Level() { stack.pop_back(); }
  };
  running_.push_back(index);
  const Level level{running_};
  Scope scope(edit, info, index);
  for (std::size_t i = 0; i < inputs.size(); ++i) scope.tensors[static_cast<std::size_t>(info.inputs[i])].raw = inputs[i];
  operators(scope, needed(info, info.outputs, {}));
  Values results;
  for (auto t : info.outputs) results.push_back(raw(scope, t));
  return results;
}

std::int32_t ModelBuilder::find(const SubgraphInfo& info, const std::string& name) const {
  for (std::size_t i = 0; i < info.tensors.size(); ++i)
    if (info.tensors[i].name == name) return static_cast<std::int32_t>(i);
  fail(ErrorCode::not_found, "the model has no tensor '{}'", name);
}

std::shared_ptr<graph::Graph> ModelBuilder::build() {
  auto graph = std::make_shared<graph::Graph>();
  graph::Edit edit(*graph);
  const auto& options = source_.options;
  const SignatureInfo* signature = nullptr;
  for (const auto& s : model_.signatures)
    if (options.signature.empty() ? (s.key == "serving_default" || model_.signatures.size() == 1) : s.key == options.signature)
      signature = &s;
  if (!options.signature.empty() && !signature) {
    std::string known;
    for (const auto& s : model_.signatures) known += fmt::format("{}'{}'", known.empty() ? "" : ", ", shown(s.key));
    fail(ErrorCode::not_found, "the model has no signature '{}'; it has {}", options.signature, known.empty() ? "none" : known);
  }
  const std::size_t index = signature ? signature->subgraph : 0;
  const SubgraphInfo& info = model_.subgraphs[index];
  running_.push_back(index);
  Scope scope(edit, info, index);
  const auto named = [&](const auto& list, std::int32_t tensor) {
    for (const auto& [name, t] : list)
      if (t == tensor && !name.empty()) return std::string(name);
    return std::string(info.tensors[static_cast<std::size_t>(tensor)].name);
  };
  using Names = std::vector<std::pair<std::string_view, std::int32_t>>;
  const Names no_names;
  const auto tensors = [&](const std::vector<std::string>& names, const std::vector<std::int32_t>& otherwise,
                           const Names& signature_names) {
    std::vector<std::int32_t> list;
    for (const auto& name : names) {
      const auto it = std::find_if(signature_names.begin(), signature_names.end(), [&](const auto& n) { return n.first == name; });
      list.push_back(it != signature_names.end() ? it->second : find(info, name));
    }
    return names.empty() ? otherwise : list;
  };
  const Names& input_names = signature ? signature->inputs : no_names;
  const Names& output_names = signature ? signature->outputs : no_names;
  const auto inputs = tensors(options.inputs, info.inputs, input_names), outputs = tensors(options.outputs, info.outputs, output_names);
  SACCADE_CHECK(!outputs.empty(), invalid_model, "the model has no outputs");
  for (auto t : inputs) {
    const TensorInfo& tensor = info.tensors[static_cast<std::size_t>(t)];
    Binding& b = scope.tensors[static_cast<std::size_t>(t)];
    if (b.set()) continue;
    const std::string name = named(input_names, t);
    ErrorContext frame("input", name);
    const auto type = element_type(tensor.type);
    if (!type) {
      problems_.add("input", fmt::format("{} tensors", type_name(tensor.type)), name);
      b.poisoned = true;
      continue;
    }
    if (tensor.shape.is_static()) {
      try {
        element_count(tensor.shape.shape());
      } catch (const Error& e) {
        fail(ErrorCode::invalid_model, "{}", e.message());
      }
    }
    b.raw = edit.input(name, {*type, tensor.shape});
  }
  // what a cut leaves without a producer is no longer reached
  auto wanted = needed(info, outputs, inputs);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    for (auto t : info.operators[i].outputs)
      if (std::find(inputs.begin(), inputs.end(), t) != inputs.end() && !options.inputs.empty()) wanted[i] = 0;
  operators(scope, wanted);
  for (auto t : outputs) {
    const std::string name = named(output_names, t);
    ErrorContext frame("output", name);
    try {
      edit.output(raw(scope, t), name);
    } catch (const Error& e) {
      if (e.code() != ErrorCode::unsupported) throw;
      problems_.add("output", e.message(), name);
    } catch (const Poisoned&) {
    }
  }
  problems_.throw_if_any();
  edit.remove_dead();
  graph->name = std::string(shown(info.name));
  if (signature) graph->metadata.emplace("tflite.signature", shown(signature->key));
  std::string notes;
  for (const auto& n : notes_) notes += (notes.empty() ? "" : "; ") + n;
  if (!notes.empty()) graph->metadata.emplace("tflite.notes", notes);
  return graph;
}

}  // namespace saccade::tflite
