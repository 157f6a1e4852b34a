// SPDX-License-Identifier: Apache-2.0
// TensorArray and TensorList operators. A TensorArray's state travels with its flow; its handle is only a name.
#include <numeric>

#include "import/tensorflow/lists.h"
#include "import/tensorflow/map.h"
#include "ops/broadcast.h"
#include "ops/concat.h"
#include "ops/convert.h"
#include "ops/gather.h"
#include "ops/range.h"
#include "ops/reshape.h"
#include "ops/scatter.h"
#include "ops/shape_of.h"
#include "ops/slice.h"
#include "tensor/numeric.h"

namespace saccade::tensorflow {
namespace {

using Values = std::vector<ValueId>;

ValueId i64_vector_of(Edit& edit, std::initializer_list<std::int64_t> values) { return edit.constant(i64_vector(std::vector<std::int64_t>(values))); }

ValueId i64_scalar_of(Edit& edit, std::int64_t value) { return edit.constant(Tensor::scalar(value)); }

ValueId as_i64(Edit& edit, ValueId value) {
  return edit.graph().type(value).element == ElementType::i64 ? value : edit(ops::Convert{ElementType::i64}, {value});
}

// Any shape of one element → scalar or vector of one.
ValueId as_scalar(Edit& edit, ValueId value) { return edit(ops::Reshape{}, {value, edit.constant(i64_vector(std::vector<std::int64_t>()))}); }
ValueId as_vector(Edit& edit, ValueId value) { return edit(ops::Reshape{}, {value, i64_vector_of(edit, {1})}); }

ValueId zero(Edit& edit, ElementType element) { return edit.constant(Tensor(element, {})); }

const ListState& list_in(NodeContext& c, std::size_t i) {
  const Binding& b = c.binding(i);
  if (!b.list) c.unsupported("input {} is no list that can be followed", i);
  return *b.list;
}

void give(NodeContext& c, std::size_t k, ListState list) { c.bind(k, {.list = std::make_shared<const ListState>(std::move(list))}); }

// An item shape given as an integer tensor; -1 as a scalar is an unknown rank.
PartialShape item_shape(NodeContext& c, std::size_t i) {
  const auto dims = c.integers(i);
  if (!dims || !c.shape(i).ranked() || c.rank(i) != 1) return {};
  return partial_shape({true, *dims});
}

PartialShape without_first(const PartialShape& shape) {
  if (!shape.ranked() || shape.rank() == 0) return {};
  return PartialShape(std::vector<graph::Dimension>(shape.dimensions().begin() + 1, shape.dimensions().end()));
}

PartialShape narrowed(NodeContext& c, const PartialShape& known, const PartialShape& given) {
  try {
    return meet(known, given);
  } catch (const Error&) {
    c.invalid("an item of shape {} in a list of items of shape {}", to_string(given), to_string(known));
  }
}

// 0, 1, 2 … up to the size of what it indexes.
bool counts_up(const NodeContext& c, ValueId indices) {
  const graph::Graph& graph = c.edit.graph();
  if (const Tensor& known = graph.constant(indices); known.defined()) {
    if (!is_integer(known.type())) return false;
    for (std::int64_t i = 0; i < known.size(); ++i)
      if (element_as_i64(known, i) != i) return false;
    return true;
  }
  const graph::Node* range = graph.producer(indices);
  if (range == nullptr || !range->op.is<ops::Range>()) return false;
  const auto is = [&](std::size_t k, std::int64_t value) {
    const Tensor& t = graph.constant(range->inputs[k]);
    return t.defined() && t.size() == 1 && element_as_i64(t, 0) == value;
  };
  return is(0, 0) && is(2, 1);
}

// The stop of a range, with casts skipped; invalid if it is none.
ValueId range_stop(const NodeContext& c, ValueId indices) {
  const graph::Graph& graph = c.edit.graph();
  const graph::Node* range = graph.producer(indices);
  if (range == nullptr || !range->op.is<ops::Range>()) return {};
  ValueId stop = range->inputs[1];
  for (const graph::Node* n = graph.producer(stop); n != nullptr && n->op.is<ops::Convert>(); n = graph.producer(stop)) stop = n->inputs[0];
  return stop;
}

ValueId item_at(NodeContext& c, const ListState& list, std::size_t index) {
  return c.op(ops::Gather{}, {list_data(c.edit, list), as_scalar(c.edit, c.in(index)), c.i64_scalar(0)});
}

// The list with an item replaced.
ListState with_item(NodeContext& c, ListState list, std::size_t index, std::size_t item) {
  const ValueId value = c.in(item);
  const PartialShape shape = c.shape(item);
  if (list.scanned) {
    if (list.slice.valid()) c.unsupported("two items of a list in one iteration");
    list.slice = value;
    list.item = narrowed(c, list.item, shape);
    return list;
  }
  if (c.element(item) != list.element) c.invalid("an item of type {} in a list of {}", to_string(c.element(item)), to_string(list.element));
  list.item = narrowed(c, list.item, shape);
  const ValueId data = list_data(c.edit, list);
  const ValueId one = c.op(ops::Unsqueeze{}, {value, c.i64({0})});
  list.data = c.op(ops::ScatterUpdate{}, {data, as_vector(c.edit, c.in(index)), one, c.i64_scalar(0)});
  return list;
}

// ---- TensorArray: (handle, …, flow)

Values array(NodeContext& c) {
  c.ignore({"dynamic_size", "clear_after_read", "identical_element_shapes", "tensor_array_name"});
  if (c.has(0)) c.in(0);
  ListState list{.element = c.type("dtype"), .item = c.shape_attribute("element_shape"), .size = as_scalar(c.edit, c.in(0))};
  // an unknown rank was written as a scalar by old releases
  if (list.item.ranked() && list.item.rank() == 0) list.item = {};
  c.bind(0, {.resource = std::make_shared<const Resource>(Resource{c.name(), {}})});
  give(c, 1, std::move(list));
  return {};
}

Values array_read(NodeContext& c) {
  c.ignore({"dtype"});
  return {item_at(c, list_in(c, 2), 1)};
}

Values array_write(NodeContext& c) {
  give(c, 0, with_item(c, list_in(c, 3), 1, 2));
  return {};
}

Values array_size(NodeContext& c) { return {c.op(ops::Convert{ElementType::i32}, {list_size(c.edit, list_in(c, 1))})}; }

Values scatter(NodeContext& c, ListState list, std::size_t indices, std::size_t values, std::size_t result) {
  if (list.scanned) c.unsupported("a list is filled in a loop by more than one item at a time");
  list.item = narrowed(c, list.item, without_first(c.shape(values)));
  if (!list.data.valid() && counts_up(c, c.in(indices))) {
    list.data = c.in(values);
  } else {
    ValueId data = list.data;
    if (!data.valid()) {
      const ValueId size = as_vector(c.edit, list_size(c.edit, list));
      const ValueId shape = c.op(ops::ShapeOf{}, {c.in(values)});
      const ValueId rest = c.op(ops::Slice{}, {shape, c.i64({1}), c.i64({std::numeric_limits<std::int32_t>::max()}), c.i64({1}), c.i64({0})});
      data = c.op(ops::Broadcast{}, {zero(c.edit, list.element), c.op(ops::Concat{0}, {size, rest})});
    }
    list.data = c.op(ops::ScatterUpdate{}, {data, c.in(indices), c.in(values), c.i64_scalar(0)});
  }
  give(c, result, std::move(list));
  return {};
}

Values array_scatter(NodeContext& c) { return scatter(c, list_in(c, 3), 1, 2, 0); }

ValueId gathered(NodeContext& c, const ListState& list, std::size_t indices) {
  const ValueId data = list_data(c.edit, list), at = c.in(indices);
  if (counts_up(c, at)) {
    // all items, if the count is the list's own
    const ValueId stop = range_stop(c, at);
    const graph::Graph& graph = c.edit.graph();
    ValueId size = list.size;
    for (const graph::Node* n = size.valid() ? graph.producer(size) : nullptr; n != nullptr && (n->op.is<ops::Convert>() || n->op.is<ops::Reshape>()); n = graph.producer(size)) size = n->inputs[0];
    ValueId count = stop;
    for (const graph::Node* n = count.valid() ? graph.producer(count) : nullptr; n != nullptr && (n->op.is<ops::Convert>() || n->op.is<ops::Reshape>()); n = graph.producer(count))
      count = n->inputs[0];
    if (count.valid() && count == size) return data;
  }
  return c.op(ops::Gather{}, {data, at, c.i64_scalar(0)});
}

Values array_gather(NodeContext& c) {
  c.ignore({"dtype"});
  ListState list = list_in(c, 2);
  const PartialShape item = c.shape_attribute("element_shape");
  if (item.ranked() && item.rank() > 0) list.item = narrowed(c, list.item, item);
  return {gathered(c, list, 1)};
}

// Items along their own first axis.
Values joined(NodeContext& c, const ListState& list) {
  const ValueId data = list_data(c.edit, list);
  const ValueId shape = c.op(ops::ShapeOf{}, {data});
  const auto part = [&](std::int64_t from, std::int64_t to) { return c.op(ops::Slice{}, {shape, c.i64({from}), c.i64({to}), c.i64({1}), c.i64({0})}); };
  const ValueId rest = part(2, std::numeric_limits<std::int32_t>::max());
  const ValueId value = c.op(ops::Reshape{}, {data, c.op(ops::Concat{0}, {c.i64({-1}), rest})});
  const ValueId lengths = c.op(ops::Broadcast{}, {part(1, 2), part(0, 1)});
  return {value, lengths};
}

Values array_concat(NodeContext& c) {
  c.ignore({"dtype", "element_shape_except0"});
  return joined(c, list_in(c, 1));
}

// ---- TensorList

Values reserve(NodeContext& c) {
  ListState list{.element = c.type("element_dtype"), .item = item_shape(c, 0), .size = as_scalar(c.edit, c.in(1))};
  c.ignore({"shape_type"});
  give(c, 0, std::move(list));
  return {};
}

Values empty(NodeContext& c) {
  ListState list{.element = c.type("element_dtype"), .item = item_shape(c, 0), .size = c.i64_scalar(0)};
  c.ignore({"shape_type"});
  give(c, 0, std::move(list));
  return {};
}

Values from_tensor(NodeContext& c) {
  c.ignore({"element_dtype", "shape_type"});
  ListState list{.element = c.element(0), .item = without_first(c.shape(0)), .data = c.in(0)};
  give(c, 0, std::move(list));
  return {};
}

Values get_item(NodeContext& c) {
  c.ignore({"element_dtype"});
  return {item_at(c, list_in(c, 0), 1)};
}

Values set_item(NodeContext& c) {
  c.ignore({"element_dtype", "resize_if_index_out_of_bounds"});
  give(c, 0, with_item(c, list_in(c, 0), 1, 2));
  return {};
}

Values push_back(NodeContext& c) {
  c.ignore({"element_dtype"});
  ListState list = list_in(c, 0);
  if (list.scanned) {
    if (list.slice.valid()) c.unsupported("two items of a list in one iteration");
    list.slice = c.in(1);
    list.item = narrowed(c, list.item, c.shape(1));
  } else {
    list.item = narrowed(c, list.item, c.shape(1));
    const ValueId item = c.op(ops::Unsqueeze{}, {c.in(1), c.i64({0})});
    list.data = list.data.valid() ? c.op(ops::Concat{0}, {list.data, item}) : item;
    list.size = {};
  }
  give(c, 0, std::move(list));
  return {};
}

Values pop_back(NodeContext& c) {
  c.ignore({"element_dtype"});
  ListState list = list_in(c, 0);
  if (list.scanned) c.unsupported("items of a list are taken away in the loop that adds them");
  const ValueId data = list_data(c.edit, list);
  const ValueId item = c.op(ops::Gather{}, {data, c.i64_scalar(-1), c.i64_scalar(0)});
  list.data = c.op(ops::Slice{}, {data, c.i64({0}), c.i64({-1}), c.i64({1}), c.i64({0})});
  list.size = {};
  give(c, 0, std::move(list));
  c.bind(1, {.value = item});
  return {};
}

Values stack(NodeContext& c) {
  c.ignore({"element_dtype", "num_elements"});
  ListState list = list_in(c, 0);
  if (!list.data.valid() && c.has(1)) list.item = narrowed(c, list.item, item_shape(c, 1));
  return {list_data(c.edit, list)};
}

Values length(NodeContext& c) { return {c.op(ops::Convert{ElementType::i32}, {list_size(c.edit, list_in(c, 0))})}; }

Values gather_list(NodeContext& c) {
  c.ignore({"element_dtype"});
  return {gathered(c, list_in(c, 0), 1)};
}

Values scatter_list(NodeContext& c) {
  c.ignore({"element_dtype", "shape_type"});
  // (tensor, indices, element_shape, num_elements)
  ListState list{.element = c.element(0), .item = item_shape(c, 2)};
  if (c.has(3)) {
    const auto count = c.integers(3);
    if (!count || count->size() != 1 || (*count)[0] >= 0) list.size = as_scalar(c.edit, c.in(3));
  }
  if (!list.size.valid() && !counts_up(c, c.in(1))) c.unsupported("a list without a size that is filled out of order");
  return scatter(c, std::move(list), 1, 0, 0);
}

Values concat_list(NodeContext& c) {
  c.ignore({"element_dtype", "shape_type", "element_shape"});
  return joined(c, list_in(c, 0));
}

constexpr Row kListRows[] = {
    {"EmptyTensorList", empty},
    {"TensorArrayConcatV3", array_concat},
    {"TensorArrayGatherV3", array_gather},
    {"TensorArrayReadV3", array_read},
    {"TensorArrayScatterV3", array_scatter},
    {"TensorArraySizeV3", array_size},
    {"TensorArrayV3", array},
    {"TensorArrayWriteV3", array_write},
    {"TensorListConcat", concat_list},
    {"TensorListConcatV2", concat_list},
    {"TensorListFromTensor", from_tensor},
    {"TensorListGather", gather_list},
    {"TensorListGetItem", get_item},
    {"TensorListLength", length},
    {"TensorListPopBack", pop_back},
    {"TensorListPushBack", push_back},
    {"TensorListReserve", reserve},
    {"TensorListScatterV2", scatter_list},
    {"TensorListSetItem", set_item},
    {"TensorListStack", stack},
};

}  // namespace

ValueId list_data(Edit& edit, const ListState& list) {
  if (list.data.valid()) return list.data;
  SACCADE_CHECK(!list.scanned, unsupported, "a list is read in the loop that fills it");
  SACCADE_CHECK(list.item.is_static(), unsupported, "a list of items whose shape is not known ({}) is read before it is filled", to_string(list.item));
  std::vector<std::int64_t> item = list.item.shape();
  const ValueId shape = edit(ops::Concat{0}, {as_vector(edit, list_size(edit, list)), edit.constant(i64_vector(item))});
  return edit(ops::Broadcast{}, {zero(edit, list.element), shape});
}

ValueId list_size(Edit& edit, const ListState& list) {
  if (list.size.valid()) return as_i64(edit, list.size);
  SACCADE_CHECK(list.data.valid(), unsupported, "the size of a list is not known");
  return edit(ops::Gather{}, {edit(ops::ShapeOf{}, {list.data}), i64_scalar_of(edit, 0), i64_scalar_of(edit, 0)});
}

std::span<const Row> list_rows() { return kListRows; }

}  // namespace saccade::tensorflow
