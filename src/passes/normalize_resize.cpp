// SPDX-License-Identifier: Apache-2.0
// Resize in one form: axes that keep their size are left out, and repeating every element a whole number of times is written as
// nearest, asymmetric, floor, whichever of its names the exporter chose.
//   Resize(%x: f32[1,8,4,4], f32[4]{1,1,2,2}) {nearest half_pixel round_prefer_floor}
//     →  Resize(%x, f32[2]{2,2}) {axes=[2,3] nearest asymmetric floor}
#include <cmath>

#include "ops/resize.h"
#include "passes/all.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

using ops::Resize;
using ops::ResizeCoordinates;
using ops::ResizeNearest;

// Whether an integer factor makes this rule repeat every element.
bool repeats(const Resize& r) {
  switch (r.coordinates) {
    case ResizeCoordinates::asymmetric:
    case ResizeCoordinates::tf_half_pixel_for_nn: return r.nearest == ResizeNearest::floor;
    case ResizeCoordinates::half_pixel: return r.nearest == ResizeNearest::round_prefer_floor || r.nearest == ResizeNearest::round_prefer_ceil;
    default: return false;
  }
}

}  // namespace

Pass normalize_resize() {
  const Pattern x = any(), target = constant();
  const Pattern root = op<Resize>({x, target});
  return {"normalize_resize", {{root, [=](const Match& m, Edit& edit) -> Outcome {
    Resize r = m.op<Resize>(root);
    const graph::TensorType type = m.type(x), out = m.type(root);
    if (r.coordinates == ResizeCoordinates::tf_crop_and_resize || r.aspect != ops::ResizeAspect::stretch || !type.shape.ranked() || !out.shape.ranked()) return pass_over();
    std::vector<std::int64_t> axes = r.axes;
    if (axes.empty())
      for (std::size_t d = 0; d < type.shape.rank(); ++d) axes.push_back(static_cast<std::int64_t>(d));
    const Tensor values = m.constant(target);
    if (static_cast<std::int64_t>(axes.size()) != values.size()) return pass_over();
    const bool by_size = r.shape_calculation == ops::ResizeShape::sizes;
    std::vector<std::int64_t> kept;
    std::vector<double> entries;
    bool whole = true;
    for (std::size_t i = 0; i < axes.size(); ++i) {
      const std::int64_t a = axes[i] < 0 ? axes[i] + static_cast<std::int64_t>(type.shape.rank()) : axes[i];
      const double entry = element_as_f64(values, static_cast<std::int64_t>(i));
      const auto from = known_size(type, static_cast<std::size_t>(a));
      if (by_size && !from) return pass_over();
      const double scale = by_size ? entry / static_cast<double>(*from) : entry;
      if (scale == 1) continue;
      whole &= scale == std::floor(scale) && scale >= 1;
      kept.push_back(a);
      entries.push_back(entry);
    }
    if (kept.empty()) return pass_over();  // an identity
    const bool rename = r.mode == ops::ResizeMode::nearest && whole && repeats(r) && !(r.coordinates == ResizeCoordinates::asymmetric && r.nearest == ResizeNearest::floor);
    if (kept.size() == axes.size() && !rename) return pass_over();
    if (rename) {
      r.coordinates = ResizeCoordinates::asymmetric;
      r.nearest = ResizeNearest::floor;
    }
    r.axes = kept;
    const Tensor fewer = from_f64(values.type(), {static_cast<std::int64_t>(kept.size())}, entries);
    return edit(r, {m[x], edit.constant(fewer)}, m.node(root).name);
  }}}, {}};
}

}  // namespace saccade::passes
