// SPDX-License-Identifier: Apache-2.0
// saccade bench: how fast a model runs here. Latency: one request, all threads. Throughput: one request a stream.
#include <fmt/format.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <thread>

#include "base/cpu.h"
#include "base/error.h"
#include "base/probe.h"
#include "bench_profile.h"
#include "command.h"
#include "model_options.h"
#include "tensor/numeric.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

using Json = nlohmann::ordered_json;

double clock_s(clockid_t id) {
  timespec t = {};
  clock_gettime(id, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

double now_s() { return clock_s(CLOCK_MONOTONIC); }

/// The age of this process in seconds. The kernel tells its start in ticks of 10 ms, which may be 10 ms too early; the
/// processor time used so far is exact but leaves out waiting. The larger of the two lower bounds is told.
double process_age_s() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const auto name_end = line.rfind(')');  // the name may hold anything
  double wall_s = 0;
  if (name_end != std::string::npos) {
    std::istringstream rest(line.substr(name_end + 1));
    std::string field;
    for (int i = 3; i <= 22 && rest >> field; ++i) {}
    const double tick_s = 1.0 / static_cast<double>(sysconf(_SC_CLK_TCK));
    wall_s = clock_s(CLOCK_BOOTTIME) - (std::strtod(field.c_str(), nullptr) + 1) * tick_s;
  }
  return std::max(wall_s, clock_s(CLOCK_PROCESS_CPUTIME_ID));
}

/// The most memory this process ever held. (ru_maxrss would count what the process was before exec.)
double peak_mb() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("VmHWM:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  return 0;
}

/// Nearly standard-normal numbers: sums of four even ones. Fast, because making the input counts as loading.
class Noise {
 public:
  explicit Noise(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  float normal() {
    const std::uint64_t z = bits();
    const std::uint64_t sum = (z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48);
    constexpr float kMean = 131070, kDeviation = 37837.2f;
    return (static_cast<float>(sum) - kMean) / kDeviation;
  }

 private:
  std::uint64_t state_;
};

/// Standard-normal floats; bytes of an even distribution; ones for other types, which mostly are sizes and indices.
Tensor random_tensor(const Port& port, std::uint64_t seed) {
  Tensor tensor(port.type, port.shape);
  Noise noise(seed);
  if (port.type == ElementType::f32) {
    for (float& value : tensor.values<float>()) value = noise.normal();
  } else if (is_float(port.type)) {
    for (std::int64_t i = 0; i < tensor.size(); ++i) set_element_f64(tensor, i, static_cast<double>(noise.normal()));
  } else if (port.type == ElementType::u8) {
    for (std::uint8_t& value : tensor.values<std::uint8_t>()) value = static_cast<std::uint8_t>(noise.bits() & 255);
  } else {
    for (std::int64_t i = 0; i < tensor.size(); ++i) set_element_f64(tensor, i, 1.0);
  }
  return tensor;
}

struct BenchOptions {
  ModelOptions model;
  int threads = 0;
  double seconds = 3;
  std::string hint = "latency";
  bool profile = false;
  std::string report;
  bool needs_steps() const { return profile || !report.empty(); }
};

struct Measurement {
  std::vector<double> latencies_ms;  // sorted
  double wall_s = 0, load_ms = 0, memory_mb = 0;
  std::vector<LayerProfile> layers;  // medians over the runs

  double quantile(double q) const {
    const double at = q * static_cast<double>(latencies_ms.size() - 1);
    const auto low = static_cast<std::size_t>(at);
    const std::size_t high = std::min(low + 1, latencies_ms.size() - 1);
    return std::lerp(latencies_ms[low], latencies_ms[high], at - static_cast<double>(low));
  }
  double median() const { return quantile(0.5); }
  double mean() const { return std::accumulate(latencies_ms.begin(), latencies_ms.end(), 0.0) / static_cast<double>(latencies_ms.size()); }
  double runs_per_s() const { return static_cast<double>(latencies_ms.size()) / wall_s; }
};

/// The times of every step, run by run.
class LayerTimes {
 public:
  void add(std::vector<LayerProfile> run) {
    if (layers_.empty()) {
      layers_ = std::move(run);
      times_ms_.resize(layers_.size());
      for (std::size_t i = 0; i < layers_.size(); ++i) times_ms_[i].push_back(layers_[i].ms);
      return;
    }
    for (std::size_t i = 0; i < std::min(layers_.size(), run.size()); ++i) {
      if (times_ms_[i].size() < kMostRuns)
        times_ms_[i].push_back(run[i].ms);
      else
        times_ms_[i][runs_ % kMostRuns] = run[i].ms;
    }
    ++runs_;
  }

  std::vector<LayerProfile> medians() {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const auto middle = times_ms_[i].begin() + static_cast<std::ptrdiff_t>(times_ms_[i].size() / 2);
      std::nth_element(times_ms_[i].begin(), middle, times_ms_[i].end());
      layers_[i].ms = *middle;
    }
    return std::move(layers_);
  }

 private:
  static constexpr std::size_t kMostRuns = 2048;  // the latest
  std::vector<LayerProfile> layers_;
  std::vector<std::vector<double>> times_ms_;
  std::size_t runs_ = 0;
};

/// Runs one request until `end_s`, at least once; for profiles, keeps the times of the steps.
std::vector<double> run_until(InferRequest& request, double end_s, LayerTimes* layers, Progress* progress) {
  std::vector<double> latencies_ms;
  const double start_s = now_s();
  for (double before_s = start_s; latencies_ms.empty() || (before_s < end_s && !interrupted());) {
    request.infer();
    const double after_s = now_s();
    latencies_ms.push_back((after_s - before_s) * 1e3);
    if (layers != nullptr) layers->add(request.profile());
    if (progress != nullptr) progress->at(static_cast<std::int64_t>((after_s - start_s) * 1e3));
    before_s = layers != nullptr ? now_s() : after_s;
  }
  return latencies_ms;
}

/// All requests at once, each in a thread of its own, for some seconds.
std::vector<double> run_all(std::vector<InferRequest>& requests, double seconds, LayerTimes* layers) {
  const double end_s = now_s() + seconds;
  Progress progress("measuring, ms", static_cast<std::int64_t>(seconds * 1e3));
  std::vector<std::vector<double>> latencies(requests.size());
  std::vector<std::exception_ptr> failures(requests.size());
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < requests.size(); ++i)
    others.emplace_back([&, i] {
      try {
        latencies[i] = run_until(requests[i], end_s, nullptr, nullptr);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    });
  try {
    latencies[0] = run_until(requests[0], end_s, layers, &progress);
  } catch (...) {
    failures[0] = std::current_exception();
  }
  for (std::thread& thread : others) thread.join();
  for (const auto& failure : failures)
    if (failure) std::rethrow_exception(failure);
  for (std::size_t i = 1; i < latencies.size(); ++i) latencies[0].insert(latencies[0].end(), latencies[i].begin(), latencies[i].end());
  return std::move(latencies[0]);
}

Measurement measure(const BenchOptions& options, double age_at_main_s, double main_s, CompiledModel& compiled) {
  Model model = options.model.read(ModelOptions::Unknown::becomes_one);
  for (const Port& port : model.inputs())
    if (!port.is_static()) throw UsageError(fmt::format("the rank of input '{}' is not known; give it with --shape {}=…", port.name, port.name));
  compiled = options.model.compile(model, {properties::hint(options.hint == "latency" ? Hint::latency : Hint::throughput), properties::threads(options.threads),
                                           properties::profile(options.needs_steps())}, "bench");
  model = Model();
  std::vector<InferRequest> requests;
  for (int i = 0; i < compiled.optimal_requests(); ++i) {
    requests.push_back(compiled.create_infer_request());
    for (std::size_t k = 0; k < compiled.inputs().size(); ++k) requests.back().set_input_tensor(k, random_tensor(compiled.inputs()[k], k + 1));
    if (i == 0) requests[0].infer();
  }
  Measurement result;
  result.load_ms = (age_at_main_s + now_s() - main_s) * 1e3;
  run_all(requests, options.seconds * 0.2, nullptr);
  const double start_s = now_s();
  LayerTimes times;
  result.latencies_ms = run_all(requests, options.seconds, options.needs_steps() ? &times : nullptr);
  result.wall_s = now_s() - start_s;
  result.layers = times.medians();
  result.memory_mb = peak_mb();
  std::sort(result.latencies_ms.begin(), result.latencies_ms.end());
  return result;
}

int threads_of(const BenchOptions& options) { return options.threads > 0 ? options.threads : usable_cores(); }

ProfileReport profile_of(const BenchOptions& options, const CompiledModel& compiled, const Measurement& m) {
  ProfileReport report;
  std::filesystem::path path(options.model.path);
  report.model = (path.has_filename() ? path : path.parent_path()).filename().string();
  report.device = compiled.device();
  report.cpu = cpu_model();
  report.isa = std::string(to_string(allowed_isa()));
  report.threads = threads_of(options);
  report.streams = compiled.optimal_requests();
  report.median_ms = m.median();
  report.p90_ms = m.quantile(0.9);
  report.runs_per_s = m.runs_per_s();
  report.load_ms = m.load_ms;
  report.memory_mb = m.memory_mb;
  const int threads = std::max(1, report.threads / report.streams);
  report.peak_gflops = threads * measure_peak_gflops(allowed_isa());
  report.memory_gb_per_s = measure_memory_gb_per_s(threads);
  report.steps = m.layers;
  return report;
}

// Numbers alone (and the layers, where asked for): whoever compares runs takes medians over all keys.
Json to_json(const BenchOptions& options, const CompiledModel& compiled, const Measurement& m, const ProfileReport* profile) {
  Json result = {{"threads", threads_of(options)}, {"streams", compiled.optimal_requests()},
                 {"runs", m.latencies_ms.size()}, {"median_ms", m.median()}, {"mean_ms", m.mean()}, {"min_ms", m.latencies_ms.front()},
                 {"p90_ms", m.quantile(0.9)}, {"p95_ms", m.quantile(0.95)}, {"p99_ms", m.quantile(0.99)}, {"max_ms", m.latencies_ms.back()},
                 {"fps", m.runs_per_s()}, {"load_ms", m.load_ms}, {"rss_mb", m.memory_mb}};
  if (profile != nullptr) add_profile(*profile, result);
  return result;
}

void print(const BenchOptions& options, const CompiledModel& compiled, const Measurement& m) {
  const int threads = threads_of(options);
  fmt::print("{} on {} ({}, {}), {} thread{}, {}\n", std::filesystem::path(options.model.path).filename().string(), compiled.device(), cpu_model(), to_string(allowed_isa()), threads,
             threads == 1 ? "" : "s", options.hint == "latency" ? "one request" : fmt::format("{} streams", compiled.optimal_requests()));
  fmt::print("  latency      median {:.3f} ms, mean {:.3f}, min {:.3f}, p90 {:.3f}, p95 {:.3f}, p99 {:.3f}, max {:.3f}\n", m.median(), m.mean(),
             m.latencies_ms.front(), m.quantile(0.9), m.quantile(0.95), m.quantile(0.99), m.latencies_ms.back());
  fmt::print("  throughput   {:.1f} runs/s ({} runs in {:.2f} s)\n", m.runs_per_s(), m.latencies_ms.size(), m.wall_s);
  fmt::print("  load         {:.1f} ms from the start of the process to the first result\n", m.load_ms);
  fmt::print("  memory       {:.1f} MB at the peak\n", m.memory_mb);
}

}  // namespace

int verb_bench(int argc, char** argv) {
  const double main_s = now_s(), age_at_main_s = process_age_s();
  BenchOptions options;
  Command command("bench", "Measure how fast a model runs, on random inputs; unknown sizes of inputs are 1.",
                  "saccade bench ssd_mobilenet_v2.onnx --threads 1 --profile");
  options.model.add_model(command, ModelOptions::Cuts::also_input_and_output);
  options.model.add_device(command);
  options.model.add_shapes(command);
  options.model.add_compiling(command);
  command.add("--threads", options.threads, "threads in all; 0: as many as affinity and quota allow").value("N").range(0, 4096).show_default();
  command.add("--time", options.seconds, "seconds to measure, after a warm-up of a fifth of that").value("S").range(0, 1e6).show_default();
  command.add("--hint,--mode", options.hint, "latency: one request on all threads; throughput: a request a thread").value("HINT").among({"latency", "throughput"}).show_default();
  command.add("--profile", options.profile, "also every step of the plan: time, GFLOP/s, share of this machine's peak, GB/s");
  command.add("--report", options.report, "write the same as a page to look at, with a roofline").value("FILE.html");
  command.add_json_option();
  return command.run(argc, argv, [&] {
    catch_interrupts();
    CompiledModel compiled;
    const Measurement measurement = measure(options, age_at_main_s, main_s, compiled);
    ProfileReport profile;
    const bool has_steps = !measurement.layers.empty();
    if (options.needs_steps()) {
      SACCADE_CHECK(has_steps || options.report.empty(), unsupported, "device {} does not tell the time of steps", compiled.device());
      profile = profile_of(options, compiled, measurement);
    }
    if (!options.report.empty()) write_file(options.report, profile_page(profile));
    const ProfileReport* shown = options.profile && has_steps ? &profile : nullptr;
    if (command.json()) command.write_json(to_json(options, compiled, measurement, shown).dump(command.json_on_stdout() ? -1 : 1, ' ', false, Json::error_handler_t::replace));
    if (command.json_on_stdout()) return kDone;
    print(options, compiled, measurement);
    if (shown != nullptr) fmt::print("\n{}", profile_text(profile));
    if (!options.report.empty()) fmt::print("  report       {}\n", options.report);
    return kDone;
  });
}

}  // namespace saccade::cli
