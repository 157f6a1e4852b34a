// SPDX-License-Identifier: Apache-2.0
// Signal processing with ONNX semantics: DFT, STFT, window functions, mel weights.
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

/// (x […,1 or 2] of reals or (re, im) pairs, dft_length i32|i64 scalar?, axis i32|i64 scalar?) → the discrete Fourier transform along the
/// axis (default −2), zero-padded or cut to dft_length, as pairs. The inverse is divided by the length. onesided: only the first ⌊n/2⌋ + 1
/// entries; its inverse takes these and gives reals. Ours; IR: DFT, IDFT, RDFT or IRDFT where the length is known.
struct Dft {
  bool inverse = false;
  bool onesided = false;

  static constexpr std::string_view kName = "DiscreteFourierTransform";
  void fields(FieldVisitor& v) {
    v("inverse", inverse);
    v("onesided", onesided);
  }
};

/// (signal [b,s,1 or 2] or [b,s], frame_step scalar, window [w]?, frame_length scalar?) → [b,frames,bins,2], the DFT of each windowed
/// frame; bins are ⌊n/2⌋ + 1 if onesided. Ours; IR: STFT where onesided and real.
struct Stft {
  bool onesided = true;

  static constexpr std::string_view kName = "ShortTimeFourierTransform";
  void fields(FieldVisitor& v) { v("onesided", onesided); }
};

enum class WindowFunctionKind { hann, hamming, blackman };

/// (size i32|i64 scalar) → [size], a window function; periodic, or symmetric. Ours; IR: a Constant.
struct WindowFunction {
  WindowFunctionKind kind = WindowFunctionKind::hann;
  bool periodic = true;
  ElementType output_type = ElementType::f32;

  static constexpr std::string_view kName = "WindowFunction";
  void fields(FieldVisitor& v) {
    v("kind", kind, {"hann", "hamming", "blackman"});
    v("periodic", periodic);
    v("output_type", output_type);
  }
};

/// (num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz; all scalars) → [⌊dft_length/2⌋ + 1, num_mel_bins], the
/// triangular filters of ONNX's MelWeightMatrix. Ours; IR: a Constant.
struct MelWeightMatrix {
  ElementType output_type = ElementType::f32;

  static constexpr std::string_view kName = "MelWeightMatrix";
  void fields(FieldVisitor& v) { v("output_type", output_type); }
};

std::vector<Fact> infer(const Dft& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Dft& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const Stft& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const Stft& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const WindowFunction& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const WindowFunction& op, std::span<const Tensor> inputs);

std::vector<Fact> infer(const MelWeightMatrix& op, std::span<const Fact> inputs);
std::vector<Tensor> evaluate(const MelWeightMatrix& op, std::span<const Tensor> inputs);

}  // namespace saccade::ops
