// SPDX-License-Identifier: Apache-2.0
// The list of operator families.
#include "import/onnx/map.h"

namespace saccade::onnx {

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto family : {
           control_rows(),
           convolution_rows(),
           network_rows(),
           sequence_rows(),
           vision_rows(),
           elementwise_rows(),
           language_rows(),
           mixed_elementwise_rows(),
           index_rows(),
           quantize_rows(),
           reduce_rows(),
           shape_rows(),
       })
    rows.insert(rows.end(), family.begin(), family.end());
  return rows;
}

}  // namespace saccade::onnx
