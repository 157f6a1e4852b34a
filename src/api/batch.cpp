// SPDX-License-Identifier: Apache-2.0
// Reshape([1,…], {1,85,-1}) says 1 where it means the batch; the data's own change tells which constants mean that.
#include "api/batch.h"

#include "ops/reshape.h"

namespace saccade::api {
namespace {

using namespace graph;

/// The outermost size, or -1.
std::int64_t outermost(const Graph& graph, ValueId value) {
  const PartialShape& shape = graph.type(value).shape;
  return shape.ranked() && shape.rank() > 0 && shape[0].is_static() ? shape[0].size() : -1;
}

}  // namespace

void infer_with_batch(Edit& edit, const Graph& before, std::int64_t from, std::int64_t to) {
  for (const NodeId id : before.order()) {
    const Node& node = edit.graph()[id];
    if (node.op.is<ops::Reshape>() && outermost(before, node.inputs[0]) == from && outermost(edit.graph(), node.inputs[0]) == to) {
      const Tensor& target = edit.graph().constant(node.inputs[1]);
      if (target.defined() && target.type() == ElementType::i64 && target.size() > 0 && target.data<std::int64_t>()[0] == from) {
        Tensor changed = target.clone();
        changed.data<std::int64_t>()[0] = to;
        edit.replace_input({id, 1}, edit.constant(std::move(changed)));
      }
    }
    edit.set_op(id, Op(edit.graph()[id].op));  // infers this node
  }
}

}  // namespace saccade::api
