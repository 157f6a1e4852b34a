// SPDX-License-Identifier: Apache-2.0
// Error, its breadcrumb of ErrorContext frames, and the abort for broken invariants.
#include "base/error.h"

#include <cstdio>
#include <cstdlib>

namespace saccade {
namespace {

thread_local ErrorContext* innermost = nullptr;

std::string compose(ErrorCode code, const std::string& message, const std::vector<std::string>& context) {
  std::string text = fmt::format("{}: {}", to_string(code), message);
  for (const auto& frame : context) text += "\n  in " + frame;
  return text;
}

}  // namespace

std::string_view to_string(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_model: return "invalid_model";
    case ErrorCode::unsupported: return "unsupported";
    case ErrorCode::invalid_argument: return "invalid_argument";
    case ErrorCode::not_found: return "not_found";
    case ErrorCode::out_of_memory: return "out_of_memory";
    case ErrorCode::unavailable: return "unavailable";
    case ErrorCode::cancelled: return "cancelled";
    case ErrorCode::internal: return "internal";
  }
  return "unknown";
}

Error::Error(ErrorCode code, std::string message, std::vector<std::string> context)
    : std::runtime_error(compose(code, message, context)), code_(code), message_(std::move(message)), context_(std::move(context)) {}

ErrorContext::ErrorContext(std::string_view kind, std::string_view name) noexcept : kind_(kind), name_(name), outer_(innermost) {
  innermost = this;
}

ErrorContext::~ErrorContext() { innermost = outer_; }

std::vector<std::string> current_error_context() {
  std::vector<std::string> frames;
  for (const ErrorContext* frame = innermost; frame != nullptr; frame = frame->outer_)
    frames.push_back(frame->name_.empty() ? std::string(frame->kind_) : fmt::format("{} '{}'", frame->kind_, frame->name_));
  return frames;
}

void raise(ErrorCode code, std::string message) { throw Error(code, std::move(message), current_error_context()); }

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "saccade: broken invariant: %s\n  at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace saccade
