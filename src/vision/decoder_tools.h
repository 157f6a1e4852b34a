// SPDX-License-Identifier: Apache-2.0
// What several decoders need: outputs as matrices of f32, grids of strides, finite boxes.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "vision/decoder.h"

namespace saccade::vision {

/// The first image of an output as rows of f32; a view where the output is f32.
class Matrix {
 public:
  /// Columns are the innermost dimension, rows all others but the batch.
  explicit Matrix(const Tensor& tensor);
  /// All elements of the first image as one matrix of that many columns; throws Error(invalid_model) if they do not divide.
  Matrix(const Tensor& tensor, std::int64_t columns);
  Matrix(const Matrix&) = delete;
  Matrix& operator=(const Matrix&) = delete;

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t size() const { return rows_ * columns_; }
  const float* row(std::int64_t r) const { return data_ + r * columns_; }
  const float* data() const { return data_; }

 private:
  void load(const Tensor& tensor);

  std::vector<float> converted_;
  const float* data_ = nullptr;
  std::int64_t rows_ = 0, columns_ = 0;
};

/// A shape without its batch: [1,8400,84] and [8400,84] are both {8400,84} for a wanted rank of 2. Empty if the rank does not suit.
Shape without_batch(const Shape& shape, std::size_t rank);

/// One feature map.
struct Level {
  int stride = 0, columns = 0, rows = 0;
  std::int64_t cells() const { return static_cast<std::int64_t>(columns) * rows; }
};
/// The feature maps of an input, sizes rounded up.
std::vector<Level> levels_of(InputSize input, std::span<const int> strides);
/// The usual set of strides (8 to 32, 8 to 64, …) whose maps have that many cells together; empty if there is none.
std::vector<Level> levels_with_cells(InputSize input, std::int64_t cells);

/// Appends a box unless a value of it is not finite or it is empty.
void add_box(Detections& found, float x1, float y1, float x2, float y2, float score, int class_id);

/// Position and value of the best of the scores; NaN never is. {-1, 0} for none.
struct Best {
  int index = -1;
  float score = 0;
};
Best best_of(const float* scores, std::int64_t count);

float sigmoid(float x);

/// Throws Error(invalid_model) unless there are at least `count` outputs.
void require_outputs(std::span<const Tensor> outputs, std::size_t count);

/// The built-in table for that many classes (coco80, coco81, coco90, voc, voc21); otherwise empty.
std::string usual_labels(std::int64_t classes);

}  // namespace saccade::vision
