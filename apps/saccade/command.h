// SPDX-License-Identifier: Apache-2.0
// What all verbs share: parsing, errors to exit codes, Ctrl-C, JSON output, progress. Linked into the command and into
// the libraries whose verbs it opens.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
class Option;
}

namespace saccade::cli {

enum ExitCode : int { kDone = 0, kFailed = 1, kUsage = 2, kUnsupported = 3 };

/// Wrong usage: run() prints it with a pointer to --help and returns kUsage.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An option that was added, to say more of it.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  /// What stands for the value in --help: "FILE".
  Option& value(std::string name);
  Option& required();
  /// All values that follow are taken: "-i a.jpg b.jpg". For vectors.
  Option& several();
  /// The heading in --help under which it stands.
  Option& group(std::string name);
  Option& range(double low, double high);
  Option& among(std::vector<std::string> words);
  /// --help shows the variable's value at this moment.
  Option& show_default();

 private:
  CLI::Option* option_;
};

/// One verb while it runs: `Command("info", "Say what a model is.", "saccade info yolov8n.onnx")`.
/// Options are added, then run(argc, argv, body) parses and calls body, which returns an exit code or throws.
class Command {
 public:
  Command(std::string verb, std::string summary, std::string example);
  ~Command();
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;

  /// Adds an option ("-o,--output", one value each time it is given) or, for a name without dashes, a positional argument (a vector
  /// takes all that are left). The variable must live until run() returns.
  Option add(const std::string& names, std::string& variable, const std::string& help);
  Option add(const std::string& names, int& variable, const std::string& help);
  Option add(const std::string& names, std::int64_t& variable, const std::string& help);
  Option add(const std::string& names, double& variable, const std::string& help);
  Option add(const std::string& names, std::vector<std::string>& variable, const std::string& help);
  /// A flag: true if given.
  Option add(const std::string& names, bool& variable, const std::string& help);
  /// Adds --json [FILE]; call where the verb has JSON output. A FILE is "-" or ends in .json; else it goes to stdout.
  void add_json_option();
  /// Whether --json was given, and whether it goes to stdout, in which case text belongs nowhere else on stdout.
  bool json() const { return !json_.empty(); }
  bool json_on_stdout() const { return json_ == "-"; }
  /// Writes the text where --json says, ended by a newline.
  void write_json(std::string_view text) const;

  /// argv[0] is the verb. Errors come as one or two lines on stderr.
  int run(int argc, char** argv, const std::function<int()>& body);

 private:
  std::string verb_, json_;
  std::unique_ptr<CLI::App> app_;
};

/// From now on the first Ctrl-C (or SIGTERM) only makes interrupted() true, the second ends the program.
void catch_interrupts();
bool interrupted() noexcept;

/// Prints the exception being handled as run() does and returns its exit code. Only in a catch block.
int report_current_exception(std::string_view verb);

/// What went wrong without harm, a line on stderr each.
void print_warnings(std::string_view verb, const std::vector<std::string>& warnings);

/// Writes a file aside and renames it, so that it is whole or absent. Throws Error(unavailable) with the path and the reason.
void write_file(const std::string& path, std::string_view contents);

/// Creates a folder with its parents; throws Error(unavailable) if that cannot be.
void make_folder(const std::string& path);

/// A bar on stderr for work over a second; silent where stderr is no terminal.
class Progress {
 public:
  Progress(std::string what, std::int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  void advance(std::int64_t steps = 1) { at(done_ + steps); }
  void at(std::int64_t done);

 private:
  std::string what_;
  std::int64_t total_, done_ = 0;
  double start_s_, shown_s_ = 0;
  bool terminal_, shown_ = false;
};

/// "1,234,567"
std::string with_commas(std::int64_t number);

}  // namespace saccade::cli
