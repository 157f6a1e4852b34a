// SPDX-License-Identifier: Apache-2.0
// The memory planner: steps that write over what they read.
#include "plan/testing.h"

namespace saccade::plan {
namespace {

// How many buffers of the net's plan are written over others.
std::ptrdiff_t in_place(const Net& net, const Shape& input) {
  const auto compilation = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{input});
  const auto& buffers = compilation->plan->buffers;
  return std::count_if(buffers.begin(), buffers.end(), [&](const Buffer& b) {
    if (b.over >= 0) {
      EXPECT_EQ(b.offset, buffers[static_cast<std::size_t>(b.over)].offset);
    }
    return b.over >= 0;
  });
}

TEST(Memory, ResidualSumsGoOverWhatTheyAdd) {
  for (std::int64_t channels : {16, 40, 21}) {  // 21: rows that end within a vector
    for (bool needed_later : {false, true}) {
      const Shape input{1, 8, 9, 9};
      Net net;
      const ValueId wide = net.relu(net.conv(net.input(input), channels, 1));
      const ValueId sum = net.relu(net.binary(BinaryKind::Add, net.conv(net.relu(net.conv(wide, 24, 1)), channels, 1), wide));
      const ValueId last = net.conv(sum, 12, 1);
      net.output(needed_later ? net.conv(net.edit(Concat{1}, {last, wide}), 4, 1) : last);
      EXPECT_EQ(in_place(net, input), needed_later ? 0 : 1) << channels;
      expect_parity(net, {random_tensor(input, 5)});
    }
  }
}

TEST(Memory, ConvolutionsDoNotGoOverWhatTheyRead) {
  const Shape input{1, 8, 9, 9};
  Net net;
  const ValueId x = net.relu(net.conv(net.input(input), 16, 1));
  net.output(net.conv(net.binary(BinaryKind::Add, net.conv(x, 16, 1), x), 4, 1));
  EXPECT_EQ(in_place(net, input), 0);
  expect_parity(net, {random_tensor(input, 5)});
}

TEST(Memory, MapsGoOverTheirLastInput) {
  const Shape input{2, 8, 9, 9};
  Net net;
  const ValueId x = net.conv(net.input(input), 16, 3, 1, 1), gate = net.edit(Reduce{ReduceKind::Mean, true}, {x, net.ints({2, 3})});
  const ValueId scaled = net.binary(BinaryKind::Multiply, x, gate);
  net.output(net.conv(
      net.binary(BinaryKind::Subtract, net.edit(Select{}, {net.binary(BinaryKind::Less, scaled, gate), scaled, gate}), gate), 4, 1));
  EXPECT_GE(in_place(net, input), 2);
  expect_parity(net, {random_tensor(input, 5)});
}

}  // namespace
}  // namespace saccade::plan
