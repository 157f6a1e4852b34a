// SPDX-License-Identifier: Apache-2.0
// Rules for operators that no format has, in operators that formats do have.
#pragma once

#include "export/rewrite.h"

namespace saccade::exporter {

/// MulticlassNms as NonMaxSuppression, a table of scores and TopK.
Values multiclass_nms(Rewriting& r);
/// CropAndResize (bilinear) as GridSample.
Values crop_and_resize(Rewriting& r);
/// AffineGrid as a product with a constant grid.
Values affine_grid(Rewriting& r);
/// Attention with one output as products and Softmax.
Values attention(Rewriting& r);
/// RotaryEmbedding as slices, products and Concat.
Values rotary_embedding(Rewriting& r);

/// DetectionPostProcess like MulticlassNms.
Values detection_post_process(Rewriting& r);
/// RegionYolo as slices, Sigmoid and Softmax; the sizes of the input must be known.
Values region_yolo(Rewriting& r);

}  // namespace saccade::exporter
