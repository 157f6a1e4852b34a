// SPDX-License-Identifier: Apache-2.0
// The runner of text cases: sct_test KIND DEVICE FILE…, every case a test called FILE.TITLE.
#include <gtest/gtest.h>

#include <cctype>
#include <filesystem>
#include <iostream>
#include <set>

#include "saccade/error.h"
#include "sct/op_case.h"

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

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc < 3) {
    std::cerr << "usage: sct_test ops DEVICE FILE…\n";
    return 2;
  }
  const std::string kind = argv[1], device = argv[2];
  for (int i = 3; i < argc; ++i) {
    const std::string file = argv[i];
    try {
      for (auto& test : sct::read_op_cases(file)) {
        const auto title = test.title;
        const auto line = test.line;
        add_test(file, title, line, [test = std::make_shared<sct::OpCase>(std::move(test)), device] { check_op_case(*test, device); });
      }
    } catch (const Error& e) {
      add_test(file, "can be read", 1, [what = std::string(e.what()), file] { FAIL() << file << ":" << what; });
    }
  }
  return RUN_ALL_TESTS();
}
