// SPDX-License-Identifier: Apache-2.0
// The cache of prepared models: what is taken from it, what makes it look again, and what damage, other processes and full or read-only
// folders do to it.
#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "api/model_cache.h"
#include "graph/text.h"
#include "hostile/mutate.h"
#include "ops/registry.h"
#include "passes/passes.h"
#include "saccade/core.h"
#include "export/saccade/cache_file.h"

namespace saccade {
namespace {

namespace fs = std::filesystem;

// Expand, depthwise, project, a plain 3×3 (Winograd and direct), a matrix, and a shared constant.
constexpr const char* kNetwork = R"(graph(%image: f32[1,3,24,24]) {
  %stem = Clamp(Add(Convolution(%image, f32[32,3,3,3]{random 1}) {strides=[2,2] pads_begin=[1,1] pads_end=[1,1]}, f32[1,32,1,1]{random 2})) {min=0 max=6}
  %wide = Clamp(Convolution(%stem, f32[96,32,1,1]{random 3}) {strides=[1,1]}) {min=0 max=6}
  %deep = Clamp(GroupConvolution(%wide, f32[96,1,1,3,3]{random 4}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]}) {min=0 max=6}
  %narrow = Convolution(%deep, f32[32,96,1,1]{random 5}) {strides=[1,1]}
  %sum = GroupConvolution(Add(%narrow, %stem), f32[32,1,1,1,1]{random 9})
  %c3 = Relu(Add(Convolution(%sum, f32[128,32,3,3]{random 6}) {strides=[1,1] pads_begin=[1,1] pads_end=[1,1]}, f32[1,128,1,1]{random 7}))
  %pooled = ReduceMean(%c3, i64[2]{2,3}) {keep_dims=false}
  return MatMul(%pooled, f32[128,100]{random 8}) as "scores"
})";

class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "saccade_cache_test_XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~Folder() {
    std::error_code ignored;
    fs::permissions(path_, fs::perms::owner_all, ignored);
    fs::remove_all(path_, ignored);
  }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

// A model file of saccade's own format, not optimised: any format does.
void write_model(const fs::path& path, const std::string& text = kNetwork) { exporter::write_cache_file(graph::parse(text, ops::find_op), path); }

class Cache : public ::testing::Test {
 protected:
  Cache() { write_model(model); }

  CompiledModel compile(Properties properties = {}) const {
    properties.push_back(properties::cache_dir(cache.string()));
    properties.push_back(properties::threads(1));
    return Core().compile_model(model, "CPU", properties);
  }
  static Tensor run(const CompiledModel& compiled) {
    InferRequest request = compiled.create_infer_request();
    Tensor input(ElementType::f32, compiled.inputs()[0].shape);
    for (std::int64_t i = 0; i < input.size(); ++i) input.data<float>()[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
    request.set_input_tensor(input);
    request.infer();
    return request.get_output_tensor();
  }
  Tensor without() const { return run(Core().compile_model(model, "CPU", {properties::threads(1)})); }
  static void expect_same(const Tensor& a, const Tensor& b) {
    ASSERT_EQ(a.shape(), b.shape());
    EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.size_bytes()), 0);
  }
  std::vector<api::ModelCache::Entry> entries() const { return api::ModelCache(cache).entries(); }
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    if (fs::exists(cache))
      for (const auto& entry : fs::directory_iterator(cache))
        if (entry.path().extension() != ".seen") names.push_back(entry.path().filename().string());
    return names;
  }
  std::vector<fs::path> notes() const {
    std::vector<fs::path> notes;
    for (const auto& entry : fs::directory_iterator(cache))
      if (entry.path().extension() == ".seen") notes.push_back(entry.path());
    return notes;
  }

  Folder folder;
  const fs::path model = folder / "model.saccade", cache = folder / "cache";
};

TEST_F(Cache, SecondTimeIsMappedAndTheSame) {
  const CompiledModel first = compile(), second = compile();
  EXPECT_FALSE(first.loaded_from_cache());
  EXPECT_TRUE(second.loaded_from_cache());
  EXPECT_TRUE(second.warnings().empty());
  EXPECT_EQ(names().size(), 1u);
  EXPECT_EQ(first.describe(), second.describe());
  EXPECT_EQ(second.inputs()[0].name, "image");
  EXPECT_EQ(second.outputs()[0].name, "scores");
  expect_same(run(first), run(second));
  expect_same(without(), run(second));
}

TEST_F(Cache, NothingIsPackedTheSecondTime) {
  compile();
  const auto origin = api::read_through_cache(cache, model, {}, "", [&] { return Core().read_model(model); }).origin();
  ASSERT_TRUE(origin && origin->cached);
  EXPECT_GE(origin->cached->packs.size(), 5u);
  for (const auto& pack : origin->cached->packs) EXPECT_EQ(reinterpret_cast<std::uintptr_t>(pack.packed.raw()) % 64, 0u);
  EXPECT_GE(origin->cached->unverified.size(), 4u);  // weights that only packing would read
  EXPECT_EQ(origin->cached->left_out, 0u);
  // an entry that lacks a form is written anew, one that has all is not
  const auto before = fs::last_write_time(entries()[0].path);
  struct stat status {}, again {};
  ::stat(entries()[0].path.c_str(), &status);
  EXPECT_TRUE(compile().loaded_from_cache());
  EXPECT_NE(before, fs::last_write_time(entries()[0].path));  // used
  ::stat(entries()[0].path.c_str(), &again);
  EXPECT_EQ(status.st_ino, again.st_ino);
  const std::string bytes = testing::bytes_of(entries()[0].path);
  EXPECT_TRUE(compile({properties::exact(true)}).loaded_from_cache());
  EXPECT_GE(testing::bytes_of(entries()[0].path).size(), bytes.size());
  EXPECT_TRUE(compile().loaded_from_cache());
}

TEST_F(Cache, ExactTakesFormsOfItsOwn) {
  compile();
  expect_same(run(compile({properties::exact(true)})), run(Core().compile_model(model, "CPU", {properties::threads(1), properties::exact(true)})));
  expect_same(run(compile()), without());
}

TEST_F(Cache, AModelInMemoryIsKnownByItsContents) {
  const Properties properties{properties::cache_dir(cache.string())};
  Model read = Core().read_model(model);
  EXPECT_FALSE(Core().compile_model(read, "CPU", properties).loaded_from_cache());
  EXPECT_TRUE(Core().compile_model(read, "CPU", properties).loaded_from_cache());
  EXPECT_TRUE(Core().compile_model(Core().read_model(model), "CPU", properties).loaded_from_cache());
  read.set_batch(2);
  const CompiledModel two = Core().compile_model(read, "CPU", properties);
  EXPECT_FALSE(two.loaded_from_cache());
  EXPECT_EQ(two.inputs()[0].shape[0], 2);
}

TEST_F(Cache, ChangesMakeItLookAgain) {
  compile();
  const auto time = fs::last_write_time(model);
  std::string bytes = testing::bytes_of(model);
  write_model(model, std::string(kNetwork).replace(std::string(kNetwork).find("random 8"), 8, "random 9"));
  ASSERT_EQ(fs::file_size(model), bytes.size());
  fs::last_write_time(model, time);  // neither size nor time differ
  EXPECT_FALSE(compile().loaded_from_cache());
  expect_same(run(compile()), without());
  ::setenv("SACCADE_SKIP_PASS", "fold_scale", 1);
  EXPECT_FALSE(compile().loaded_from_cache());
  ::unsetenv("SACCADE_SKIP_PASS");
  ::setenv("SACCADE_MAX_ISA", "scalar", 1);
  EXPECT_FALSE(compile().loaded_from_cache());
  ::unsetenv("SACCADE_MAX_ISA");
  EXPECT_TRUE(compile().loaded_from_cache());
}

// A model that nobody touched is not hashed again; one with its old size and date put back is.
TEST_F(Cache, UntouchedFilesAreTakenAtTheirWord) {
  compile();
  EXPECT_TRUE(notes().empty());  // touched a moment ago
  std::this_thread::sleep_for(std::chrono::milliseconds(600));
  EXPECT_TRUE(compile().loaded_from_cache());
  ASSERT_EQ(1u, notes().size());
  EXPECT_TRUE(compile().loaded_from_cache());
  // a note is all that speaks for the file: with another hash it is another model
  const std::string note = testing::bytes_of(notes()[0]);
  std::string other = note;
  other[other.size() - 2] = other[other.size() - 2] == '0' ? '1' : '0';
  std::ofstream(notes()[0], std::ios::binary) << other;
  EXPECT_FALSE(compile().loaded_from_cache());
  for (const std::string& damaged : {std::string(), note.substr(0, note.size() / 2), note + "x", other.replace(other.size() - 3, 1, "Z")}) {
    std::ofstream(notes()[0], std::ios::binary) << damaged;
    EXPECT_TRUE(compile().loaded_from_cache());
    EXPECT_EQ(note, testing::bytes_of(notes()[0]));
  }
  struct stat status {};
  ::stat(model.c_str(), &status);
  std::string changed = kNetwork;
  changed.replace(changed.find("random 8"), 8, "random 9");
  write_model(model, changed);
  ASSERT_EQ(static_cast<std::uintmax_t>(status.st_size), fs::file_size(model));
  const timespec times[2] = {status.st_atim, status.st_mtim};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, model.c_str(), times, 0));
  const CompiledModel again = compile();
  EXPECT_FALSE(again.loaded_from_cache());
  expect_same(without(), run(again));
}

TEST_F(Cache, EveryFileOfAModelCounts) {
  const auto read = [&] {
    FileBytes::open(folder / "weights.bin");
    return Core().read_model(model);
  };
  const auto cached = [&] {
    const Model through = api::read_through_cache(cache, model, {}, "", read);
    const bool found = through.origin()->cached != nullptr;
    Core().compile_model(through);
    return found;
  };
  std::ofstream(folder / "weights.bin") << "first";
  EXPECT_FALSE(cached());
  EXPECT_TRUE(cached());
  std::ofstream(folder / "weights.bin") << "other";
  EXPECT_FALSE(cached());
  EXPECT_TRUE(cached());
  fs::remove(folder / "weights.bin");
  EXPECT_THROW(cached(), Error);
}

TEST_F(Cache, AnEntryOfAnotherKeyIsNotTaken) {
  compile();
  const fs::path mine = entries()[0].path;
  const fs::path other = folder / "other.saccade";
  write_model(other, std::string(kNetwork).replace(std::string(kNetwork).find("random 8"), 8, "random 9"));
  Core().compile_model(other, "CPU", {properties::cache_dir(cache.string()), properties::threads(1)});
  for (const auto& entry : entries())
    if (entry.path != mine) fs::copy_file(entry.path, mine, fs::copy_options::overwrite_existing);
  const CompiledModel compiled = compile();
  EXPECT_FALSE(compiled.loaded_from_cache());
  expect_same(run(compiled), without());
}

TEST_F(Cache, DamageIsNoticedAndMended) {
  compile();
  const Tensor want = without();
  const fs::path entry = entries()[0].path;
  const std::string whole = testing::bytes_of(entry);
  const int count = std::getenv("SACCADE_CACHE_MUTATIONS") != nullptr ? std::atoi(std::getenv("SACCADE_CACHE_MUTATIONS")) : 60;
  int rebuilt = 0;
  for (int seed = 0; seed < count; ++seed) {
    // every third in the header, the others anywhere
    const std::string damaged = seed % 3 == 2 ? whole.substr(0, whole.size() * static_cast<std::size_t>(seed) / static_cast<std::size_t>(count)) : testing::mutated(whole, static_cast<unsigned>(seed), 0);
    fs::remove(entry);
    std::ofstream(entry, std::ios::binary) << damaged;
    const CompiledModel compiled = compile();
    rebuilt += !compiled.loaded_from_cache();
    expect_same(run(compiled), want);
    EXPECT_TRUE(compiled.warnings().empty()) << compiled.warnings()[0];
  }
  EXPECT_GT(rebuilt, count / 2);
  EXPECT_EQ(names().size(), 1u);
}

TEST_F(Cache, HostileHeadersDoNoHarm) {
  compile();
  const fs::path entry = entries()[0].path;
  const std::string whole = testing::bytes_of(entry);
  const int count = std::getenv("SACCADE_CACHE_MUTATIONS") != nullptr ? std::atoi(std::getenv("SACCADE_CACHE_MUTATIONS")) : 300;
  const std::string header = testing::header_in(whole);
  const std::size_t numbers = header.find("\"constants\""), text = header.find("\"graph\"");
  ASSERT_LT(numbers, text);
  testing::Tally tally;
  for (int seed = 0; seed < count; ++seed) {
    // sizes, places and sources of what is in the file, and every third time the graph
    std::string part = seed % 3 == 0 ? header.substr(text) : header.substr(numbers, text - numbers);
    part = testing::mutated(part, static_cast<unsigned>(seed));
    const std::string changed = seed % 3 == 0 ? header.substr(0, text) + part : header.substr(0, numbers) + part + header.substr(text);
    fs::remove(entry);
    std::ofstream(entry, std::ios::binary) << testing::with_header(whole, changed);
    testing::check_reader([&] { run(compile()); }, "seed " + std::to_string(seed), tally);
  }
  tally.print("entries");
}

TEST_F(Cache, DamagedWeightsAreNoticed) {
  compile();
  const fs::path entry = entries()[0].path;
  const std::string whole = testing::bytes_of(entry);
  const Tensor want = without();
  for (std::size_t at = whole.size() / 16; at < whole.size() - 128; at += whole.size() / 16) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    fs::remove(entry);
    std::ofstream(entry, std::ios::binary) << damaged;
    expect_same(run(compile()), want);
    expect_same(run(compile({properties::exact(true)})), run(Core().compile_model(model, "CPU", {properties::threads(1), properties::exact(true)})));
  }
}

TEST_F(Cache, TheLeastRecentlyUsedGoes) {
  std::vector<fs::path> models;
  for (int i = 0; i < 4; ++i) {
    models.push_back(folder / ("m" + std::to_string(i) + ".saccade").c_str());
    write_model(models.back(), std::string(kNetwork).replace(std::string(kNetwork).find("f32[128,100]{random 8}"), 22, "f32[128,2000]{random " + std::to_string(20 + i) + "}"));
  }
  ::setenv("SACCADE_CACHE_MB", "8", 1);  // room for two or three
  const auto take = [&](int i) {
    const bool found = Core().compile_model(models[static_cast<std::size_t>(i)], "CPU", {properties::cache_dir(cache.string())}).loaded_from_cache();
    std::this_thread::sleep_for(std::chrono::milliseconds(15));  // times of files are coarse
    return found;
  };
  EXPECT_FALSE(take(0));
  EXPECT_FALSE(take(1));
  EXPECT_TRUE(take(0));
  EXPECT_FALSE(take(2));
  EXPECT_FALSE(take(3));
  EXPECT_TRUE(take(3));
  EXPECT_TRUE(take(2));
  EXPECT_FALSE(take(1));
  std::uint64_t bytes = 0;
  for (const auto& entry : entries()) bytes += entry.bytes;
  EXPECT_LE(bytes, 8u << 20);
  ::setenv("SACCADE_CACHE_MB", "1", 1);
  const CompiledModel large = Core().compile_model(folder / "m0.saccade", "CPU", {properties::cache_dir((folder / "small").string())});
  ASSERT_EQ(large.warnings().size(), 1u);
  EXPECT_NE(large.warnings()[0].find("SACCADE_CACHE_MB"), std::string::npos);
  ::unsetenv("SACCADE_CACHE_MB");
}

TEST_F(Cache, WhereNothingCanBeWritten) {
  std::ofstream(folder / "file") << "in the way";
  const CompiledModel compiled = Core().compile_model(model, "CPU", {properties::cache_dir((folder / "file").string())});
  ASSERT_EQ(compiled.warnings().size(), 1u);
  EXPECT_NE(compiled.warnings()[0].find("file"), std::string::npos);
  run(compiled);
  if (::access("/dev/full", W_OK) == 0 && ::geteuid() != 0) {
    fs::create_directory(cache);
    fs::permissions(cache, fs::perms::owner_read | fs::perms::owner_exec);
    EXPECT_EQ(compile().warnings().size(), 1u);
  }
}

TEST_F(Cache, ReadOnlyEntriesAreTaken) {
  compile();
  fs::permissions(entries()[0].path, fs::perms::owner_read);
  fs::permissions(cache, fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_TRUE(compile().loaded_from_cache());
}

TEST_F(Cache, ProcessesDoNotDisturbOneAnother) {
  const Tensor want = without();
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    if (child == 0) {
      bool good = true;
      for (int turn = 0; turn < 6; ++turn) {
        if (turn % 2 == i % 2)
          for (const auto& entry : entries()) fs::remove(entry.path);
        const CompiledModel compiled = compile();
        const Tensor got = run(compiled);
        good &= compiled.warnings().empty() && std::memcmp(got.raw(), want.raw(), want.size_bytes()) == 0;
      }
      ::_exit(good ? 0 : 1);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_EQ(status, 0);
  }
  EXPECT_LE(names().size(), 1u);
}

TEST_F(Cache, ThreadsDoNotDisturbOneAnother) {
  const Tensor want = without();
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { expect_same(run(compile()), want); });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(names().size(), 1u);
}

TEST_F(Cache, TheReferenceDeviceDoesNotTakePart) {
  const CompiledModel compiled = Core().compile_model(model, "REFERENCE", {properties::cache_dir(cache.string())});
  EXPECT_FALSE(compiled.loaded_from_cache());
  EXPECT_TRUE(names().empty());
}

TEST_F(Cache, SizesThatAreNotKnown) {
  const auto fix = [](Model& m) { m.set_batch(2); };
  const auto sized = [&] { return api::read_through_cache(cache, model, {}, "", [&] { return Core().read_model(model); }, fix); };
  EXPECT_EQ(sized().inputs()[0].shape[0], 1);  // nothing to fix
  Core().compile_model(sized());
  EXPECT_TRUE(Core().compile_model(sized()).loaded_from_cache());
  EXPECT_TRUE(compile().loaded_from_cache());  // the same entry
  write_model(model, std::string(kNetwork).replace(std::string(kNetwork).find("[1,3,24,24]"), 11, "[?,3,24,24]"));
  EXPECT_EQ(sized().inputs()[0].shape[0], 2);
  Core().compile_model(sized());
  EXPECT_TRUE(Core().compile_model(sized()).loaded_from_cache());
  EXPECT_FALSE(compile().loaded_from_cache());
  EXPECT_EQ(sized().inputs()[0].shape[0], 2);
  const CompiledModel compiled = compile();
  EXPECT_TRUE(compiled.loaded_from_cache());
  InferRequest request = compiled.create_infer_request();
  for (const std::int64_t batch : {1, 3}) {
    request.set_input_tensor(Tensor(ElementType::f32, {batch, 3, 24, 24}));
    request.infer();
    EXPECT_EQ(request.get_output_tensor().shape()[0], batch);
  }
}

}  // namespace
}  // namespace saccade
