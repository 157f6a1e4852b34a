// SPDX-License-Identifier: Apache-2.0
// Regions: stages that hand on lines rather than images, against the reference executor.
#include "plan/testing.h"

#include "ops/resize.h"
#include "ops/topk.h"

namespace saccade::plan {
namespace {

TEST(Region, ExpandDepthwiseProject) {
  struct Case {
    std::int64_t n, c, wide, h, w, k, stride, dilation, out;
    bool shortcut;
  };
  for (const Case& c : {Case{1, 16, 96, 48, 50, 3, 1, 1, 16, true}, Case{2, 9, 70, 47, 45, 3, 2, 1, 21, false}, Case{1, 20, 72, 40, 61, 5, 1, 1, 20, true},
                        Case{1, 12, 64, 39, 50, 3, 1, 2, 24, false}, Case{1, 3, 40, 50, 60, 3, 1, 1, 16, false}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w});
    const ValueId expanded = net.unary(UnaryKind::HSwish, c.c == 3 ? net.conv(x, c.wide, 3, 1, 1) : net.conv(x, c.wide, 1));
    GroupConvolution depthwise;
    const std::int64_t pad = c.k / 2 * c.dilation;
    depthwise.window = {{c.stride, c.stride}, {c.dilation, c.dilation}, {pad, pad}, {pad, pad}, AutoPad::explicit_};
    const ValueId narrow = net.relu(net.binary(BinaryKind::Add, net.edit(depthwise, {expanded, net.weights({c.wide, 1, 1, c.k, c.k})}), net.weights({1, c.wide, 1, 1})));
    ValueId y = net.conv(narrow, c.out, 1);
    if (c.shortcut) y = net.binary(BinaryKind::Add, x, y);
    net.output(net.relu(y));
    const auto plan = program(net.graph, Isa::scalar)->compile(std::vector<Shape>{{c.n, c.c, c.h, c.w}});
    EXPECT_NE(find_step(*plan->plan, "rows: "), nullptr) << print(*plan->plan);
    expect_parity(net, {random_tensor({c.n, c.c, c.h, c.w}, 9)});
  }
}

TEST(Region, ConvolutionAndPooling) {
  struct Case {
    std::int64_t n, c, h, w, k, stride, out, pool, pool_stride, pool_pad;
    bool max;
  };
  for (const Case& c : {Case{1, 3, 120, 122, 7, 2, 64, 3, 2, 1, true}, Case{2, 5, 61, 70, 1, 1, 40, 2, 2, 0, true}, Case{1, 20, 63, 57, 5, 1, 24, 3, 1, 1, false},
                        Case{1, 8, 60, 50, 3, 2, 90, 5, 3, 2, true}}) {
    Net net;
    const ValueId x = net.input(Shape{c.n, c.c, c.h, c.w});
    const ValueId y = net.relu(net.conv(x, c.out, c.k, c.stride, c.k / 2));
    const Window window{{c.pool_stride, c.pool_stride}, {}, {c.pool_pad, c.pool_pad}, {c.pool_pad, c.pool_pad}, AutoPad::explicit_};
    if (c.max) {
      MaxPool pool;
      pool.window = window;
      pool.kernel = {c.pool, c.pool};
      net.output(net.edit(pool, {y}));
    } else {
      AvgPool pool;
      pool.window = window;
      pool.kernel = {c.pool, c.pool};
      pool.exclude_pad = true;
      net.output(net.edit(pool, {y}));
    }
    const std::vector<Shape> shapes{{c.n, c.c, c.h, c.w}};
    const auto first = program(net.graph, highest_isa())->compile(shapes);
    const auto& choices = first->plan->choices;
    const auto choice = std::find_if(choices.begin(), choices.end(), [](const Choice& c) { return c.key.starts_with("pooled "); });
    ASSERT_NE(choice, choices.end()) << print(*first->plan);
    const auto fused = program(net.graph, highest_isa(), false, {{choice->key, true}})->compile(shapes);
    EXPECT_NE(find_step(*fused->plan, " > pool"), nullptr) << print(*fused->plan);
    expect_parity(net, {random_tensor({c.n, c.c, c.h, c.w}, 9)}, 2e-5, {{choice->key, true}});
  }
}

TEST(Region, LargestChannelOfAnEnlargedImage) {
  for (const std::int64_t channels : {1, 2, 19, 33})
    for (const bool keep_dims : {false, true})
      for (const auto coordinates : {ResizeCoordinates::half_pixel, ResizeCoordinates::align_corners}) {
        Net net;
        const ValueId x = net.input(Shape{2, 6, 7, 9}), scores = net.conv(x, channels, 1);
        Resize resize;
        resize.mode = ResizeMode::linear;
        resize.coordinates = coordinates;
        resize.axes = {2, 3};
        ArgReduce arg;
        arg.axis = 1;
        arg.keep_dims = keep_dims;
        arg.output_type = keep_dims ? ElementType::i64 : ElementType::i32;
        net.output(net.edit(arg, {net.edit(resize, {scores, net.ints({23, 41})})}));
        const auto plan = program(net.graph, highest_isa())->compile(std::vector<Shape>{{2, 6, 7, 9}});
        EXPECT_NE(find_step(*plan->plan, "by planes > argmax"), nullptr) << print(*plan->plan);
        expect_parity(net, {random_tensor({2, 6, 7, 9}, 3)});
      }
}

TEST(Plan, ArgMaxAlongEveryAxis) {
  for (const std::int64_t axis : {0, 1, 2, 3})
    for (const auto kind : {ArgKind::ArgMax, ArgKind::ArgMin})
      for (const bool images : {false, true}) {  // channels innermost or not
        Net net;
        const ValueId x = net.input(Shape{2, 5, 11, 9});
        ArgReduce arg;
        arg.kind = kind;
        arg.axis = axis;
        arg.keep_dims = axis % 2 == 0;
        arg.output_type = images ? ElementType::i64 : ElementType::i32;
        arg.select_last_index = images;
        net.output(net.edit(arg, {images ? net.conv(x, 21, 1) : net.relu(x)}));
        const auto plan = program(net.graph, highest_isa())->compile(std::vector<Shape>{{2, 5, 11, 9}});
        EXPECT_NE(find_step(*plan->plan, "argmax"), nullptr) << print(*plan->plan);
        expect_parity(net, {random_tensor({2, 5, 11, 9}, 3)});
      }
}

TEST(Plan, TransposedConvolutionOfAGivenSize) {
  for (const std::int64_t k : {2, 3, 4})
    for (const auto pad : {AutoPad::same_upper, AutoPad::same_lower}) {
      Net net;
      const ValueId x = net.input(Shape{2, 7, 5, 6});
      ConvolutionBackpropData op;
      op.window.strides = {2, 2};
      op.window.auto_pad = pad;
      const ValueId y = net.edit(op, {x, net.weights({7, 19, k, k}), net.ints({10, 12})});
      net.output(net.relu(net.binary(BinaryKind::Add, y, net.weights({1, 19, 1, 1}))));
      const auto plan = program(net.graph, highest_isa())->compile(std::vector<Shape>{{2, 7, 5, 6}});
      EXPECT_NE(find_step(*plan->plan, "dense phase"), nullptr) << print(*plan->plan);
      expect_parity(net, {random_tensor({2, 7, 5, 6}, 3)});
    }
}

}  // namespace
}  // namespace saccade::plan
