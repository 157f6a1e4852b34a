// SPDX-License-Identifier: Apache-2.0
// Boxes and labels on pictures.
#pragma once

#include <opencv2/core.hpp>

#include "vision/detection.h"
#include "vision/labels.h"

namespace saccade::vision {

/// A strong colour for a class, BGR; neighbouring ids differ clearly.
cv::Scalar class_color(int class_id);

/// Draws boxes, points and labels ("dog 0.87") with lines and letters that suit the picture's size. Labels stay inside the
/// picture and, where there is room, apart from one another.
void draw_detections(cv::Mat& picture, const Detections& detections, const Labels& labels);

}  // namespace saccade::vision
