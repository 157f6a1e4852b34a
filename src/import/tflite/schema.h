// SPDX-License-Identifier: Apache-2.0
// The numbers of TFLite's FlatBuffers schema: fields of tables, in their order, and enumerations. Tables of options are named
// like the operators; what is not listed is not read.
#pragma once

#include <cstdint>

namespace saccade::tflite {

// Fields.
namespace model { enum { version, operator_codes, subgraphs, description, buffers, metadata_buffer, metadata, signatures }; }
namespace operator_code { enum { deprecated_builtin, custom, version, builtin }; }
namespace subgraph { enum { tensors, inputs, outputs, operators, name }; }
namespace tensor { enum { shape, type, buffer, name, quantization, is_variable, sparsity, shape_signature, has_rank }; }
namespace quantization { enum { min, max, scale, zero_point, details_type, details, dimension }; }
namespace sparsity { enum { order, block_map, dimensions }; }
namespace dimension { enum { format, size, segments_type, segments, indices_type, indices }; }
namespace operation { enum { opcode, inputs, outputs, options_type, options, custom_options, custom_format, mutating, intermediates, large_offset, large_size, options_2_type, options_2 }; }
namespace buffer { enum { data, offset, size }; }
namespace metadata { enum { name, buffer }; }
namespace signature { enum { inputs, outputs, key, unused, subgraph }; }
namespace tensor_map { enum { name, tensor }; }

// Options of the operators.
namespace conv_2d { enum { padding, stride_w, stride_h, activation, dilation_w, dilation_h }; }
namespace depthwise { enum { padding, stride_w, stride_h, multiplier, activation, dilation_w, dilation_h }; }
namespace conv_3d { enum { padding, stride_d, stride_w, stride_h, activation, dilation_d, dilation_w, dilation_h }; }
namespace transpose_conv { enum { padding, stride_w, stride_h, activation }; }
namespace pool_2d { enum { padding, stride_w, stride_h, filter_w, filter_h, activation }; }
namespace fully_connected { enum { activation, weights_format, keep_dims }; }
namespace batch_matmul { enum { adj_x, adj_y }; }
namespace sequence_rnn { enum { time_major, activation }; }
namespace bidirectional_rnn { enum { time_major, activation, merge_outputs }; }
namespace bidirectional_lstm { enum { activation, cell_clip, projection_clip, merge_outputs, time_major }; }
namespace svdf { enum { rank, activation }; }
namespace lstm { enum { activation, cell_clip, projection_clip, kernel_type }; }
namespace sequence_lstm { enum { activation, cell_clip, projection_clip, time_major, asymmetric, diagonal }; }
namespace lrn { enum { radius, bias, alpha, beta }; }
namespace resize_bilinear { enum { align_corners = 2, half_pixel_centers }; }
namespace resize_nearest { enum { align_corners, half_pixel_centers }; }
namespace gather { enum { axis, batch_dims }; }
namespace strided_slice { enum { begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask, offset }; }
namespace fake_quant { enum { min, max, bits, narrow }; }
namespace pack { enum { count, axis }; }
namespace reverse_sequence { enum { seq_dim, batch_dim }; }
namespace if_ { enum { then_subgraph, else_subgraph }; }
namespace composite { enum { name, decomposition }; }
namespace while_ { enum { cond_subgraph, body_subgraph }; }
namespace cumsum { enum { exclusive, reverse }; }

enum class Type : std::int8_t { f32, f16, i32, u8, i64, string, boolean, i16, complex64, i8, f64, complex128, u64, resource, variant, u32, u16, i4, bf16, i2, u4 };
enum class Padding : std::int8_t { same, valid };
enum class Activation : std::int8_t { none, relu, relu_n1_to_1, relu6, tanh, sign_bit };

/// The name of a builtin operator, or "unknown operator".
const char* builtin_name(std::int32_t code);
constexpr std::int32_t kCustom = 32;

}  // namespace saccade::tflite
