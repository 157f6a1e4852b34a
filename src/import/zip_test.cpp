// SPDX-License-Identifier: Apache-2.0
// Zip archives: what is read, and what is refused.
#include "import/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "saccade/error.h"
#include "support/zip_writer.h"

namespace saccade::import {
namespace {

using saccade::testing::zip_archive;
using saccade::testing::ZipFile;
using ::testing::HasSubstr;

std::string contents(const std::string& bytes, const std::string& name) {
  const ZipArchive archive(bytes);
  const ZipEntry* entry = archive.find(name);
  return entry ? archive.read(*entry) : "absent";
}

std::string refusal(const std::string& bytes, const std::string& name) {
  try {
    return "accepted: " + contents(bytes, name).substr(0, 20);
  } catch (const Error& e) {
    return e.message();
  }
}

TEST(Zip, ReadsStoredAndDeflatedEntries) {
  const std::string long_text(200'000, 'x');
  const std::string bytes = zip_archive({{"a.txt", "hello"}, {"folder/b.txt", long_text, true}, {"empty", ""}});
  EXPECT_EQ(contents(bytes, "a.txt"), "hello");
  EXPECT_EQ(contents(bytes, "folder/b.txt"), long_text);
  EXPECT_EQ(contents(bytes, "empty"), "");
  EXPECT_EQ(contents(bytes, "b.txt"), "absent");
}

TEST(Zip, MayStandBehindOtherData) {
  const std::string bytes = "something else in front of it" + zip_archive({{"a.txt", "hello"}});
  EXPECT_TRUE(ZipArchive::at_end_of(bytes));
  EXPECT_EQ(contents(bytes, "a.txt"), "hello");
  EXPECT_FALSE(ZipArchive::at_end_of(std::string("no archive, but long enough for one")));
}

TEST(Zip, RefusesWhatCannotBe) {
  EXPECT_THAT(refusal(zip_archive({{"../a", "x"}}), "../a"), HasSubstr("leads out of it"));
  EXPECT_THAT(refusal(zip_archive({{"/a", "x"}}), "/a"), HasSubstr("leads out of it"));
  EXPECT_THAT(refusal(zip_archive({{"b/../../a", "x"}}), "a"), HasSubstr("leads out of it"));
  EXPECT_THAT(refusal(zip_archive({{"a", "x", false, 5}}), "a"), HasSubstr("two sizes"));
  EXPECT_THAT(refusal(zip_archive({{"a", "xyz", false, -1, 7}}), "a"), HasSubstr("checksum"));
  EXPECT_THAT(refusal(zip_archive({{"a", "xyz", true, 0xfffffff0}}), "a"), HasSubstr("claims 4294967280 bytes"));
  EXPECT_THAT(refusal(zip_archive({{"a", std::string(100'000, 'x'), true, 500}}), "a"), HasSubstr("cannot be unpacked"));
  EXPECT_THAT(refusal(zip_archive({{"a", std::string(100'000, 'x'), true, 100'001}}), "a"), HasSubstr("cannot be unpacked"));
  EXPECT_THAT(refusal("PK", "a"), HasSubstr("table of contents is missing"));
}

TEST(Zip, EveryTruncationIsRefused) {
  const std::string bytes = zip_archive({{"a.txt", "hello"}, {"b.txt", std::string(500, 'b'), true}});
  for (std::size_t n = 0; n < bytes.size(); ++n) EXPECT_THAT(refusal(bytes.substr(0, n), "b.txt"), HasSubstr("zip archive")) << n;
}

}  // namespace
}  // namespace saccade::import
