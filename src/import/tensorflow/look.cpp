// SPDX-License-Identifier: Apache-2.0
// Looking at networks.
#include "import/tensorflow/look.h"

#include <algorithm>

#include "tensor/numeric.h"

namespace saccade::tensorflow {

bool Look::is(Port p, std::initializer_list<std::string_view> ops) const {
  p = origin(p);
  // what a pattern has made is no longer what its name says
  return p.valid() && !network_->at(p).custom && std::find(ops.begin(), ops.end(), network_->at(p).op) != ops.end();
}

Port Look::need(Port p, std::initializer_list<std::string_view> ops) const {
  expect(is(p, ops), *ops.begin());
  return origin(p);
}

Port Look::in(Port p, std::size_t i) const {
  p = origin(p);
  expect(p.valid() && i < network_->at(p).inputs.size() && network_->at(p).inputs[i].valid(), "an input");
  return origin(network_->at(p).inputs[i]);
}

std::int64_t Look::integer(Port p, std::string_view attribute, std::int64_t otherwise) const {
  const NodeDef* def = node(p).def;
  const AttrValue* value = def == nullptr ? nullptr : def->find(attribute);
  return value == nullptr ? otherwise : value->i;
}

std::vector<std::int64_t> Look::integers(Port p, std::string_view attribute) const {
  const NodeDef* def = node(p).def;
  const AttrValue* value = def == nullptr ? nullptr : def->find(attribute);
  return value == nullptr || !value->list ? std::vector<std::int64_t>{} : value->list->ints;
}

std::optional<double> Look::number(Port p) const {
  const auto t = network_->constant(p);
  if (!t || t->size() != 1) return std::nullopt;
  return element_as_f64(*t, 0);
}

std::optional<std::vector<std::int64_t>> Look::list(Port p) const {
  const auto t = network_->constant(p);
  if (!t || !is_integer(t->type()) || t->rank() > 1 || t->size() > 1024) return std::nullopt;
  return to_i64(*t);
}

bool Look::is_list(Port p, std::initializer_list<std::int64_t> entries) const {
  const auto found = list(p);
  return found && std::equal(found->begin(), found->end(), entries.begin(), entries.end());
}

std::optional<double> Look::uniform(Port p, int depth) const {
  p = origin(p);
  if (depth > 4 || !p.valid()) return std::nullopt;
  if (is(p, "Fill")) return number(in(p, 1));
  if (is(p, "ZerosLike")) return 0;
  if (is(p, "OnesLike")) return 1;
  if (is(p, "Mul") || is(p, {"Add", "AddV2"})) {
    const auto a = uniform(in(p, 0), depth + 1), b = uniform(in(p, 1), depth + 1);
    if (!a || !b) return std::nullopt;
    return is(p, "Mul") ? *a * *b : *a + *b;
  }
  const auto t = network_->constant(p);
  if (!t || t->size() == 0 || t->size() > 1 << 20) return std::nullopt;
  const double first = element_as_f64(*t, 0);
  for (std::int64_t i = 1; i < t->size(); ++i)
    if (element_as_f64(*t, i) != first) return std::nullopt;
  return first;
}

std::optional<Component> Look::component(Port p) const {
  p = origin(p);
  if (is(p, "Unpack")) return integer(p, "axis", 0) == 0 ? std::optional(Component{in(p, 0), p.slot}) : std::nullopt;
  if (!is(p, "StridedSlice") || inputs(p) != 4) return std::nullopt;
  if (integer(p, "shrink_axis_mask", 0) != 1 || integer(p, "begin_mask", 0) != 0 || integer(p, "ellipsis_mask", 0) != 0 || integer(p, "new_axis_mask", 0) != 0) return std::nullopt;
  const auto begin = list(in(p, 1)), step = list(in(p, 3));
  if (!begin || begin->size() != 1 || !step || step->size() != 1 || (*begin)[0] < 0) return std::nullopt;
  return Component{in(p, 0), (*begin)[0]};
}

std::optional<SizeOf> Look::size(Port p) const {
  p = origin(p);
  if (const auto t = network_->constant(p)) {
    if (t->size() != 1 || !is_integer(t->type())) return std::nullopt;
    return SizeOf{{}, 0, element_as_i64(*t, 0)};
  }
  if (is(p, "Size")) return SizeOf{in(p, 0), 0, 0};  // of a vector; of anything else it will not be what is looked for
  const auto part = component(p);
  if (!part) return std::nullopt;
  if (is(part->vector, "Shape")) return SizeOf{in(part->vector, 0), part->index, 0};
  const auto known = list(part->vector);
  if (!known || part->index >= static_cast<std::int64_t>(known->size())) return std::nullopt;
  return SizeOf{{}, 0, (*known)[static_cast<std::size_t>(part->index)]};
}

std::optional<Port> Look::count_to(Port p) const {
  if (!is(p, "Range") || number(in(p, 0)) != 0.0 || number(in(p, 2)) != 1.0) return std::nullopt;
  return in(p, 1);
}

std::optional<Look::Gathered> Look::gathered(Port p) const {
  if (is(p, "Gather")) return Gathered{in(p, 0), in(p, 1)};
  if (!is(p, "GatherV2") || inputs(p) != 3 || number(in(p, 2)) != 0.0 || integer(p, "batch_dims", 0) != 0) return std::nullopt;
  return Gathered{in(p, 0), in(p, 1)};
}

}  // namespace saccade::tensorflow
