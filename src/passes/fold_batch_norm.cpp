// SPDX-License-Identifier: Apache-2.0
// A batch normalisation goes into the weights before it, or becomes a multiplication and an addition.
//   BatchNormInference(Add(Convolution(%x, %w), %b), …)   →  Add(Convolution(%x, %w·s), (b − mean)·s + beta)
//   BatchNormInference(%x, …)                             →  Add(Multiply(%x, s), beta − mean·s)        s = gamma/√(variance + epsilon)
#include <cmath>

#include "ops/normalization.h"
#include "passes/all.h"
#include "passes/linear.h"
#include "passes/values.h"

namespace saccade::passes {
namespace {

struct Affine {
  std::vector<double> scale, shift;
};

Affine affine(const Match& m, const Pattern& root) {
  const Node& n = m.node(root);
  const auto values = [&](std::size_t i) { return to_f64(m.graph().constant(n.inputs[i])); };
  const auto gamma = values(1), beta = values(2), mean = values(3), variance = values(4);
  Affine out;
  for (std::size_t c = 0; c < gamma.size(); ++c) {
    out.scale.push_back(gamma[c] / std::sqrt(variance[c] + m.op<ops::BatchNormInference>(root).epsilon));
    out.shift.push_back(beta[c] - mean[c] * out.scale[c]);
  }
  return out;
}

}  // namespace

Pass fold_batch_norm() {
  const Pattern data = any(), gamma = constant(), beta = constant(), mean = constant(), variance = constant();
  const Pattern root = op<ops::BatchNormInference>({data, gamma, beta, mean, variance});
  return {"fold_batch_norm", {{root, [=](const Match& m, Edit& edit) -> Outcome {
    const Graph& g = m.graph();
    const graph::TensorType type = m.type(root);  // a copy: edits move values
    if (!type.shape.ranked()) return no("the rank is unknown");
    const std::size_t rank = type.shape.rank();
    Affine a = affine(m, root);
    const std::string name = m.node(root).name;
    ValueId value = m[data];
    const Node* before = g.producer(value);
    const bool alone = g.use_count(value) == 1;
    if (alone) {
      std::vector<double> bias(1, 0.0);
      const auto* add = before ? before->op.as<ops::Binary>() : nullptr;
      if (add && add->kind == ops::BinaryKind::Add)
        for (std::size_t i : {0u, 1u})
          if (const Tensor& c = g.constant(before->inputs[i]); c.defined())
            if (auto along = along_axis(c, rank, 1, static_cast<std::int64_t>(a.scale.size())); along && g.use_count(before->inputs[1 - i]) == 1) {
              bias = std::move(*along);
              before = g.producer(before->inputs[1 - i]);
              break;
            }
      const auto linear = as_linear(g, before);
      if (linear && linear->output_axis == 1 && linear->outputs == static_cast<std::int64_t>(a.scale.size())) {
        for (std::size_t c = 0; c < a.shift.size(); ++c) a.shift[c] += (bias.size() == 1 ? bias[0] : bias[c]) * a.scale[c];
        const auto folded = with_weights(edit, *linear, scaled_outputs(g, *linear, a.scale));
        if (!folded) return no("a weight would overflow");
        return edit(ops::Binary{ops::BinaryKind::Add}, {*folded, edit.constant(tensor_along_axis(type.element, a.shift, rank, 1))}, name);
      }
    }
    value = edit(ops::Binary{ops::BinaryKind::Multiply}, {value, edit.constant(tensor_along_axis(type.element, a.scale, rank, 1))}, name);
    return edit(ops::Binary{ops::BinaryKind::Add}, {value, edit.constant(tensor_along_axis(type.element, a.shift, rank, 1))}, name);
  }}}};
}

}  // namespace saccade::passes
