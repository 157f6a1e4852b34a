// SPDX-License-Identifier: Apache-2.0
// SpaceToDepth, DepthToSpace, SpaceToBatch and BatchToSpace: blocks of pixels to channels or to the batch and back.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

enum class DepthMode { blocks_first, depth_first };

/// (data [n, c, spatial…]) → [n, c · block^k, spatial / block…] (SpaceToDepth-0).
struct SpaceToDepth {
  DepthMode mode = DepthMode::blocks_first;
  std::int64_t block_size = 1;

  static constexpr std::string_view kName = "SpaceToDepth";
  void fields(FieldVisitor& v) {
    v("mode", mode, {"blocks_first", "depth_first"});
    v("block_size", block_size);
  }
};

/// (data [n, c, spatial…]) → [n, c / block^k, spatial · block…] (DepthToSpace-0).
struct DepthToSpace {
  DepthMode mode = DepthMode::blocks_first;
  std::int64_t block_size = 1;

  static constexpr std::string_view kName = "DepthToSpace";
  void fields(FieldVisitor& v) {
    v("mode", mode, {"blocks_first", "depth_first"});
    v("block_size", block_size);
  }
};

/// (data, block i64[rank], pads_begin i64[rank], pads_end i64[rank]) → zero-padded data with blocks moved to the batch (SpaceToBatch-1).
struct SpaceToBatch {
  static constexpr std::string_view kName = "SpaceToBatch";
  void fields(FieldVisitor&) {}
};

/// (data, block i64[rank], crops_begin i64[rank], crops_end i64[rank]) → blocks moved from the batch to their places, then cropped (BatchToSpace-1).
struct BatchToSpace {
  static constexpr std::string_view kName = "BatchToSpace";
  void fields(FieldVisitor&) {}
};

std::vector<Fact> infer(const SpaceToDepth& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const SpaceToDepth& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const DepthToSpace& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const DepthToSpace& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const SpaceToBatch& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const SpaceToBatch& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const BatchToSpace& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const BatchToSpace& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
