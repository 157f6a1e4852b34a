// SPDX-License-Identifier: Apache-2.0
// The table of decoder families and the choice among them.
#include "vision/decoder.h"

#include "base/error.h"

namespace saccade::vision {
namespace {

constexpr DecoderFamily kFamilies[] = {
#define SACCADE_DECODER(name, what) {#name, what, choose_##name},
#include "vision/decoders.def"
#undef SACCADE_DECODER
};

std::string list_outputs(const Signature& signature) {
  std::string text;
  std::size_t shown = 0;
  for (const OutputInfo& output : signature.outputs) {
    if (++shown > 6) return text + fmt::format(" and {} more", signature.outputs.size() - 6);
    text += (text.empty() ? "" : ", ") + output.name + " " + to_string(output.shape);
  }
  return text;
}

std::string known_families() {
  std::string text;
  for (const DecoderFamily& family : kFamilies) text += (text.empty() ? "" : ", ") + std::string(family.name);
  return text;
}

}  // namespace

std::span<const DecoderFamily> decoder_families() { return kFamilies; }

DecoderChoice choose_decoder(const Signature& signature, std::string_view forced, const nlohmann::json& options) {
  std::string why;
  for (const DecoderFamily& family : kFamilies) {
    if (!forced.empty() && family.name != forced) continue;
    std::optional<DecoderChoice> choice;
    try {
      choice = family.choose(signature, options, why);
    } catch (const nlohmann::json::exception& error) {
      fail(ErrorCode::invalid_argument, "an option of the decoder {} is of the wrong kind: {}", family.name, error.what());
    }
    if (choice) {
      choice->family = family.name;
      choice->preparation.width = signature.width;
      choice->preparation.height = signature.height;
      return std::move(*choice);
    }
    if (!forced.empty()) fail(ErrorCode::unsupported, "the decoder {} does not fit this model: {}; its outputs are {}", forced, why, list_outputs(signature));
  }
  SACCADE_CHECK(forced.empty(), invalid_argument, "there is no decoder '{}'; there are {}", forced, known_families());
  fail(ErrorCode::unsupported, "the outputs are those of no detector that is known: {}; name one with --decoder ({})", list_outputs(signature), known_families());
}

}  // namespace saccade::vision
