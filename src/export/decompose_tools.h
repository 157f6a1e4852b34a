// SPDX-License-Identifier: Apache-2.0
// What decompositions are made of.
#pragma once

#include "export/rewrite.h"
#include "ops/concat.h"
#include "ops/elementwise.h"
#include "ops/select.h"
#include "ops/slice.h"

namespace saccade::exporter {

using ops::Binary;
using ops::BinaryKind;
using i64 = std::int64_t;

inline ValueId binary(Rewriting& r, BinaryKind kind, ValueId a, ValueId b) { return r.op(Binary{kind}, {a, b}); }
inline ValueId select(Rewriting& r, ValueId condition, ValueId yes, ValueId no) { return r.op(ops::Select{}, {condition, yes, no}); }
/// Positions [from, to) of `axis`.
inline ValueId slice(Rewriting& r, ValueId v, i64 axis, i64 from, i64 to) { return r.op(ops::Slice{}, {v, r.i64({from}), r.i64({to}), r.i64({1}), r.i64({axis})}); }
inline ValueId joined(Rewriting& r, i64 axis, Values parts) { return r.op(ops::Concat{axis}, std::move(parts)); }

}  // namespace saccade::exporter
