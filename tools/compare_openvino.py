#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare what saccade reads and writes with OpenVINO and ONNX Runtime, on random input.

    compare_openvino.py BIN_DIR MODEL ... [--forms ir11,ir10,fp16,onnx] [--device CPU] [--limit 1e-4] [--shape 1,300,300,3] [--always]
    compare_openvino.py BIN_DIR --cases FOLDER      files that `export_cases FORMAT --keep FOLDER` left

BIN_DIR holds `saccade` and `write_model`. For every model of any format and every form: the model is run by saccade, written in that form,
run by the peer (OpenVINO for IR, ONNX Runtime for ONNX), and the written file is run by saccade again. An .xml is also run by OpenVINO as it is.
For every output: the largest |a - b| over max(standard deviation, 1e-3 of the largest |reference|); integers must be equal. What detectors
find (detection_*, TFLite_Detection_PostProcess, rows of seven) is compared as sets, since scores that are equal but for the last bit change
places: 98 % of the rows count.

Where two results are further apart than the limit (--always: everywhere), the written file is evaluated by the device REFERENCE too, in f64,
and the distances of both from it are printed. Ours may be at most twice the peer's, OpenVINO's, or the limit. The peer's is good below the limit;
up to ten times ours, since then both are off by the rounding that the model amplifies; and up to twice what the peer is off that has read the
original by itself, where it can (OpenVINO, for what we read again). Where activations are rounded to 8 bits, ties decide: there the limit is
at least what the reference itself moves by when one number of a thousand in its input does by a 255th. OpenVINO runs without its kernels of
8 bits where it can, ONNX Runtime without its rewriting of quantised networks.
Unknown dimensions become 1, or 320 for images (the two long ones of four); --shape is that of inputs of unknown rank. Needs numpy, openvino,
onnxruntime. Exit code 1 if anything misses.
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
PLAIN = {**F32, "LP_TRANSFORMS_MODE": False}


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


def random_input(port, rng, normalised, unknown):
    shape = list(unknown if port["shape"] is None else port["shape"])
    long_axes = (2, 3) if len(shape) == 4 and shape[1] in (1, 3, 4) else (1, 2)
    shape = [d if d >= 0 else (320 if len(shape) == 4 and i in long_axes else 1) for i, d in enumerate(shape)]
    dtype = TYPES[port["type"]]
    if dtype == np.uint8:
        large = len(shape) == 4 and min(shape[i] for i in long_axes) > 16
        return np.clip(np.round(picture(shape, long_axes, rng)), 0, 255).astype(dtype) if large else rng.integers(0, 256, shape).astype(dtype)
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


def grouped(names, tensors):
    """The outputs that are rows of the same things, {name: [tensors of images, rows, features]}, and the others, [(name, tensor)]."""
    named = dict(zip(names, tensors))
    groups, alone = {}, []
    masks = "detection_masks" in named
    for name, t in named.items():
        t = np.asarray(t)
        kind = "detection_" if name.startswith(("detection_", "TFLite_Detection_PostProcess")) else "raw_detection_" if name.startswith("raw_detection_") and masks else None
        if t.ndim == 4 and t.shape[:2] == (1, 1) and t.shape[3] == 7:
            groups[name] = [t.reshape(1, -1, 7)]
        elif kind and t.ndim >= 2 and np.issubdtype(t.dtype, np.floating):
            groups.setdefault(kind + "*", []).append(t.reshape(t.shape[0], t.shape[1], -1))
        elif kind and t.ndim == 2:
            continue  # places in a list that is in another order
        else:
            alone.append((name, t))
    return groups, alone


def distance_of_sets(want, got):
    """Of rows of features, image by image: each row of `want` takes the nearest of `got` that is left; 98 % of them count."""
    if [w.shape for w in want] != [g.shape for g in got]:
        return float("inf")
    units = [max(np.nanstd(w.astype(np.float64)), 1e-3 * np.nanmax(np.abs(w), initial=0), 1e-30) for w in want]
    a = np.concatenate([w.astype(np.float64) / u for w, u in zip(want, units)], axis=2)
    b = np.concatenate([g.astype(np.float64) / u for g, u in zip(got, units)], axis=2)
    found = []
    for image in range(a.shape[0]):
        left = np.ones(b.shape[1], bool)
        for row in a[image]:
            away = np.where(left, np.nan_to_num(np.abs(b[image] - row), nan=0).max(axis=1), np.inf)
            best = int(np.argmin(away))
            left[best] = False
            found.append(away[best])
    found.sort()
    return float(found[max(0, int(np.ceil(0.98 * len(found))) - 1)]) if found else 0.0


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


def compile_openvino(path, feeds):
    import openvino as ov
    core = ov.Core()
    model = core.read_model(path)
    if any(p.partial_shape.rank.is_dynamic for p in model.inputs):
        model.reshape({p: list(feeds[n].shape) for p, n in zip(model.inputs, feeds)})
    try:
        return core.compile_model(model, "CPU", PLAIN)
    except RuntimeError:  # some quantised models it can only run with its kernels of 8 bits
        return core.compile_model(model, "CPU", F32)


def run_openvino(path, feeds, names):
    compiled = compile_openvino(path, feeds)
    result = compiled([feeds[n] for n in feeds])
    # by position: names of version 10 are those of layers
    return [result[o] for o in compiled.outputs][:len(names)]


def run_original(path, feeds, names):
    """What OpenVINO makes of the original: {name: tensor} of the outputs that it calls as we do."""
    compiled = compile_openvino(path, feeds)
    result = compiled([feeds[n] for n in feeds])
    return {n: result[o] for o in compiled.outputs for n in {m.split(":")[0] if m.endswith(":0") else m for m in o.get_names()} if n in names}


def run_onnxruntime(path, feeds, names, quantised):
    import onnxruntime as ort
    options = ort.SessionOptions()
    if quantised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return session.run(names, feeds)


def worst_of(want, got, names, quantised=False):
    """(distance, name of the output)."""
    ours, alone = grouped(names, want)
    theirs, others = grouped(names, got)
    found = [(distance_of_sets(rows, theirs[name]) if name in theirs else float("inf"), name) for name, rows in ours.items()]
    found += [(distance(w, g, quantised), name) for (name, w), (_, g) in zip(alone, others)]
    return max(found, default=(0.0, ""))


class Comparison:
    """One model: its input, what saccade says, and what has been missed so far."""

    def __init__(self, options, saccade, writer, model, normalised):
        self.options, self.saccade, self.writer, self.model = options, saccade, writer, model
        inputs, self.names, self.quantised = ports(saccade, model)
        rng = np.random.default_rng(1)
        self.feeds = {p["name"]: random_input(p, rng, normalised, options.shape) for p in inputs}
        self.missed, self.spreads, self.refused, self.openvino = 0, {}, False, 0.0

    def run(self, path, device, folder):
        return run_saccade(self.saccade, path, device, self.feeds, self.names, folder)

    def worst(self, want, got):
        return worst_of(want, got, self.names, self.quantised)

    def report(self, what, peer_name, ours, theirs, path, reference):
        """`reference` evaluates the file, which lies at `path`, in f64."""
        value, name = self.worst(ours, theirs)
        good, why = value <= self.options.limit, ""
        if not good or self.options.always:
            exact = reference()
            own, peer = self.worst(exact, ours)[0], self.worst(exact, theirs)[0]
            why = f"; from the reference: saccade {own:.1e}, {peer_name} {peer:.1e}"
            limit = self.options.limit
            if peer_name == "OpenVINO":
                self.openvino = max(self.openvino, peer)
            if not good and self.quantised:
                spread = self.spread(path, exact)
                limit = max(limit, spread)
                why += f", the reference with another input of a thousand {spread:.1e}"
            if not good and own <= 2 * max(peer, limit, self.openvino):
                good = peer <= limit or peer <= 10 * own
                if not good:
                    reader = peer_name if peer_name == "ONNX Runtime" else "OpenVINO"
                    original = self.original(exact, reader)
                    good = peer <= 2 * original
                    why += f", {reader} from the original {original:.1e}"
        self.missed += not good
        print(f"{self.model}: {what}: {value:.1e} ({name}, {len(self.names)} outputs){why}{'' if good else ' MISSED'}", flush=True)

    def spread(self, path, exact):
        """How far the reference moves when one number of a thousand moves by one level of 255: what ties of roundings amount to."""
        if path not in self.spreads:
            rng = np.random.default_rng(2)
            feeds = {}
            for name, value in self.feeds.items():
                step = rng.choice([-1, 1], value.shape) * (rng.random(value.shape) < 1e-3)
                if value.dtype == np.uint8:
                    feeds[name] = np.clip(value.astype(np.int64) + step, 0, 255).astype(np.uint8)
                else:
                    feeds[name] = value if value.dtype.kind != "f" else (value + step * (value.max() - value.min()) / 255).astype(value.dtype)
            with tempfile.TemporaryDirectory() as folder:
                self.spreads[path] = self.worst(exact, run_saccade(self.saccade, path, "REFERENCE", feeds, self.names, folder))[0]
        return self.spreads[path]

    def original(self, exact, peer_name):
        """How far the peer is from the reference when it reads the original by itself; 0 where it cannot."""
        try:
            if peer_name == "ONNX Runtime":
                return self.worst(exact, run_onnxruntime(self.model, self.feeds, self.names, self.quantised))[0]
            result = run_original(self.model, self.feeds, self.names)
        except Exception:  # the peers have exceptions of their own
            return 0.0
        names = [n for n in self.names if n in result]
        return worst_of([e for e, n in zip(exact, self.names) if n in result], [result[n] for n in names], names, self.quantised)[0]

    def peer(self, path):
        if path.endswith(".onnx"):
            return run_onnxruntime(path, self.feeds, self.names, self.quantised)
        return run_openvino(path, self.feeds, self.names)

    def compare_form(self, form, want, folder):
        out = f"{folder}/{form}.{'onnx' if form.startswith('onnx') else 'xml'}"
        options = {"ir10": ["--ir-version", "10"], "fp16": ["--fp16"]}.get(form, [])
        try:
            run_command([self.writer, self.model, out] + options)
        except RuntimeError as e:
            print(f"{self.model}: {form}: not written: {e}", flush=True)
            self.missed += "exit 3" not in str(e)  # a list of what cannot be expressed is an answer
            return
        # half the bits of the weights are gone: compared with what the file says, not with the model
        ours = want if form != "fp16" else self.run(out, self.options.device, folder)
        exact = []

        def reference():
            if not exact:
                exact.append(self.run(out, "REFERENCE", folder))
            return exact[0]

        try:
            theirs = self.peer(out)
        except Exception as e:  # the peers have exceptions of their own
            print(f"{self.model}: {form}: the peer cannot run it: {' '.join(str(e).split())[-300:]}", flush=True)
            self.missed += not self.refused
        else:
            peer = "ONNX Runtime" if form.startswith("onnx") else "OpenVINO"
            self.report(f"{form} by {peer}", peer, ours, theirs, out, reference)
        try:
            self.report(f"{form} read again", "the written file", ours, self.run(out, self.options.device, folder), out, reference)
        except RuntimeError as e:
            print(f"{self.model}: {form}: read again: {e}", flush=True)
            self.missed += 1


def compare_model(a, saccade, writer, model, normalised=False):
    c = Comparison(a, saccade, writer, model, normalised)
    with tempfile.TemporaryDirectory() as folder:
        want = c.run(model, a.device, folder)
        if model.endswith(".xml"):
            try:
                theirs = c.peer(model)
            except RuntimeError as e:
                print(f"{model}: OpenVINO cannot run it: {str(e).strip().splitlines()[-1][:200]}", flush=True)
                c.refused = True
            else:
                c.report("as it is, by OpenVINO", "OpenVINO", want, theirs, model, lambda: c.run(model, "REFERENCE", folder))
        for form in a.forms.split(","):
            c.compare_form(form, want, folder)
    return c.missed


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
    ap.add_argument("--shape", type=lambda text: [int(d) for d in text.split(",")], default=[1, 300, 300, 3])
    ap.add_argument("--always", action="store_true", help="print the distances from the reference everywhere")
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
