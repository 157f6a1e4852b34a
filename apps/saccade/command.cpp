// SPDX-License-Identifier: Apache-2.0
// Command: parsing with CLI11, the translation of exceptions into messages and exit codes, files written aside.
#include "command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>

#include "base/error.h"

namespace saccade::cli {
namespace {

volatile sig_atomic_t interrupts = 0;

void on_interrupt(int signal) {
  interrupts = interrupts + 1;
  if (interrupts > 1) {  // the second time: as if nobody had asked us
    ::signal(signal, SIG_DFL);
    ::raise(signal);
  }
}

double now_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// "--json" without a file name becomes "--json -"; "--cache" without a folder "--cache -".
std::vector<std::string> normalise(int argc, char** argv) {
  std::vector<std::string> arguments;
  for (int i = 1; i < argc; ++i) {
    arguments.emplace_back(argv[i]);
    const std::string_view next = i + 1 < argc ? argv[i + 1] : "";
    if (arguments.back() == "--cache" && (next.empty() || next.starts_with('-'))) arguments.emplace_back("-");
    if (arguments.back() != "--json") continue;
    if (next != "-" && !next.ends_with(".json")) arguments.emplace_back("-");
  }
  return arguments;
}

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::unsupported: return kUnsupported;
    default: return kFailed;
  }
}

/// The message, then where, on one line whatever the depth and without what the message says already.
void print_error(std::string_view verb, const Error& error) {
  std::string text = fmt::format("saccade {}: {}", verb, error.message());
  std::string where;
  for (const auto& frame : error.context()) {
    if (!where.empty() && where.size() + frame.size() > 300) break;
    const auto quote = frame.find('\'');
    if (quote != std::string::npos && error.message().find(frame.substr(quote)) != std::string::npos) continue;
    where += (where.empty() ? "" : ", in ") + frame;
  }
  if (!where.empty()) text += "\n  in " + where;
  std::fprintf(stderr, "%s\n", text.c_str());
}

}  // namespace

Command::Command(std::string verb, std::string summary, std::string example)
    : verb_(std::move(verb)), app_(std::make_unique<CLI::App>(std::move(summary), "saccade " + verb_)) {
  app_->footer("Example:\n  " + std::move(example));
  app_->get_formatter()->column_width(34);
}

Command::~Command() = default;

Option& Option::value(std::string name) {
  option_->type_name(std::move(name));
  return *this;
}

Option& Option::required() {
  option_->required();
  return *this;
}

Option& Option::several() {
  option_->allow_extra_args(true);
  return *this;
}

Option& Option::group(std::string name) {
  option_->group(name);
  return *this;
}

Option& Option::range(double low, double high) {
  option_->check(CLI::Range(low, high).description(""));
  return *this;
}

Option& Option::among(std::vector<std::string> words) {
  option_->check(CLI::IsMember(std::move(words)));
  return *this;
}

Option& Option::show_default() {
  option_->capture_default_str();
  return *this;
}

Option Command::add(const std::string& names, std::string& variable, const std::string& help) { return Option(app_->add_option(names, variable, help)); }
Option Command::add(const std::string& names, int& variable, const std::string& help) { return Option(app_->add_option(names, variable, help)); }
Option Command::add(const std::string& names, std::int64_t& variable, const std::string& help) { return Option(app_->add_option(names, variable, help)); }
Option Command::add(const std::string& names, double& variable, const std::string& help) { return Option(app_->add_option(names, variable, help)); }
Option Command::add(const std::string& names, bool& variable, const std::string& help) { return Option(app_->add_flag(names, variable, help)); }
Option Command::add(const std::string& names, std::vector<std::string>& variable, const std::string& help) {
  CLI::Option* option = app_->add_option(names, variable, help);
  if (names.starts_with('-')) option->allow_extra_args(false);
  return Option(option);
}

void Command::add_json_option() { add("--json", json_, "write the result as JSON to FILE.json, or to stdout (-)").value("[FILE]"); }

void Command::write_json(std::string_view text) const {
  if (!json_on_stdout()) return write_file(json_, std::string(text) + "\n");
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fputc('\n', stdout);
  std::fflush(stdout);
}

int Command::run(int argc, char** argv, const std::function<int()>& body) {
  try {
    std::vector<std::string> arguments = normalise(argc, argv);
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 takes them
    app_->parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app_->help().c_str(), stdout);
    return kDone;
  } catch (const CLI::ParseError& error) {
    std::fprintf(stderr, "saccade %s: %s\n  try: saccade %s --help\n", verb_.c_str(), error.what(), verb_.c_str());
    return kUsage;
  }
  try {
    const int code = body();
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) fail(ErrorCode::unavailable, "stdout cannot be written: {}", std::strerror(errno));
    return code;
  } catch (...) {
    return report_current_exception(verb_);
  }
}

int report_current_exception(std::string_view verb) {
  try {
    throw;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "saccade %s: %s\n  try: saccade %s --help\n", std::string(verb).c_str(), error.what(), std::string(verb).c_str());
    return kUsage;
  } catch (const Error& error) {
    print_error(verb, error);
    return exit_code(error.code());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "saccade %s: there is not enough memory\n", std::string(verb).c_str());
    return kFailed;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "saccade %s: %s\n", std::string(verb).c_str(), error.what());
    return kFailed;
  } catch (...) {
    std::fprintf(stderr, "saccade %s: an unknown error\n", std::string(verb).c_str());
    return kFailed;
  }
}

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() noexcept { return interrupts != 0; }

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  SACCADE_CHECK(!error && std::filesystem::is_directory(path, error), unavailable, "the folder '{}' cannot be made: {}", path,
                error ? error.message() : "a file of that name is in the way");
}

void print_warnings(std::string_view verb, const std::vector<std::string>& warnings) {
  for (const std::string& warning : warnings) fmt::print(stderr, "saccade {}: warning: {}\n", verb, warning);
}

void write_file(const std::string& path, std::string_view contents) {
  const std::string aside = fmt::format("{}.{}.part", path, ::getpid());
  const auto give_up = [&](int reason) {
    ::unlink(aside.c_str());
    fail(ErrorCode::unavailable, "'{}' cannot be written: {}", path, std::strerror(reason));
  };
  const int file = ::open(aside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) give_up(errno);
  int reason = 0;
  for (std::size_t done = 0; done < contents.size() && reason == 0;) {
    const ssize_t n = ::write(file, contents.data() + done, contents.size() - done);
    if (n >= 0)
      done += static_cast<std::size_t>(n);
    else if (errno != EINTR)
      reason = errno;
  }
  if (::close(file) != 0 && reason == 0) reason = errno;
  if (reason == 0 && std::rename(aside.c_str(), path.c_str()) != 0) reason = errno;
  if (reason != 0) give_up(reason);
}

Progress::Progress(std::string what, std::int64_t total)
    : what_(std::move(what)), total_(total), start_s_(now_s()), terminal_(::isatty(STDERR_FILENO) != 0) {}

Progress::~Progress() {
  if (shown_) std::fputs("\r\033[K", stderr);
}

void Progress::at(std::int64_t done) {
  done_ = done;
  if (!terminal_) return;
  const double now = now_s();
  if (now - start_s_ < 1 || now - shown_s_ < 0.1) return;
  shown_s_ = now;
  shown_ = true;
  constexpr int kWidth = 30;
  const double share = total_ > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total_)) : 0;
  const auto filled = static_cast<std::size_t>(share * kWidth);
  const double left_s = share > 0 ? (now - start_s_) * (1 - share) / share : 0;
  std::string line = total_ > 0 ? fmt::format("{} [{}{}] {}/{} {:.0f} s left", what_, std::string(filled, '#'), std::string(kWidth - filled, '.'), done, total_, left_s)
                                : fmt::format("{} {} {:.0f} s", what_, done, now - start_s_);
  std::fprintf(stderr, "\r\033[K%s", line.c_str());
  std::fflush(stderr);
}

std::string with_commas(std::int64_t number) {
  std::string digits = std::to_string(number < 0 ? -number : number);
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<std::size_t>(i), ",");
  return number < 0 ? "-" + digits : digits;
}

}  // namespace saccade::cli
