// SPDX-License-Identifier: Apache-2.0
// NGrams: counts of known n-grams in sequences of integers.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace saccade::ops {

using graph::Fact;
using graph::FieldVisitor;

/// How often an n-gram occurs, 1 if it occurs at all, or the count; the latter two times its weight.
enum class NGramWeighting { tf, idf, tfidf };

/// (tokens i32 or i64 [c] or [n,c]) → f32 [size] or [n,size], where size is the largest index + 1. The pool holds all 1-grams, then
/// all 2-grams …; counts[i] is where the (i+1)-grams begin. N-grams with up to max_skip tokens between their members count as well.
struct NGrams {
  std::vector<std::int64_t> pool, counts, indexes;
  std::vector<double> weights;  ///< one an n-gram; empty: ones
  std::int64_t min_length = 1, max_length = 1, max_skip = 0;
  NGramWeighting weighting = NGramWeighting::tf;

  static constexpr std::string_view kName = "NGrams";
  void fields(FieldVisitor& v) {
    v("pool", pool);
    v("counts", counts);
    v("indexes", indexes);
    v("weights", weights);
    v("min_length", min_length);
    v("max_length", max_length);
    v("max_skip", max_skip);
    v("weighting", weighting, {"tf", "idf", "tfidf"});
  }
};

std::vector<Fact> infer(const NGrams& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const NGrams& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
