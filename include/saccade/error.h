// SPDX-License-Identifier: Apache-2.0
// The one exception type of saccade: a code, a message, and a breadcrumb of where it happened.
//
// Example:
//   try {
//     saccade::Core().read_model("model.onnx");
//   } catch (const saccade::Error& error) {
//     if (error.code() == saccade::ErrorCode::unsupported) std::puts("saccade cannot run this model yet:");
//     std::puts(error.what());
//   }
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace saccade {

/// Why something failed; a caller can branch on it.
enum class ErrorCode {
  invalid_model,     ///< the model file is broken or breaks its format's rules
  unsupported,       ///< valid, but needs something that saccade does not have
  invalid_argument,  ///< a wrong value from the caller: shape, option, name
  not_found,         ///< a file, a name or a device does not exist
  out_of_memory,     ///< the memory needed cannot be had
  unavailable,       ///< a resource exists but cannot be used now: permission, disk full, network
  cancelled,         ///< the caller asked to stop
  internal,          ///< a fault of saccade
};

/// "invalid_model" for ErrorCode::invalid_model, and so on.
std::string_view to_string(ErrorCode code) noexcept;

/// Thrown by everything in saccade that can fail. `what()` is the code, the message and the context, innermost frame first.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, std::string message, std::vector<std::string> context = {});

  ErrorCode code() const noexcept { return code_; }
  /// The message alone, one line.
  const std::string& message() const noexcept { return message_; }
  /// Where it happened, innermost first, for example {"node '/model.10/Resize'", "yolov8n.onnx"}.
  const std::vector<std::string>& context() const noexcept { return context_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::vector<std::string> context_;
};

}  // namespace saccade
