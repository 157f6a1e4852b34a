// SPDX-License-Identifier: Apache-2.0
// The classes of COCO, at their ids from 1, and of Pascal VOC.
#include "vision/label_tables.h"

namespace saccade::vision {

std::string_view coco_names() {
  return "person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant||stop sign|parking meter|bench|bird|cat|dog|horse|"
         "sheep|cow|elephant|bear|zebra|giraffe||backpack|umbrella|||handbag|tie|suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|"
         "baseball glove|skateboard|surfboard|tennis racket|bottle||wine glass|cup|fork|knife|spoon|bowl|banana|apple|sandwich|orange|broccoli|"
         "carrot|hot dog|pizza|donut|cake|chair|couch|potted plant|bed||dining table|||toilet||tv|laptop|mouse|remote|keyboard|cell phone|"
         "microwave|oven|toaster|sink|refrigerator||book|clock|vase|scissors|teddy bear|hair drier|toothbrush";
}

std::string_view voc_names() {
  return "aeroplane|bicycle|bird|boat|bottle|bus|car|cat|chair|cow|diningtable|dog|horse|motorbike|person|pottedplant|sheep|sofa|train|tvmonitor";
}

}  // namespace saccade::vision
