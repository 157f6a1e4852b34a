// SPDX-License-Identifier: Apache-2.0
// The families of operators.
#include "import/tflite/map.h"

namespace saccade::tflite {

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (auto family : {control_rows(), detection_rows(), elementwise_rows(), index_rows(), network_rows(), recurrent_rows(), shape_rows()})
    rows.insert(rows.end(), family.begin(), family.end());
  return rows;
}

}  // namespace saccade::tflite
