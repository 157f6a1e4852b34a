// SPDX-License-Identifier: Apache-2.0
// 3×3 convolutions by Winograd's algorithm, with each kind of tile, against the sums as they are defined.
#include "plan/testing.h"

namespace saccade::plan {
namespace {

TEST(Winograd, Sweep) {
  struct Case {
    std::int64_t n, c, o, h, w, pad;
  };
  for (const Case& c : {Case{1, 16, 16, 8, 8, 1}, Case{1, 17, 19, 9, 13, 1}, Case{2, 33, 32, 10, 11, 1}, Case{1, 16, 40, 14, 14, 0}, Case{1, 64, 20, 7, 30, 2}, Case{1, 20, 64, 31, 9, 1},
                       Case{3, 70, 64, 2, 7, 1}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w}), y = net.conv(x, c.o, 3, 1, c.pad);
    net.output(net.relu(y));
    net.output(net.unary(UnaryKind::Sigmoid, net.conv(x, c.o, 3, 1, c.pad)));
    if (c.pad == 1) {
      const ValueId shortcut = net.conv(x, c.o, 1);
      net.output(net.relu(net.binary(BinaryKind::Add, shortcut, net.conv(x, c.o, 3, 1, 1))));
    }
    const std::vector<Shape> shapes{{c.n, c.c, c.h, c.w}};
    const auto tiles_of = [&](const std::string& size, bool taken) { return std::pair(fmt::format("winograd{} {}>{} {}x{} n{}", size, c.c, c.o, c.h + 2 * c.pad - 2, c.w + 2 * c.pad - 2, c.n), taken); };
    const Answers large{tiles_of("", true)}, small{tiles_of("", false), tiles_of(" 2x2", true)}, neither{tiles_of("", false), tiles_of(" 2x2", false)};
    for (Isa isa : levels())
      if (isa != Isa::scalar) {
        const auto kernel = [&](const Answers& answers, bool exact = false) {
          const auto compilation = program(net.graph, isa, exact, answers)->compile(shapes);
          const Step* const step = find_step(*compilation->plan, "winograd 3x3");
          return step == nullptr ? "" : step->kernel;
        };
        EXPECT_TRUE(kernel({}).starts_with("winograd 3x3"));
        EXPECT_EQ(kernel(large).find("by 2x2"), std::string::npos);
        EXPECT_TRUE(kernel(large).starts_with("winograd 3x3"));
        EXPECT_TRUE(kernel(small).starts_with("winograd 3x3 by 2x2"));
        EXPECT_EQ(kernel(neither), "");
        EXPECT_EQ(kernel({}, true), "");
      }
    for (const Answers& answers : {large, small}) expect_parity(net, {random_tensor({c.n, c.c, c.h, c.w}, 9)}, 3e-5, answers);
  }
}

TEST(Winograd, StrideTwo) {
  struct Case {
    std::int64_t n, c, o, h, w, pad;
  };
  for (const Case& c : {Case{1, 16, 16, 8, 8, 1}, Case{1, 17, 19, 9, 13, 1}, Case{2, 33, 32, 10, 11, 0}, Case{1, 16, 40, 3, 3, 0}, Case{1, 64, 20, 7, 30, 2}, Case{3, 20, 64, 31, 9, 1}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w});
    net.output(net.unary(UnaryKind::Swish, net.conv(x, c.o, 3, 2, c.pad)));
    if (c.pad == 1) {
      const ValueId shortcut = net.conv(x, c.o, 1, 2);
      net.output(net.relu(net.binary(BinaryKind::Add, shortcut, net.conv(x, c.o, 3, 2, 1))));
    }
    const auto outputs = [&](std::int64_t size) { return (size + 2 * c.pad - 3) / 2 + 1; };
    const Answers taken{{fmt::format("winograd 2x2/2 {}>{} {}x{} n{}", c.c, c.o, outputs(c.h), outputs(c.w), c.n), true}};
    for (Isa isa : levels())
      if (isa != Isa::scalar) {
        const auto fast = program(net.graph, isa, false, taken)->compile(std::vector<Shape>{{c.n, c.c, c.h, c.w}});
        EXPECT_NE(find_step(*fast->plan, "winograd 3x3/2 by 2x2"), nullptr) << print(*fast->plan);
      }
    expect_parity(net, {random_tensor({c.n, c.c, c.h, c.w}, 9)}, 2e-5, taken);
  }
}

}  // namespace
}  // namespace saccade::plan
