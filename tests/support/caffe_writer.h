// SPDX-License-Identifier: Apache-2.0
// Writes small caffemodels, so that tests need no files of others.
#pragma once

#include <cstdint>
#include <protozero/pbf_writer.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace saccade::testing {

struct CaffeBlob {
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

enum class CaffeBlobForm { packed, one_by_one, old_dimensions, doubles };

inline std::string caffe_blob(const CaffeBlob& blob, CaffeBlobForm form = CaffeBlobForm::packed) {
  std::string bytes;
  protozero::pbf_writer w(bytes);
  if (form == CaffeBlobForm::old_dimensions) {
    for (std::size_t d = 0; d < 4; ++d) w.add_int32(static_cast<std::uint32_t>(1 + d), d + blob.shape.size() < 4 ? 1 : static_cast<std::int32_t>(blob.shape[d + blob.shape.size() - 4]));
  } else {
    std::string shape;
    protozero::pbf_writer(shape).add_packed_int64(1, blob.shape.begin(), blob.shape.end());
    w.add_message(7, shape);
  }
  if (form == CaffeBlobForm::one_by_one) {
    for (const float value : blob.values) w.add_float(5, value);
  } else if (form == CaffeBlobForm::doubles) {
    const std::vector<double> wide(blob.values.begin(), blob.values.end());
    w.add_packed_double(8, wide.begin(), wide.end());
  } else {
    w.add_packed_float(5, blob.values.begin(), blob.values.end());
  }
  return bytes;
}

struct CaffeLayer {
  std::string name;
  std::vector<CaffeBlob> blobs;
  CaffeBlobForm form = CaffeBlobForm::packed;
  std::string rest;  // further fields of LayerParameter, encoded
};

/// A NetParameter; `old`: layers as V1LayerParameter.
inline std::string caffe_net(const std::vector<CaffeLayer>& layers, bool old = false, std::string_view name = "net") {
  std::string bytes;
  protozero::pbf_writer w(bytes);
  w.add_string(1, std::string(name));
  for (const CaffeLayer& layer : layers) {
    std::string inner;
    protozero::pbf_writer l(inner);
    l.add_string(old ? 4 : 1, layer.name);
    inner += layer.rest;
    for (const CaffeBlob& blob : layer.blobs) l.add_message(old ? 6 : 7, caffe_blob(blob, layer.form));
    w.add_message(old ? 2 : 100, inner);
  }
  return bytes;
}

}  // namespace saccade::testing
