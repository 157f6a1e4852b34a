// SPDX-License-Identifier: Apache-2.0
// From layers and edges to a graph, in the order of the edges; what is not supported is collected over the whole model.
#pragma once

#include <map>
#include <memory>
#include <unordered_map>

#include "import/openvino/constants.h"
#include "import/openvino/map.h"
#include "import/openvino/net.h"
#include "import/problems.h"

namespace saccade::openvino {

class NetBuilder {
 public:
  NetBuilder(int version, Constants& constants) : version_(version), constants_(constants) {}

  /// The whole model. Throws Error(unsupported) with everything that is missing, Error(invalid_model) for the first broken rule.
  std::shared_ptr<graph::Graph> model(pugi::xml_node net);
  /// A body; see LayerContext::body.
  GraphPtr body(pugi::xml_node node, const BodySpec& spec);
  TensorType parameter_type(pugi::xml_node node, std::int64_t layer);

  int version() const { return version_; }
  Constants& constants() { return constants_; }

 private:
  struct Source {
    std::size_t layer = 0, output = 0;
    bool present = false;
  };
  // A net while it is built.
  struct Frame {
    const NetSpec& net;
    std::shared_ptr<graph::Graph> graph = std::make_shared<graph::Graph>();
    Edit edit{*graph};
    std::vector<std::vector<Source>> sources;            // by layer and input
    std::vector<std::vector<ValueId>> values;            // by layer and output
    std::vector<char> poisoned;                          // by layer
    std::unordered_map<std::int64_t, ValueId> given{};   // Parameters of a body by layer id
  };

  const NetSpec& spec_of(pugi::xml_node node);
  void connect(Frame& frame) const;
  std::vector<std::size_t> order(const Frame& frame) const;
  void build(Frame& frame);
  void layer(Frame& frame, std::size_t index);
  void report(const LayerSpec& layer, std::string reason);
  Values parameter(Frame& frame, const LayerSpec& layer);
  Values mapped(Frame& frame, const LayerSpec& layer, const Row& row, Values inputs);
  std::string tensor_name(const LayerSpec& layer, std::size_t output) const;
  void name_outputs(Frame& frame, const LayerSpec& layer, const Values& values);
  void outputs(Frame& frame);
  void layouts(Frame& frame);
  void preprocess(Frame& frame, pugi::xml_node net);

  int version_;
  Constants& constants_;
  import::Problems problems_;
  std::map<pugi::xml_node, std::unique_ptr<NetSpec>> specs_;
  std::size_t layers_built_ = 0;
  int depth_ = 0;
};

}  // namespace saccade::openvino
