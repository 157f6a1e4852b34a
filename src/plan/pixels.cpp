// SPDX-License-Identifier: Apache-2.0
// Images whose pixels lie in an order of their own.
#include "plan/pixels.h"

#include <algorithm>
#include <limits>

#include "ops/reshape.h"
#include "ops/transpose.h"
#include "plan/lowering.h"
#include "tensor/numeric.h"

namespace saccade::plan {

using graph::Node;
using graph::ValueId;

namespace {

// The offsets along dimension `size`, which the dimensions of `fine` from `at` on make up; none if they do not.
std::optional<std::vector<std::int32_t>> offsets(const Shape& fine, const Strides& strides, std::size_t& at, std::int64_t size) {
  std::vector<std::int32_t> out{0};
  while (static_cast<std::int64_t>(out.size()) < size && at < fine.size()) {
    std::vector<std::int32_t> longer;
    for (std::int32_t begin : out) {
      for (std::int64_t i = 0; i < fine[at]; ++i) {
        const std::int64_t offset = begin + i * strides[at];
        if (offset < 0 || offset > std::numeric_limits<std::int32_t>::max()) return std::nullopt;
        longer.push_back(static_cast<std::int32_t>(offset));
      }
    }
    out = std::move(longer);
    ++at;
  }
  if (static_cast<std::int64_t>(out.size()) != size) return std::nullopt;
  return out;
}

// The order of a transposition; none for any other operator, or one that is not known.
std::optional<std::vector<std::int64_t>> order_of(const Lowering& l, const Node& node) {
  if (!node.op.is<ops::Transpose>()) return std::nullopt;
  const Tensor& order = l.graph.constant(node.inputs[1]);
  if (!order.defined() || order.size() == 0) return std::nullopt;
  return to_i64(order);
}

// The movers behind the value up to the first that would copy what lies in `place`; empty if none would.
std::vector<const Node*> movers_to_copy(const Lowering& l, ValueId value, Place place) {
  std::vector<const Node*> movers;
  for (;;) {
    const auto& uses = l.graph[value].uses;
    if (uses.size() != 1 || uses[0].input != 0 || l.graph.is_output(value)) return {};
    const Node& user = l.graph[uses[0].node];
    if (l.absorbed(user.id)) return {};
    movers.push_back(&user);
    value = user.outputs[0];
    if (const auto order = order_of(l, user)) {
      place = transposed(place, *order);
    } else if (user.op.is<ops::Reshape>()) {
      auto view = viewed(place, l.shape(value));
      if (!view) return movers;
      place = std::move(*view);
    } else {
      return {};
    }
  }
}

}  // namespace

std::optional<Pixels> pixels_of(const Place& place, const Shape& image) {
  if (image.size() != 4 || image[0] != 1 || place.type != ElementType::f32) return std::nullopt;
  const Shape fine = common_refinement(place.dims, image);
  const auto strides = fine.empty() ? std::nullopt : view_strides(place.dims, place.strides, fine);
  // the channels are one dimension, or none
  std::size_t at = image[1] == 1 ? 0 : 1;
  if (!strides || at >= fine.size() || (at == 1 && (fine[0] != image[1] || (*strides)[0] != 1))) return std::nullopt;
  const std::int64_t pitch = *std::min_element(strides->begin() + static_cast<std::ptrdiff_t>(at), strides->end());
  if (pitch < image[1]) return std::nullopt;
  auto lines = offsets(fine, *strides, at, image[2]);
  auto columns = lines ? offsets(fine, *strides, at, image[3]) : std::nullopt;
  if (!columns || at != fine.size()) return std::nullopt;
  return Pixels{{place.buffer, place.type, place.offset, image, {image[2] * image[3] * pitch, 1, image[3] * pitch, pitch}},
                std::move(*lines),
                std::move(*columns)};
}

std::optional<Pixels> destination_behind(Lowering& l, ValueId value, const Place& place) {
  const std::vector<const Node*> movers = movers_to_copy(l, value, place);
  if (movers.empty() || l.shape(value).size() != 4) return std::nullopt;
  Place at = l.destination(movers.back()->outputs[0]);
  for (auto mover = movers.rbegin(); mover != movers.rend(); ++mover) {
    if (const auto order = order_of(l, **mover)) {
      std::vector<std::int64_t> back(order->size());
      for (std::size_t d = 0; d < order->size(); ++d) back[static_cast<std::size_t>((*order)[d])] = static_cast<std::int64_t>(d);
      at = transposed(at, back);
    } else if (mover + 1 != movers.rend()) {  // the first reshape is what pixels_of is for
      auto view = viewed(at, l.shape((*mover)->inputs[0]));
      if (!view) return std::nullopt;
      at = std::move(*view);
    }
  }
  auto pixels = pixels_of(at, l.shape(value));
  if (!pixels) return std::nullopt;
  for (const Node* mover : movers) l.absorb(mover->id);
  return pixels;
}

}  // namespace saccade::plan
