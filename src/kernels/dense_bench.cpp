// SPDX-License-Identifier: Apache-2.0
// Times the dense and depthwise kernels at the layer shapes of three networks against the multiply-add peak of this core,
// measured in the same run. One line a layer: name, GFLOP/s, percent of the peak beside it, median of the repetitions.
//   taskset -c 1 dense_bench [level] [filter]
#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/arena.h"
#include "base/cpu.h"
#include "kernels/table.h"

namespace saccade::kernels {
namespace {

// Processor time of this thread: what runs beside it on the core does not count.
double now() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

#ifdef __x86_64__
// Twelve independent chains of multiply-adds, nothing else.
template <class Step>
double chains(Step step, double flops_per_step) {
  double best = 1e30;
  for (int repeat = 0; repeat < 5; ++repeat) {
    const double start = now();
    for (int i = 0; i < 100000; ++i) step();
    best = std::min(best, now() - start);
  }
  return flops_per_step * 100000 / best * 1e-9;
}

#define SACCADE_CHAINS(reg)                                                                                          \
  asm volatile(                                                                                                             \
      "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "0\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "1\n"                   \
      "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "2\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "3\n"                   \
      "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "4\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "5\n"                   \
      "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "6\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "7\n"                   \
      "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "8\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "9\n"                   \
      "vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "10\n vfmadd231ps %%" reg "12, %%" reg "13, %%" reg "11\n" ::              \
          : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11")

double peak(int lanes) {
  if (lanes >= 16 && highest_isa() >= Isa::avx512) return chains([] { SACCADE_CHAINS("zmm"); }, 12 * 16 * 2);
  if (highest_isa() >= Isa::avx2) return chains([] { SACCADE_CHAINS("ymm"); }, 12 * 8 * 2);
  return 1;
}
#else
double peak(int) { return 1; }
#endif

struct Layer {
  const char* name;
  Index h, w, c, n, kernel, stride;  // kernel 0: depthwise 3×3; h, w: input
};

constexpr Layer kLayers[] = {
    {"mnv2 expand", 112, 112, 16, 96, 1, 1},   {"mnv2 project", 56, 56, 96, 24, 1, 1},   {"mnv2 expand", 56, 56, 24, 144, 1, 1},
    {"mnv2 project", 56, 56, 144, 24, 1, 1},   {"mnv2 expand", 28, 28, 32, 192, 1, 1},   {"mnv2 project", 28, 28, 192, 32, 1, 1},
    {"mnv2 expand", 14, 14, 64, 384, 1, 1},    {"mnv2 project", 14, 14, 384, 64, 1, 1},  {"mnv2 expand", 14, 14, 96, 576, 1, 1},
    {"mnv2 project", 7, 7, 960, 160, 1, 1},    {"mnv2 head", 7, 7, 320, 1280, 1, 1},     {"ssd expand", 19, 19, 64, 384, 1, 1},
    {"resnet", 56, 56, 64, 64, 1, 1},          {"resnet", 56, 56, 64, 256, 1, 1},        {"resnet", 56, 56, 256, 64, 1, 1},
    {"resnet", 28, 28, 512, 128, 1, 1},        {"resnet", 28, 28, 128, 512, 1, 1},       {"resnet", 14, 14, 1024, 256, 1, 1},
    {"resnet", 14, 14, 256, 1024, 1, 1},       {"resnet", 7, 7, 2048, 512, 1, 1},        {"resnet", 7, 7, 512, 2048, 1, 1},
    {"resnet", 56, 56, 64, 64, 3, 1},          {"resnet", 28, 28, 128, 128, 3, 1},       {"resnet", 14, 14, 256, 256, 3, 1},
    {"resnet", 7, 7, 512, 512, 3, 1},          {"resnet down", 56, 56, 128, 128, 3, 2},  {"yolo", 320, 320, 16, 32, 3, 2},
    {"yolo", 160, 160, 16, 16, 3, 1},          {"yolo", 160, 160, 32, 32, 1, 1},         {"yolo", 160, 160, 48, 32, 1, 1},
    {"yolo", 160, 160, 32, 64, 3, 2},          {"yolo", 80, 80, 32, 32, 3, 1},           {"yolo", 80, 80, 64, 64, 3, 1},
    {"yolo", 80, 80, 64, 80, 3, 1},            {"yolo", 80, 80, 80, 80, 3, 1},           {"yolo", 80, 80, 80, 80, 1, 1},
    {"yolo", 40, 40, 64, 64, 3, 1},            {"yolo", 40, 40, 128, 64, 3, 1},          {"yolo", 40, 40, 192, 128, 1, 1},
    {"yolo", 20, 20, 128, 128, 3, 1},          {"yolo", 20, 20, 384, 256, 1, 1},         {"dense small n", 56, 56, 64, 1, 1, 1},
    {"dense small n", 56, 56, 64, 6, 1, 1},    {"fc", 1, 1, 2048, 1000, 1, 1},           {"fc", 1, 1, 512, 256, 1, 1},
    {"rows 4", 1, 4, 512, 512, 1, 1},          {"dw small", 28, 28, 32, 32, 0, 1},        {"dw small", 28, 28, 32, 32, 0, 2},
    {"dw tiny", 8, 8, 32, 32, 0, 1},          {"dw tiny", 16, 16, 16, 16, 0, 1},        {"dw tiny", 3, 48, 16, 16, 0, 1},       {"dw", 112, 112, 32, 32, 0, 1},           {"dw", 112, 112, 96, 96, 0, 2},
    {"dw", 56, 56, 144, 144, 0, 1},            {"dw", 56, 56, 144, 144, 0, 2},           {"dw", 28, 28, 192, 192, 0, 1},
    {"dw", 14, 14, 384, 384, 0, 1},            {"dw", 14, 14, 576, 576, 0, 1},           {"dw", 14, 14, 576, 576, 0, 2},
    {"dw", 7, 7, 960, 960, 0, 1},
};

class Bench {
 public:
  explicit Bench(const KernelTable& table) : table_(table), memory_(std::size_t{192} << 20) {
    float* all = reinterpret_cast<float*>(memory_.data());
    for (std::size_t i = 0; i < memory_.size() / 4; ++i) all[i] = static_cast<float>(i * 2654435761u >> 20 & 255) / 256.f - 0.5f;
  }

  void time(const Layer& l) {
    used_ = 0;
    const Index pad = l.kernel == 1 ? 0 : 1, side = l.kernel == 0 ? 3 : l.kernel;
    const Index oh = (l.h + 2 * pad - side) / l.stride + 1, ow = (l.w + 2 * pad - side) / l.stride + 1;
    float* in = take(l.h * l.w * l.c + 64);
    float* out = take(oh * ow * (l.n + 16));
    float* zeros = take(l.c + 16);
    std::memset(zeros, 0, static_cast<std::size_t>(l.c) * 4);
    float* bias = take(l.n + 16);
    const Epilogue e{.bias = bias, .first = {Fn::clip, 0, 6}};
    if (l.kernel == 0) {
      float* packed = take(9 * (l.c + 16));
      table_.depthwise_pack({.src = bias, .channels = 0, .kh = 3, .kw = 3, .dst = packed});
      report(l, 2.0 * 9 * static_cast<double>(oh * ow * l.c), [&] {
        for (Index y = 0; y < oh; ++y) {
          const float* rows[3];
          for (Index k = 0; k < 3; ++k) {
            const Index iy = y * l.stride + k - 1;
            rows[k] = iy < 0 || iy >= l.h ? nullptr : in + iy * l.w * l.c;
          }
          table_.depthwise_row({.in = {.rows = rows, .pitch = l.c, .width = l.w, .kh = 3, .kw = 3, .stride = l.stride, .pad_left = 1},
                                .weights = packed, .channels = l.c, .out = out + y * ow * l.c, .out_pitch = l.c, .out_width = ow,
                                .lanes = Lanes::full, .epilogue = e});
        }
      });
      return;
    }
    const Index taps = side * side, k_total = taps * l.c;
    float* packed = take(table_.dense_shape(k_total, l.n).packed_floats);
    DenseArgs a{.rows = {.base = in, .pitch = l.c}, .k = l.c, .n = l.n, .weights = packed, .out = out, .out_pitch = rounded(l.n),
                .lanes = Lanes::full, .epilogue = e};
    std::vector<std::int32_t> y, x;
    if (side > 1) {
      for (Index oy = 0; oy < oh; ++oy) {
        for (Index k = 0; k < side; ++k) y.push_back(offset(oy * l.stride + k - pad, l.h, l.w * l.c));
      }
      for (Index k = 0; k < side; ++k) {
        for (Index ox = 0; ox < ow; ++ox) x.push_back(offset(ox * l.stride + k - pad, l.w, l.c));
      }
      a.rows = {.base = in, .y = y.data(), .x = x.data(), .kh = side, .kw = side, .zeros = zeros};
      a.width = ow;
      a.out_line_pitch = ow * a.out_pitch;
    }
    report(l, 2.0 * static_cast<double>(oh * ow * l.n * k_total), [&] { table_.dense(a, {0, oh * ow, 0, l.n}); });
  }

 private:
  static Index rounded(Index n) { return (n + 15) / 16 * 16; }
  static std::int32_t offset(Index i, Index limit, Index pitch) {
    return i < 0 || i >= limit ? kOutside : static_cast<std::int32_t>(i * pitch);
  }
  float* take(Index floats) {
    float* p = reinterpret_cast<float*>(memory_.data()) + used_;
    used_ += rounded(floats) + 80;
    return p;
  }
  template <class Run>
  void report(const Layer& l, double flops, Run run) const {
    run();
    const int inner = std::max(1, static_cast<int>(1e8 / flops));
    std::vector<double> times, peaks;
    for (int i = 0; i < 15; ++i) {
      if (i % 5 == 0) peaks.push_back(peak(table_.lanes));
      const double start = now();
      for (int j = 0; j < inner; ++j) run();
      times.push_back((now() - start) / inner);
    }
    std::sort(times.begin(), times.end());
    std::sort(peaks.begin(), peaks.end());
    const double speed = flops / times[times.size() / 2] * 1e-9, most = peaks[peaks.size() / 2];
    fmt::print("{:<14} {:>3}x{:<3} {:>4}->{:<4} {} s{}  {:7.1f} GFLOP/s {:5.1f} %  best {:5.1f} %  {:9.1f} us\n", l.name, l.h, l.w, l.c, l.n,
               l.kernel == 0 ? "dw " : l.kernel == 1 ? "1x1" : "3x3", l.stride, speed, 100 * speed / most,
               100 * flops / times[0] * 1e-9 / peaks.back(), times[times.size() / 2] * 1e6);
    std::fflush(stdout);
  }

  const KernelTable& table_;
  Arena memory_;
  Index used_ = 0;
};

}  // namespace
}  // namespace saccade::kernels

int main(int argc, char** argv) {
  using namespace saccade;
  const kernels::KernelTable& table = kernels::select(argc > 1 && *argv[1] ? parse_isa(argv[1]) : allowed_isa());
  fmt::print("level {}, peak {:.1f} GFLOP/s\n", table.isa, kernels::peak(table.lanes));
  kernels::Bench bench(table);
  for (const kernels::Layer& l : kernels::kLayers) {
    const std::string name = fmt::format("{} {}x{} {}->{} {}", l.name, l.h, l.w, l.c, l.n, l.kernel);
    if (argc < 3 || name.find(argv[2]) != std::string::npos) bench.time(l);
  }
}
