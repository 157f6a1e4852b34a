// SPDX-License-Identifier: Apache-2.0
// Patches of images: unfolded and folded by the convolutions around them.
#include "plan/testing.h"

namespace saccade::plan {
namespace {

// MobileViT's attention over patches: pixels that lie alike in their patches attend to each other.
TEST(Pixels, PatchesAreUnfoldedAndFoldedWithoutCopies) {
  struct Case {
    std::int64_t batch, channels, h, w, ph, pw;
    bool region, copies;
  };
  for (const Case& q :
       {Case{1, 16, 8, 12, 2, 2, false, false}, Case{1, 21, 6, 12, 3, 4, false, false}, Case{1, 32, 16, 16, 2, 2, true, false},
        Case{1, 1, 4, 6, 2, 3, false, false}, Case{2, 16, 8, 12, 2, 2, false, true}}) {
    const std::int64_t rows = q.h / q.ph, columns = q.w / q.pw;
    const Shape input{q.batch, 8, q.h, q.w};
    Net net;
    ValueId x = net.input(input);
    if (q.region) x = net.relu(net.grouped(net.relu(net.conv(x, 64, 1)), 64, 1, 3, 1, 1));
    const ValueId image = net.conv(x, q.channels, 1);
    const ValueId split = net.reshape(image, {q.batch, q.channels, rows, q.ph, columns, q.pw});
    ValueId patches = net.reshape(net.transpose(split, {0, 1, 3, 5, 2, 4}), {q.batch, q.channels, q.ph * q.pw, rows * columns});
    patches = net.edit(Softmax{-1}, {net.binary(BinaryKind::Add, patches, net.conv(net.edit(Softmax{-1}, {patches}), q.channels, 1))});
    const ValueId back = net.transpose(net.reshape(patches, {q.batch, q.channels, q.ph, q.pw, rows, columns}), {0, 1, 4, 2, 5, 3});
    net.output(net.relu(net.conv(net.reshape(back, {q.batch, q.channels, q.h, q.w}), 12, 1)));
    Answers answers;
    if (q.region) answers["rows 8*1x1>64 3x3/1>32 16x16 n1"] = true;
    expect_parity(net, {random_tensor(input, 5)}, 2e-5, answers);
    const auto compilation = program(net.graph, Isa::scalar, false, answers)->compile(std::vector<Shape>{input});
    EXPECT_EQ(find_step(*compilation->plan, "copy: reshape") != nullptr, q.copies) << print(*compilation->plan);
    EXPECT_EQ(find_step(*compilation->plan, "rows:") != nullptr, q.region) << print(*compilation->plan);
  }
}

// What only a convolution of single pixels can read where it lies is copied for others, and for a region.
TEST(Pixels, FoldedImagesAreCopiedForOthers) {
  for (const bool region : {false, true}) {
    const Shape input{1, 8, 4, 24};
    Net net;
    const ValueId patches = net.edit(Softmax{-1}, {net.conv(net.input(input), 16, 1)});
    const ValueId image = net.reshape(net.transpose(net.reshape(patches, {1, 16, 2, 2, 4, 6}), {0, 1, 4, 2, 5, 3}), {1, 16, 8, 12});
    if (region)
      net.output(net.conv(net.relu(net.grouped(net.relu(net.conv(image, 48, 1)), 48, 1, 3, 1, 1)), 12, 1));
    else
      net.output(net.conv(image, 12, 3, 1, 1));
    Answers answers;
    if (region) answers["rows 16*1x1>48 3x3/1>12 8x12 n1"] = true;
    expect_parity(net, {random_tensor(input, 5)}, 2e-5, answers);
    const auto compilation = program(net.graph, Isa::scalar, false, answers)->compile(std::vector<Shape>{input});
    EXPECT_NE(find_step(*compilation->plan, region ? "rows:" : "dense 3x3"), nullptr) << print(*compilation->plan);
    EXPECT_NE(find_step(*compilation->plan, "copy: reshape"), nullptr) << print(*compilation->plan);
  }
}

// A convolution puts its result where the movers behind it would take it, whoever reads it there.
TEST(Pixels, ConvolutionsWriteFoldedImages) {
  const Shape input{1, 8, 4, 24};
  Net net;
  const ValueId patches = net.relu(net.conv(net.input(input), 16, 1));
  const ValueId image = net.reshape(net.transpose(net.reshape(patches, {1, 16, 2, 2, 4, 6}), {0, 1, 4, 2, 5, 3}), {1, 16, 8, 12});
  net.output(net.conv(image, 12, 3, 1, 1));
  expect_parity(net, {random_tensor(input, 5)});
  const auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{input});
  EXPECT_EQ(find_step(*compilation->plan, "copy: reshape"), nullptr) << print(*compilation->plan);
}

}  // namespace
}  // namespace saccade::plan
