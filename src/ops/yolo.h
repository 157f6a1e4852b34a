// SPDX-License-Identifier: Apache-2.0
// The operators of YOLO v2 and v3 heads: RegionYolo and ReorgYolo.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// (data [n, r·(coords + 1 + classes), h, w]) → the same with the centre (the first two coords) and the objectness of every region
/// through a sigmoid, and the classes through a softmax over them, the dimensions from axis to end_axis merged; or, without do_softmax,
/// the classes through a sigmoid and the shape kept. r = num with do_softmax, else the length of mask. Anchors are only carried
/// along (RegionYolo-1).
struct RegionYolo {
  std::int64_t coords = 4, classes = 1, num = 1;
  bool do_softmax = true;
  std::vector<std::int64_t> mask;
  std::int64_t axis = 1, end_axis = 3;
  std::vector<double> anchors;

  static constexpr std::string_view kName = "RegionYolo";
  void fields(FieldVisitor& v) {
    v("coords", coords);
    v("classes", classes);
    v("num", num);
    v("do_softmax", do_softmax);
    v("mask", mask);
    v("axis", axis);
    v("end_axis", end_axis);
    v("anchors", anchors);
  }
};

/// (data [n,c,h,w]) → [n, c·stride², h/stride, w/stride]: the elements of an image in the order in which Darknet's reorg layer leaves them,
/// which is not that of SpaceToDepth. c, h and w divide by stride² and stride (ReorgYolo-1).
struct ReorgYolo {
  std::int64_t stride = 1;

  static constexpr std::string_view kName = "ReorgYolo";
  void fields(FieldVisitor& v) { v("stride", stride); }
};

std::vector<Fact> infer(const RegionYolo& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const RegionYolo& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const ReorgYolo& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const ReorgYolo& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
