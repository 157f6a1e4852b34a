// SPDX-License-Identifier: Apache-2.0
// Fourier transforms, window functions and mel weights.
#include "ops/signal.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <numbers>

#include "ops/contents.h"
#include "ops/inference.h"
#include "ops/widened.h"

namespace saccade::ops {
namespace {

using i64 = std::int64_t;
using Complex = std::complex<double>;

constexpr i64 kMaxLength = i64{1} << 28;

// e^(−2πi k/n), exact at the quarter turns.
std::vector<Complex> roots_of_unity(std::size_t n, bool inverse) {
  std::vector<Complex> roots(n);
  for (std::size_t k = 0; k < n; ++k) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    roots[k] = {std::cos(angle), inverse ? std::sin(angle) : -std::sin(angle)};
    if (4 * k % n == 0) {
      const std::size_t quarter = 4 * k / n;
      constexpr double cosines[] = {1, 0, -1, 0}, sines[] = {0, 1, 0, -1};
      roots[k] = {cosines[quarter], inverse ? sines[quarter] : -sines[quarter]};
    }
  }
  return roots;
}

// The transform of x[0], x[step], …: halves while the length is even, then the sum of the definition.
void transform(const Complex* x, std::size_t step, std::size_t n, const std::vector<Complex>& roots, Complex* out, Complex* scratch) {
  if (n % 2 == 0 && n > 1) {
    const std::size_t half = n / 2, turn = roots.size() / n;
    transform(x, 2 * step, half, roots, scratch, out);
    transform(x + step, 2 * step, half, roots, scratch + half, out + half);
    for (std::size_t k = 0; k < half; ++k) {
      const Complex odd = roots[k * turn] * scratch[half + k];
      out[k] = scratch[k] + odd;
      out[k + half] = scratch[k] - odd;
    }
    return;
  }
  const std::size_t turn = roots.size() / n;
  for (std::size_t k = 0; k < n; ++k) {
    Complex sum = 0;
    std::size_t root = 0;
    for (std::size_t t = 0; t < n; ++t) {
      sum += x[t * step] * roots[root * turn];
      root = (root + k) % n;
    }
    out[k] = sum;
  }
}

struct Fourier {
  explicit Fourier(std::size_t n, bool inverse) : roots(roots_of_unity(n, inverse)), in(n), out(n), scratch(n) {}
  void run() { transform(in.data(), 1, in.size(), roots, out.data(), scratch.data()); }
  std::vector<Complex> roots, in, out, scratch;
};

i64 scalar(std::span<const Tensor> inputs, std::size_t i) {
  SACCADE_CHECK(inputs[i].size() == 1, invalid_model, "input {} of shape {}, a scalar is needed", i, to_string(inputs[i].shape()));
  return element_as_i64(inputs[i], 0);
}

double real_scalar(std::span<const Tensor> inputs, std::size_t i) {
  SACCADE_CHECK(inputs[i].size() == 1, invalid_model, "input {} of shape {}, a scalar is needed", i, to_string(inputs[i].shape()));
  return element_as_f64(inputs[i], 0);
}

void check_length(i64 length) { SACCADE_CHECK(length >= 1 && length <= kMaxLength, invalid_model, "a transform of length {}", length); }

i64 default_length(const Dft& op, i64 size) { return op.inverse && op.onesided ? 2 * (size - 1) : size; }
i64 output_length(const Dft& op, i64 length) { return op.onesided && !op.inverse ? length / 2 + 1 : length; }

void check_signal_type(std::span<const Fact> inputs) {
  SACCADE_CHECK(is_float(inputs[0].type.element), invalid_model, "data of element type {}", to_string(inputs[0].type.element));
}

}  // namespace

std::vector<Fact> infer(const Dft& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 3);
  check_signal_type(inputs);
  PartialShape out = inputs[0].type.shape;
  if (!out.ranked()) return {Fact(inputs[0].type)};
  SACCADE_CHECK(out.rank() >= 2, invalid_model, "data of shape {}", to_string(out));
  const Dimension parts = out[out.rank() - 1];
  SACCADE_CHECK(!parts.is_static() || parts.size() == 1 || parts.size() == 2, invalid_model,
                "data of shape {}; the last dimension holds one or two parts", to_string(out));
  const auto given = has(inputs, 2) ? known_scalar(inputs, 2) : std::optional<i64>(-2);
  if (!given) {
    for (std::size_t d = 0; d + 1 < out.rank(); ++d) out[d] = Dimension::unknown();
  } else {
    const std::size_t axis = normal_axis(*given, out.rank());
    SACCADE_CHECK(axis + 1 < out.rank(), invalid_model, "the last dimension holds the parts of a number");
    const auto length = known_scalar(inputs, 1);
    if (length) check_length(*length);
    if (length)
      out[axis] = Dimension::fixed(output_length(op, *length));
    else if (!has(inputs, 1) && out[axis].is_static())
      out[axis] = Dimension::fixed(output_length(op, std::max<i64>(default_length(op, out[axis].size()), 0)));
    else
      out[axis] = Dimension::unknown();
  }
  out[out.rank() - 1] = Dimension::fixed(op.inverse && op.onesided ? 1 : 2);
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const Dft& op, std::span<const Tensor> inputs) {
  const Shape& x = inputs[0].shape();
  SACCADE_CHECK(x.size() >= 2 && (x.back() == 1 || x.back() == 2), invalid_model, "data of shape {}", to_string(x));
  const std::size_t axis = normal_axis(has(inputs, 2) ? scalar(inputs, 2) : -2, x.size());
  SACCADE_CHECK(axis + 1 < x.size(), invalid_model, "the last dimension holds the parts of a number");
  const i64 length = has(inputs, 1) ? scalar(inputs, 1) : default_length(op, x[axis]);
  check_length(length);
  const bool to_reals = op.inverse && op.onesided;
  const i64 kept = output_length(op, length), parts = x.back(), out_parts = to_reals ? 1 : 2;
  Shape shape = x;
  shape[axis] = kept;
  shape.back() = out_parts;
  i64 outer = 1, inner = 1;
  for (std::size_t d = 0; d + 1 < x.size(); ++d)
    if (d != axis) (d < axis ? outer : inner) *= x[d];
  std::vector<double> out(wide_count(shape));
  const std::vector<double> data = to_f64(inputs[0]);
  if (out.empty()) return {Tensor(inputs[0].type(), shape)};
  Fourier f(static_cast<std::size_t>(length), op.inverse);
  const double factor = op.inverse ? 1 / static_cast<double>(length) : 1;
  for (i64 o = 0; o < outer; ++o)
    for (i64 i = 0; i < inner; ++i) {
      const auto read = [&](i64 t) {
        const double* at = data.data() + ((o * x[axis] + t) * inner + i) * parts;
        return Complex(at[0], parts == 2 ? at[1] : 0);
      };
      std::fill(f.in.begin(), f.in.end(), Complex());
      const i64 present = std::min(x[axis], to_reals ? length / 2 + 1 : length);
      for (i64 t = 0; t < present; ++t) f.in[static_cast<std::size_t>(t)] = read(t);
      // the other half is the conjugate mirrored
      if (to_reals)
        for (i64 t = length / 2 + 1; t < length; ++t)
          f.in[static_cast<std::size_t>(t)] = std::conj(f.in[static_cast<std::size_t>(length - t)]);
      f.run();
      for (i64 k = 0; k < kept; ++k) {
        double* to = out.data() + ((o * kept + k) * inner + i) * out_parts;
        to[0] = f.out[static_cast<std::size_t>(k)].real() * factor;
        if (out_parts == 2) to[1] = f.out[static_cast<std::size_t>(k)].imag() * factor;
      }
    }
  return {from_f64(inputs[0].type(), shape, out)};
}

std::vector<Fact> infer(const Stft& op, std::span<const Fact> inputs) {
  check_arity(inputs, 2, 4);
  check_signal_type(inputs);
  check_same_element(inputs, 0, 2);
  const PartialShape& x = inputs[0].type.shape;
  SACCADE_CHECK(!x.ranked() || x.rank() == 2 || x.rank() == 3, invalid_model, "a signal of shape {}", to_string(x));
  PartialShape out = PartialShape::of_rank(4);
  out[3] = Dimension::fixed(2);
  if (x.ranked()) out[0] = x[0];
  auto length = known_scalar(inputs, 3);
  if (!has(inputs, 3)) {
    if (has(inputs, 2)) {
      const PartialShape& w = inputs[2].type.shape;
      SACCADE_CHECK(!w.ranked() || w.rank() == 1, invalid_model, "a window of shape {}", to_string(w));
      if (w.is_static()) length = w[0].size();
    } else if (x.ranked() && x[1].is_static()) {
      length = x[1].size();
    }
  }
  if (length) {
    check_length(*length);
    out[2] = Dimension::fixed(op.onesided ? *length / 2 + 1 : *length);
    const auto step = known_scalar(inputs, 1);
    if (step) SACCADE_CHECK(*step >= 1, invalid_model, "frame_step is {}", *step);
    if (step && x.ranked() && x[1].is_static()) {
      SACCADE_CHECK(x[1].size() >= *length, invalid_model, "frames of {} in a signal of {}", *length, x[1].size());
      out[1] = Dimension::fixed((x[1].size() - *length) / *step + 1);
    }
  }
  return {Fact(inputs[0].type.element, std::move(out))};
}

std::vector<Tensor> evaluate(const Stft& op, std::span<const Tensor> inputs) {
  const Shape& x = inputs[0].shape();
  SACCADE_CHECK(x.size() == 2 || (x.size() == 3 && (x[2] == 1 || x[2] == 2)), invalid_model, "a signal of shape {}", to_string(x));
  const i64 parts = x.size() == 3 ? x[2] : 1, step = scalar(inputs, 1);
  i64 length = x[1];
  std::vector<double> window;
  if (has(inputs, 2)) {
    window = to_f64(inputs[2]);
    length = static_cast<i64>(window.size());
  }
  if (has(inputs, 3)) length = scalar(inputs, 3);
  check_length(length);
  SACCADE_CHECK(step >= 1, invalid_model, "frame_step is {}", step);
  SACCADE_CHECK(window.empty() || static_cast<i64>(window.size()) == length, invalid_model, "a window of {} elements for frames of {}",
                window.size(), length);
  SACCADE_CHECK(x[1] >= length, invalid_model, "frames of {} in a signal of {}", length, x[1]);
  const i64 frames = (x[1] - length) / step + 1, bins = op.onesided ? length / 2 + 1 : length;
  const Shape shape{x[0], frames, bins, 2};
  std::vector<double> out(wide_count(shape));
  const std::vector<double> data = to_f64(inputs[0]);
  Fourier f(static_cast<std::size_t>(length), false);
  double* to = out.data();
  for (i64 b = 0; b < x[0]; ++b)
    for (i64 n = 0; n < frames; ++n) {
      for (i64 t = 0; t < length; ++t) {
        const double* at = data.data() + (b * x[1] + n * step + t) * parts;
        f.in[static_cast<std::size_t>(t)] =
            Complex(at[0], parts == 2 ? at[1] : 0) * (window.empty() ? 1.0 : window[static_cast<std::size_t>(t)]);
      }
      f.run();
      for (i64 k = 0; k < bins; ++k) {
        *to++ = f.out[static_cast<std::size_t>(k)].real();
        *to++ = f.out[static_cast<std::size_t>(k)].imag();
      }
    }
  return {from_f64(inputs[0].type(), shape, out)};
}

std::vector<Fact> infer(const WindowFunction& op, std::span<const Fact> inputs) {
  check_arity(inputs, 1, 1);
  const auto size = known_scalar(inputs, 0);
  if (size) SACCADE_CHECK(*size >= 0 && *size <= kMaxLength, invalid_model, "a window of {} elements", *size);
  return {Fact(op.output_type, size ? PartialShape(Shape{*size}) : PartialShape::of_rank(1))};
}

std::vector<Tensor> evaluate(const WindowFunction& op, std::span<const Tensor> inputs) {
  const i64 size = scalar(inputs, 0);
  SACCADE_CHECK(size >= 0 && size <= kMaxLength, invalid_model, "a window of {} elements", size);
  std::vector<double> out(static_cast<std::size_t>(size));
  const auto period = static_cast<double>(std::max<i64>(op.periodic ? size : size - 1, 1));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double angle = 2 * std::numbers::pi * static_cast<double>(i) / period;
    switch (op.kind) {
      case WindowFunctionKind::hann:
        out[i] = 0.5 - 0.5 * std::cos(angle);
        break;
      case WindowFunctionKind::hamming:
        out[i] = 25.0 / 46 - 21.0 / 46 * std::cos(angle);
        break;
      case WindowFunctionKind::blackman:
        out[i] = 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2 * angle);
        break;
    }
  }
  return {from_f64(op.output_type, {size}, out)};
}

std::vector<Fact> infer(const MelWeightMatrix& op, std::span<const Fact> inputs) {
  check_arity(inputs, 5, 5);
  const auto bins = known_scalar(inputs, 0), length = known_scalar(inputs, 1);
  PartialShape out = PartialShape::of_rank(2);
  if (length) {
    check_length(*length);
    out[0] = Dimension::fixed(*length / 2 + 1);
  }
  if (bins) {
    SACCADE_CHECK(*bins >= 0 && *bins <= kMaxLength, invalid_model, "{} mel bins", *bins);
    out[1] = Dimension::fixed(*bins);
  }
  return {Fact(op.output_type, std::move(out))};
}

std::vector<Tensor> evaluate(const MelWeightMatrix& op, std::span<const Tensor> inputs) {
  const i64 bins = scalar(inputs, 0), length = scalar(inputs, 1), rate = scalar(inputs, 2);
  const double low = real_scalar(inputs, 3), high = real_scalar(inputs, 4);
  check_length(length);
  SACCADE_CHECK(bins >= 0 && bins <= kMaxLength && rate > 0, invalid_model, "{} mel bins at a rate of {}", bins, rate);
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const Shape shape{length / 2 + 1, bins};
  std::vector<double> out(wide_count(shape));
  // The places of the triangles' corners, in bins of the spectrum.
  const double first = mel(low), step = (mel(high) - first) / static_cast<double>(bins + 2);
  std::vector<i64> corner;
  for (i64 i = 0; i < bins + 2; ++i) {
    const double hertz = 700 * (std::pow(10, (first + static_cast<double>(i) * step) / 2595) - 1);
    const double place = std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
    SACCADE_CHECK(place >= 0 && place < static_cast<double>(shape[0]), invalid_model, "a filter at {} Hz of a spectrum that ends at {} Hz",
                  hertz, rate / 2);
    corner.push_back(static_cast<i64>(place));
  }
  for (i64 i = 0; i < bins; ++i) {
    const i64 left = corner[static_cast<std::size_t>(i)], centre = corner[static_cast<std::size_t>(i + 1)],
              right = corner[static_cast<std::size_t>(i + 2)];
    const auto set = [&](i64 row, double value) { out[static_cast<std::size_t>(row * bins + i)] = value; };
    if (left == centre) set(centre, 1);
    for (i64 j = left; left < centre && j <= centre; ++j) set(j, static_cast<double>(j - left) / static_cast<double>(centre - left));
    for (i64 j = centre; j < right; ++j) set(j, static_cast<double>(right - j) / static_cast<double>(right - centre));
  }
  return {from_f64(op.output_type, shape, out)};
}

}  // namespace saccade::ops
