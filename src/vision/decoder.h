// SPDX-License-Identifier: Apache-2.0
// Decoders turn the outputs of a detection network into boxes. Each belongs to a family (decoders.def), which is told by
// the names and shapes of the outputs and brings the recipe by which its networks are usually fed.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "saccade/tensor.h"
#include "vision/detection.h"
#include "vision/preparation.h"

namespace saccade::vision {

/// An output before any run: -1 where a size is not known.
struct OutputInfo {
  std::string name;
  Shape shape;
};

/// What a family is told by.
struct Signature {
  int width = 0, height = 0;  ///< of the input picture; 0: not fixed
  std::vector<OutputInfo> outputs;
};

/// The size of the network's input in this run.
struct InputSize {
  int width = 0, height = 0;
};

/// Thread safe: decode() keeps nothing.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Appends what scores more than `confidence`, in pixels of the network's input, not suppressed. `outputs` are those of
  /// the model, in its order. Values that are not finite give no detection. Throws Error(invalid_model) if shapes do not fit.
  virtual void decode(std::span<const Tensor> outputs, InputSize input, float confidence, Detections& found) const = 0;
};

/// A decoder for one model, with the defaults of its family.
struct DecoderChoice {
  std::string family;
  std::unique_ptr<Decoder> decoder;
  Preparation preparation;               ///< with the size of the signature; 0 where that is not fixed
  bool follows_picture = false;          ///< an input of any size is best fed with the picture as it is
  std::string labels;                    ///< a built-in table, or empty
  std::vector<std::string> label_names;  ///< instead of a table
  double iou = 0.5;                      ///< for suppression
  bool suppress = true;                  ///< false: the network has done it
};

/// Whether a family fits; if not, `why` says what is missing. `options` are the decoder's own settings from a sidecar, or an empty object.
using ChooseDecoder = std::optional<DecoderChoice> (*)(const Signature& signature, const nlohmann::json& options, std::string& why);

struct DecoderFamily {
  std::string_view name, what;
  ChooseDecoder choose;
};
std::span<const DecoderFamily> decoder_families();

/// The first family that fits, or the one with the name `forced`. Throws Error(unsupported) with the outputs there are if
/// none does, Error(invalid_argument) for a family that does not exist.
DecoderChoice choose_decoder(const Signature& signature, std::string_view forced = {}, const nlohmann::json& options = nlohmann::json::object());

#define SACCADE_DECODER(name, what) \
  std::optional<DecoderChoice> choose_##name(const Signature& signature, const nlohmann::json& options, std::string& why);
#include "vision/decoders.def"
#undef SACCADE_DECODER

}  // namespace saccade::vision
