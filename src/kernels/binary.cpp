// SPDX-License-Identifier: Apache-2.0
// Functions of two variables, comparisons and selection over rows; each side a row, a repeated row or a scalar a row.
#include "kernels/functions.h"
#include "kernels/level.h"
#include "kernels/narrow.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

// The remainder with the sign of the divisor, exact: the C library's fmodf, then one correction.
SACCADE_INLINE float floor_mod(float a, float b) {
  const float r = __builtin_fmodf(a, b);
  return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

/// use(f) with f the function (F, F) → F that `op` names.
template <class Use>
SACCADE_INLINE void with_binary(Binary op, Use&& use) {
#define SACCADE_FN(name, ...) \
  case Binary::name:          \
    use([](F a, F b) __attribute__((always_inline)) -> F { return __VA_ARGS__; }); \
    break;
  switch (op) {
    SACCADE_FN(add, a + b)
    SACCADE_FN(sub, a - b)
    SACCADE_FN(mul, a* b)
    SACCADE_FN(div, a / b)
    SACCADE_FN(min, min_or_nan(a, b))
    SACCADE_FN(max, max_or_nan(a, b))
    SACCADE_FN(pow, pow(a, b))
    SACCADE_FN(squared_difference, (a - b) * (a - b))
    SACCADE_FN(floor_mod, each_lane(a, b, [](float x, float y) __attribute__((always_inline)) { return floor_mod(x, y); }))
    SACCADE_FN(prelu, select(a < zero(), a * b, a))
  }
#undef SACCADE_FN
}

template <class Use>
SACCADE_INLINE void with_compare(Compare op, Use&& use) {
#define SACCADE_FN(name, ...) \
  case Compare::name:         \
    use([](F a, F b) __attribute__((always_inline)) -> M { return __VA_ARGS__; }); \
    break;
  switch (op) {
    SACCADE_FN(equal, a == b)
    SACCADE_FN(not_equal, a != b)
    SACCADE_FN(less, a < b)
    SACCADE_FN(less_equal, a <= b)
    SACCADE_FN(greater, a > b)
    SACCADE_FN(greater_equal, a >= b)
  }
#undef SACCADE_FN
}

// use(at): calls use with two callables (i, count) → F, one for each side, for row r.
template <class Use>
SACCADE_INLINE void with_sides(const float* a, Index a_step, const float* b, Index b_step, Use&& use) {
  const auto row = [](const float* p) __attribute__((always_inline)) {
    return [p](Index i, Index count) __attribute__((always_inline)) { return count == kLanes ? load(p + i) : load_n(p + i, count); };
  };
  const auto scalar = [](const float* p) __attribute__((always_inline)) {
    return [x = splat(*p)](Index, Index) __attribute__((always_inline)) { return x; };
  };
  if (a_step && b_step) {
    use(row(a), row(b));
  } else if (a_step) {
    use(row(a), scalar(b));
  } else if (b_step) {
    use(scalar(a), row(b));
  } else {
    use(scalar(a), scalar(b));
  }
}

template <class Body>
SACCADE_INLINE void for_vectors(Index n, Body body) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, Constant<kLanes>{});
  if (i < n) body(i, n - i);
}

bool flattens(const BinaryArgs& a) {
  const auto flat = [&](Index pitch, Index step) { return step == 1 ? pitch == a.n : pitch == 0; };
  return flat(a.a_pitch, a.a_step) && flat(a.b_pitch, a.b_step) && a.out_pitch == a.n && a.then.fn != Fn::prelu;
}

void narrow_binary(const BinaryArgs& a) {
  alignas(64) float left[kNarrowBlock], right[kNarrowBlock];
  const Index at_once = kNarrowBlock / a.n;
  for (Index r = 0; r < a.rows; r += at_once) {
    const Index rows = smaller(at_once, a.rows - r);
    gather(a.a + r * a.a_pitch, a.a_pitch, a.a_step, rows, a.n, left);
    gather(a.b + r * a.b_pitch, a.b_pitch, a.b_step, rows, a.n, right);
    binary({.op = a.op, .n = rows * a.n, .a = left, .b = right, .out = left, .then = a.then});
    scatter(left, rows, a.n, a.out + r * a.out_pitch, a.out_pitch);
  }
}

}  // namespace

void binary(const BinaryArgs& a) {
  if (a.n <= 0) return;
  const bool flat = a.rows > 1 && flattens(a);
  if (!flat && is_narrow(a.rows, a.n) && a.then.fn != Fn::prelu) return narrow_binary(a);
  const Index rows = flat ? 1 : a.rows, n = flat ? a.rows * a.n : a.n;
  with_binary(a.op, [&](auto f) __attribute__((always_inline)) {
    for (Index r = 0; r < rows; ++r) {
      float* out = a.out + r * a.out_pitch;
      with_sides(a.a + r * a.a_pitch, a.a_step, a.b + r * a.b_pitch, a.b_step, [&](auto left, auto right) __attribute__((always_inline)) {
        for_vectors(n, [&](Index i, auto count) __attribute__((always_inline)) { store_n(out + i, f(left(i, count), right(i, count)), count); });
      });
      apply_row(a.then, out, out, n);
    }
  });
}

void compare(const BinaryArgs& a) {
  if (a.n <= 0) return;
  with_compare(a.compare, [&](auto f) __attribute__((always_inline)) {
    for (Index r = 0; r < a.rows; ++r) {
      std::uint8_t* out = a.out_u8 + r * a.out_pitch;
      with_sides(a.a + r * a.a_pitch, a.a_step, a.b + r * a.b_pitch, a.b_step, [&](auto left, auto right) __attribute__((always_inline)) {
        for_vectors(a.n, [&](Index i, auto count) __attribute__((always_inline)) {
          alignas(64) float truth[kLanes];
          store(truth, simd::select(f(left(i, count), right(i, count)), splat(1.f), zero()));
          for (Index j = 0; j < count; ++j) out[i + j] = truth[j] != 0.f;
        });
      });
    }
  });
}

void select(const SelectArgs& s) {
  for (Index r = 0; r < s.rows; ++r) {
    const std::uint8_t* c = s.condition + r * s.c_pitch;
    const float* a = s.a + r * s.a_pitch;
    const float* b = s.b + r * s.b_pitch;
    float* out = s.out + r * s.out_pitch;
    if (s.c_step && s.a_step && s.b_step) {
      for (Index i = 0; i < s.n; ++i) out[i] = c[i] ? a[i] : b[i];
    } else {
      for (Index i = 0; i < s.n; ++i) out[i] = c[i * s.c_step] ? a[i * s.a_step] : b[i * s.b_step];
    }
  }
}

}  // namespace saccade::kernels::SACCADE_ISA
