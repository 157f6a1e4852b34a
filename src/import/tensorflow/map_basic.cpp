// SPDX-License-Identifier: Apache-2.0
// Constants, inputs, and nodes that hand on what they get.
#include <algorithm>

#include "import/tensorflow/build.h"
#include "import/tensorflow/map.h"

namespace saccade::tensorflow {
namespace {

using Values = std::vector<ValueId>;

Values constant(NodeContext& c) {
  c.ignore({"dtype"});
  return {c.constant_of(c.t("value"))};
}

Values placeholder(NodeContext& c) {
  PartialShape shape = c.shape_attribute("shape");
  // before producer version 24 an empty shape stood for an unknown one; there are no scalar images
  const AttrValue* stated = c.node_in_file().def == nullptr ? nullptr : c.node_in_file().def->find("_output_shapes");
  if ((!shape.ranked() || shape.rank() == 0) && stated != nullptr && stated->list && stated->list->shapes.size() == 1) shape = partial_shape(stated->list->shapes[0]);
  return {c.edit.input(c.name(), {c.type("dtype"), std::move(shape)})};
}

// Also the list of results that stands where a function was called: its attributes are those of the call.
Values tuple(NodeContext& c) {
  c.ignore({"f", "config", "config_proto", "executor_type"});
  for (std::size_t i = 0; i < c.count(); ++i) c.bind(i, c.binding(i));
  return {};
}

Values identity(NodeContext& c) {
  c.ignore({"message", "dtype", "shape"});
  c.bind(0, c.binding(0));
  return {};
}

constexpr Row kBasicRows[] = {
    {"CheckNumerics", identity},
    {"CheckNumericsV2", identity},
    {"Const", constant},
    {"DeepCopy", identity},
    {"EnsureShape", identity},
    {"Identity", identity},
    {"IdentityN", tuple},
    {"Placeholder", placeholder},
    {"PlaceholderWithDefault", identity},
    {"PreventGradient", identity},
    {"Snapshot", identity},
    {"StopGradient", identity},
};

}  // namespace

std::span<const Row> basic_rows() { return kBasicRows; }

}  // namespace saccade::tensorflow
