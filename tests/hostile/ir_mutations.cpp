// SPDX-License-Identifier: Apache-2.0
// Damaged IR: seeded mutations of the .xml, of its numbers and of the .bin, of models that are written here and of real ones where
// they exist, must be read or refused with saccade::Error. Meant to run under ASan and UBSan too.
//   ir_mutations MUTATIONS_PER_MODEL [FOLDER…]
#include <gtest/gtest.h>

#include <cstdlib>
#include <cctype>
#include <random>

#include "export/openvino/ir.h"
#include "graph/text.h"
#include "hostile/mutate.h"
#include "import/importer.h"
#include "ops/registry.h"
#include "support/ir_writer.h"

namespace saccade {
namespace {

using namespace saccade::testing;

int mutations = 200;
std::vector<std::filesystem::path> files;

struct Model {
  std::string name, xml, bin;
};

Model written(const std::string& name, const std::string& text, int version = 11) {
  const IrFiles place("", "");
  exporter::openvino::write(graph::parse(text, ops::find_op), place.path(), {.ir_version = version});
  return {name, bytes_of(place.path()), bytes_of(std::filesystem::path(place.path()).replace_extension(".bin"))};
}

Model old_net() {
  IrNet net(6);
  const IrOut x = net.add({"Input", "", "", {}, {{{1, 2, 8, 8}}}, "data"});
  const auto w = net.blob(std::vector<float>(36, 0.5f)), b = net.blob(std::vector<float>{1, 2});
  const IrOut c = net.add({"Convolution", "", "kernel=\"3,3\" output=\"2\" group=\"1\" strides=\"2,2\" dilations=\"1,1\" pads_begin=\"1,1\" pads_end=\"1,1\"", {x}, {{{1, 2, 4, 4}}}, "",
                           fmt::format("<blobs><weights offset=\"{}\" size=\"144\"/><biases offset=\"{}\" size=\"8\"/></blobs>", w, b)});
  const IrOut p = net.add({"Pooling", "", "kernel=\"2,2\" strides=\"2,2\" pads_begin=\"0,0\" pads_end=\"0,0\" pool-method=\"max\"", {c}, {{{1, 2, 2, 2}}}});
  const IrOut n = net.add({"Norm", "", "alpha=\"0.1\" beta=\"0.75\" local-size=\"3\" region=\"across\"", {p}, {{{1, 2, 2, 2}}}});
  const IrOut r = net.add({"Resample", "", "type=\"caffe.ResampleParameter.LINEAR\" antialias=\"0\"", {n}, {{{1, 2, 4, 4}}}});
  const IrOut s = net.add({"Split", "", "axis=\"1\"", {r}, {{{1, 1, 4, 4}}, {{1, 1, 4, 4}}}});
  const IrOut f = net.add({"Flatten", "", "axis=\"1\"", {s}, {{{1, 16}}}});
  const auto m = net.blob(std::vector<float>(32, 1.0f));
  net.add({"FullyConnected", "", "out-size=\"2\"", {f}, {{{1, 2}}}, "", fmt::format("<blobs><weights offset=\"{}\" size=\"128\"/></blobs>", m)});
  net.more = "<pre-process reference-layer-name=\"data\"><channel id=\"0\"><mean value=\"1\"/></channel><channel id=\"1\"><mean value=\"3\"/></channel></pre-process>";
  return {"old", net.xml(), net.bin()};
}

std::vector<Model> models() {
  std::vector<Model> all;
  all.push_back(written("network", R"(graph(%x: f32[1,2,8,8]) {
    %c = Convolution(%x, f32[4,2,3,3]{random 1}) {strides=[2,2] pads_begin=[1,1] pads_end=[1,1]}
    %p = MaxPool(Relu(%c)) {kernel=[2,2] strides=[2,2]}
    %u = Resize(%p, i64[2]{8,8}) {axes=[2,3] mode=linear}
    %m = MVN(%u, i64[2]{2,3})
    %g = ReduceMean(%m, i64[2]{2,3})
    %f = MatMul(%g, f32[3,4]{random 2}) {transpose_b=true}
    return Softmax(%f) {axis=1} as "y" })"));
  all.push_back(written("shapes", R"(graph(%x: f32[1,2,6,?]) {
    %s = ShapeOf(%x)
    %n = Gather(%s, i64[1]{3}, i64{0})
    %t = Concat(i64[1]{-1}, %n) {axis=0}
    %r = Reshape(%x, %t)
    %c = Slice(%r, i64[2]{0,0}, i64[2]{4,9}, i64[2]{1,1})
    %p = Pad(%c, i64[2]{1,0}, i64[2]{0,2}, f32{1})
    %q = Transpose(%p, i64[2]{1,0})
    %a, %b = TopK(%q, i64{2}) {axis=1}
    %d, %e = VariadicSplit(%a, i64{1}, i64[2]{1,-1})
    return Tile(%d, i64[2]{2,1}) as "y", %b as "z" })"));
  all.push_back(written("control", R"(graph(%c: boolean, %n: i64, %x: f32[2], %xs: f32[5,2]) {
    %a, %b = Loop(%n, %c, %x, %x) {num_carried=1 body=graph(%i: i64, %go: boolean, %s: f32[2], %k: f32[2]) { %t = Add(%s, %k) return %go, %t, %t as "slice" }}
    %d = If(%c, %a, %x) {then_body=graph(%p: f32[2]) { return Relu(%p) } else_body=graph(%p: f32[2]) { return Negative(%p) }}
    %e, %f = Scan(%x, %xs) {num_states=1 num_scan_inputs=1 body=graph(%s: f32[2], %v: f32[2]) { %t = Add(%s, %v) return %t, %t as "slice" }}
    return %d as "d", %b as "b", %e as "e", %f as "f" })"));
  all.push_back(written("recurrent", R"(graph(%x: f32[3,1,2]) {
    %y, %h, %c = LSTM(%x, f32[1,8,2]{random 1}, f32[1,8,2]{random 2}, f32[1,16]{random 3}) {hidden_size=2}
    return %y as "y", %c as "c" })"));
  all.push_back(written("version 10", R"(graph(%x: f32[1,4,4,4]) {
    %q = FakeQuantize(%x, f32{0}, f32{6}, f32{0}, f32{6}) {levels=256}
    %s = Softmax(Add(%q, f32[1,4,1,1]{1,2,3,4})) {axis=1}
    return DepthToSpace(%s) {block_size=2} as "y" })", 10));
  all.push_back(old_net());
  return all;
}

// Numbers of the text replaced by extreme ones: damage that is still well-formed.
std::string with_other_numbers(std::string xml, unsigned seed) {
  std::mt19937 random(seed);
  static constexpr const char* kNumbers[] = {"0", "-1", "1", "2", "7", "-3", "1000", "1048576", "-1048576", "2147483648", "1000000000000", "4611686018427387905", "9223372036854775807", "-9223372036854775808", "18446744073709551615",
                                             "1e30", "-1e300", "nan", "inf", "", "x", "1,2", "true"};
  std::vector<std::size_t> places;
  for (std::size_t i = 1; i < xml.size(); ++i)
    if (std::isdigit(static_cast<unsigned char>(xml[i])) && !std::isalnum(static_cast<unsigned char>(xml[i - 1]))) places.push_back(i);
  for (int k = 0, n = 1 + static_cast<int>(random() % 3); k < n && !places.empty(); ++k) {
    const std::size_t at = places[random() % places.size()];
    std::size_t end = at;
    while (end < xml.size() && (std::isdigit(static_cast<unsigned char>(xml[end])) || xml[end] == '.')) ++end;
    xml.replace(at, end - at, kNumbers[random() % std::size(kNumbers)]);
    places.clear();
    for (std::size_t i = 1; i < xml.size(); ++i)
      if (std::isdigit(static_cast<unsigned char>(xml[i])) && !std::isalnum(static_cast<unsigned char>(xml[i - 1]))) places.push_back(i);
  }
  return xml;
}

void check(const Model& model, int count) {
  Tally tally;
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("saccade_ir_mutations_{}", ::getpid());
  std::filesystem::create_directories(folder);
  const auto xml_path = folder / "m.xml", bin_path = folder / "m.bin";
  const auto store = [](const std::filesystem::path& path, const std::string& bytes) { std::ofstream(path, std::ios::binary) << bytes; };
  store(bin_path, model.bin);
  for (int i = 0; i < count; ++i) {
    const auto seed = static_cast<unsigned>(i);
    std::string xml = model.xml;
    // half of the files say nothing of their .bin, so that what lies behind the check is reached
    if (i % 2)
      if (const auto at = xml.find(" bin_size"); at != std::string::npos) xml.erase(at, xml.find('>') == std::string::npos ? 0 : xml.find('>', at) - at);
    switch (i % 5) {
      case 0: xml = mutated(xml, seed); break;
      case 4: store(bin_path, mutated(model.bin, seed)); break;
      default: xml = with_other_numbers(xml, seed);
    }
    store(xml_path, xml);
    check_reader([&] { import::read_model(xml_path, {.weights = i % 3 ? bin_path : std::filesystem::path()}); }, fmt::format("{} seed {}", model.name, i), tally);
    if (i % 5 == 4) store(bin_path, model.bin);
  }
  for (std::size_t length = 0; length < model.xml.size(); length += 1 + model.xml.size() / 64) {
    store(xml_path, model.xml.substr(0, length));
    check_reader([&] { import::read_model(xml_path); }, fmt::format("{} cut to {}", model.name, length), tally);
  }
  tally.print(model.name);
  std::filesystem::remove_all(folder);
}

TEST(IrMutations, Written) {
  for (const Model& model : models()) check(model, mutations);
}

TEST(IrMutations, Real) {
  if (files.empty()) GTEST_SKIP() << "no real models were named";
  for (const auto& path : files) {
    const auto bin = std::filesystem::path(path).replace_extension(".bin");
    if (std::filesystem::file_size(path) > (1 << 20) || !std::filesystem::exists(bin)) continue;
    check({path.filename().string(), bytes_of(path), bytes_of(bin)}, mutations / 20 + 1);
  }
}

}  // namespace
}  // namespace saccade

int main(int argc, char** argv) {
  return saccade::testing::run_all(argc, argv, saccade::mutations, saccade::files, [](const std::filesystem::path& path) {
    return path.extension() == ".xml";
  });
}
