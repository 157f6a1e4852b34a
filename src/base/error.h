// SPDX-License-Identifier: Apache-2.0
// Raising errors: fail(), SACCADE_CHECK for faults of the model or the user, SACCADE_ASSERT for our own,
// and ErrorContext, the frames that an Error carries as its breadcrumb.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "saccade/error.h"

namespace saccade {

/// A frame of the breadcrumb while it lives: `ErrorContext scope("node", name);`. The strings must outlive it. Per thread.
class ErrorContext {
 public:
  ErrorContext(std::string_view kind, std::string_view name) noexcept;
  ~ErrorContext();
  ErrorContext(const ErrorContext&) = delete;
  ErrorContext& operator=(const ErrorContext&) = delete;

 private:
  friend std::vector<std::string> current_error_context();
  std::string_view kind_, name_;
  ErrorContext* outer_;
};

/// The frames alive on this thread, innermost first.
std::vector<std::string> current_error_context();

/// Throws Error with the current context.
[[noreturn]] void raise(ErrorCode code, std::string message);

template <class... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  raise(code, fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace saccade

/// Throws Error(ErrorCode::code, fmt, …) unless the condition holds: SACCADE_CHECK(rank == 4, invalid_model, "rank is {}", rank).
#define SACCADE_CHECK(condition, code, ...) \
  do {                                      \
    if (!(condition)) [[unlikely]]          \
      ::saccade::fail(::saccade::ErrorCode::code, __VA_ARGS__); \
  } while (false)

/// Aborts with the location unless the condition holds: only for what no input can cause.
#define SACCADE_ASSERT(condition) \
  do {                            \
    if (!(condition)) [[unlikely]] \
      ::saccade::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)
