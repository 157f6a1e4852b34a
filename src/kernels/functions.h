// SPDX-License-Identifier: Apache-2.0
// Fn as vector code: with_function() turns the run-time choice into a callable F → F, outside of the loop over elements.
#pragma once

#include "kernels/math.h"
#include "kernels/table.h"

namespace saccade::kernels::SACCADE_ISA {
namespace {

/// use(f) with f the function `act` names. prelu, which needs the channel, is not among them.
template <class Use>
SACCADE_INLINE void with_function(const Activation& act, Use&& use) {
  const F a = splat(act.a), b = splat(act.b);
#define SACCADE_FN(name, ...) \
  case Fn::name:              \
    use([=](F x) __attribute__((always_inline)) -> F { return __VA_ARGS__; }); \
    break;
  switch (act.fn) {
    SACCADE_FN(none, x)
    SACCADE_FN(relu, max(zero(), x))
    SACCADE_FN(clip, min(b, max(a, x)))
    SACCADE_FN(leaky_relu, select(x < zero(), a * x, x))
    SACCADE_FN(hard_swish, x * splat(1.f / 6) * min(splat(6.f), max(zero(), x + splat(3.f))))
    SACCADE_FN(hard_sigmoid, min(splat(1.f), max(zero(), mul_add(a, x, b))))
    SACCADE_FN(silu, silu(x))
    SACCADE_FN(sigmoid, sigmoid(x))
    SACCADE_FN(tanh, tanh(x))
    SACCADE_FN(gelu_erf, gelu_erf(x))
    SACCADE_FN(gelu_tanh, gelu_tanh(x))
    SACCADE_FN(mish, mish(x))
    SACCADE_FN(elu, select(x < zero(), a * expm1(x), x))
    SACCADE_FN(softplus, softplus(x))
    SACCADE_FN(selu, b * select(x < zero(), a * expm1(x), x))
    SACCADE_FN(exp, exp(x))
    SACCADE_FN(expm1, expm1(x))
    SACCADE_FN(log, log(x))
    SACCADE_FN(log1p, log1p(x))
    SACCADE_FN(sqrt, sqrt(x))
    SACCADE_FN(rsqrt, splat(1.f) / sqrt(x))
    SACCADE_FN(reciprocal, splat(1.f) / x)
    SACCADE_FN(square, x* x)
    SACCADE_FN(abs, abs(x))
    SACCADE_FN(neg, neg(x))
    SACCADE_FN(sign, select(zero() < x, splat(1.f), select(x < zero(), splat(-1.f), x)))
    SACCADE_FN(floor, floor(x))
    SACCADE_FN(ceil, ceil(x))
    SACCADE_FN(round_even, round_even(x))
    SACCADE_FN(trunc, trunc(x))
    SACCADE_FN(erf, erf(x))
    SACCADE_FN(sin, sine<0>(x))
    SACCADE_FN(cos, sine<1>(x))
    SACCADE_FN(affine, mul_add(a, x, b))
    case Fn::pow:
      if (act.a == 2.f) {
        use([](F x) __attribute__((always_inline)) -> F { return x * x; });
      } else if (act.a == 3.f) {
        use([](F x) __attribute__((always_inline)) -> F { return x * x * x; });
      } else {
        use([a](F x) __attribute__((always_inline)) -> F { return pow(x, a); });
      }
      break;
    case Fn::prelu: break;
  }
#undef SACCADE_FN
}

/// out[i] = f(in[i]) for i < n.
template <class Function>
SACCADE_INLINE void map(const float* in, float* out, Index n, Function f) {
  Index i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, f(load(in + i)));
  if (i < n) store_n(out + i, f(load_n(in + i, n - i)), n - i);
}

}  // namespace
}  // namespace saccade::kernels::SACCADE_ISA
