// SPDX-License-Identifier: Apache-2.0
// Where the weights of a Keras model lie: in groups by names of variables (.h5), or by numbers (.keras).
#pragma once

#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "import/keras/hdf5.h"

namespace saccade::keras {

/// A layer's place among the weights.
struct WeightPlace {
  std::string group;      ///< of the layer; for .h5 of the outermost layer that it is part of
  std::string component;  ///< for .h5: a part of the variables' names, for layers inside of others; empty: any
};

/// A part of a layer that has weights of its own, as each form calls it.
struct Part {
  std::vector<std::string_view> paths;  ///< .keras: attributes of the layer
  std::string_view component;           ///< .h5: a part of the variables' names
};

class WeightStore {
 public:
  /// `by_name`: the form of .h5 files, below `root`; otherwise that of .keras.
  WeightStore(std::unique_ptr<Hdf5File> file, bool by_name, std::string root);

  bool by_name() const { return by_name_; }
  const std::string& root() const { return root_; }
  /// The place of a layer inside of the model at `outer` (nullptr: the model itself). `key` is the layer's name (.h5) or its
  /// numbered class (.keras).
  WeightPlace place(const WeightPlace* outer, const std::string& key) const;
  /// The dataset of a variable: one of these names, and the index among the layer's variables.
  std::optional<std::string> find(const WeightPlace& place, std::initializer_list<std::string_view> names, int index,
                                  const Part& part = {}) const;
  /// Throws Error(invalid_model).
  Tensor load(const std::string& path) const;

 private:
  const std::vector<std::string>& names_in(const std::string& group) const;

  std::unique_ptr<Hdf5File> file_;
  bool by_name_;
  std::string root_, layers_;
  mutable std::map<std::string, std::vector<std::string>> names_;
};

/// "Conv2D" → "conv2d", "ReLU" → "re_lu", as Keras numbers its layers.
std::string snake_case(std::string_view name);

/// The strings of an attribute that may be spread over NAME0, NAME1 and so on.
std::optional<std::vector<std::string>> long_texts(const Hdf5File& file, const std::string& object, const std::string& name);

}  // namespace saccade::keras
