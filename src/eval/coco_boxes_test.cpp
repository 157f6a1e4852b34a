// SPDX-License-Identifier: Apache-2.0
// The COCO figures against stored ones of pycocotools, and files that break the format.
#include "eval/coco_boxes.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/json_file.h"
#include "eval/matching.h"
#include "saccade/error.h"

namespace saccade::eval {
namespace {

namespace fs = std::filesystem;

/// A file in a folder of its own, which goes with the test.
class CocoFiles : public testing::Test {
 protected:
  CocoFiles() : folder_(fs::temp_directory_path() / ("saccade_coco_" + std::to_string(::getpid()))) { fs::create_directories(folder_); }
  ~CocoFiles() override { fs::remove_all(folder_); }
  std::string write(const std::string& name, const std::string& text) const {
    const fs::path path = folder_ / name;
    std::ofstream(path, std::ios::binary) << text;
    return path.string();
  }
  static std::string message(const std::function<void()>& action) {
    try {
      action();
    } catch (const Error& error) {
      return error.message();
    }
    return "no error";
  }
  fs::path folder_;
};

TEST_F(CocoFiles, EqualsPycocotools) {
  int cases = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(SACCADE_TESTS_DIR) / "coco")) {
    SCOPED_TRACE(entry.path().filename().string());
    const auto golden = read_json_file(entry.path().string());
    const CocoDataset dataset = read_coco_annotations(write("annotations.json", golden["annotations"].dump()));
    const CocoReport report = evaluate_coco_boxes(dataset, read_coco_results(write("results.json", golden["results"].dump()), dataset));
    for (std::size_t f = 0; f < 12; ++f) EXPECT_EQ(report.figures[f], golden["stats"][f].get<double>()) << coco_figures()[f].key;
    for (const CocoClassReport& line : report.classes) {
      const auto& expected = golden["classes"][std::to_string(line.category_id)];
      for (std::size_t f = 0; f < 12; ++f) EXPECT_EQ(line.figures[f], expected[f].get<double>()) << line.name << " " << coco_figures()[f].key;
    }
    ++cases;
  }
  EXPECT_GE(cases, 8);
}

constexpr const char* kTruth = R"({"images":[{"id":1},{"id":2}],"categories":[{"id":7,"name":"cat"}],
  "annotations":[{"id":1,"image_id":1,"category_id":7,"bbox":[10,10,20,20]}]})";

TEST_F(CocoFiles, ScoresPerfectEmptyAndForeignResults) {
  const CocoDataset dataset = read_coco_annotations(write("t.json", kTruth));
  const auto report = [&](const std::string& results) { return evaluate_coco_boxes(dataset, read_coco_results(write("r.json", results), dataset)); };
  EXPECT_DOUBLE_EQ(report(R"([{"image_id":1,"category_id":7,"bbox":[10,10,20,20],"score":0.5}])").figures[0], 1);
  EXPECT_EQ(report("[]").figures[0], 0);
  EXPECT_EQ(report("[]").figures[5], -1);
  const CocoReport foreign = report(R"([{"image_id":1,"category_id":1,"bbox":[10,10,20,20],"score":0.5}])");
  EXPECT_EQ(foreign.figures[0], 0);
  ASSERT_EQ(foreign.notes.size(), 1u);
  EXPECT_NE(foreign.notes[0].find("label map"), std::string::npos);
}

TEST_F(CocoFiles, SaysWhatIsWrongWithFiles) {
  struct Case {
    const char* annotations;
    const char* expected;
  };
  for (const Case& c : {
           Case{"", "is not valid JSON: the file is empty"},
           Case{"{\"images\": [", "it ends too early"},
           Case{"{\n\n\"images\" 1}", "at line 3"},
           Case{"[]", "is no COCO annotation file"},
           Case{"{}", "has no 'images'"},
           Case{R"({"images":3})", "'images' is number, not a list"},
           Case{R"({"images":[3]})", "images[0] is number, not an object"},
           Case{R"({"images":[{}]})", "images[0] has no 'id'"},
           Case{R"({"images":[{"id":1.5}]})", "'id' is 1.5, not a whole number"},
           Case{R"({"images":[{"id":18446744073709551615}]})", "too large"},
           Case{R"({"images":[],"categories":[{"id":1},{"id":1}],"annotations":[]})", "two categories have the id 1"},
           Case{R"({"images":[],"categories":[],"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3]}]})", "'bbox' is not a list of 4 numbers"},
           Case{R"({"images":[],"categories":[],"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,1e999]}]})", "is not valid JSON"},
           Case{R"({"images":[],"categories":[],"annotations":[{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]},{"id":1,"image_id":1,"category_id":1,"bbox":[1,2,3,4]}]})",
                "the id 1 is used twice"},
       })
    EXPECT_NE(message([&] { read_coco_annotations(write("a.json", c.annotations)); }).find(c.expected), std::string::npos)
        << c.annotations << "\n" << message([&] { read_coco_annotations(write("a.json", c.annotations)); });

  const CocoDataset dataset = read_coco_annotations(write("t.json", kTruth));
  for (const Case& c : {
           Case{kTruth, "swapped"},
           Case{"[1]", "results[0] is number, not an object"},
           Case{R"([{"image_id":9,"category_id":7,"bbox":[1,2,3,4],"score":1}])", "image_id 9 is not in the annotations"},
           Case{R"([{"image_id":1,"category_id":7,"bbox":[1,2,3,4],"score":"high"}])", "'score' is string, not a number"},
           Case{R"([{"image_id":1,"category_id":7,"bbox":[1,2,3,4],"score":NaN}])", "is not valid JSON"},
       })
    EXPECT_NE(message([&] { read_coco_results(write("r.json", c.annotations), dataset); }).find(c.expected), std::string::npos) << c.annotations;
  EXPECT_NE(message([&] { read_coco_annotations((folder_ / "absent.json").string()); }).find("cannot be read: No such file"), std::string::npos);
  EXPECT_NE(message([&] { read_coco_annotations(folder_.string()); }).find("is a folder"), std::string::npos);
}

TEST(Matching, ThresholdsAreNumpys) {
  const auto thresholds = similarity_thresholds();
  EXPECT_EQ(thresholds[0], .5);
  EXPECT_EQ(thresholds[5], .75);
  EXPECT_EQ(thresholds[9], .95);
}

TEST(Matching, MeanOfNothing) {
  EXPECT_EQ(mean({}), -1);
  EXPECT_EQ(mean({.25, .75}), .5);
}

}  // namespace
}  // namespace saccade::eval
