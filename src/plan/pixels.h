// SPDX-License-Identifier: Apache-2.0
// Images whose pixels lie in an order of their own, as those that an attention block over patches unfolds: position (2y + i, 2x + j) of
// the image is (2i + j, y·W + x) there. No strides say that, but the offset of a pixel still is one number for its line and one for its
// column, which is what the dense kernel takes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "graph/graph.h"
#include "plan/place.h"

namespace saccade::plan {

class Lowering;

/// The image [1, C, H, W] with pixel (y, x) at memory.offset + lines[y] + columns[x], its channels contiguous.
struct Pixels {
  Place memory;  ///< as an image of as many pixels one after the other
  std::vector<std::int32_t> lines, columns;
};

/// The place read as an image of these dimensions; none if channels are not contiguous or lines and columns not apart.
std::optional<Pixels> pixels_of(const Place& place, const Shape& image);

/// Where the pixels of the image `value` belong if the movers behind it, which nothing but them needs, would copy them: in the place of
/// what these make, which is its destination. The movers count as lowered then. `place` is where the image would lie otherwise.
std::optional<Pixels> destination_behind(Lowering& l, graph::ValueId value, const Place& place);

}  // namespace saccade::plan
