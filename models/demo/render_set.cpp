// SPDX-License-Identifier: Apache-2.0
// Renders a data set for the bundled detector: images and their COCO annotations.
//   render_set DIRECTORY COUNT [--seed N] [--size WIDTHxHEIGHT] [--raw]
// Each image is another scene at a random time. With --raw the pixels go to one file, images.bgr
// (COUNT x HEIGHT x WIDTH x 3 bytes), which a training script maps in one go, instead of PNG files.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <opencv2/imgcodecs.hpp>
#include <string>

#include "vision/scene_random.h"
#include "vision/scene_truth.h"

namespace {

struct Arguments {
  std::filesystem::path directory;
  int count = 0;
  uint64_t seed = 1;
  int width = 640, height = 360;
  bool raw = false;
};

bool parse(int argc, char** argv, Arguments& arguments) {
  if (argc < 3) return false;
  arguments.directory = argv[1];
  arguments.count = std::atoi(argv[2]);
  for (int i = 3; i < argc; ++i) {
    std::string option = argv[i];
    if (option == "--raw")
      arguments.raw = true;
    else if (option == "--seed" && i + 1 < argc)
      arguments.seed = std::strtoull(argv[++i], nullptr, 10);
    else if (option != "--size" || i + 1 == argc || std::sscanf(argv[++i], "%dx%d", &arguments.width, &arguments.height) != 2)
      return false;
  }
  return arguments.count > 0;
}

void render(const Arguments& arguments) {
  std::filesystem::create_directories(arguments.directory);
  saccade::vision::SceneTruth truth;
  std::ofstream raw;
  if (arguments.raw) raw.open(arguments.directory / "images.bgr", std::ios::binary);
  saccade::vision::SceneRandom random(arguments.seed);
  for (int i = 1; i <= arguments.count; ++i) {
    saccade::vision::Scene scene({arguments.width, arguments.height, random.bits(), 0});
    saccade::vision::SceneFrame frame = scene.render(double(random.between(0, 10)));
    char name[32];
    std::snprintf(name, sizeof name, "%06d.png", i);
    if (arguments.raw)
      raw.write(reinterpret_cast<const char*>(frame.image.data), std::streamsize(frame.image.total() * frame.image.elemSize()));
    else
      cv::imwrite((arguments.directory / name).string(), frame.image);
    truth.add(name, frame);
  }
  std::ofstream(arguments.directory / "annotations.json") << truth.json();
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fputs("render_set DIRECTORY COUNT [--seed N] [--size WIDTHxHEIGHT] [--raw]\n", stderr);
    return 2;
  }
  try {
    render(arguments);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "render_set: %s\n", error.what());
    return 1;
  }
  return 0;
}
