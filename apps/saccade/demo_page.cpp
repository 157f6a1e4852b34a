// SPDX-License-Identifier: Apache-2.0
// The HTML of the demo's page.
#include "demo_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "html.h"

namespace saccade::cli {
namespace {

constexpr std::string_view kStyle = R"(video { width: 100%; border-radius: 10px; background: #000; display: block; }
.frames { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 12px; }
.frames img { width: 100%; display: block; border-radius: 10px; }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 0 32px; }
td.bar { width: 45%; padding-right: 0; }
td.bar i { display: block; height: 10px; border-radius: 5px; background: var(--mark); }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; overflow-x: auto; margin: 0; }
a { color: var(--mark); }
)";

std::string base64(std::span<const unsigned char> bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve(bytes.size() / 3 * 4 + 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = unsigned{bytes[i]} << 16;
    if (left > 1) group |= unsigned{bytes[i + 1]} << 8;
    if (left > 2) group |= bytes[i + 2];
    for (std::size_t k = 0; k < 4; ++k) out += k <= left ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

/// AP figures are -1 where there is nothing to find.
std::string share(double value) { return value < 0 ? "–" : fmt::format("{:.3f}", value); }

std::string stage_table(const DemoReport& report) {
  double longest = 1e-9, sum = 0;
  for (const auto& [name, seconds] : report.stage_s) longest = std::max(longest, seconds), sum += seconds;
  std::string text = "<table><tr><th>stage<th>ms a frame<th></tr>\n";
  for (const auto& [name, seconds] : report.stage_s)
    text += fmt::format("<tr><td>{}<td>{:.2f}<td class=bar><i style=\"width:{:.1f}%\"></i></tr>\n", html_escaped(name), report.stage_ms(seconds),
                        100 * seconds / longest);
  return text + fmt::format("<tr><td>together<td>{:.2f}<td></tr></table>\n", report.stage_ms(sum));
}

std::string class_table(const eval::CocoReport& quality) {
  std::string text = "<table><tr><th>class<th>objects<th>AP50<th>AP75<th>AP</tr>\n";
  const auto row = [&](std::string_view name, std::int64_t truths, const std::array<double, 12>& figures) {
    text += fmt::format("<tr><td>{}<td>{}<td>{}<td>{}<td>{}</tr>\n", html_escaped(name), truths, share(figures[1]), share(figures[2]),
                        share(figures[0]));
  };
  for (const eval::CocoClassReport& line : quality.classes) row(line.name, line.truths, line.figures);
  row("all", quality.truths, quality.figures);
  return text + "</table>\n";
}

}  // namespace

std::string demo_page(const DemoReport& report) {
  std::string page = page_head("saccade demo", kStyle);
  page += "<h1>saccade demo</h1>\n";
  page += fmt::format(
      "<p>The bundled detector on a video of {} frames, {}&nbsp;×&nbsp;{} pixels, that was rendered for it. It looks at {}&nbsp;×&nbsp;{} "
      "pixels. Boxes are drawn from a score of {:.2f}. Device {}, {}; {}.</p>\n",
      report.frames, report.width, report.height, report.input_width, report.input_height, report.shown_from, html_escaped(report.device),
      fmt::format("{} thread{}", report.threads, report.threads == 1 ? "" : "s"), html_escaped(report.machine));
  page += "<div class=figures>\n";
  page += page_figure(fmt::format("{:.0f}", report.detect_frames_per_s()), "frames/s detected: picture in, boxes out");
  page += page_figure(fmt::format("{:.2f} ms", report.stage_ms(report.detect_s)), "to detect one frame");
  page += page_figure(share(report.quality.figures[1]), "AP50: average precision at IoU 0.5");
  page += page_figure(share(report.quality.figures[0]), "AP over IoU 0.50 to 0.95");
  page += page_figure(fmt::format("{:.2f} MB", static_cast<double>(report.model_bytes) / 1e6), "model file, 32-bit floats");
  page += "</div>\n";
  if (report.plays)
    page += fmt::format("<video src=\"{}\" controls autoplay muted loop playsinline></video>\n", report.video);
  else
    page += fmt::format("<p>The video is <a href=\"{0}\">{0}</a>.</p>\n", report.video);
  page += "<h2>Frames</h2>\n<div class=frames>\n";
  for (const auto& sample : report.samples)
    page += fmt::format("<img alt=\"A frame with the boxes found\" src=\"data:image/jpeg;base64,{}\">\n", base64(sample));
  page += "</div>\n<div class=tables>\n<div><h2>Time</h2>\n" + stage_table(report) + "</div>\n";
  page += "<div><h2>Accuracy against the rendered truth</h2>\n" + class_table(report.quality) + "</div>\n</div>\n";
  page += fmt::format(
      "<h2>Files</h2>\n<p><a href=\"{0}\">{0}</a> the annotated video · <a href=\"{1}\">{1}</a> detections, a line a frame · "
      "<a href=\"{2}\">{2}</a> detections in COCO's form · <a href=\"{3}\">{3}</a> the truth · <a href=\"{4}\">{4}</a> the detector</p>\n",
      report.video, report.lines, report.results, report.truth, report.model);
  page += fmt::format(
      "<h2>Go on from here</h2>\n<pre>saccade eval {1} {2} --per-class\nsaccade info {0}\nsaccade bench {0}\nsaccade detect MODEL.onnx -i "
      "photos/ -o annotated/</pre>\n",
      report.model, report.results, report.truth);
  return page + "</main>\n</html>\n";
}

}  // namespace saccade::cli
