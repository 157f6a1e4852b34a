// SPDX-License-Identifier: Apache-2.0
// Result files, the list of inputs and the names of outputs.
#include "vision/results.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "vision/inputs.h"
#include "vision/test_support.h"

namespace saccade::vision {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using nlohmann::json;

const Detections kFound = {{.x1 = 10, .y1 = 20.5f, .x2 = 30, .y2 = 60.25f, .score = .875f, .class_id = 2}, {.x1 = 0, .y1 = 0, .x2 = 5, .y2 = 5, .score = .5f, .class_id = 9, .points = {{1, 2}}}};
const FrameInfo kFrame{.name = "sub/\"a\"\xff.jpg", .width = 100, .height = 200};

TEST(Results, Coco) {
  const TemporaryFolder folder;
  {
    CocoResultsFile file(folder / "r.json", *Labels::builtin("coco80"), std::nullopt);
    file.add(7, kFound);
    file.add(8, {});
    file.commit();
  }
  const json list = json::parse(folder.read(folder / "r.json"));
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[0], json::parse(R"({"image_id":7,"category_id":3,"bbox":[10,20.5,20,39.75],"score":0.875})"));
  EXPECT_EQ(list[1]["category_id"], 10);
  {
    CocoResultsFile file(folder / "empty.json", {}, std::nullopt);
    file.commit();
  }
  EXPECT_EQ(json::parse(folder.read(folder / "empty.json")).size(), 0u);
  { CocoResultsFile file(folder / "dropped.json", {}, std::nullopt); }
  EXPECT_FALSE(std::filesystem::exists(folder / "dropped.json"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 2);
}

TEST(Results, CocoIdsFromAnnotations) {
  const TemporaryFolder folder;
  const auto path = folder.write("a.json", R"({"images":[{"id":5,"file_name":"x/1.jpg"},{"id":6,"file_name":"y/1.jpg"},{"id":7,"file_name":"2.jpg"}],"categories":[{"id":44,"name":"Car"}]})");
  const CocoIds ids = CocoIds::read(path);
  EXPECT_EQ(ids.image("val/y/1.jpg"), 6);
  EXPECT_EQ(ids.image("1.jpg"), std::nullopt);
  EXPECT_EQ(ids.image("deep/2.jpg"), 7);
  CocoResultsFile file(folder / "r.json", *Labels::builtin("coco80"), ids);
  file.add(7, kFound);
  file.commit();
  EXPECT_EQ(file.left_out(), 1);
  EXPECT_EQ(json::parse(folder.read(folder / "r.json"))[0]["category_id"], 44);
  EXPECT_THAT(error_of([&] { CocoIds::read(folder.write("b.json", "{}")); }), HasSubstr("no list 'images'"));
}

TEST(Results, ImageIdsFromNames) {
  const auto ids = [](std::vector<std::string> names) { return image_ids_from_names(names); };
  EXPECT_THAT(ids({"000000000139.jpg", "a/COCO_val_7.png"}), ElementsAre(139, 7));
  EXPECT_THAT(ids({"a/1.jpg", "b/1.jpg"}), ElementsAre(1, 2));
  EXPECT_THAT(ids({"5.jpg", "cat.jpg"}), ElementsAre(1, 2));
}

TEST(Results, JsonLinesAndYolo) {
  const TemporaryFolder folder;
  JsonLinesFile file(folder / "deep/r.jsonl", *Labels::builtin("coco80"));
  file.add(kFrame, kFound);
  file.add({.name = "v.mp4", .frame = 3, .seconds = .12, .width = 4, .height = 4}, {});
  file.commit();
  std::istringstream lines(folder.read(folder / "deep/r.jsonl"));
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(json::parse(line)["detections"][0]["label"], "car");
  EXPECT_EQ(json::parse(line)["detections"][1]["points"][0][1], 2);
  std::getline(lines, line);
  EXPECT_EQ(json::parse(line)["frame"], 3);
  EXPECT_EQ(yolo_text(kFrame, {kFound[0]}), "2 0.200000 0.201875 0.200000 0.198750 0.875000\n");
}

TEST(Results, SayWhyAFileCannotBeWritten) {
  const TemporaryFolder folder;
  folder.write("file", "x");
  EXPECT_THAT(error_of([&] { write_whole_file(folder / "file/r.txt", "x"); }), HasSubstr("cannot be made"));
  std::filesystem::create_directory(folder / "dir.txt");
  EXPECT_THAT(error_of([&] { write_whole_file(folder / "dir.txt", "x"); }), HasSubstr("a folder of that name"));
  if (std::filesystem::exists("/dev/full")) { EXPECT_THAT(error_of([] { write_whole_file("/proc/saccade.txt", "x"); }), HasSubstr("'/proc/saccade.txt' cannot be written")); }
}

TEST(Inputs, FoldersKeepTheirTreeAndNamesNeverMeet) {
  const TemporaryFolder folder;
  for (const char* name : {"in/b/1.jpg", "in/a/1.jpg", "in/a/1.png", "in/note.txt", "in/.hidden/1.jpg", "in/clip.MP4", "more/1.jpg", "in/out/1.jpg"}) folder.write(name, "x");
  const std::string in = (folder / "in").string();
  const auto inputs = list_inputs({in, (folder / "more/*").string(), (folder / "in/a/1.jpg").string()}, folder / "in/out");
  std::vector<std::string> names;
  for (const auto& input : inputs) names.push_back(input.name.string());
  EXPECT_THAT(names, ElementsAre("a/1.jpg", "a/1.png", "b/1.jpg", "clip.MP4", "1.jpg"));
  EXPECT_TRUE(inputs[3].video);
  names.clear();
  for (const auto& name : output_names(inputs, ".txt")) names.push_back(name.string());
  EXPECT_THAT(names, ElementsAre("a/1.txt", "a/1_2.txt", "b/1.txt", "clip.txt", "1.txt"));
  const auto twice = output_names(list_inputs({(folder / "in/a").string(), (folder / "in/b").string()}));
  EXPECT_THAT(twice, ElementsAre("1.jpg", "1.png", "1_2.jpg"));
  EXPECT_THAT(error_of([&] { list_inputs({(folder / "nothing").string()}); }), HasSubstr("does not exist"));
  EXPECT_THAT(error_of([&] { list_inputs({(folder / "in/*.gif").string()}); }), HasSubstr("nothing matches"));
  std::filesystem::create_directory(folder / "void");
  EXPECT_THAT(error_of([&] { list_inputs({(folder / "void").string()}); }), HasSubstr("holds no pictures"));
}

}  // namespace
}  // namespace saccade::vision
