// SPDX-License-Identifier: Apache-2.0
// A profile as a page: what ran, where the time goes, how far each step is from what the machine can do.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "bench_profile.h"
#include "html.h"

namespace saccade::cli {
namespace {

constexpr std::string_view kStyle = R"(.figures { grid-template-columns: repeat(4, 1fr); }
.figures b { white-space: nowrap; }
.stack { display: flex; height: 26px; border-radius: 8px; overflow: hidden; margin: 4px 0 14px; }
.stack i { display: block; }
.wide { overflow-x: auto; }
td:not(:first-child) { white-space: nowrap; }
.dot { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 8px; }
svg { width: 100%; height: auto; display: block; background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
svg text { fill: var(--soft); font: 13px system-ui, sans-serif; font-variant-numeric: tabular-nums; }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .minor { stroke: var(--line); stroke-width: 1; opacity: .45; }
svg .roof { stroke: var(--ink); stroke-width: 2; fill: none; stroke-linejoin: round; }
svg .name { fill: var(--ink); }
svg circle { fill-opacity: .72; stroke: var(--card); stroke-width: 1; }
svg circle:hover { fill-opacity: 1; stroke: var(--ink); }
.sort { position: absolute; opacity: 0; }
.sort + label { display: inline-block; padding: 3px 14px; border: 1px solid var(--line); border-radius: 99px; color: var(--soft); cursor: pointer; margin-right: 6px; font-size: 14px; }
.sort:checked + label { background: var(--ink); border-color: var(--ink); color: var(--page); }
.sort:focus-visible + label { outline: 2px solid var(--mark); outline-offset: 2px; }
.steps { display: flex; flex-direction: column; margin-top: 14px; font-variant-numeric: tabular-nums; }
.step { display: grid; grid-template-columns: 370px 1fr 76px 76px 64px 64px; gap: 10px; align-items: center; padding: 4px 0; border-bottom: 1px solid var(--line); font-size: 14px; text-align: right; }
.step > :first-child { text-align: left; min-width: 0; }
.step b, .step small { display: block; font-weight: 500; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.step small, .head { color: var(--soft); font-size: 12px; }
.step .bar i { display: block; height: 14px; border-radius: 4px; min-width: 2px; }
#by-time:checked ~ .steps .step { order: var(--rank); }
@media (max-width: 760px) { .figures { grid-template-columns: 1fr 1fr; } .step { grid-template-columns: minmax(0, 1fr) 90px 70px; } .step > :nth-child(n+4) { display: none; } }
)";

std::string percent(double share) { return fmt::format("{:.{}f} %", 100 * share, share < 0.0995 ? 1 : 0); }

std::string_view colour(const LayerProfile& step) { return kernel_kinds()[kernel_kind(step.kernel)].colour; }

// ---- by kind --------------------------------------------------------------------------------------------------------

std::string kinds(const ProfileReport& report) {
  struct Sum {
    int steps = 0;
    double ms = 0, flops = 0, bytes = 0;
  };
  std::vector<Sum> sums(kernel_kinds().size());
  for (const LayerProfile& step : report.steps) {
    Sum& sum = sums[kernel_kind(step.kernel)];
    ++sum.steps;
    sum.ms += step.ms;
    sum.flops += step.flops;
    sum.bytes += step.bytes;
  }
  std::vector<std::size_t> order(sums.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return sums[a].ms > sums[b].ms; });
  const double total = std::max(report.ms(), 1e-9);
  std::string stack = "<div class=stack>", table = "<div class=wide><table><tr><th>kernels<th>steps<th>ms<th>share<th>GFLOP<th>GFLOP/s<th>of the peak<th>MB<th>GB/s</tr>\n";
  for (const std::size_t i : order) {
    const Sum& sum = sums[i];
    if (sum.steps == 0) continue;
    const KernelKind& kind = kernel_kinds()[i];
    stack += fmt::format("<i style=\"width:{:.3f}%;background:{}\" title=\"{}: {:.3f} ms, {}\"></i>", 100 * sum.ms / total, kind.colour, kind.name, sum.ms, percent(sum.ms / total));
    const bool computes = sum.flops > 0;
    table += fmt::format("<tr><td><i class=dot style=\"background:{}\"></i>{}<td>{}<td>{:.3f}<td>{}<td>{}<td>{}<td>{}<td>{:.2f}<td>{:.1f}</tr>\n", kind.colour, kind.name, sum.steps,
                         sum.ms, percent(sum.ms / total), computes ? fmt::format("{:.3f}", sum.flops * 1e-9) : "", computes ? fmt::format("{:.1f}", rate(sum.flops, sum.ms)) : "",
                         computes ? percent(report.peak_share(sum.flops, sum.ms)) : "", sum.bytes * 1e-6, rate(sum.bytes, sum.ms));
  }
  table += fmt::format("<tr><td>all<td>{}<td>{:.3f}<td>{}<td>{:.3f}<td>{:.1f}<td>{}<td>{:.2f}<td>{:.1f}</tr>\n</table></div>\n", report.steps.size(), report.ms(), percent(1),
                       report.flops() * 1e-9, rate(report.flops(), report.ms()), percent(report.peak_share(report.flops(), report.ms())), report.bytes() * 1e-6,
                       rate(report.bytes(), report.ms()));
  return "<h2>Where the time goes</h2>\n" + stack + "</div>\n" + table;
}

// ---- the roofline ---------------------------------------------------------------------------------------------------

// A logarithmic axis: from powers of ten to pixels.
struct Axis {
  double low, high;  // decades
  double from, to;   // pixels
  double at(double value) const { return from + (std::log10(value) - low) / (high - low) * (to - from); }
};

std::string number(double value) { return value >= 1 ? fmt::format("{:.0f}", value) : fmt::format("{:g}", value); }

// Lines at each decade, fainter ones between, with numbers.
std::string grid(const Axis& x, const Axis& y) {
  std::string svg;
  const auto line = [&](const Axis& axis, double value, bool decade, bool vertical) {
    const double at = axis.at(value);
    if (vertical)
      svg += fmt::format("<line class={} x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", decade ? "grid" : "minor", at, at, y.from, y.to);
    else
      svg += fmt::format("<line class={} x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", decade ? "grid" : "minor", x.from, x.to, at, at);
  };
  for (const bool vertical : {true, false}) {
    const Axis& axis = vertical ? x : y;
    const bool dense = axis.high - axis.low <= 2.5;  // room for more numbers
    for (double decade = std::floor(axis.low); decade <= axis.high; ++decade)
      for (int k = 1; k < 10; ++k) {
        const double value = k * std::pow(10, decade), at = std::log10(value);
        if (at < axis.low - 1e-9 || at > axis.high + 1e-9) continue;
        line(axis, value, k == 1, vertical);
        if (k != 1 && !(dense && (k == 2 || k == 5))) continue;
        if (vertical)
          svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>", axis.at(value), y.from + 20, number(value));
        else
          svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", x.from - 8, axis.at(value) + 4, number(value));
      }
  }
  return svg;
}

std::string roofline(const ProfileReport& report) {
  struct Dot {
    const LayerProfile* step;
    double intensity, gflops;
  };
  std::vector<Dot> dots;
  for (const LayerProfile& step : report.steps)
    if (step.flops > 0 && step.bytes > 0 && step.ms > 0) dots.push_back({&step, step.flops / step.bytes, rate(step.flops, step.ms)});
  if (dots.empty() || report.peak_gflops <= 0) return {};
  std::sort(dots.begin(), dots.end(), [](const Dot& a, const Dot& b) { return a.step->ms > b.step->ms; });  // small ones in front
  const bool memory = report.memory_gb_per_s > 0;
  const double ridge = memory ? report.peak_gflops / report.memory_gb_per_s : 1;
  double x_low = ridge, x_high = ridge, y_low = report.peak_gflops, y_high = report.peak_gflops;
  for (const Dot& dot : dots) {
    x_low = std::min(x_low, dot.intensity);
    x_high = std::max(x_high, dot.intensity);
    y_low = std::min(y_low, dot.gflops);
    y_high = std::max(y_high, dot.gflops);
  }
  const Axis x{std::log10(x_low / 2), std::log10(x_high * 2), 64, 1000}, y{std::max(std::log10(y_low / 2), std::log10(y_high) - 5), std::log10(y_high * 1.6), 446, 16};
  std::string svg = "<svg viewBox=\"0 0 1020 500\" role=\"img\" aria-label=\"Roofline: arithmetic intensity against speed\">\n" + grid(x, y);
  const double right = std::pow(10, x.high), left = std::max(std::pow(10, x.low), memory ? std::pow(10, y.low) / report.memory_gb_per_s : 0);
  if (memory) {
    svg += fmt::format("\n<polyline class=roof points=\"{:.1f},{:.1f} {:.1f},{:.1f} {:.1f},{:.1f}\"/>", x.at(left), y.at(left * report.memory_gb_per_s), x.at(ridge),
                       y.at(report.peak_gflops), x.at(right), y.at(report.peak_gflops));
    const double slope = -std::atan2((y.from - y.to) / (y.high - y.low), (x.to - x.from) / (x.high - x.low)) * 180 / M_PI;
    const double middle = std::sqrt(std::max(left, ridge / 30) * ridge);
    svg += fmt::format("<text class=name text-anchor=\"middle\" transform=\"translate({:.1f} {:.1f}) rotate({:.2f}) translate(0 -9)\">memory {:.1f} GB/s</text>", x.at(middle),
                       y.at(middle * report.memory_gb_per_s), slope, report.memory_gb_per_s);
  } else {
    svg += fmt::format("\n<polyline class=roof points=\"{:.1f},{:.1f} {:.1f},{:.1f}\"/>", x.from, y.at(report.peak_gflops), x.to, y.at(report.peak_gflops));
  }
  // left of the ridge there is room: steps lie below the roof
  const double label_x = memory && x.at(ridge) > x.from + 180 ? x.at(ridge) - 12 : x.to - 8, label_y = y.at(report.peak_gflops) + (label_x < x.at(ridge) ? 4 : -9);
  svg += fmt::format("<text class=name x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">peak {:.1f} GFLOP/s</text>\n", label_x, label_y, report.peak_gflops);
  const double total = std::max(report.ms(), 1e-9);
  for (const Dot& dot : dots)
    svg += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\"><title>{}: {}\n{:.4f} ms, {:.1f} GFLOP/s, {} of the peak, {:.1f} FLOP/byte</title></circle>\n",
                       x.at(dot.intensity), std::min(y.at(dot.gflops), y.from), 3.5 + 22 * std::sqrt(dot.step->ms / total), colour(*dot.step), html_escaped(dot.step->name),
                       html_escaped(dot.step->kernel), dot.step->ms, dot.gflops, percent(dot.gflops / report.peak_gflops), dot.intensity);
  svg += fmt::format("<text x=\"{:.1f}\" y=\"488\" text-anchor=\"middle\">arithmetic intensity, FLOP/byte</text>", (x.from + x.to) / 2);
  svg += fmt::format("<text text-anchor=\"middle\" transform=\"translate(16 {:.1f}) rotate(-90)\">GFLOP/s</text>\n</svg>\n", (y.from + y.to) / 2);
  return "<h2>Roofline</h2>\n" + svg +
         "<p>A dot is a step, its area the time that it takes. Bytes are what a step reads and writes, its weights included; what still lies in a cache comes faster "
         "than from memory, so dots may lie above the slope. Winograd's algorithm counts as the convolution that it replaces, and may lie above the peak.</p>\n";
}

// ---- the steps ------------------------------------------------------------------------------------------------------

std::string steps(const ProfileReport& report) {
  std::vector<std::size_t> order(report.steps.size()), rank(report.steps.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return report.steps[a].ms > report.steps[b].ms; });
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = i + 1;
  const double longest = order.empty() ? 1e-9 : std::max(report.steps[order[0]].ms, 1e-9), total = std::max(report.ms(), 1e-9);
  std::string html =
      "<h2>Steps</h2>\n<input class=sort type=radio name=sort id=by-order checked><label for=by-order>in order</label>\n"
      "<input class=sort type=radio name=sort id=by-time><label for=by-time>by time</label>\n<div class=steps>\n"
      "<div class=\"step head\"><span>node and kernel</span><span></span><span>ms</span><span>GFLOP/s</span><span>of peak</span><span>GB/s</span></div>\n";
  for (std::size_t i = 0; i < report.steps.size(); ++i) {
    const LayerProfile& step = report.steps[i];
    const std::string name = html_escaped(step.name), kernel = html_escaped(step.kernel), kind = html_escaped(step.kind);
    html += fmt::format(
        "<div class=step style=\"--rank:{}\" title=\"{}: {}, {}\"><span><b>{}</b><small>{}</small></span><span class=bar><i style=\"width:{:.2f}%;background:{}\"></i></span>"
        "<span>{:.4f}</span><span>{}</span><span>{}</span><span>{}</span></div>\n",
        rank[i], name, kind, percent(step.ms / total), name, kernel, 100 * step.ms / longest, colour(step), step.ms, step.flops > 0 ? fmt::format("{:.1f}", rate(step.flops, step.ms)) : "",
        step.flops > 0 ? percent(report.peak_share(step.flops, step.ms)) : "", step.bytes > 0 ? fmt::format("{:.1f}", rate(step.bytes, step.ms)) : "");
  }
  return html + "</div>\n";
}

}  // namespace

std::string profile_page(const ProfileReport& report) {
  std::string page = page_head(report.model + " · saccade bench", kStyle);
  page += fmt::format("<h1>{}</h1>\n", html_escaped(report.model));
  page += fmt::format("<p>On {} ({}), kernels for {}, {} thread{}, {}.</p>\n<div class=figures>\n", html_escaped(report.device), html_escaped(report.cpu), html_escaped(report.isa),
                      report.threads, report.threads == 1 ? "" : "s", report.streams == 1 ? "one request at a time" : fmt::format("{} requests at a time", report.streams));
  page += page_figure(fmt::format("{:.2f} ms", report.median_ms), "median of a run");
  page += page_figure(fmt::format("{:.2f} ms", report.p90_ms), "nine of ten runs are faster");
  page += page_figure(fmt::format("{:.1f}", report.runs_per_s), "runs a second");
  page += page_figure(percent(report.peak_share(report.flops(), report.median_ms)), "of the peak, over the median run");
  page += page_figure(fmt::format("{:.1f}", report.peak_gflops), "GFLOP/s: the peak that the probe reached");
  page += page_figure(report.memory_gb_per_s > 0 ? fmt::format("{:.1f}", report.memory_gb_per_s) : "–", "GB/s read from memory by the probe");
  page += page_figure(fmt::format("{:.0f} ms", report.load_ms), "from the process's start to the first result");
  page += page_figure(fmt::format("{:.0f} MB", report.memory_mb), "memory at the peak");
  page += "</div>\n" + kinds(report) + roofline(report) + steps(report);
  return page + "<p>Times are medians over the runs; taking them costs a little, and their sum may differ from the median run.</p>\n</main>\n</html>\n";
}

}  // namespace saccade::cli
