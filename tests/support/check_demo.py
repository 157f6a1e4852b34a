#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `saccade demo` for a few frames and checks what it leaves: check_demo.py SACCADE FOLDER"""
import json
import os
import pathlib
import shutil
import subprocess
import sys

saccade, folder = sys.argv[1], pathlib.Path(sys.argv[2])
shutil.rmtree(folder, ignore_errors=True)
run = subprocess.run([saccade, "demo", "--out", folder, "--seconds", "0.4", "--json"], check=True, capture_output=True, text=True)
report = json.loads(run.stdout)
assert report["frames"] == 10, report
assert report["detect_ms"] > 0 and all(ms >= 0 for ms in report["stage_ms"].values()), report
assert report["figures"]["AP50"] > 0.6, report["figures"]

names = {"index.html", "video.mp4", "results.jsonl", "results.json", "truth.json", "detector.onnx"}
assert {path.name for path in folder.iterdir()} == names, "something is missing or left over"
lines = (folder / "results.jsonl").read_text().splitlines()
assert [json.loads(line)["frame"] for line in lines] == list(range(10))
page = (folder / "index.html").read_text()
assert f"{report['figures']['AP50']:.3f}" in page and "data:image/jpeg;base64," in page

evaluated = subprocess.run([saccade, "eval", folder / "results.json", folder / "truth.json", "--json"], check=True, capture_output=True, text=True)
assert json.loads(evaluated.stdout)["figures"] == report["figures"]

again = subprocess.run([saccade, "detect", folder / "detector.onnx", "-i", folder / "video.mp4"], check=True, capture_output=True, text=True)
assert "video.mp4#0" in again.stdout
for arguments, code in ((["--seconds", "0"], 2), (["--device", "NONE", "--out", folder], 1), (["--out", folder / "truth.json"], 1)):
    failed = subprocess.run([saccade, "demo", *arguments], capture_output=True, text=True)
    assert failed.returncode == code and failed.stderr.count("\n") <= 2, (arguments, failed.returncode, failed.stderr)
warned = subprocess.run([saccade, "demo", "--out", folder, "--seconds", "0.04"], check=True, capture_output=True, text=True, env=dict(os.environ, SACCADE_CACHE_DIR=str(folder / "truth.json")))
assert warned.stderr.count("saccade demo: warning: ") == 1, warned.stderr
print("demo: ok")
