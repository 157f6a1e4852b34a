// SPDX-License-Identifier: Apache-2.0
// Label tables and files; the settings that come with a model.
#include "vision/labels.h"

#include <gmock/gmock.h>

#include "vision/detector_settings.h"
#include "vision/test_support.h"

namespace saccade::vision {
namespace {

using testing::HasSubstr;

TEST(Labels, BuiltinTables) {
  EXPECT_EQ(Labels::builtin("coco80")->size(), 80u);
  EXPECT_EQ(Labels::builtin("coco80")->name(79), "toothbrush");
  EXPECT_EQ(Labels::builtin("coco90")->size(), 80u);
  EXPECT_EQ(Labels::builtin("coco90")->name(90), "toothbrush");
  EXPECT_EQ(Labels::builtin("coco90")->name(12), "class 12");
  EXPECT_EQ(Labels::builtin("coco81")->name(1), "person");
  EXPECT_EQ(Labels::builtin("voc")->name(19), "tvmonitor");
  EXPECT_EQ(Labels::builtin("imagenet")->size(), 1000u);
  EXPECT_EQ(Labels::builtin("imagenet1001")->name(1000), "toilet tissue");
  EXPECT_EQ(coco_category_id("Stop Sign"), 13);
  EXPECT_EQ(coco_category_id("unicorn"), std::nullopt);
}

TEST(Labels, Files) {
  struct Case {
    const char *file, *text;
    int id;
    const char* name;
  };
  const TemporaryFolder folder;
  for (const Case& c : {
           Case{"a.txt", "cat\r\ndog\r\n\r\n", 1, "dog"},
           Case{"a.names", "\xEF\xBB\xBF" "cat\ndog", 0, "cat"},
           Case{"b.txt", "???\ncat\n", 1, "cat"},
           Case{"c.txt", "0  cat\n5  sea lion\n", 5, "sea lion"},
           Case{"c2.txt", "1: cat\n7: dog\n", 7, "dog"},
           Case{"d.yaml", "names: [cat, dog]\nnc: 2\n", 1, "dog"},
           Case{"e.yml", "path: x\nnames:\n  0: cat\n  3: dog\n", 3, "dog"},
           Case{"f.pbtxt", "item {\n  name: \"/m/01\"\n  id: 4\n  display_name: 'tall cat' # c\n}\nitem { id: 5, name: \"dog\" keypoints { id: 9 label: \"x\" } }", 4, "tall cat"},
           Case{"f.pbtxt", "item { id: 5, name: \"dog\" keypoints { id: 9 label: \"x\" } }", 5, "dog"},
           Case{"g.json", R"(["cat","dog"])", 1, "dog"},
           Case{"h.json", R"({"names":{"2":"dog"}})", 2, "dog"},
       })
    EXPECT_EQ(Labels::load(folder.write(c.file, c.text)).name(c.id), c.name) << c.file;
  for (const auto& [file, text, message] : {std::tuple{"x.json", "[1]", "not a string"}, {"x.json", "{", "not valid JSON"}, {"x.pbtxt", "item { name: \"", "holds no names"},
                                            {"x.yaml", "a: [", "no label file"}, {"x.yaml", "names: {cat: 1}", "not a class id"}, {"x.txt", "", "holds no names"}})
    EXPECT_THAT(error_of([&] { Labels::load(folder.write(file, text)); }), HasSubstr(message)) << file;
  EXPECT_THAT(error_of([&] { Labels::load((folder / "none.txt").string()); }), HasSubstr("cannot be read"));
  EXPECT_THAT(error_of([] { Labels::load("coco800"); }), HasSubstr("coco80, coco90"));
}

TEST(Labels, Metadata) {
  EXPECT_EQ(Labels::from_metadata("{0: 'person', 1: \"driver's seat\", 12: 'dog'}").name(1), "driver's seat");
  EXPECT_EQ(Labels::from_metadata("{0: 'person', 12: 'dog'}").name(12), "dog");
  EXPECT_EQ(Labels::from_metadata("cat, dog").name(1), "dog");
  EXPECT_EQ(Labels::from_metadata("[\"cat\"]").name(0), "cat");
  EXPECT_EQ(Labels::from_metadata("voc").size(), 20u);
}

const Signature kYolox{416, 416, {{"output", {1, 3549, 85}}}};

TEST(DetectorSettings, LaterOnesWin) {
  const TemporaryFolder folder;
  folder.write("model.onnx", "");
  folder.write("names.txt", "a\nb\n");
  folder.write("model.saccade.json", R"({"labels":"names.txt","conf":0.4,"input":{"pad_value":7,"mean":[1,2,3]}})");
  auto settings = settings_from_metadata({{"saccade.input", R"({"color":"rgb","pad_value":9})"}, {"saccade.decoder", "yolox"}, {"names", "{0: 'x'}"}});
  settings = merge_settings(settings, read_sidecar(folder / "model.onnx"), "sidecar");
  settings = merge_settings(settings, nlohmann::json{{"iou", .7}, {"input", {{"scale", 2}}}}, "flags");
  const DetectorSettings s = make_detector_settings(kYolox, settings);
  EXPECT_EQ(s.family, "yolox");
  EXPECT_EQ(s.labels.name(1), "b");
  EXPECT_EQ(s.confidence, .4);
  EXPECT_EQ(s.nms.iou, .7);
  EXPECT_EQ(s.preparation.color, Color::rgb);
  EXPECT_EQ(s.preparation.pad_value, 7);
  EXPECT_EQ(s.preparation.mean[2], 3);
  EXPECT_EQ(s.preparation.scale[1], 2);
  EXPECT_EQ(s.preparation.letterbox, Letterbox::top_left);
}

TEST(DetectorSettings, SayWhatIsWrong) {
  for (const auto& [text, message] : {std::pair{R"({"confidence":1})", "unknown member 'confidence'"}, {R"({"input":{"mode":1}})", "unknown member 'mode'"},
                                      {R"({"conf":2})", "between 0 and 1"}, {R"({"input":{"mean":[1,2]}})", "a number or three"}, {R"({"decoder":{"x":1}})", "no 'name'"},
                                      {R"({"nms":"soft"})", "not class, all or none"}, {R"({"input":{"size":[1]}})", "[width, height]"}, {R"({"input":3})", "not an object"},
                                      {R"({"labels":3})", "a list of names or an object"}, {R"({"max_det":0})", "from 1"}})
    EXPECT_THAT(error_of([&] { make_detector_settings(kYolox, merge_settings(nlohmann::json::object(), nlohmann::json::parse(text), "settings")); }), HasSubstr(message)) << text;
  EXPECT_THAT(error_of([] { settings_from_metadata({{"saccade.input", "{"}}); }), HasSubstr("saccade.input"));
}

}  // namespace
}  // namespace saccade::vision
