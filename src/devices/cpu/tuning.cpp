// SPDX-License-Identifier: Apache-2.0
// Reading and writing files of tuned choices.
#include "devices/cpu/tuning.h"

#include <fmt/format.h>

#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"

namespace saccade::devices::cpu {
namespace {

constexpr std::string_view kHeader = "saccade tuning 1";
constexpr std::size_t kMaxBytes = std::size_t{16} << 20;

}  // namespace

std::string this_machine() { return fmt::format("{}, {}, {} KB", cpu_model(), to_string(allowed_isa()), cache_sizes().l2 >> 10); }

Tunings parse_tunings(std::string_view text) {
  SACCADE_CHECK(text.size() <= kMaxBytes, invalid_model, "{} bytes are too many for a file of tuned choices", text.size());
  Tunings tunings;
  plan::Answers* answers = nullptr;
  for (int number = 1; number == 1 || !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (number == 1) {
      SACCADE_CHECK(line == kHeader, invalid_model, "this is no file of tuned choices: it must begin with '{}'", kHeader);
    } else if (line.empty() || line.front() == '#') {
      continue;
    } else if (line.front() == '[' && line.back() == ']') {
      answers = &tunings[std::string(line.substr(1, line.size() - 2))];
    } else {
      const auto equals = line.rfind(" = ");
      const std::string_view value = equals == std::string_view::npos ? "" : line.substr(equals + 3);
      SACCADE_CHECK(answers != nullptr && equals > 0 && (value == "yes" || value == "no"), invalid_model, "line {}: '{}' is not 'CHOICE = yes' or 'CHOICE = no' under a [machine]", number,
                    line.substr(0, 80));
      (*answers)[std::string(line.substr(0, equals))] = value == "yes";
    }
  }
  return tunings;
}

Tunings read_tunings(const std::filesystem::path& path) {
  const std::string name = path.string();
  ErrorContext scope("tuning", name);
  const auto file = FileBytes::open(path);
  return parse_tunings({file->bytes().data(), file->bytes().size()});
}

std::string print_tunings(const Tunings& tunings) {
  std::string text = fmt::format("{}\n", kHeader);
  for (const auto& [machine, answers] : tunings) {
    text += fmt::format("\n[{}]\n", machine);
    for (const auto& [key, taken] : answers) text += fmt::format("{} = {}\n", key, taken ? "yes" : "no");
  }
  return text;
}

}  // namespace saccade::devices::cpu
