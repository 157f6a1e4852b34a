// SPDX-License-Identifier: Apache-2.0
// The runner of text cases: sct_test ops DEVICE FILE…, or sct_test passes FILE…; every case is a test called FILE.TITLE.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <iostream>
#include <set>

#include "saccade/error.h"
#include "sct/op_case.h"
#include "sct/pass_case.h"

namespace {

using namespace saccade;

class TextCase : public testing::Test {
 public:
  using Body = std::function<void()>;
  explicit TextCase(Body body) : body_(std::move(body)) {}
  void TestBody() override { body_(); }

 private:
  Body body_;
};

std::string identifier(const std::string& text) {
  std::string out;
  for (char c : text) out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return out;
}

void add_test(const std::string& file, const std::string& title, std::size_t line, TextCase::Body body) {
  static std::set<std::string> taken;
  const std::string suite = identifier(std::filesystem::path(file).stem().string());
  std::string name = identifier(title);
  if (!taken.insert(suite + name).second) name += "_line_" + std::to_string(line);
  testing::RegisterTest(suite.c_str(), name.c_str(), nullptr, nullptr, file.c_str(), static_cast<int>(line),
                        [body = std::move(body)]() -> testing::Test* { return new TextCase(body); });
}

void check_op_case(const sct::OpCase& test, const std::string& device) {
  for (sct::Variant variant : sct::kVariants) {
    if (test.graph && variant != sct::Variant::fixed) continue;
    const bool skipped = test.skips.contains(std::string(to_string(variant))) || test.skips.contains(device);
    const std::string problem = sct::run(test, variant, device);
    const std::string where = test.file + ":" + std::to_string(test.line) + ": '" + test.title + "', " + std::string(to_string(variant)) + ", on " + device;
    if (skipped)
      EXPECT_NE(problem, "") << where << " is skipped but passes";
    else
      EXPECT_EQ(problem, "") << where;
  }
}

void add_op_cases(const std::string& file, const std::string& device) {
  for (auto& test : sct::read_op_cases(file)) {
    const auto shared = std::make_shared<sct::OpCase>(std::move(test));
    add_test(file, shared->title, shared->line, [shared, device] { check_op_case(*shared, device); });
  }
}

void add_pass_cases(const std::string& file) {
  for (auto& test : sct::read_pass_cases(file)) {
    const auto shared = std::make_shared<sct::PassCase>(std::move(test));
    add_test(file, shared->title, shared->line, [shared] {
      const std::string problem = sct::run(*shared);
      EXPECT_TRUE(problem.empty()) << shared->file << ":" << shared->line << ": '" << shared->title << "': " << problem;
    });
  }
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const std::string kind = argc > 1 ? argv[1] : "";
  if (kind != "ops" && kind != "passes") {
    std::cerr << "usage: sct_test ops DEVICE FILE…\n       sct_test passes FILE…\n";
    return 2;
  }
  for (int i = kind == "ops" ? 3 : 2; i < argc; ++i) {
    const std::string file = argv[i];
    try {
      if (kind == "ops")
        add_op_cases(file, argv[2]);
      else
        add_pass_cases(file);
    } catch (const Error& e) {
      add_test(file, "can be read", 1, [what = std::string(e.what()), file] { FAIL() << file << ":" << what; });
    }
  }
  return RUN_ALL_TESTS();
}
