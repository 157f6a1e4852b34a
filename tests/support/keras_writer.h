// SPDX-License-Identifier: Apache-2.0
// Writes small Keras models, .h5 and .keras, so that tests need no files of others.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/zip_writer.h"

namespace saccade::testing {

/// An HDF5 file in memory.
class Hdf5Writer {
 public:
  Hdf5Writer() {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 12, false);
    file_ = H5Fcreate("written.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    links_ = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links_, 1);
  }
  Hdf5Writer(const Hdf5Writer&) = delete;
  Hdf5Writer& operator=(const Hdf5Writer&) = delete;
  ~Hdf5Writer() {
    H5Pclose(links_);
    H5Fclose(file_);
  }

  void group(const std::string& path) {
    if (H5Lexists(file_, path.c_str(), H5P_DEFAULT) <= 0) H5Gclose(H5Gcreate2(file_, path.c_str(), links_, H5P_DEFAULT, H5P_DEFAULT));
  }
  void text(const std::string& object, const std::string& name, const std::string& value) {
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    const char* data = value.c_str();
    attribute(object, name, type, space, &data);
  }
  /// Strings of one length, as h5py writes lists of names.
  void texts(const std::string& object, const std::string& name, const std::vector<std::string>& values) {
    std::size_t size = 1;
    for (const auto& v : values) size = std::max(size, v.size());
    std::string all(size * values.size() + 1, '\0');
    for (std::size_t i = 0; i < values.size(); ++i) values[i].copy(all.data() + i * size, size);
    const hsize_t count = values.size();
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate_simple(1, &count, nullptr);
    H5Tset_size(type, size);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    attribute(object, name, type, space, all.data());
  }
  void dataset(const std::string& path, const std::vector<hsize_t>& shape, const std::vector<float>& values, bool packed = false) {
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), create = H5Pcreate(H5P_DATASET_CREATE);
    if (packed) {
      H5Pset_chunk(create, static_cast<int>(shape.size()), shape.data());
      H5Pset_deflate(create, 6);
    }
    const hid_t set = H5Dcreate2(file_, path.c_str(), H5T_IEEE_F32LE, space, links_, create, H5P_DEFAULT);
    if (!values.empty()) H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(set);
    H5Pclose(create);
    H5Sclose(space);
  }
  std::string bytes() const {
    H5Fflush(file_, H5F_SCOPE_GLOBAL);
    std::string out(static_cast<std::size_t>(H5Fget_file_image(file_, nullptr, 0)), '\0');
    H5Fget_file_image(file_, out.data(), out.size());
    return out;
  }

 private:
  void attribute(const std::string& object, const std::string& name, hid_t type, hid_t space, const void* data) {
    const hid_t a = H5Acreate_by_name(file_, object.c_str(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(a, type, data);
    H5Aclose(a);
    H5Sclose(space);
    H5Tclose(type);
  }

  hid_t file_, links_;
};

/// Names as Keras 2 writes them ("conv/kernel:0"), shapes and values.
struct KerasWeight {
  std::string layer, name;
  std::vector<hsize_t> shape;
  std::vector<float> values;
};

inline std::string keras_h5(const std::string& config, const std::vector<KerasWeight>& weights, const std::string& version = "2.15.0") {
  Hdf5Writer w;
  if (!config.empty()) w.text("/", "model_config", config);
  w.text("/", "keras_version", version);
  const std::string root = config.empty() ? "" : "/model_weights";
  if (!root.empty()) w.group(root);
  std::vector<std::string> layers;
  for (const auto& x : weights)
    if (std::find(layers.begin(), layers.end(), x.layer) == layers.end()) layers.push_back(x.layer);
  if (!layers.empty()) w.texts(root.empty() ? "/" : root, "layer_names", layers);
  for (const auto& layer : layers) {
    std::vector<std::string> names;
    for (const auto& x : weights)
      if (x.layer == layer) names.push_back(x.name);
    w.group(root + "/" + layer);
    w.texts(root + "/" + layer, "weight_names", names);
  }
  for (const auto& x : weights) w.dataset(root + "/" + x.layer + "/" + x.name, x.shape, x.values, x.values.size() > 100);
  return w.bytes();
}

/// Weights by paths below the root: "layers/dense/vars/0".
inline std::string keras_archive(const std::string& config, const std::vector<KerasWeight>& weights, const std::string& version = "3.5.0") {
  Hdf5Writer w;
  for (const auto& x : weights) w.dataset("/" + x.name, x.shape, x.values);
  return zip_archive({{"metadata.json", R"({"keras_version": ")" + version + R"("})"}, {"config.json", config, true}, {"model.weights.h5", w.bytes()}});
}

}  // namespace saccade::testing
