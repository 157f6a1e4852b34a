// SPDX-License-Identifier: Apache-2.0
// A detector: a network with everything around it, from picture to boxes.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <opencv2/core.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "saccade/core.h"
#include "vision/detector_settings.h"

namespace saccade::vision {

/// Seconds spent in the parts of detecting.
struct DetectTimes {
  double prepare = 0, infer = 0, boxes = 0;
};

/// What a detector needs to know of a network, and how to run it.
struct Network {
  Signature signature;
  TensorLayout layout = TensorLayout::nchw;
  ElementType type = ElementType::f32;
  bool prepares = false;  ///< orders channels and applies mean and scale itself: it takes bytes in BGR, or grey ones
  /// Takes the input picture as a tensor and gives all outputs in the model's order.
  std::function<std::vector<Tensor>(const Tensor&)> run;
  /// CompiledModel::warnings()
  std::vector<std::string> warnings = {};
};

/// Not thread safe; use one a thread.
class Detector {
 public:
  Detector(Network network, DetectorSettings settings);

  /// Finds objects on an 8-bit BGR picture; boxes are in its pixels, best score first. Adds to `times` if that is given.
  Detections detect(const cv::Mat& picture, DetectTimes* times = nullptr);

  const DetectorSettings& settings() const { return settings_; }
  /// What went wrong without harm when the model was compiled.
  const std::vector<std::string>& warnings() const { return network_.warnings; }
  /// Only these classes are reported; empty: all.
  void keep_classes(std::set<int> classes) { classes_ = std::move(classes); }

 private:
  void make_preparer();

  Network network_;
  DetectorSettings settings_;
  std::optional<Preparer> preparer_;
  std::set<int> classes_;
};

/// How a model's input takes pictures: layout, element type and size (0: any). Where the file leaves the channels open they are
/// three, in `otherwise`. Throws Error(unsupported) for models with several inputs or none for pictures.
struct PictureInput {
  std::string name;
  TensorLayout layout = TensorLayout::nchw;
  ElementType type = ElementType::f32;
  int channels = 3, width = 0, height = 0;
};
PictureInput picture_input(const Port& port, TensorLayout otherwise = TensorLayout::nchw);

/// What makes a Detector of a model file.
struct DetectorOptions {
  std::string device = "CPU";
  Properties properties;
  nlohmann::json settings = nlohmann::json::object();  ///< beyond family, metadata and sidecar
  ReadOptions reading;                                 ///< the second file of a pair, where the graph is cut
};
/// Reads and compiles a model. Throws what the engine throws, Error(unsupported) if its outputs are those of no known detector.
Detector open_detector(const std::filesystem::path& model, const DetectorOptions& options);

/// A photo as the tensor that detect would give this input of the model; for inputs of other networks, resized to fit, RGB, in 0..1 for
/// floats. Throws Error.
Tensor prepare_photo(const std::filesystem::path& model_path, const Model& model, std::size_t input, const std::filesystem::path& photo);

}  // namespace saccade::vision
