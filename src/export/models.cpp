// SPDX-License-Identifier: Apache-2.0
// Op::Op for the operators that stand for what a format writes.
#include "export/onnx/node.h"
#include "export/openvino/layer.h"
#include "graph/op_model.h"

namespace saccade::graph {

template Op::Op(exporter::onnx::OnnxNode);
template Op::Op(exporter::openvino::IrLayer);

}  // namespace saccade::graph
