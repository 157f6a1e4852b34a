// SPDX-License-Identifier: Apache-2.0
// Variables, as constants from the checkpoint; resources that inference cannot have.
#include "import/tensorflow/build.h"
#include "import/tensorflow/map.h"
#include "ops/gather.h"

namespace saccade::tensorflow {
namespace {

using Values = std::vector<ValueId>;

Resource named(NodeContext& c) {
  c.ignore({"container", "allowed_devices", "debug_name", "dtype", "shape"});
  return {c.name(), c.s("shared_name", "")};
}

ValueId contents(NodeContext& c, const Resource& variable) {
  if (c.builder().variables() == nullptr) c.unsupported("a variable, and no checkpoint with its value: give the checkpoint, or freeze the graph");
  return c.edit.constant(c.builder().variables()->read(variable), variable.shared_name.empty() ? variable.name : variable.shared_name);
}

Values handle(NodeContext& c) {
  c.bind(0, {.resource = std::make_shared<const Resource>(named(c))});
  return {};
}

// A variable of old graphs is read by taking its output.
Values variable(NodeContext& c) { return {contents(c, named(c))}; }

const Resource& resource(NodeContext& c, std::size_t i) {
  const Binding& b = c.binding(i);
  if (!b.resource) c.invalid("input {} is no variable", i);
  return *b.resource;
}

Values read(NodeContext& c) {
  const ElementType element = c.type("dtype");
  const ValueId value = contents(c, resource(c, 0));
  if (c.edit.graph().type(value).element != element) c.invalid("the variable holds {} where {} is read", to_string(c.edit.graph().type(value).element), to_string(element));
  return {value};
}

Values gather_from_table(NodeContext& c) {
  c.ignore({"dtype", "validate_indices"});
  const std::int64_t batch = c.i("batch_dims", 0);
  return {c.op(ops::Gather{batch}, {contents(c, resource(c, 0)), c.in(1), c.i64_scalar(batch)})};
}

// The handle itself, for functions that disable copies.
Values same_handle(NodeContext& c) {
  c.bind(0, c.binding(0));
  return {};
}

[[noreturn]] Values table(NodeContext& c) { c.unsupported("look-up tables of strings or numbers; cut the graph before it with --input, or after it with --output"); }
[[noreturn]] Values tensorrt(NodeContext& c) {
  c.unsupported("a part of the graph that TensorRT compiled for one GPU; convert the model from before TF-TRT was applied");
}
[[noreturn]] Values decode(NodeContext& c) { c.unsupported("pictures are decoded in the graph; cut it behind the decoder with --input"); }

constexpr Row kVariableRows[] = {
    {"DecodeBmp", decode},
    {"DecodeImage", decode},
    {"DecodeJpeg", decode},
    {"DecodePng", decode},
    {"DecodeRaw", decode},
    {"DisableCopyOnRead", same_handle},
    {"HashTable", table},
    {"HashTableV2", table},
    {"LookupTableFind", table},
    {"LookupTableFindV2", table},
    {"MutableHashTableV2", table},
    {"ReadVariableOp", read},
    {"ResourceGather", gather_from_table},
    {"TRTEngineOp", tensorrt},
    {"VarHandleOp", handle},
    {"Variable", variable},
    {"VariableV2", variable},
};

}  // namespace

std::span<const Row> variable_rows() { return kVariableRows; }

}  // namespace saccade::tensorflow
