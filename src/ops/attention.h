// SPDX-License-Identifier: Apache-2.0
// Attention and RotaryEmbedding, with ONNX semantics.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Cost;
using graph::Fact;
using graph::FieldVisitor;

/// Which stage of q·kᵀ the output qk_matmul_output shows.
enum class QkOutput { product, softcapped, masked, softmax };

/// (Q [b,hq,sq,d], K [b,hk,sk,d], V [b,hk,sk,dv], mask?, past_key [b,hk,p,d]?, past_value [b,hk,p,dv]?, nonpad_kv_seqlen i64[b]?) →
/// Y [b,hq,sq,dv] = softmax(softcap(scale·Q·Kᵀ) + mask)·V, and with more outputs present_key and present_value (past and K, V
/// concatenated) and qk [b,hq,sq,p+sk]. Query head i uses key head i/(hq/hk). Rank-3 Q, K, V are [b,s,heads·d] with q_num_heads and
/// kv_num_heads given; Y then is [b,sq,hq·dv]. mask: boolean (false masks) or added; broadcasts to [b,hq,sq,p+sk]; a shorter last dimension
/// masks the rest. With narrow types each stage is rounded, as ONNX's function body says. Ours; IR: ScaledDotProductAttention where only Y
/// is wanted and there is no softcap and no past.
struct Attention {
  std::int64_t q_num_heads = 0, kv_num_heads = 0;
  /// 0: 1/√d.
  double scale = 0;
  /// softcap(x) = softcap·tanh(x/softcap); 0: none.
  double softcap = 0;
  /// Query i sees keys up to i + p, or up to i + nonpad_kv_seqlen − sq.
  bool is_causal = false;
  /// It sees only keys that are at most so far before and behind that place; −1: however far.
  std::int64_t left_window = -1, right_window = -1;
  /// Softmax is made in f32 even where Q is narrower.
  bool wide_softmax = false;
  QkOutput qk_output = QkOutput::product;
  /// The number of outputs: 1 (Y), 3 (and the presents) or 4 (and qk).
  std::int64_t outputs = 1;

  static constexpr std::string_view kName = "Attention";
  void fields(FieldVisitor& v) {
    v("q_num_heads", q_num_heads);
    v("kv_num_heads", kv_num_heads);
    v("scale", scale);
    v("softcap", softcap);
    v("is_causal", is_causal);
    v("left_window", left_window);
    v("right_window", right_window);
    v("wide_softmax", wide_softmax);
    v("qk_output", qk_output, {"product", "softcapped", "masked", "softmax"});
    v("outputs", outputs);
  }
};

/// (X [b,heads,s,d] or [b,s,heads·d], cos, sin [b,s,r/2] or with position_ids [positions,r/2], position_ids i64[b,s]?) → X with the first r
/// elements of each head rotated pairwise: halves paired, or neighbours if interleaved. Ours; IR: VariadicSplit, Multiply, Add, Concat.
struct RotaryEmbedding {
  bool interleaved = false;
  /// r; 0 for the whole head.
  std::int64_t rotary_embedding_dim = 0;
  /// Needed for rank-3 X.
  std::int64_t num_heads = 0;

  static constexpr std::string_view kName = "RotaryEmbedding";
  void fields(FieldVisitor& v) {
    v("interleaved", interleaved);
    v("rotary_embedding_dim", rotary_embedding_dim);
    v("num_heads", num_heads);
  }
};

std::vector<Fact> infer(const Attention& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Attention& op, std::span<const Tensor> inputs);
Cost cost(const Attention& op, std::span<const Fact> inputs, std::span<const Fact> outputs);

std::vector<Fact> infer(const RotaryEmbedding& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const RotaryEmbedding& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
