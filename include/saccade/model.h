// SPDX-License-Identifier: Apache-2.0
// Model: a network as read from a file, before it is prepared for a device.
//
// Example:
//   saccade::Model model = saccade::Core().read_model("yolov8n.onnx");
//   for (const saccade::Port& input : model.inputs()) std::puts((input.name + " " + input.shape_text).c_str());
//   model.reshape({{"images", {1, 3, 480, 480}}});
//   model.add_preprocessing({.input = "images", .reverse_channels = true, .scale = {255}});  // u8 [1,480,480,3], BGR
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/tensor.h"

namespace saccade {

namespace graph {
class Graph;
}
namespace api {
struct ModelOrigin;
}

/// An input or an output of a model.
struct Port {
  std::string name;
  ElementType type = ElementType::f32;
  bool ranked = true;      ///< false: not even the number of dimensions is known; `shape` is empty then
  Shape shape;             ///< -1 where the size is not known before a run
  std::string shape_text;  ///< "[1,3,?,width]", "[...]" for an unknown rank

  /// Whether every size is known.
  bool is_static() const noexcept;
};

/// How pictures become an input of a network. The pictures are tensors of bytes, u8 [N,H,W,C]; what happens to them stands here in its order.
struct Preprocessing {
  std::string input;   ///< its name; empty: the only one
  std::string layout;  ///< of the network's input, "NCHW" or "NHWC"; empty: as 3, 1 or 4 channels stand in its shape
  /// Of the pictures in pixels, -1: any. They are resized to the network's size, linearly between the centres of pixels and without
  /// antialiasing. 0: the network's own size, no resize.
  std::int64_t height = 0, width = 0;
  bool reverse_channels = false;  ///< the pictures are BGR and the network takes RGB, or the other way round
  /// Subtracted, then divided by; one number, or one for each of the network's channels; empty: nothing.
  std::vector<double> mean, scale;
};

/// A network as its file describes it. Copies share the weights; changing one copy does not change the others.
/// Reading one Model from several threads is safe, reshape(), set_batch() and add_preprocessing() are not.
class Model {
 public:
  /// No model: empty() is true, and every other member throws Error(invalid_argument).
  Model() = default;
  /// For the engine and its tools: a model around a graph.
  explicit Model(std::shared_ptr<const graph::Graph> graph);

  bool empty() const noexcept { return graph_ == nullptr; }
  /// The name that the file gives it; may be empty.
  const std::string& name() const;
  /// In the order of the file.
  const std::vector<Port>& inputs() const;
  const std::vector<Port>& outputs() const;
  /// Throws Error(not_found) with the names there are.
  const Port& input(std::string_view name) const;
  const Port& output(std::string_view name) const;
  /// What the file says about itself: producer, licence, class names … (ONNX metadata_props and the like).
  const std::map<std::string, std::string>& metadata() const;

  /// Gives inputs new shapes (-1: any size) and infers everything behind them again. Inputs that are not named keep theirs.
  /// Where the outermost size changes, reshapes that were exported with the old one follow.
  /// Throws Error(not_found) for an unknown input and Error(invalid_model) if the network cannot take the shape; the model is unchanged then.
  void reshape(const std::map<std::string, Shape>& shapes);
  /// Sets the outermost dimension of every input of rank 2 or more, also in files exported with a fixed batch. Throws like reshape().
  void set_batch(std::int64_t batch);
  /// Makes an input of floats, [N,C,H,W] or [N,H,W,C], one of pictures in bytes, u8 [N,H,W,C], whose preprocessing is a part of the network from then
  /// on: the CPU device does it while it writes what the first convolution reads. It computes in the input's own type; results differ from
  /// those of the same arithmetic done before by roundings of that type.
  /// Throws Error(not_found) for an unknown input, Error(invalid_argument) for one that takes no pictures of floats, for numbers that do not fit
  /// its channels, a scale of 0, and for a resize where the network leaves its own size open; the model is unchanged then.
  void add_preprocessing(const Preprocessing& preprocessing);

  /// For the engine and its tools.
  const std::shared_ptr<const graph::Graph>& graph() const noexcept { return graph_; }
  /// For the engine: where a model came from that may be kept in a cache, or null. A changed model has none.
  const std::shared_ptr<const api::ModelOrigin>& origin() const noexcept { return origin_; }
  void set_origin(std::shared_ptr<const api::ModelOrigin> origin) { origin_ = std::move(origin); }

 private:
  void refresh();
  void require() const;

  std::shared_ptr<const graph::Graph> graph_;
  std::shared_ptr<const api::ModelOrigin> origin_;
  std::vector<Port> inputs_, outputs_;
};

}  // namespace saccade
