// SPDX-License-Identifier: Apache-2.0
// saccade doctor: what this machine offers and what saccade makes of it.
#include <dlfcn.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "base/knobs.h"
#include "kernels/table.h"
#include "command.h"
#include "saccade/core.h"
#include "saccade/version.h"
#include "verbs.h"

namespace saccade::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string operating_system() {
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("PRETTY_NAME=\"")) return line.substr(13, line.size() - 14);
  return "unknown";
}

std::int64_t machine_memory_mb() {
  std::ifstream file("/proc/meminfo");
  std::string word;
  std::int64_t kib = 0;
  file >> word >> kib;
  return kib / 1024;
}

/// Whether a library of ours, with all it needs, can be opened here.
std::string library_state(const char* name) {
  void* library = dlopen(name, RTLD_LAZY | RTLD_LOCAL);
  return library != nullptr ? "usable" : fmt::format("not usable: {}", dlerror());
}

Json examine() {
  utsname system = {};
  uname(&system);
  const auto quota = cgroup_quota();
  Json report;
  report["saccade"] = SACCADE_VERSION;
  report["compiler"] = fmt::format("g++ {}", __VERSION__);
  report["system"] = fmt::format("{}, Linux {} {}", operating_system(), system.release, system.machine);
  report["cpu"] = cpu_model();
  report["features"] = cpu_features();
  report["isa"] = {{"highest", to_string(highest_isa())}, {"used", to_string(allowed_isa())}};
  const auto& probe = kernels::probe_dense(allowed_isa());
  Json& forms = report["dense_panels"] = Json::array();
  for (int form = 0; form < kernels::kDenseForms; ++form)
    forms.push_back({{"vectors", kernels::select(allowed_isa(), form).panel_vectors}, {"gflops", probe.gflops[form]}, {"used", form == probe.chosen}});
  report["cores"] = {{"online", online_cores()}, {"affinity", affinity().size()}, {"quota", quota ? Json(*quota) : Json()}, {"used", usable_cores()}};
  report["memory_mb"] = machine_memory_mb();
  report["devices"] = Core().available_devices();
  report["images_and_video"] = library_state("libsaccade_vision.so");
  return report;
}

void print_knobs() {
  for (const KnobRow& row : all_knobs()) fmt::print("{:20} {} (default: {})\n", row.name, row.help, row.default_text);
}

void print(const Json& report) {
  const auto text = [&](const char* key) { return report[key].get<std::string>(); };
  const auto list = [&](const char* key) { return fmt::format("{}", fmt::join(report[key].get<std::vector<std::string>>(), " ")); };
  const Json &cores = report["cores"], &isa = report["isa"];
  fmt::print("saccade      {} ({})\n", text("saccade"), text("compiler"));
  fmt::print("system       {}\n", text("system"));
  fmt::print("cpu          {}\n", text("cpu"));
  fmt::print("features     {}\n", list("features"));
  fmt::print("kernels      {}{}\n", isa["used"].get<std::string>(), isa["used"] == isa["highest"] ? "" : fmt::format(" (this processor has {})", isa["highest"].get<std::string>()));
  std::vector<std::string> forms;
  for (const Json& form : report["dense_panels"])
    forms.push_back(fmt::format("{} vectors {:.0f} GFLOP/s{}", form["vectors"].get<int>(), form["gflops"].get<double>(), form["used"].get<bool>() ? " (used)" : ""));
  fmt::print("products     panels of {}\n", fmt::join(forms, ", of "));
  fmt::print("cores        {} used: {} online, {} by affinity, cgroup quota {}\n", cores["used"].get<int>(), cores["online"].get<int>(),
             cores["affinity"].get<int>(), cores["quota"].is_null() ? "none" : fmt::format("{:.2f}", cores["quota"].get<double>()));
  fmt::print("memory       {} MB\n", with_commas(report["memory_mb"].get<std::int64_t>()));
  fmt::print("devices      {}\n", list("devices"));
  fmt::print("photos/video {}\n", text("images_and_video"));
  for (const KnobRow& row : all_knobs())
    if (const std::string value = knob(static_cast<Knob>(&row - all_knobs().data())); !value.empty()) fmt::print("knob         {}={}\n", row.name, value);
}

}  // namespace

int verb_doctor(int argc, char** argv) {
  Command command("doctor", "Say what this machine offers and what saccade makes of it.", "saccade doctor");
  bool knobs = false;
  command.add("--knobs", knobs, "list every environment variable that saccade reads");
  command.add_json_option();
  return command.run(argc, argv, [&] {
    if (knobs && !command.json()) {
      print_knobs();
      return kDone;
    }
    Json report = examine();
    if (knobs)
      for (const KnobRow& row : all_knobs()) report["knobs"].push_back({{"name", row.name}, {"default", row.default_text}, {"help", row.help}, {"value", knob(static_cast<Knob>(&row - all_knobs().data()))}});
    if (command.json()) command.write_json(report.dump(2));
    if (!command.json_on_stdout()) print(report);
    return kDone;
  });
}

}  // namespace saccade::cli
