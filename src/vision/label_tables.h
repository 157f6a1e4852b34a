// SPDX-License-Identifier: Apache-2.0
// The built-in class names, separated by '|'; an empty name is an id that is not used.
#pragma once

#include <string_view>

namespace saccade::vision {

/// COCO's ids 1 to 90, of which 80 are used.
std::string_view coco_names();
/// The 20 classes of Pascal VOC.
std::string_view voc_names();
/// The 1000 classes of ImageNet's challenge.
std::string_view imagenet_names();

}  // namespace saccade::vision
