// SPDX-License-Identifier: Apache-2.0
// Op::Op for every operator of this folder: instantiated here, once, and not in each source that makes a node.
#include "graph/op_model.h"
#include "ops/elementwise.h"
#include "ops_headers.h"

namespace saccade::graph {

#define SACCADE_OP(Type) template Op::Op(ops::Type);
#define SACCADE_OURS(Type, form) template Op::Op(ops::Type);
#include "ops/ops.def"
#undef SACCADE_OP
#undef SACCADE_OURS
template Op::Op(ops::Unary);
template Op::Op(ops::Binary);
template Op::Op(ops::Reduce);
template Op::Op(ops::ArgReduce);

}  // namespace saccade::graph
