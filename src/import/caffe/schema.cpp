// SPDX-License-Identifier: Apache-2.0
// Caffe's schema as a table: BVLC's master, the SSD fork's own fields, and those of the versions before 2014's LayerParameter.
#include "import/caffe/schema.h"

#include <charconv>
#include <map>

namespace saccade::caffe {
namespace {

struct Row {
  std::string_view message, fields;
};

// One line a message: "number name type; …".
constexpr Row kSchemaRows[] = {
    {"Net", "1 name s; 2 layers LayerV1; 3 input s; 4 input_dim i; 5 force_backward -; 6 state State; 7 debug_info -; 8 input_shape Shape; 100 layer Layer"},
    {"State", "1 phase e:TRAIN=0,TEST=1; 2 level i; 3 stage s"},
    {"Rule", "1 phase e:TRAIN=0,TEST=1; 2 min_level i; 3 max_level i; 4 stage s; 5 not_stage s"},
    {"Shape", "1 dim i"},
    {"Layer",
     "1 name s; 2 type s; 3 bottom s; 4 top s; 5 loss_weight -; 6 param -; 7 blobs B; 8 include Rule; 9 exclude Rule; 10 phase e:TRAIN=0,TEST=1; 11 propagate_down -; "
     "100 transform_param Transform; 101 loss_param -; 102 accuracy_param -; 103 argmax_param ArgMax; 104 concat_param Concat; 105 contrastive_loss_param -; "
     "106 convolution_param Convolution; 107 data_param -; 108 dropout_param -; 109 dummy_data_param DummyData; 110 eltwise_param Eltwise; 111 exp_param Exp; "
     "112 hdf5_data_param -; 113 hdf5_output_param -; 114 hinge_loss_param -; 115 image_data_param -; 116 infogain_loss_param -; 117 inner_product_param InnerProduct; "
     "118 lrn_param LRN; 119 memory_data_param MemoryData; 120 mvn_param MVN; 121 pooling_param Pooling; 122 power_param Power; 123 relu_param ReLU; 124 sigmoid_param -; "
     "125 softmax_param Softmax; 126 slice_param Slice; 127 tanh_param -; 128 threshold_param Threshold; 129 window_data_param -; 130 python_param Python; "
     "131 prelu_param PReLU; 132 spp_param -; 133 reshape_param Reshape; 134 log_param Log; 135 flatten_param Flatten; 136 reduction_param Reduction; 137 embed_param -; "
     "138 tile_param Tile; 139 batch_norm_param BatchNorm; 140 elu_param ELU; 141 bias_param Bias; 142 scale_param Scale; 143 input_param Input; 144 crop_param Crop; "
     "145 parameter_param Parameter; 146 recurrent_param -; 147 swish_param Swish; 148 clip_param Clip; 200 annotated_data_param -; 201 multibox_loss_param -; "
     "202 permute_param Permute; 203 prior_box_param PriorBox; 204 detection_output_param DetectionOutput; 205 detection_evaluate_param -; 206 norm_param Normalize; "
     "207 video_data_param -"},
    {"LayerV1",
     "1 layer LayerV0; 2 bottom s; 3 top s; 4 name s; 6 blobs B; 7 blobs_lr -; 8 weight_decay -; 32 include Rule; 33 exclude Rule; 35 loss_weight -; 1001 param -; 1002 blob_share_mode -; "
     "5 type e:NONE=0,ACCURACY=1,BNLL=2,CONCAT=3,CONVOLUTION=4,DATA=5,DROPOUT=6,EUCLIDEAN_LOSS=7,FLATTEN=8,HDF5_DATA=9,HDF5_OUTPUT=10,IM2COL=11,IMAGE_DATA=12,INFOGAIN_LOSS=13,"
     "INNER_PRODUCT=14,LRN=15,MULTINOMIAL_LOGISTIC_LOSS=16,POOLING=17,RELU=18,SIGMOID=19,SOFTMAX=20,SOFTMAX_LOSS=21,SPLIT=22,TANH=23,WINDOW_DATA=24,ELTWISE=25,POWER=26,"
     "SIGMOID_CROSS_ENTROPY_LOSS=27,HINGE_LOSS=28,MEMORY_DATA=29,ARGMAX=30,THRESHOLD=31,DUMMY_DATA=32,SLICE=33,MVN=34,ABSVAL=35,SILENCE=36,CONTRASTIVE_LOSS=37,EXP=38,"
     "DECONVOLUTION=39; "
     "9 concat_param Concat; 10 convolution_param Convolution; 11 data_param -; 12 dropout_param -; 13 hdf5_data_param -; 14 hdf5_output_param -; 15 image_data_param -; "
     "16 infogain_loss_param -; 17 inner_product_param InnerProduct; 18 lrn_param LRN; 19 pooling_param Pooling; 20 window_data_param -; 21 power_param Power; "
     "22 memory_data_param MemoryData; 23 argmax_param ArgMax; 24 eltwise_param Eltwise; 25 threshold_param Threshold; 26 dummy_data_param DummyData; 27 accuracy_param -; "
     "29 hinge_loss_param -; 30 relu_param ReLU; 31 slice_param Slice; 34 mvn_param MVN; 36 transform_param Transform; 37 tanh_param -; 38 sigmoid_param -; "
     "39 softmax_param Softmax; 40 contrastive_loss_param -; 41 exp_param Exp; 42 loss_param -"},
    {"LayerV0", "1 name s; 2 type s; 50 blobs -"},
    {"Transform", "1 scale f; 2 mirror b; 3 crop_size i; 4 mean_file s; 5 mean_value f; 6 force_color b; 7 force_gray b"},
    {"Filler", "1 type s; 2 value f; 3 min -; 4 max -; 5 mean -; 6 std -; 7 sparse -; 8 variance_norm -"},
    {"ArgMax", "1 out_max_val b; 2 top_k i; 3 axis i"},
    {"Concat", "1 concat_dim i; 2 axis i"},
    {"Convolution",
     "1 num_output i; 2 bias_term b; 3 pad i; 4 kernel_size i; 5 group i; 6 stride i; 7 weight_filler -; 8 bias_filler -; 9 pad_h i; 10 pad_w i; 11 kernel_h i; 12 kernel_w i; "
     "13 stride_h i; 14 stride_w i; 15 engine -; 16 axis i; 17 force_nd_im2col -; 18 dilation i"},
    {"DummyData", "1 data_filler Filler; 2 num i; 3 channels i; 4 height i; 5 width i; 6 shape Shape"},
    {"Eltwise", "1 operation e:PROD=0,SUM=1,MAX=2; 2 coeff f; 3 stable_prod_grad -"},
    {"Exp", "1 base f; 2 scale f; 3 shift f"},
    {"InnerProduct", "1 num_output i; 2 bias_term b; 3 weight_filler -; 4 bias_filler -; 5 axis i; 6 transpose b"},
    {"LRN", "1 local_size i; 2 alpha f; 3 beta f; 4 norm_region e:ACROSS_CHANNELS=0,WITHIN_CHANNEL=1; 5 k f; 6 engine -"},
    {"MemoryData", "1 batch_size i; 2 channels i; 3 height i; 4 width i"},
    {"MVN", "1 normalize_variance b; 2 across_channels b; 3 eps f"},
    {"Pooling",
     "1 pool e:MAX=0,AVE=1,STOCHASTIC=2; 2 kernel_size i; 3 stride i; 4 pad i; 5 kernel_h i; 6 kernel_w i; 7 stride_h i; 8 stride_w i; 9 pad_h i; 10 pad_w i; 11 engine -; "
     "12 global_pooling b; 13 round_mode e:CEIL=0,FLOOR=1"},
    {"Power", "1 power f; 2 scale f; 3 shift f"},
    {"ReLU", "1 negative_slope f; 2 engine -"},
    {"Softmax", "1 engine -; 2 axis i"},
    {"Slice", "1 slice_dim i; 2 slice_point i; 3 axis i"},
    {"Threshold", "1 threshold f"},
    {"Python", "1 module s; 2 layer s; 3 param_str s; 4 share_in_parallel -"},
    {"PReLU", "1 filler -; 2 channel_shared b"},
    {"Reshape", "1 shape Shape; 2 axis i; 3 num_axes i"},
    {"Log", "1 base f; 2 scale f; 3 shift f"},
    {"Flatten", "1 axis i; 2 end_axis i"},
    {"Reduction", "1 operation e:SUM=1,ASUM=2,SUMSQ=3,MEAN=4; 2 axis i; 3 coeff f"},
    {"Tile", "1 axis i; 2 tiles i"},
    {"BatchNorm", "1 use_global_stats b; 2 moving_average_fraction -; 3 eps f"},
    {"ELU", "1 alpha f"},
    {"Bias", "1 axis i; 2 num_axes i; 3 filler -"},
    {"Scale", "1 axis i; 2 num_axes i; 3 filler -; 4 bias_term b; 5 bias_filler -"},
    {"Input", "1 shape Shape"},
    {"Crop", "1 axis i; 2 offset i"},
    {"Parameter", "1 shape Shape"},
    {"Swish", "1 beta f"},
    {"Clip", "1 min f; 2 max f"},
    {"Permute", "1 order i"},
    {"PriorBox",
     "1 min_size f; 2 max_size f; 3 aspect_ratio f; 4 flip b; 5 clip b; 6 variance f; 7 img_size i; 8 img_h i; 9 img_w i; 10 step f; 11 step_h f; 12 step_w f; 13 offset f"},
    {"NonMaximumSuppression", "1 nms_threshold f; 2 top_k i; 3 eta f"},
    {"DetectionOutput",
     "1 num_classes i; 2 share_location b; 3 background_label_id i; 4 nms_param NonMaximumSuppression; 5 save_output_param -; 6 code_type e:CORNER=1,CENTER_SIZE=2,CORNER_SIZE=3; "
     "7 keep_top_k i; 8 variance_encoded_in_target b; 9 confidence_threshold f; 10 visualize -; 11 visualize_threshold -; 12 save_file -"},
    {"Normalize", "1 across_spatial b; 2 scale_filler -; 3 channel_shared b; 4 eps f"},
};

std::string_view next_part(std::string_view& text, char end) {
  const auto at = std::min(text.find(end), text.size());
  std::string_view part = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  while (part.starts_with(' ')) part.remove_prefix(1);
  return part;
}

std::uint32_t number_of(std::string_view digits) {
  std::uint32_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

using Messages = std::map<std::string_view, std::map<std::uint32_t, SchemaField>>;

Messages parse_rows() {
  Messages messages;
  for (Row row : kSchemaRows)
    while (!row.fields.empty()) {
      std::string_view field = next_part(row.fields, ';');
      SchemaField parsed{};
      parsed.number = number_of(next_part(field, ' '));
      parsed.name = next_part(field, ' ');
      parsed.type = field;
      messages[row.message][parsed.number] = parsed;
    }
  return messages;
}

}  // namespace

const SchemaField* schema_field(std::string_view message, std::uint32_t number) {
  static const Messages messages = parse_rows();
  const auto found = messages.find(message);
  if (found == messages.end()) return nullptr;
  const auto field = found->second.find(number);
  return field == found->second.end() ? nullptr : &field->second;
}

std::string_view enumeration_name(std::string_view type, std::int64_t number) {
  if (number < 0) return {};
  type.remove_prefix(2);
  while (!type.empty()) {
    std::string_view value = next_part(type, ',');
    const std::string_view name = next_part(value, '=');
    if (number_of(value) == static_cast<std::uint64_t>(number)) return name;
  }
  return {};
}

}  // namespace saccade::caffe
