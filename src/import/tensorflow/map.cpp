// SPDX-License-Identifier: Apache-2.0
// The list of operator families.
#include "import/tensorflow/map.h"

namespace saccade::tensorflow {

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto family : {
           basic_rows(),
           control_rows(),
           convolution_rows(),
           elementwise_rows(),
           index_rows(),
           list_rows(),
           opencv_rows(),
           network_rows(),
           quantize_rows(),
           shape_rows(),
           vision_rows(),
           variable_rows(),
       })
    rows.insert(rows.end(), family.begin(), family.end());
  return rows;
}

}  // namespace saccade::tensorflow
