// SPDX-License-Identifier: Apache-2.0
// The contents of variables from a checkpoint. Which key of the checkpoint belongs to which variable is said by the nodes that
// restore it, or by its name.
#pragma once

#include <map>
#include <string>

#include "import/tensorflow/build.h"
#include "import/tensorflow/checkpoint.h"

namespace saccade::tensorflow {

class CheckpointVariables : public Variables {
 public:
  /// `main` and `library` are looked through for RestoreV2 nodes and what is assigned from them.
  CheckpointVariables(Checkpoint& checkpoint, const Network& main, Library& library);

  Tensor read(const Resource& variable) override;

 private:
  void learn(const Network& network, const std::map<int, std::string>& of_parameter);
  void learn_names();

  Checkpoint& checkpoint_;
  std::map<std::string, std::string, std::less<>> key_of_node_;  // restored by the graph
  std::map<std::string, std::string, std::less<>> key_of_name_;  // by the object graph in the checkpoint
  bool knows_names_ = false;
  std::map<std::string, Tensor, std::less<>> read_;
};

}  // namespace saccade::tensorflow
