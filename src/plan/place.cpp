// SPDX-License-Identifier: Apache-2.0
// Arithmetic on strided views.
#include "plan/place.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"

namespace saccade::plan {

Strides ordered_strides(const Shape& dims, const std::vector<int>& order, std::int64_t pitch) {
  Strides strides(dims.size(), 1);
  std::int64_t step = 1;
  for (std::size_t i = order.size(); i-- > 0;) {
    const auto d = static_cast<std::size_t>(order[i]);
    strides[d] = step;
    step *= i + 1 == order.size() ? std::max(pitch, dims[d]) : dims[d];
  }
  return strides;
}

bool is_dense(const Place& place) {
  std::int64_t step = 1;
  for (std::size_t d = place.dims.size(); d-- > 0;) {
    if (place.dims[d] == 1) continue;
    if (place.strides[d] != step) return false;
    step *= place.dims[d];
  }
  return true;
}

std::int64_t span_elements(const Shape& dims, const Strides& strides) {
  std::int64_t last = 0;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0) return 0;
    last += (dims[d] - 1) * strides[d];
  }
  return last + 1;
}

std::optional<Strides> view_strides(const Shape& dims, const Strides& strides, const Shape& to) {
  // dimensions of size 1 carry no information; the rest is matched in groups of equal products
  Shape from;
  Strides steps;
  for (std::size_t d = 0; d < dims.size(); ++d) {
    if (dims[d] == 0) return dense_strides(to);
    if (dims[d] == 1) continue;
    if (!from.empty() && steps.back() == strides[d] * dims[d]) {
      from.back() *= dims[d];
      steps.back() = strides[d];
    } else {
      from.push_back(dims[d]);
      steps.push_back(strides[d]);
    }
  }
  Strides out(to.size(), 1);
  std::size_t group = from.size();
  std::int64_t left = 1, step = 1;  // what remains of the current group, and the stride of its next dimension
  for (std::size_t d = to.size(); d-- > 0;) {
    if (to[d] == 1) {
      out[d] = step;
      continue;
    }
    if (left == 1) {
      if (group == 0) return std::nullopt;
      --group;
      left = from[group];
      step = steps[group];
    }
    if (left % to[d] != 0) return std::nullopt;
    out[d] = step;
    step *= to[d];
    left /= to[d];
  }
  if (left != 1 || group != 0) return std::nullopt;
  return out;
}

std::optional<Place> viewed(const Place& place, Shape dims) {
  auto strides = view_strides(place.dims, place.strides, dims);
  if (!strides) return std::nullopt;
  return Place{place.buffer, place.type, place.offset, std::move(dims), std::move(*strides)};
}

bool lie_alike(const Place& a, const Place& b) {
  return a.buffer != b.buffer && a.type == b.type && a.offset == b.offset && a.dims == b.dims && a.strides == b.strides;
}

Shape common_refinement(const Shape& a, const Shape& b) {
  Shape out;
  std::size_t i = 0, j = 0;
  std::int64_t left_a = 1, left_b = 1;
  for (;;) {
    while (left_a == 1 && i < a.size()) left_a = a[i++];
    while (left_b == 1 && j < b.size()) left_b = b[j++];
    if (left_a == 1 && left_b == 1) return out;
    const std::int64_t part = std::min(left_a, left_b);
    if (part < 2 || left_a % part != 0 || left_b % part != 0) return {};
    out.push_back(part);
    left_a /= part;
    left_b /= part;
  }
}

Place transposed(const Place& place, const std::vector<std::int64_t>& order) {
  Place out = place;
  for (std::size_t i = 0; i < order.size(); ++i) {
    out.dims[i] = place.dims[static_cast<std::size_t>(order[i])];
    out.strides[i] = place.strides[static_cast<std::size_t>(order[i])];
  }
  return out;
}

Place sliced(const Place& place, std::size_t axis, std::int64_t begin, std::int64_t count, std::int64_t step) {
  Place out = place;
  out.offset += begin * place.strides[axis];
  out.dims[axis] = count;
  out.strides[axis] *= step;
  return out;
}

std::string to_string(const Place& place) {
  if (!place.valid()) return "-";
  std::string text = fmt::format("b{}", place.buffer);
  if (place.offset) text += fmt::format("+{}", place.offset);
  text += fmt::format(" {}{}", saccade::to_string(place.type), saccade::to_string(place.dims));
  if (!is_dense(place)) text += " strides " + saccade::to_string(place.strides);
  return text;
}

LoopNest merge_loops(const Shape& dims, const std::vector<Strides>& operands) {
  std::vector<std::size_t> axes;
  for (std::size_t d = 0; d < dims.size(); ++d)
    if (dims[d] != 1) axes.push_back(d);
  std::stable_sort(axes.begin(), axes.end(), [&](std::size_t a, std::size_t b) { return std::abs(operands[0][a]) > std::abs(operands[0][b]); });
  LoopNest nest;
  nest.strides.resize(operands.size());
  for (std::size_t axis : axes) {
    bool mergeable = !nest.dims.empty();
    for (std::size_t o = 0; mergeable && o < operands.size(); ++o) mergeable = nest.strides[o].back() == operands[o][axis] * dims[axis];
    if (mergeable) {
      nest.dims.back() *= dims[axis];
      for (std::size_t o = 0; o < operands.size(); ++o) nest.strides[o].back() = operands[o][axis];
    } else {
      nest.dims.push_back(dims[axis]);
      for (std::size_t o = 0; o < operands.size(); ++o) nest.strides[o].push_back(operands[o][axis]);
    }
  }
  if (nest.dims.empty()) {
    nest.dims.push_back(1);
    for (auto& s : nest.strides) s.push_back(1);
  }
  return nest;
}

Shape select_dims(const std::vector<std::int64_t>& values, const std::vector<std::size_t>& dims) {
  Shape out;
  for (std::size_t d : dims) out.push_back(values[d]);
  return out;
}

std::int64_t product(const Shape& dims, std::size_t begin, std::size_t end) {
  std::int64_t n = 1;
  for (std::size_t d = begin; d < end; ++d) n *= dims[d];
  return n;
}

}  // namespace saccade::plan
