// SPDX-License-Identifier: Apache-2.0
// The compute kernels as plain functions on plain pointers, one KernelTable per instruction set level. The kernels know
// no graph and no tensor: the plan fills the argument structs once, and patches only the data pointers for each run.
//
// Words used throughout. A `pitch` counts elements between neighbouring rows or pixels. A `row` is what a kernel works
// along: `n` contiguous floats, in images the channels of one pixel. Lanes beyond `n` of an input are never read into a
// result (they may hold NaN). All functions are noexcept in effect, allocate nothing and are thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

namespace saccade {
enum class Isa : std::uint8_t;
}

namespace saccade::kernels {

using Index = std::int64_t;

/// What happens to the lanes beyond the last channel, up to a multiple of 16, when a row is stored.
enum class Lanes : std::uint8_t {
  masked,  ///< untouched: the output is a view of something else, or has no padding
  full,    ///< may be overwritten with anything: the output owns them
};

/// Functions of one variable. `a` and `b` are the parameters named in brackets.
enum class Fn : std::uint8_t {
  none, relu,
  clip,          ///< min(max(x, a), b)
  leaky_relu,    ///< x < 0 ? a·x : x
  prelu,         ///< x < 0 ? slope[c]·x : x
  hard_swish,    ///< x·clip(x/6 + 1/2, 0, 1)
  hard_sigmoid,  ///< clip(a·x + b, 0, 1)
  silu, sigmoid, tanh, gelu_erf, gelu_tanh, mish,
  elu,           ///< x < 0 ? a·(exp(x) − 1) : x
  softplus,
  selu,          ///< x < 0 ? b·a·(exp(x) − 1) : b·x
  exp, expm1, log, log1p, sqrt, rsqrt, reciprocal, square, abs, neg, sign,
  floor, ceil,
  round_even,    ///< halves to even
  trunc, erf, sin, cos,
  pow,           ///< x to the power a
  affine,        ///< a·x + b
};

struct Activation {
  Fn fn = Fn::none;
  float a = 0, b = 0;
  const float* slope = nullptr;  ///< prelu only: one per channel
};

enum class Combine : std::uint8_t { none, add, mul };

/// What follows an accumulated value v in row m and channel n:
///   v = v·scale[n] + bias[n];  if (before) v = v ∘ other;  v = first(v);  if (!before) v = v ∘ other;  v = second(v)
/// Null pointers are skipped. A ResNet block's end is {bias, other = shortcut, second = relu}.
struct Epilogue {
  const float* scale = nullptr;
  const float* bias = nullptr;
  Activation first;
  Combine combine = Combine::none;
  bool before = false;            ///< combine before `first` instead of after it
  const float* other = nullptr;   ///< row m starts at other + (m / width)·line_pitch + (m % width)·pitch, or at pitch 0 is one row for all
  Index other_pitch = 0;
  Index other_line_pitch = 0;     ///< only where the output has two levels
  Activation second;
};

// ---- dense: convolution, fully connected, matmul -------------------------------------------------------------------
//
//   out[m][n] = epilogue( Σ_tap Σ_k row(m, tap)[k] · w[tap][k][n] )
//
// Weights are packed into panels of `nr` channels, [panel][tap][k][nr], the last panel narrower (a multiple of `lanes`).

/// Marks an offset in DenseArgs::y or x whose row lies outside of the image: zeros are read instead.
inline constexpr std::int32_t kOutside = INT32_MIN;

/// How the rows of the left side are found; offsets and pitches in floats.
struct DenseRows {
  const float* base = nullptr;
  /// Plain rows (y == nullptr, one tap): row m = base + (m / width)·line_pitch + (m % width)·pitch.
  Index pitch = 0;
  Index line_pitch = 0;
  /// Image rows (y != nullptr), m = oy·width + ox, tap = ky·kw + kx: base + y[oy·kh + ky] + x[kx·width + ox], or zeros
  /// where either is kOutside. Covers any kernel, stride, dilation, padding and the phases of a deconvolution. A tap may
  /// span several pixels (k = KW·C with kw = 1) where the image has its halo in memory.
  const std::int32_t* y = nullptr;
  const std::int32_t* x = nullptr;
  Index kh = 1, kw = 1;           ///< kh·kw ≤ kMaxTaps
  const float* zeros = nullptr;   ///< at least k zeros; needed where kOutside occurs
};
inline constexpr Index kMaxTaps = 256;

struct DenseArgs {
  DenseRows rows;
  Index width = 0;      ///< rows of the left side, the output and Epilogue::other in one line; 0: one endless line
  Index k = 0;          ///< floats a tap; never more are read
  Index n = 0;          ///< output channels
  const float* weights = nullptr;  ///< packed by dense_pack, aligned to 64 bytes
  const float* next_weights = nullptr;  ///< of a call to come, of the same shape: fetched meanwhile, as these may have been; or null
  float* out = nullptr;            ///< row m = out + (m / width)·out_line_pitch + (m % width)·out_pitch
  Index out_pitch = 0;
  Index out_line_pitch = 0;
  Index out_block_pitch = 16;      ///< from one group of 16 channels to the next; not 16 in channel-blocked line buffers
  /// Where no pitches say where pixels go: row m = out + out_lines[m / width] + out_columns[m % width]. Both or neither.
  const std::int32_t* out_lines = nullptr;
  const std::int32_t* out_columns = nullptr;
  Lanes lanes = Lanes::masked;
  Epilogue epilogue;
  Index cache_bytes = 256 * 1024;  ///< share of the second-level cache that a strip of the left side may take
};

/// The part of the output that one call computes: rows [m_begin, m_end), channels [n_begin, n_end); n_begin is a multiple
/// of DenseShape::nr, and so is n_end unless it is n.
struct DenseBand {
  Index m_begin = 0, m_end = 0, n_begin = 0, n_end = 0;
};

struct DenseShape {
  Index nr = 0;             ///< channels in a panel
  Index packed_floats = 0;  ///< size of the packed weights
};

/// Weights to pack: element (n, ky, kx, c) at src[n·stride_n + ky·stride_ky + kx·stride_kx + c·stride_c]; k runs over
/// ky, kx, c in this order, c fastest. OIHW: {I·H·W, W, 1, H·W}; K×N row-major: stride_n = 1, stride_c = N; N×K: {K, 0, 0, 1}.
struct DensePack {
  const float* src = nullptr;
  Index n = 0, ky = 1, kx = 1, c = 0;
  Index stride_n = 0, stride_ky = 0, stride_kx = 0, stride_c = 0;
  const float* scale = nullptr;  ///< optional factor per n
  float* dst = nullptr;          ///< packed_floats, aligned to 64 bytes
  Index n_begin = 0, n_end = -1; ///< channels to pack, as in DenseBand; n_end < 0: to the end
};

// ---- Winograd: 3×3 convolutions -------------------------------------------------------------------------------------------
//
// F(4,3), F(2,3) and F(2,3) with stride 2: tiles of outputs × outputs results, whose inputs reach over (outputs − 1)·stride + 3 pixels each
// way. Transformed values lie as [position][tile][channel], position = reach·row + column; between the transforms stands one `dense` for
// each position. Weights are transformed by the plan: G g Gᵀ.

/// Some neighbouring tiles of a row of tiles.
struct WinogradInput {
  Index outputs = 4, stride = 1;  ///< 4 and 1, 2 and 1, or 2 and 2
  const float* rows[6] = {};   ///< input rows, pixel 0; null rows lie outside of the image
  Index pitch = 0;             ///< floats between neighbouring pixels
  Index x = 0, width = 0;      ///< first column of the first tile, may be negative; pixels of an input row
  Index tiles = 0, channels = 0;
  float* out = nullptr;        ///< stored in whole vectors: tile_pitch is a multiple of 16
  Index position_pitch = 0, tile_pitch = 0;
};

/// From products to outputs, and what follows them.
struct WinogradOutput {
  Index outputs = 4, stride = 1;  ///< 4 and 1, 2 and 1, or 2 and 2
  const float* in = nullptr;   ///< tile_pitch is a multiple of 16
  Index position_pitch = 0, tile_pitch = 0;
  Index tiles = 0, channels = 0;
  float* out = nullptr;        ///< first pixel of the first tile
  Index out_pitch = 0, out_line_pitch = 0;
  Index rows = 4, width = 0;   ///< rows and columns that exist from there on
  Lanes lanes = Lanes::masked;
  Epilogue epilogue;           ///< `other` is at the first pixel too
};

// ---- rows of images ------------------------------------------------------------------------------------------------

/// A window sliding along `kh` input rows. Row pointers point at pixel 0; null rows lie outside of the image. Nothing
/// outside of [0, width) pixels is read.
struct Window {
  const float* const* rows = nullptr;
  Index pitch = 0;             ///< floats between neighbouring pixels
  Index block_pitch = 16;      ///< from one group of 16 channels to the next
  Index width = 0;             ///< pixels of an input row
  Index kh = 1, kw = 1, stride = 1, dilation = 1, pad_left = 0;
};

/// One output row of a depthwise convolution (channel multiplier 1).
struct DepthwiseArgs {
  Window in;
  const float* weights = nullptr;  ///< packed by depthwise_pack, aligned to 64 bytes
  Index channels = 0;
  float* out = nullptr;
  Index out_pitch = 0;
  Index out_width = 0;
  Lanes lanes = Lanes::masked;
  Epilogue epilogue;               ///< row m is the output pixel
  const float* ahead[2] = {};      ///< input rows that will be needed soon and are fetched meanwhile; or null
};

/// Depthwise weights to pack: element (c, ky, kx) at src[c·stride_c + ky·stride_ky + kx·stride_kx].
struct DepthwisePack {
  const float* src = nullptr;
  Index channels = 0, kh = 0, kw = 0;
  Index stride_c = 0, stride_ky = 0, stride_kx = 0;
  const float* scale = nullptr;    ///< optional factor per channel
  float* dst = nullptr;            ///< kh·kw·round_up(channels, 16) floats, aligned to 64 bytes
};

enum class Pool : std::uint8_t { max, average };

/// One output row of a pooling. Average divides by counts[x]·row_count, the planner's way to say what padding counts.
struct PoolArgs {
  Pool kind = Pool::max;
  Window in;
  Index channels = 0;
  float* out = nullptr;
  Index out_pitch = 0;
  Index out_width = 0;
  const float* counts = nullptr;  ///< average: out_width numbers of columns; null: those inside of the image
  float row_count = 0;            ///< average: number of rows; 0: those not null
  Lanes lanes = Lanes::masked;
};

/// One output row of a resize; out pixel x from columns that the planner has tabulated.
struct ResizeArgs {
  const float* rows[4] = {};      ///< nearest: 1, linear: 2, cubic: 4 source rows
  float row_weights[4] = {};      ///< linear: weight of rows[0] and rows[1]; cubic: four
  const std::int32_t* columns = nullptr;  ///< nearest 1, linear 2, cubic 4 pixel indices for each output pixel
  const float* column_weights = nullptr;  ///< as many weights
  Index pitch = 0;
  Index channels = 0;
  float* out = nullptr;
  Index out_pitch = 0;
  Index out_width = 0;
  Lanes lanes = Lanes::masked;
};

/// out[i] = weights[0]·rows[0][i] + weights[1]·rows[1][i]: a linear resize across lines.
struct MixArgs {
  const float* rows[2] = {};
  float weights[2] = {};
  Index n = 0;
  float* out = nullptr;
};

// ---- rows of numbers -----------------------------------------------------------------------------------------------

/// out[r][i] = fn(in[r][i]); in place is fine.
struct UnaryArgs {
  Activation fn;
  Index rows = 1, n = 0;
  const float* in = nullptr;
  Index in_pitch = 0;
  float* out = nullptr;
  Index out_pitch = 0;
};

enum class Binary : std::uint8_t { add, sub, mul, div, min, max, pow, squared_difference, floor_mod, prelu };
enum class Compare : std::uint8_t { equal, not_equal, less, less_equal, greater, greater_equal };

/// out[r][i] = fn(a[r·a_pitch + i·a_step], b[…]); steps are 1, or 0 for a scalar a row; pitch 0 repeats a row.
/// In place is fine where the steps are 1.
struct BinaryArgs {
  Binary op = Binary::add;
  Compare compare = Compare::equal;  ///< used by `compare` instead of op
  Index rows = 1, n = 0;
  const float* a = nullptr;
  Index a_pitch = 0, a_step = 1;
  const float* b = nullptr;
  Index b_pitch = 0, b_step = 1;
  float* out = nullptr;              ///< `binary`
  std::uint8_t* out_u8 = nullptr;    ///< `compare`: 0 or 1
  Index out_pitch = 0;
  Activation then;                   ///< `binary`: applied to the result
};

/// out[r][i] = condition[r·c_pitch + i·c_step] ? a[…] : b[…]
struct SelectArgs {
  Index rows = 1, n = 0;
  const std::uint8_t* condition = nullptr;
  Index c_pitch = 0, c_step = 1;
  const float* a = nullptr;
  Index a_pitch = 0, a_step = 1;
  const float* b = nullptr;
  Index b_pitch = 0, b_step = 1;
  float* out = nullptr;
  Index out_pitch = 0;
};

/// out[r][i] = then(in[r][i]·scale[i] + shift[i]); either pointer may be null.
struct ScaleShiftArgs {
  Index rows = 1, n = 0;
  const float* in = nullptr;
  Index in_pitch = 0;
  const float* scale = nullptr;
  const float* shift = nullptr;
  float* out = nullptr;
  Index out_pitch = 0;
  Activation then;
};

/// Element types of `convert`, which has f32 on at least one side.
enum class Scalar : std::uint8_t { f32, f16, bf16, u8, i8, i32, i64 };

/// dst[i] = src[i] as another type. To f16 and bf16 rounds to even; to integers truncates, out of range and NaN saturate
/// (NaN: 0).
struct ConvertArgs {
  Scalar from = Scalar::f32, to = Scalar::f32;
  const void* src = nullptr;
  void* dst = nullptr;
  Index n = 0;
};

enum class Reduce : std::uint8_t { sum, mean, max, min, prod, l1, l2, sum_squares };

/// `reduce_rows`: out[r·out_pitch] from the n floats of row r.
/// `reduce_columns`: out[i] from in[(r / width)·line_pitch + (r % width)·pitch + i] over all rows r: global pooling is this one.
struct ReduceArgs {
  Reduce op = Reduce::sum;
  Index rows = 0, n = 0;
  const float* in = nullptr;
  Index pitch = 0;
  Index width = 0, line_pitch = 0;  ///< `reduce_columns`: two levels; width 0: one
  float* out = nullptr;
  Index out_pitch = 1;              ///< `reduce_rows`
};

/// `softmax_rows`: over the n floats of each row. `softmax_columns`: over the rows, for each i < n on its own. In place is fine.
struct SoftmaxArgs {
  bool log = false;
  Index rows = 0, n = 0;
  const float* in = nullptr;
  Index in_pitch = 0;
  float* out = nullptr;
  Index out_pitch = 0;
};

/// First (or last) index of the largest (smallest) value, NaN being the largest. `argmax_rows`: out[r]; `argmax_columns`: out[i] over
/// the rows. There is at least one value, and fewer than 2^31.
struct ArgMaxArgs {
  bool smallest = false;
  bool last = false;
  Index rows = 0, n = 0;
  const float* in = nullptr;
  Index pitch = 0;
  Scalar to = Scalar::i64;  ///< or i32
  void* out = nullptr;
};

/// mean and population variance, in two passes. `moments_rows`: mean[r], var[r]; `moments_columns`: mean[i], var[i] over the rows.
struct MomentsArgs {
  Index rows = 0, n = 0;
  const float* in = nullptr;
  Index pitch = 0;
  float* mean = nullptr;
  float* var = nullptr;
};

/// Layer normalisation of each row: (x − mean) / sqrt(var + epsilon)·scale[i] + shift[i]; with rms, x / sqrt(mean(x²) + epsilon)·….
struct NormalizeArgs {
  bool rms = false;
  Index rows = 0, n = 0;
  const float* in = nullptr;
  Index in_pitch = 0;
  float epsilon = 1e-5f;
  const float* scale = nullptr;  ///< may be null
  const float* shift = nullptr;  ///< may be null
  float* out = nullptr;
  Index out_pitch = 0;
};

// ---- data movement -------------------------------------------------------------------------------------------------

/// dst[j·dst_pitch + i] = src[i·src_pitch + j] for i < rows, j < columns; 4-byte elements of any kind. NCHW → NHWC is
/// rows = C, columns = H·W (or W with a call a line); NHWC → NCHW the reverse. With scale or shift, indexed by i
/// (`scale_rows`) or j, elements are floats: dst = src·scale + shift. `count` such matrices, each a step behind the one before.
struct TransposeArgs {
  const void* src = nullptr;
  Index src_pitch = 0;
  void* dst = nullptr;
  Index dst_pitch = 0;
  Index rows = 0, columns = 0;
  const float* scale = nullptr;
  const float* shift = nullptr;
  bool scale_rows = true;
  Index count = 1, src_step = 0, dst_step = 0;
};

/// Rows of `bytes` bytes; pitches in bytes.
struct CopyArgs {
  const void* src = nullptr;
  Index src_pitch = 0;
  void* dst = nullptr;
  Index dst_pitch = 0;
  Index rows = 0, bytes = 0;
};

/// One line of a picture of few channels as a network wants it, channels innermost:
///   out[x·channels + c] = (p[order[c]] + before[c])·scale[c] + after[c]
/// where p is pixel x of the source line, or with taps the weighted sum of those at columns[x·taps + t]; the source line is the
/// weighted sum of lines[0] and lines[1], or lines[0] alone.
struct PictureArgs {
  Scalar from = Scalar::u8;             ///< u8 or f32
  const void* lines[2] = {};
  float line_weights[2] = {};
  Index width = 0, source_channels = 3; ///< of the source line; at most 4 channels
  Index plane = 0;                      ///< elements from channel to channel of a planar picture, 0: channels are innermost
  Index taps = 0;                       ///< 0, 1: nearest, no weights; 2: linear
  const std::int32_t* columns = nullptr;
  const float* column_weights = nullptr;
  Index channels = 3;                   ///< of the result, at most 4
  std::int32_t order[4] = {0, 1, 2, 3};
  float before[4] = {};
  float scale[4] = {1, 1, 1, 1};
  float after[4] = {};
  float* scratch = nullptr;             ///< width·source_channels + 4 floats, twice for a planar picture
  float* out = nullptr;
  Index out_width = 0;
};

// ---- the table -----------------------------------------------------------------------------------------------------

/// Ways in which the dense kernel of a level cuts channels into panels. All give the same results; which is fastest depends on how many
/// loads a processor does beside its multiplications.
inline constexpr int kDenseForms = 2;

struct KernelTable {
  const char* isa;    ///< "avx2"
  int lanes;          ///< floats in a vector
  int panel_vectors;  ///< of the dense kernel: its form

  DenseShape (*dense_shape)(Index k_total, Index n);
  void (*dense_pack)(const DensePack&);
  void (*dense)(const DenseArgs&, const DenseBand&);

  void (*winograd_input)(const WinogradInput&);
  void (*winograd_output)(const WinogradOutput&);

  void (*depthwise_pack)(const DepthwisePack&);
  void (*depthwise_row)(const DepthwiseArgs&);
  void (*pool_row)(const PoolArgs&);
  void (*resize_nearest_row)(const ResizeArgs&);
  void (*resize_linear_row)(const ResizeArgs&);
  void (*resize_cubic_row)(const ResizeArgs&);
  void (*mix_rows)(const MixArgs&);

  void (*unary)(const UnaryArgs&);
  void (*binary)(const BinaryArgs&);
  void (*compare)(const BinaryArgs&);
  void (*select)(const SelectArgs&);
  void (*scale_shift)(const ScaleShiftArgs&);
  void (*convert)(const ConvertArgs&);

  void (*reduce_rows)(const ReduceArgs&);
  void (*reduce_columns)(const ReduceArgs&);
  void (*softmax_rows)(const SoftmaxArgs&);
  void (*softmax_columns)(const SoftmaxArgs&);
  void (*argmax_rows)(const ArgMaxArgs&);
  void (*argmax_columns)(const ArgMaxArgs&);
  void (*moments_rows)(const MomentsArgs&);
  void (*moments_columns)(const MomentsArgs&);
  void (*normalize_rows)(const NormalizeArgs&);

  void (*transpose)(const TransposeArgs&);
  void (*copy_rows)(const CopyArgs&);
  void (*picture_line)(const PictureArgs&);
};

/// The table of the highest level that this processor has and that does not exceed `cap`, with a form of the dense kernel, of which the
/// first is the usual one. Static storage.
const KernelTable& select(Isa cap, int form = 0);

/// What the forms of a level's dense kernel reach on this processor with everything in its caches.
struct DenseProbe {
  double gflops[kDenseForms] = {};
  int chosen = 0;  ///< the first, unless another is clearly faster
};
/// Measured once in a process, in about a millisecond. Thread safe.
const DenseProbe& probe_dense(Isa cap);

}  // namespace saccade::kernels
