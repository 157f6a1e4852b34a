// SPDX-License-Identifier: Apache-2.0
// Select.
#include "ops/select.h"

#include "ops/contents.h"

namespace saccade::ops {
namespace {

template <class T>
void choose(Tensor& out, const Tensor& condition, const Tensor& a, const Tensor& b) {
  const Strides sc = broadcast_strides(condition.shape(), out.shape()), sa = broadcast_strides(a.shape(), out.shape()), sb = broadcast_strides(b.shape(), out.shape());
  const bool* c = condition.data<bool>();
  const T *x = static_cast<const T*>(a.raw()), *y = static_cast<const T*>(b.raw());
  T* to = static_cast<T*>(out.raw());
  IndexWalk walk(Shape(out.shape().begin(), out.shape().empty() ? out.shape().end() : out.shape().end() - 1));
  const std::size_t last = out.shape().size() - 1;
  const std::int64_t n = out.shape().empty() ? 1 : out.shape().back();
  const std::int64_t ic = out.shape().empty() ? 0 : sc[last], ia = out.shape().empty() ? 0 : sa[last], ib = out.shape().empty() ? 0 : sb[last];
  do {
    const std::int64_t oc = walk.offset(sc), oa = walk.offset(sa), ob = walk.offset(sb);
    for (std::int64_t i = 0; i < n; ++i) *to++ = c[oc + i * ic] ? x[oa + i * ia] : y[ob + i * ib];
  } while (walk.next());
}

}  // namespace

std::vector<Fact> infer(const Select& op, std::span<const Fact> inputs) {
  check_arity(inputs, 3, 3);
  SACCADE_CHECK(inputs[0].type.element == ElementType::boolean, invalid_model, "a condition of type {}", to_string(inputs[0].type.element));
  check_same_element(inputs, 1, 2);
  return with_contents(op, inputs, {1, 2}, {Fact(inputs[1].type.element, broadcast(broadcast(inputs[0].type.shape, inputs[1].type.shape), inputs[2].type.shape))});
}

std::vector<Tensor> evaluate(const Select&, std::span<const Tensor> inputs) {
  SACCADE_CHECK(inputs[1].type() == inputs[2].type(), invalid_model, "Select between {} and {}", to_string(inputs[1].type()), to_string(inputs[2].type()));
  Tensor out(inputs[1].type(), broadcast_shapes(broadcast_shapes(inputs[0].shape(), inputs[1].shape()), inputs[2].shape()));
  if (out.size() == 0) return {out};
  switch (size_in_bytes(out.type())) {
    case 1: choose<std::uint8_t>(out, inputs[0], inputs[1], inputs[2]); break;
    case 2: choose<std::uint16_t>(out, inputs[0], inputs[1], inputs[2]); break;
    case 4: choose<std::uint32_t>(out, inputs[0], inputs[1], inputs[2]); break;
    default: choose<std::uint64_t>(out, inputs[0], inputs[1], inputs[2]);
  }
  return {out};
}

}  // namespace saccade::ops
