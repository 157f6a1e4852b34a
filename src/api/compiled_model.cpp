// SPDX-License-Identifier: Apache-2.0
// CompiledModel: a handle of its state.
#include "saccade/compiled_model.h"

#include "api/state.h"
#include "base/error.h"

namespace saccade {

const CompiledModel::State& CompiledModel::state() const {
  SACCADE_CHECK(state_ != nullptr, invalid_argument, "the compiled model is empty");
  return *state_;
}

const std::vector<Port>& CompiledModel::inputs() const { return state().inputs; }
const std::vector<Port>& CompiledModel::outputs() const { return state().outputs; }
const std::string& CompiledModel::device() const { return state().device_name; }
int CompiledModel::optimal_requests() const { return state().streams; }
bool CompiledModel::loaded_from_cache() const { return state().loaded_from_cache; }
const std::vector<std::string>& CompiledModel::warnings() const { return state().warnings; }
std::string CompiledModel::describe() const { return state().compiled->describe(); }

InferRequest CompiledModel::create_infer_request() const {
  auto request = std::make_shared<InferRequest::State>();
  request->request = state().compiled->request();
  request->model = state_;
  request->inputs.resize(state().inputs.size());
  request->outputs.resize(state().outputs.size());
  return InferRequest(std::move(request));
}

}  // namespace saccade
