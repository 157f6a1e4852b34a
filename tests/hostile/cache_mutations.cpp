// SPDX-License-Identifier: Apache-2.0
// saccade's own file: it holds the whole network, and damaged ones are read or refused with saccade::Error.
//   cache_mutations MUTATIONS
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "export/saccade/cache_file.h"
#include "graph/text.h"
#include "hostile/mutate.h"
#include "import/importer.h"
#include "ops/evaluate_graph.h"
#include "ops/registry.h"

namespace saccade {
namespace {

using namespace saccade::testing;
namespace fs = std::filesystem;

int mutations = 200;

const char* const kNetwork = R"(graph(%"image:0": f32[?,3,16,?]) {
  %c: f32[?,8,8,?] = Convolution(%"image:0", f32[8,3,3,3]{random 1}) {strides=[2,2] pads_begin=[1,1] pads_end=[1,1]} @"the \"first\" node"
  %r = Clamp(Add(%c, f32[1,8,1,1]{random 2})) {min=0 max=6}
  %t = Transpose(%r, i64[4]{0,2,3,1})
  return Reshape(%t, i64[3]{0,-1,8}) {special_zero=true} as "rows", MatMul(%t, f32[8,100]{random 3}) as "scores"
})";

struct File {
  fs::path path = fs::temp_directory_path() / ("saccade_cache_mutations_" + std::to_string(::getpid()) + ".saccade");
  ~File() { fs::remove(path); }
};

TEST(CacheFile, KeepsTheNetwork) {
  const File file;
  graph::Graph graph = graph::parse(kNetwork, ops::find_op);
  graph.name = "a name";
  graph.metadata = {{"key", "value with \"quotes\""}};
  exporter::write_cache_file(graph, file.path);
  const auto again = import::read_model(file.path);
  EXPECT_EQ(again->name, graph.name);
  EXPECT_EQ(again->metadata, graph.metadata);
  EXPECT_EQ(graph::print(*again), graph::print(graph));
  const Tensor input(ElementType::f32, {2, 3, 16, 12});
  const auto want = ops::evaluate(graph, std::vector{input}), got = ops::evaluate(*again, std::vector{input});
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_EQ(std::memcmp(want[i].raw(), got[i].raw(), want[i].size_bytes()), 0);
}

TEST(CacheFile, Mutations) {
  const File file;
  exporter::write_cache_file(graph::parse(kNetwork, ops::find_op), file.path);
  const std::string bytes = bytes_of(file.path);
  Tally tally;
  for (int seed = 0; seed < mutations; ++seed) {
    const std::string damaged = mutated(bytes, static_cast<unsigned>(seed), seed % 2 == 0 ? 0 : 16);
    check_reader([&] { import::read_model_bytes(damaged); }, "seed " + std::to_string(seed), tally);
  }
  // a header that somebody wrote so
  for (int seed = 0; seed < mutations; ++seed) {
    const std::string damaged = with_header(bytes, mutated(header_in(bytes), static_cast<unsigned>(seed)));
    check_reader([&] { import::read_model_bytes(damaged); }, "header, seed " + std::to_string(seed), tally);
  }
  for (std::size_t n = 0; n < bytes.size(); n += 7) check_reader([&] { import::read_model_bytes(std::span(bytes).first(n)); }, "cut at " + std::to_string(n), tally);
  tally.print("written");
}

TEST(CacheFile, DamagedConstantsAreNoticed) {
  const File file;
  exporter::write_cache_file(graph::parse(kNetwork, ops::find_op), file.path);
  std::string bytes = bytes_of(file.path);
  bytes[bytes.size() - 100] = static_cast<char>(bytes[bytes.size() - 100] ^ 4);
  try {
    import::read_model_bytes(bytes);
    ADD_FAILURE() << "read";
  } catch (const Error& error) {
    EXPECT_NE(error.message().find("damaged"), std::string::npos) << error.message();
  }
}

}  // namespace
}  // namespace saccade

// A request for terabytes must come back as an error, as it does without the sanitizer.
extern "C" const char* __asan_default_options() { return "allocator_may_return_null=1"; }

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  if (argc > 1) saccade::mutations = std::atoi(argv[1]);
  return RUN_ALL_TESTS();
}
