#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what saccade reads and writes with OpenVINO and ONNX Runtime, on random input.

    compare_openvino.py BIN_DIR MODEL ... [--forms ir11,ir10,fp16,onnx] [--device CPU] [--limit 1e-4]
    compare_openvino.py BIN_DIR --cases FOLDER      files that `export_cases FORMAT --keep FOLDER` left

BIN_DIR holds `saccade` and `write_model`. For every model of any format and every form: the model is run by saccade, written in that form,
run by the peer (OpenVINO for IR, ONNX Runtime for ONNX), and the written file is run by saccade again. An .xml is also run by OpenVINO as it is.
For every output: the largest |a - b| over max(standard deviation, 1e-3 of the largest |reference|); integers must be equal. Outputs of
detectors, whose rows change places where scores are equal to the last bit, are compared as sorted rows.
Where the peer reads the original as well, twice its distance from saccade there is allowed too: the rest is arithmetic in f32, not the file.
Quantised models, where ties decide, are held against the peer's own spread with and without its quantised kernels, and at least 0.1; of
integers there the part that differs counts.
Unknown dimensions become 1, or 320 for images (the two long ones of four). Needs numpy, openvino, onnxruntime. Exit code 1 if anything misses the limit.
"""
import argparse
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

import numpy as np

TYPES = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "u8": np.uint8, "i8": np.int8, "i32": np.int32, "i64": np.int64, "u16": np.uint16,
         "i16": np.int16, "u32": np.uint32, "u64": np.uint64, "boolean": np.bool_}
F32 = {"INFERENCE_PRECISION_HINT": "f32"}


def run_command(command):
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise RuntimeError(f"exit {result.returncode}: {result.stderr.strip()[:600]}")
    return result.stdout


def picture(shape, axes, rng):
    """Something smooth with values from 0 to 255: noise makes outputs that are nearly constant, whose last bits mean nothing."""
    small = [9 if i in axes else d for i, d in enumerate(shape)]
    data = rng.uniform(0, 255, small)
    for axis in axes:
        places = np.linspace(0, 8, shape[axis])
        low = np.clip(places.astype(int), 0, 7)
        weight = (places - low).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        data = np.take(data, low, axis) * (1 - weight) + np.take(data, low + 1, axis) * weight
    return data + rng.standard_normal(shape) * 4


def random_input(port, rng, normalised):
    shape = list(port["shape"])
    long_axes = (2, 3) if len(shape) == 4 and shape[1] in (1, 3, 4) else (1, 2)
    shape = [d if d >= 0 else (320 if len(shape) == 4 and i in long_axes else 1) for i, d in enumerate(shape)]
    dtype = TYPES[port["type"]]
    if dtype == np.uint8:
        return rng.integers(0, 256, shape).astype(dtype)
    if np.issubdtype(dtype, np.floating) and len(shape) == 4 and min(shape[i] for i in long_axes) > 16:
        image = picture(shape, long_axes, rng)
        return (image / 64 - 2 if normalised else image).astype(dtype)
    if np.issubdtype(dtype, np.floating):
        return rng.standard_normal(shape).astype(dtype)
    return rng.integers(0, 2, shape).astype(dtype)


def distance(want, got, quantised=False):
    if want.shape != got.shape:
        return float("inf")
    if want.size == 0:
        return 0.0
    if not np.issubdtype(want.dtype, np.floating):
        differing = float(np.mean(want != got.astype(want.dtype)))
        # the largest of nearly equal ones may be another
        few = want.size > 1000 and differing < 1e-3
        return 0.0 if few else differing if quantised else float("inf") if differing else 0.0
    a, b = want.astype(np.float64), got.astype(np.float64)
    with np.errstate(all="ignore"):
        unit = max(np.nanstd(a), 1e-3 * np.nanmax(np.abs(a)), 1e-30)
        return float(np.nanmax(np.abs(a - b)) / unit)


def rows(tensor):
    """A detector's rows, sorted; anything else as it is."""
    if tensor.ndim == 4 and tensor.shape[:2] == (1, 1) and tensor.shape[3] == 7:
        flat = tensor.reshape(-1, 7)
        return flat[np.lexsort(np.round(flat.T, 4))]
    return tensor


def ports(saccade, model):
    info = json.loads(run_command([saccade, "info", model, "--json"]))
    quantised = bool({"FakeQuantize", "Quantize"} & set(info["operators"]))
    return info["inputs"], [o["name"] for o in info["outputs"]], quantised


def run_saccade(saccade, model, device, feeds, names, folder):
    command = [saccade, "infer", model, "-d", device, "--output-dir", folder]
    for k, (name, value) in enumerate(feeds.items()):
        np.save(f"{folder}/in{k}.npy", value)
        command += ["--input", f"{name}={folder}/in{k}.npy"]
    run_command(command)
    return [np.load(f"{folder}/{re.sub(r'[^A-Za-z0-9_.-]', '_', n)}.npy") for n in names]


def run_openvino(path, feeds, names, settings=None):
    import openvino as ov
    core = ov.Core()
    model = core.read_model(path)
    compiled = core.compile_model(model, "CPU", {**F32, **(settings or {})})
    result = compiled([feeds[n] for n in feeds])
    # by position: names of version 10 are those of layers
    return [result[o] for o in compiled.outputs][:len(names)]


def run_onnxruntime(path, feeds, names, plain=False):
    import onnxruntime as ort
    options = ort.SessionOptions()
    if plain:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(names, feeds)


def worst_of(want, got, names, quantised=False):
    return max(((distance(rows(w), rows(np.asarray(g)), quantised), n) for w, g, n in zip(want, got, names)), default=(0.0, ""))


def own_spread(path, feeds, names):
    """How far a peer is from itself when it runs the same file without its quantised kernels."""
    try:
        if path.endswith(".onnx"):
            return worst_of(run_onnxruntime(path, feeds, names), run_onnxruntime(path, feeds, names, plain=True), names)[0]
        return worst_of(run_openvino(path, feeds, names), run_openvino(path, feeds, names, {"LP_TRANSFORMS_MODE": False}), names)[0]
    except Exception:  # the peers have exceptions of their own
        return 0.0


def compare_model(a, saccade, writer, model, normalised=False):
    missed = 0
    inputs, names, quantised = ports(saccade, model)
    rng = np.random.default_rng(1)
    feeds = {p["name"]: random_input(p, rng, normalised) for p in inputs}
    with tempfile.TemporaryDirectory() as folder:
        want = run_saccade(saccade, model, a.device, feeds, names, folder)

        def report(what, result, limit):
            nonlocal missed
            value, name = result
            good = value <= limit
            missed += not good
            print(f"{model}: {what}: {value:.1e} ({name}, {len(names)} outputs){'' if good else ' MISSED'}"
                  f"{f' limit {limit:.1e}' if limit != a.limit else ''}", flush=True)

        baseline = {"openvino": 0.0, "onnx": 0.0}
        if model.endswith((".onnx", ".xml")):
            for peer, run in (("openvino", run_openvino), ("onnx", run_onnxruntime)):
                if peer == "openvino" or model.endswith(".onnx"):
                    try:
                        baseline[peer] = 2 * worst_of(want, run(model, feeds, names), names)[0]
                    except Exception:  # the peers have exceptions of their own
                        pass

        def limit_of(path):
            limit = max(a.limit, min(baseline["onnx" if path.endswith(".onnx") else "openvino"], 1))
            return max(limit, 0.1, 1.5 * own_spread(path, feeds, names)) if quantised else limit

        if model.endswith(".xml"):
            try:
                report("as it is, by OpenVINO", worst_of(run_openvino(model, feeds, names), want, names, quantised), limit_of(model))
            except RuntimeError as e:
                print(f"{model}: OpenVINO cannot run it: {str(e).strip().splitlines()[-1][:200]}")
        for form in a.forms.split(","):
            out = f"{folder}/{form}.{'onnx' if form.startswith('onnx') else 'xml'}"
            options = {"ir10": ["--ir-version", "10"], "fp16": ["--fp16"]}.get(form, [])
            try:
                run_command([writer, model, out] + options)
            except RuntimeError as e:
                print(f"{model}: {form}: not written: {e}", flush=True)
                missed += "exit 3" not in str(e)  # a list of what cannot be expressed is an answer
                continue
            # half the bits of the weights are gone: compared with what the file says, not with the model
            reference = want if form != "fp16" else run_saccade(saccade, out, a.device, feeds, names, folder)
            try:
                if form.startswith("onnx"):
                    report(f"{form} by ONNX Runtime", worst_of(reference, run_onnxruntime(out, feeds, names), names, quantised), limit_of(out))
                else:
                    report(f"{form} by OpenVINO", worst_of(reference, run_openvino(out, feeds, names), names, quantised), limit_of(out))
            except Exception as e:  # the peers have exceptions of their own
                print(f"{model}: {form}: the peer cannot run it: {' '.join(str(e).split())[-300:]}", flush=True)
                missed += 1
            try:
                again = run_saccade(saccade, out, a.device, feeds, names, folder)
                report(f"{form} read again", worst_of(reference, again, names, quantised), limit_of(out))
            except RuntimeError as e:
                print(f"{model}: {form}: read again: {e}", flush=True)
                missed += 1
    return missed


def compare_cases(folder):
    missed = compared = 0
    for path in sorted(glob.glob(f"{folder}/*.xml") + glob.glob(f"{folder}/*.onnx")):
        stem = os.path.splitext(path)[0]
        if not os.path.exists(stem + ".txt"):
            continue
        # a peer that crashes takes only its own process with it
        result = subprocess.run([sys.executable, __file__, "--one-case", path], capture_output=True, text=True)
        compared += 1
        if result.returncode:
            missed += 1
            text = result.stdout.strip() or f"crashed with {result.returncode}"
            print(f"{os.path.basename(path)}: {text}", flush=True)
    print(f"{compared} cases, {missed} differ")
    return missed


def one_case(path):
    stem = os.path.splitext(path)[0]
    title, tolerance, outputs = open(stem + ".txt", encoding="utf-8").read().strip().split("\n")
    feeds = {}
    count = len(glob.glob(glob.escape(stem) + ".in*.npy"))
    for i in range(count):
        feeds[i] = np.load(f"{stem}.in{i}.npy")
    names = list(range(int(outputs)))
    try:
        if path.endswith(".xml"):
            got = run_openvino(path, feeds, names)
        else:
            import onnxruntime as ort
            options = ort.SessionOptions()
            options.log_severity_level = 4
            session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            got = session.run(None, {p.name: feeds[i] for i, p in enumerate(session.get_inputs())})
    except Exception as e:
        print(f"{title}: {' '.join(str(e).split())[-200:]}")
        return 1
    for i in names:
        if not os.path.exists(f"{stem}.out{i}.npy"):
            continue
        want = np.load(f"{stem}.out{i}.npy")
        limit = max(float(tolerance), 2e-3 if want.dtype == np.float16 else 2e-5)
        a, b = np.atleast_1d(want).astype(np.float64), np.atleast_1d(np.asarray(got[i])).astype(np.float64)
        if want.shape != np.asarray(got[i]).shape:
            print(f"{title}: output {i} of shape {np.asarray(got[i]).shape}, expected {want.shape}")
            return 1
        with np.errstate(all="ignore"):
            scale = np.abs(np.where(np.isfinite(a), a, 0)).max(initial=0)
            same = (np.isnan(a) & np.isnan(b)) | (a == b) | (np.abs(a - b) <= limit * scale)
        if not same.all():
            print(f"{title}: output {i}: {b[~same][0]} instead of {a[~same][0]}, {int((~same).sum())} elements")
            return 1
    return 0


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--one-case":
        sys.exit(one_case(sys.argv[2]))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("bin_dir")
    ap.add_argument("models", nargs="*")
    ap.add_argument("--forms", default="ir11,onnx")
    ap.add_argument("--device", default="CPU")
    ap.add_argument("--limit", type=float, default=1e-4)
    ap.add_argument("--cases")
    a = ap.parse_intermixed_args()
    if a.cases:
        sys.exit(1 if compare_cases(a.cases) else 0)
    missed = 0
    for model in a.models:
        try:
            programs = f"{a.bin_dir}/saccade", f"{a.bin_dir}/write_model"
            # networks expect pictures from 0 to 255 or normalised ones, and see little in the other
            if compare_model(a, *programs, model):
                print(f"{model}: once more, with a normalised picture")
                missed += compare_model(a, *programs, model, normalised=True)
        except Exception as e:
            print(f"{model}: {' '.join(str(e).split())[:400]}", flush=True)
            missed += 1
    print(f"{len(a.models)} models, {missed} comparisons missed")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
