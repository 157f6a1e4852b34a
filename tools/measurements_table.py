#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""measurements_table.py [DIR]: the README's tables, as Markdown, from what ./dev bench left in DIR [docs/measurements].

Files there: NETWORK_1thread.json, NETWORK_2threads.json, NETWORK_throughput.json, NETWORK_cached.json (with a cache of prepared
models), each as peers.py writes it, NETWORK_profile.json as `saccade bench --profile --json` does, and machine.json. What is
absent is left out.
"""
import json
import pathlib
import sys

NETWORKS = ["mobilenet_v2", "ssd_mobilenet_v2_300", "ssd_mobilenet_v1_300", "siam_tracker", "deeplabv3_mnv2_513", "yolov8n_640", "smat_tracker", "resnet50",
            "yolox_nano", "picodet_s_320_coco", "nanodet_m", "version-RFB-320"]
NAMES = {"version-RFB-320": "ultraface RFB-320", "picodet_s_320_coco": "picodet-s 320", "nanodet_m": "nanodet-m", "yolox_nano": "yolox-nano"}
ENGINES = {"openvino": "OpenVINO", "onnxruntime": "ONNX Runtime", "opencv": "OpenCV"}


def number(value):
    """Three digits that count."""
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def load(folder, kind):
    """(network, measurement) of those that are there and in which saccade ran, in the tables' order."""
    found = []
    for path in folder.glob(f"*_{kind}.json"):
        network = path.name[:-len(f"_{kind}.json")]
        report = json.loads(path.read_text())
        if "engines" in report and "saccade" in report["engines"] and len(report["engines"]) > 1:
            found.append((network, report["engines"]))
    order = {network: i for i, network in enumerate(NETWORKS)}
    return sorted(found, key=lambda entry: (order.get(entry[0], len(order)), entry[0]))


def rivals(engines):
    return {name: figures for name, figures in engines.items() if name != "saccade"}


def best(engines, key, better=min):
    return better(figures[key] for figures in rivals(engines).values())


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def speed(title, measurements, versions, throughput=False):
    names = [name for name in ENGINES if any(name in engines for _, engines in measurements)]
    key, unit = ("fps", "frames/s") if throughput else ("median_ms", "ms")
    rows = []
    for network, engines in measurements:
        ours = engines["saccade"]
        ratio = ours["fps"] / best(engines, "fps", max) if throughput else best(engines, "median_ms") / ours["median_ms"]
        row = [NAMES.get(network, network), f"{number(ours[key])} {unit}"]
        row += [f"{number(engines[name][key])} {unit}" if name in engines else "failed" for name in names] + [f"{ratio:.2f}"]
        if not throughput:
            row.append(f"{ours['load_ms']:.0f} / {best(engines, 'load_ms'):.0f} ms")
        row.append(f"{ours['rss_mb']:.0f} / {best(engines, 'rss_mb'):.0f} MB")
        rows.append(row)
    header = ["network", "saccade"] + [f"{ENGINES[name]} {versions.get(name, '')}".strip() for name in names] + ["ratio"]
    header += [] if throughput else ["load, saccade / best rival"]
    return f"{title}\n\n" + table(header + ["memory, saccade / best rival"], rows)


def beyond_a_run(figures):
    return figures["load_ms"] - figures["median_ms"]


def loading(cold, cached):
    """Ratios are to the rivals of the same run, which keep no cache."""
    rows = []
    for network, engines in cold:
        row = [NAMES.get(network, network)]
        for report in (engines, dict(cached).get(network)):
            if report is None:
                row += ["", ""]
                continue
            rival, ours = min(beyond_a_run(figures) for figures in rivals(report).values()), beyond_a_run(report["saccade"])
            row += [f"{number(ours)} / {number(rival)} ms", f"{ours / rival:.2f}"]
        rows.append(row)
    return "Load: the time to the first result less a median run, one thread, saccade / best rival\n\n" + table(["network", "cold", "ratio", "saccade with its cache", "ratio"], rows)


def peak(folder):
    rows = []
    for path in sorted(folder.glob("*_profile.json")):
        report = json.loads(path.read_text())
        network = path.name[:-len("_profile.json")]
        rows.append([NAMES.get(network, network), str(report["threads"]), f"{number(report['median_ms'])} ms", number(report["gflops"]), number(report["peak_gflops"]), f"{100 * report['peak_share']:.0f} %"])
    return "Share of the peak that multiply-adds alone reach\n\n" + table(["network", "threads", "median", "GFLOP/s", "peak", "share"], rows) if rows else ""


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent / "docs" / "measurements")
    if not folder.is_dir():
        sys.exit(f"measurements_table.py: there is no folder '{folder}'")
    machine_file = folder / "machine.json"
    machine = json.loads(machine_file.read_text()) if machine_file.exists() else {}
    versions = machine.get("versions", {})
    parts = []
    if machine:
        parts.append(f"{machine['cpu']}, {machine['cores']} cores, {machine['isa']}, FP32.\n")
    cold = load(folder, "1thread")
    for title, kind, throughput in (("Speed on one thread", "1thread", False), ("Speed on two threads", "2threads", False), ("Throughput on two threads", "throughput", True)):
        measurements = load(folder, kind)
        if measurements:
            parts.append(speed(title, measurements, versions, throughput))
    if cold:
        parts.append(loading(cold, load(folder, "cached")))
    parts.append(peak(folder))
    print("\n".join(part for part in parts if part))


if __name__ == "__main__":
    main()
