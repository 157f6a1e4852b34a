#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare saccade's outputs with ONNX Runtime's on random input, for whole models.

    compare_onnxruntime.py SACCADE MODEL.onnx ... [--device CPU] [--limit 1e-4]

For every output: the largest |a - b| over max(standard deviation, 1e-3 of the largest |reference|); integers must be equal.
Unknown dimensions become 1, or 320 for the last two of four (images). Needs numpy, onnx, onnxruntime. Exit code 1 if a model misses the limit.
"""
import argparse
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnxruntime as ort

TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(int32)": np.int32,
         "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_, "tensor(float16)": np.float16}


def random_input(info, rng):
    rank = len(info.shape)
    shape = [d if isinstance(d, int) and d > 0 else (320 if rank == 4 and i >= 2 else 1) for i, d in enumerate(info.shape)]
    return rng.standard_normal(shape).astype(TYPES[info.type])


def distance(want, got):
    if want.shape != got.shape:
        return float("inf")
    if want.size == 0:
        return 0.0
    if not np.issubdtype(want.dtype, np.floating):
        return 0.0 if np.array_equal(want, got) else float("inf")
    a, b = want.astype(np.float64), got.astype(np.float64)
    unit = max(a.std(), 1e-3 * np.abs(a).max(), 1e-30)
    return float(np.abs(a - b).max() / unit)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("saccade")
    ap.add_argument("models", nargs="+")
    ap.add_argument("--device", default="CPU")
    ap.add_argument("--limit", type=float, default=1e-4)
    a = ap.parse_args()
    missed = 0
    for model in a.models:
        options = ort.SessionOptions()
        options.log_severity_level = 4
        session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        rng = np.random.default_rng(1)
        feeds = {i.name: random_input(i, rng) for i in session.get_inputs()}
        names = [o.name for o in session.get_outputs()]
        want = session.run(names, feeds)
        with tempfile.TemporaryDirectory() as tmp:
            command = [a.saccade, "infer", model, "-d", a.device, "--output-dir", tmp]
            for k, (name, value) in enumerate(feeds.items()):
                np.save(f"{tmp}/in{k}.npy", value)
                command += ["--input", f"{name}={tmp}/in{k}.npy"]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                print(f"{model}: exit {run.returncode}: {run.stderr.strip()[:300]}")
                missed += 1
                continue
            got = [np.load(f"{tmp}/{re.sub(r'[^A-Za-z0-9_.-]', '_', n)}.npy") for n in names]
        worst = max((distance(w, g), n) for w, g, n in zip(want, got, names))
        print(f"{model}: {worst[0]:.1e} ({worst[1]}, {len(names)} outputs)")
        missed += worst[0] > a.limit
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
