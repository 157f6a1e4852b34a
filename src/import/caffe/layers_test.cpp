// SPDX-License-Identifier: Apache-2.0
// Layers of Caffe: each in a network of its own, with a result that can be checked by hand. Inputs are 0, 1, 2 …
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "saccade/error.h"
#include "support/caffe_writer.h"
#include "tensor/numeric.h"

namespace saccade::caffe {
namespace {

using testing::CaffeBlob;

struct Case {
  const char* title;
  std::vector<Shape> inputs;  // of 'data', 'b', 'c'
  const char* layers;
  std::vector<CaffeBlob> blobs;  // of layer 'l'
  Shape shape;
  std::vector<double> values;  // as many as are worth checking
};

const Case kCases[] = {
    {"max pool rounds up", {{1, 1, 3, 3}}, "Pooling' bottom: 'data' top: 'y' pooling_param { pool: MAX kernel_size: 2 stride: 2 }", {}, {1, 1, 2, 2}, {4, 5, 7, 8}},
    {"max pool drops a window in the padding", {{1, 1, 3, 3}}, "Pooling' bottom: 'data' top: 'y' pooling_param { kernel_size: 2 stride: 2 pad: 1 }", {}, {1, 1, 2, 2}, {0, 2, 6, 8}},
    {"mean pool counts the padding but not beyond it", {{1, 1, 2, 2}}, "Pooling' bottom: 'data' top: 'y' pooling_param { pool: AVE kernel_size: 3 stride: 2 pad: 1 }", {}, {1, 1, 2, 2}, {6.0 / 9, 4.0 / 6, 5.0 / 6, 3.0 / 4}},
    {"global mean", {{1, 2, 1, 2}}, "Pooling' bottom: 'data' top: 'y' pooling_param { pool: AVE global_pooling: true }", {}, {1, 2, 1, 1}, {0.5, 2.5}},
    {"pool rounded down", {{1, 1, 3, 3}}, "Pooling' bottom: 'data' top: 'y' pooling_param { kernel_size: 2 stride: 2 round_mode: FLOOR }", {}, {1, 1, 1, 1}, {4}},
    {"convolution in groups", {{1, 2, 1, 2}}, "Convolution' bottom: 'data' top: 'y' convolution_param { num_output: 2 kernel_size: 1 group: 2 }", {{{2, 1, 1, 1}, {2, 3}}, {{2}, {1, -1}}}, {1, 2, 1, 2}, {1, 3, 5, 8}},
    {"depthwise convolution", {{1, 2, 1, 2}}, "DepthwiseConvolution' bottom: 'data' top: 'y' convolution_param { num_output: 2 kernel_size: 1 bias_term: false }", {{{2, 1, 1, 1}, {2, 3}}}, {1, 2, 1, 2}, {0, 2, 6, 9}},
    {"convolution with dilation", {{1, 1, 1, 5}}, "Convolution' bottom: 'data' top: 'y' convolution_param { num_output: 1 kernel_h: 1 kernel_w: 3 dilation: 2 bias_term: false }", {{{1, 1, 1, 3}, {1, 1, 1}}}, {1, 1, 1, 1}, {6}},
    {"deconvolution", {{1, 1, 1, 2}}, "Deconvolution' bottom: 'data' top: 'y' convolution_param { num_output: 1 kernel_size: 2 stride: 2 bias_term: false }", {{{1, 1, 2, 2}, {1, 2, 3, 4}}}, {1, 1, 2, 4}, {0, 0, 1, 2, 0, 0, 3, 4}},
    {"inner product, transposed", {{1, 2}}, "InnerProduct' bottom: 'data' top: 'y' inner_product_param { num_output: 2 transpose: true bias_term: false }", {{{2, 2}, {1, 2, 3, 4}}}, {1, 2}, {3, 4}},
    {"batch norm", {{1, 2, 1, 1}}, "BatchNorm' bottom: 'data' top: 'y' batch_norm_param { eps: 0 }", {{{2}, {2, 4}}, {{2}, {8, 8}}, {{1}, {2}}}, {1, 2, 1, 1}, {-0.5, -0.5}},
    {"scale by a bottom", {{1, 2, 1, 2}, {1, 2}}, "Scale' bottom: 'data' bottom: 'b' top: 'y' scale_param { axis: 0 }", {}, {1, 2, 1, 2}, {0, 0, 2, 3}},
    {"bias", {{1, 2, 1, 2}}, "Bias' bottom: 'data' top: 'y'", {{{2}, {10, 20}}}, {1, 2, 1, 2}, {10, 11, 22, 23}},
    {"sum with coefficients", {{1, 2}, {1, 2}}, "Eltwise' bottom: 'data' bottom: 'b' top: 'y' eltwise_param { coeff: 2 coeff: -0.5 }", {}, {1, 2}, {0, 1.5}},
    {"power", {{1, 3}}, "Power' bottom: 'data' top: 'y' power_param { power: 2 scale: 0.5 shift: 1 }", {}, {1, 3}, {1, 2.25, 4}},
    {"exponential to a base", {{1, 3}}, "Exp' bottom: 'data' top: 'y' exp_param { base: 2 shift: 1 }", {}, {1, 3}, {2, 4, 8}},
    {"logarithm to a base", {{1, 2}}, "Log' bottom: 'data' top: 'y' log_param { base: 2 scale: 2 shift: 2 }", {}, {1, 2}, {1, 2}},
    {"threshold", {{1, 3}}, "Threshold' bottom: 'data' top: 'y' threshold_param { threshold: 1 }", {}, {1, 3}, {0, 0, 1}},
    {"clip", {{1, 4}}, "Clip' bottom: 'data' top: 'y' clip_param { min: 1 max: 2 }", {}, {1, 4}, {1, 1, 2, 2}},
    {"leaky", {{1, 2}}, "ReLU' bottom: 'data' top: 'y' relu_param { negative_slope: 0.1 }", {}, {1, 2}, {0, 1}},
    {"prelu", {{1, 2, 1, 1}}, "PReLU' bottom: 'data' top: 'y'", {{{2}, {0.5f, 0.25f}}}, {1, 2, 1, 1}, {0, 1}},
    {"slices", {{1, 4}}, "Slice' bottom: 'data' top: 'u' top: 'y' slice_param { axis: 1 slice_point: 1 } } layer { name: 's' type: 'Silence' bottom: 'u'", {}, {1, 3}, {1, 2, 3}},
    {"concat by its old name", {{1, 2}, {1, 2}}, "Concat' bottom: 'data' bottom: 'b' top: 'y' concat_param { concat_dim: 1 }", {}, {1, 4}, {0, 1, 0, 1}},
    {"reshape of some axes", {{1, 4, 3}}, "Reshape' bottom: 'data' top: 'y' reshape_param { shape { dim: 2 dim: -1 } axis: 1 num_axes: 1 }", {}, {1, 2, 2, 3}, {0, 1, 2, 3}},
    {"flatten to an axis", {{1, 2, 2, 3}}, "Flatten' bottom: 'data' top: 'y' flatten_param { axis: 1 end_axis: 2 }", {}, {1, 4, 3}, {0, 1}},
    {"permute", {{1, 2, 3}}, "Permute' bottom: 'data' top: 'y' permute_param { order: 0 order: 2 }", {}, {1, 3, 2}, {0, 3, 1, 4, 2, 5}},
    {"crop", {{1, 1, 3, 3}, {1, 1, 2, 1}}, "Crop' bottom: 'data' bottom: 'b' top: 'y' crop_param { offset: 1 offset: 2 }", {}, {1, 1, 2, 1}, {5, 8}},
    {"interp by a factor", {{1, 1, 2, 2}}, "Interp' bottom: 'data' top: 'y' interp_param { zoom_factor: 2 }", {}, {1, 1, 3, 3}, {0, 0.5, 1, 1, 1.5, 2, 2, 2.5, 3}},
    {"interp of the inside", {{1, 1, 4, 4}}, "Interp' bottom: 'data' top: 'y' interp_param { pad_beg: -1 pad_end: -1 height: 3 width: 2 }", {}, {1, 1, 3, 2}, {5, 6, 7, 8, 9, 10}},
    {"upsample", {{1, 1, 1, 2}}, "Upsample' bottom: 'data' top: 'y' upsample_param { scale: 2 }", {}, {1, 1, 2, 4}, {0, 0, 1, 1, 0, 0, 1, 1}},
    {"maxima go back", {{1, 1, 2, 4}}, "Pooling' bottom: 'data' top: 'p' top: 'm' pooling_param { kernel_size: 2 stride: 2 } } layer { name: 'u' type: 'Upsample' bottom: 'p' bottom: 'm' top: 'y'", {}, {1, 1, 2, 4}, {0, 0, 0, 0, 0, 5, 0, 7}},
    {"softmax over an axis", {{2, 1}}, "Softmax' bottom: 'data' top: 'y' softmax_param { axis: 1 }", {}, {2, 1}, {1, 1}},
    {"argmax", {{1, 3}}, "ArgMax' bottom: 'data' top: 'y' argmax_param { out_max_val: true top_k: 2 }", {}, {1, 2, 2}, {2, 1, 2, 1}},
    {"sum of squares", {{1, 3}}, "Reduction' bottom: 'data' top: 'y' reduction_param { operation: SUMSQ axis: 1 coeff: 2 }", {}, {1}, {10}},
    {"tile", {{1, 2}}, "Tile' bottom: 'data' top: 'y' tile_param { tiles: 2 }", {}, {1, 4}, {0, 1, 0, 1}},
    {"axpy", {{1, 2, 1, 1}, {1, 2, 1, 2}, {1, 2, 1, 2}}, "Axpy' bottom: 'data' bottom: 'b' bottom: 'c' top: 'y'", {}, {1, 2, 1, 2}, {0, 1, 4, 6}},
    {"shuffled channels", {{1, 4, 1, 1}}, "ShuffleChannel' bottom: 'data' top: 'y' shuffle_channel_param { group: 2 }", {}, {1, 4, 1, 1}, {0, 2, 1, 3}},
    {"normalised", {{1, 2, 1, 2}}, "Normalize' bottom: 'data' top: 'y' norm_param { across_spatial: false channel_shared: false }", {{{2}, {10, 20}}}, {1, 2, 1, 2}, {0, 10 / std::sqrt(10.0), 20, 60 / std::sqrt(10.0)}},
    {"local response within a channel", {{1, 1, 1, 2}}, "LRN' bottom: 'data' top: 'y' lrn_param { local_size: 3 alpha: 9 beta: 1 norm_region: WITHIN_CHANNEL k: 7 }", {}, {1, 1, 1, 2}, {0, 0.5}},
    {"mean and variance", {{1, 1, 1, 2}}, "MVN' bottom: 'data' top: 'y' mvn_param { eps: 0.5 }", {}, {1, 1, 1, 2}, {-0.5, 0.5}},
    {"priors with two steps", {{1, 1, 1, 1}, {1, 1, 10, 20}}, "PriorBox' bottom: 'data' bottom: 'b' top: 'y' prior_box_param { min_size: 4 step_w: 10 step_h: 4 variance: 0.1 }", {}, {1, 2, 4}, {0.15, 0, 0.35, 0.4, 0.1, 0.1}},
    {"priors of a stated image", {{1, 1, 1, 1}, {1, 1, 1, 1}}, "PriorBox' bottom: 'data' bottom: 'b' top: 'y' prior_box_param { min_size: 4 img_size: 8 aspect_ratio: 4 }", {}, {1, 2, 12}, {0.25, 0.25, 0.75, 0.75, 0, 0.375, 1, 0.625}},
    {"a constant", {{1, 2}}, "DummyData' top: 'z' dummy_data_param { shape { dim: 1 dim: 2 } data_filler { value: 5 } } } layer { name: 'e' type: 'Eltwise' bottom: 'data' bottom: 'z' top: 'y'", {}, {1, 2}, {5, 6}},
    {"a parameter", {{1, 2}}, "Parameter' top: 'z' parameter_param { shape { dim: 1 dim: 2 } } } layer { name: 'e' type: 'Eltwise' bottom: 'data' bottom: 'z' top: 'y'", {{{1, 2}, {5, 6}}}, {1, 2}, {5, 7}},
    {"a region of interest", {{1, 1, 2, 2}, {1, 5}}, "ROIPooling' bottom: 'data' bottom: 'b' top: 'y' roi_pooling_param { pooled_h: 1 pooled_w: 1 spatial_scale: 0 }", {}, {1, 1, 1, 1}, {0}},
    {"proposals of a Python layer", {{1, 18, 1, 1}, {1, 36, 1, 1}, {1, 3}}, "Python' bottom: 'data' bottom: 'b' bottom: 'c' top: 'y' python_param { module: 'rpn.proposal_layer' layer: 'ProposalLayer' param_str: \"'feat_stride': 16\" }", {}, {300, 5}, {}},
};

TEST(CaffeLayers, GiveWhatCaffeGives) {
  const auto folder = std::filesystem::temp_directory_path() / ("saccade_caffe_layers_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.title);
    std::string text;
    const char* names[] = {"data", "b", "c"};
    for (std::size_t i = 0; i < c.inputs.size(); ++i) {
      text += std::string("input: '") + names[i] + "' input_shape {";
      for (const auto size : c.inputs[i]) text += " dim: " + std::to_string(size);
      text += " }\n";
    }
    std::ofstream(folder / "m.prototxt") << text << "layer { name: 'l' type: '" << c.layers << " }\n";
    std::ofstream(folder / "m.caffemodel", std::ios::binary) << testing::caffe_net({{"l", c.blobs}});
    try {
      const auto graph = import::read_model(folder / "m.prototxt");
      std::vector<Tensor> inputs;
      for (const auto in : graph->inputs()) {
        Tensor t(ElementType::f32, graph->type(in).shape.shape());
        float value = 0;
        for (float& v : t.values<float>()) v = value++;
        inputs.push_back(t);
      }
      const Tensor y = ops::evaluate(*graph, inputs).at(0);
      EXPECT_EQ(y.shape(), c.shape);
      const auto values = to_f64(y);
      for (std::size_t i = 0; i < c.values.size() && i < values.size(); ++i) EXPECT_NEAR(values[i], c.values[i], 1e-5) << "element " << i;
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace saccade::caffe
