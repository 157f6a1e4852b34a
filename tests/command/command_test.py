#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""command_test.py SACCADE: the command as its users meet it: help, exit codes, messages, JSON, files, Ctrl-C."""
import ast
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import tiny_onnx  # noqa: E402

SACCADE = sys.argv.pop(1)


def write_npy(path, values, shape):
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({''.join(f'{d},' for d in shape)}), }}"
    header = header.ljust(117) + "\n"
    path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack(f"<{len(values)}f", *values))


def read_npy(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<H", data[8:10])
    return ast.literal_eval(data[10:10 + length].decode())["shape"], struct.unpack(f"<{(len(data) - 10 - length) // 4}f", data[10 + length:])


class CommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = self.write("tiny.onnx", tiny_onnx.model())
        self.image = self.folder / "image.npy"
        write_npy(self.image, [float(i - 5) for i in range(48)], (1, 3, 4, 4))

    def write(self, name, contents):
        path = self.folder / name
        path.write_bytes(contents)
        return path

    def run_saccade(self, *args, code=0, stdout=subprocess.PIPE):
        result = subprocess.run([SACCADE, *map(str, args)], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60)
        self.assertEqual(result.returncode, code, f"{args}\n{result.stdout}\n{result.stderr}")
        if code:
            self.assertTrue(1 <= len(result.stderr.strip().splitlines()) <= 2, result.stderr)
            self.assertTrue(result.stderr.startswith("saccade"), result.stderr)
        else:
            self.assertEqual(result.stderr, "", args)
        return result

    def test_every_verb_has_help_with_an_example(self):
        usage = self.run_saccade("--help").stdout
        verbs = re.findall(r"^  (\w+) ", usage, re.M)
        self.assertIn("bench", verbs)
        for verb in verbs:
            with self.subTest(verb):
                result = subprocess.run([SACCADE, verb, "--help"], capture_output=True, text=True, timeout=60)
                if "libsaccade_vision.so" in result.stderr and result.returncode == 1:
                    continue  # built without pictures
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(f"saccade {verb}", result.stdout.split("Example:")[1])
                self.assertIn("--json", result.stdout)

    def test_wrong_usage_is_2(self):
        for args, hint in [((), "Usage"), (("infos",), "'info'"), (("info",), "--help"), (("info", self.model, "--wrong"), "--help"),
                           (("bench", self.model, "--hint", "best"), "latency"), (("bench", self.model, "--threads", "-1"), "--help"),
                           (("info", self.model, "--shape", "1,x"), "'1,x'"), (("infer", self.model), "image"),
                           (("infer", self.model, "-i", "picture=x.npy"), "image")]:
            with self.subTest(args):
                result = subprocess.run([SACCADE, *map(str, args)], capture_output=True, text=True, timeout=60)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertIn(hint, result.stderr)

    def test_what_cannot_be_read_is_1(self):
        half = self.write("half.onnx", self.model.read_bytes()[:40])
        for path, part in [(self.folder / "none.onnx", "none.onnx"), (half, "half.onnx"), (self.write("empty.onnx", b""), "empty"),
                           (self.write("text.onnx", b"Lorem ipsum dolor sit amet."), "text.onnx"), (self.folder, "folder"),
                           ("/dev/null", "null"), (self.write("page.onnx", b"<!DOCTYPE html><html></html>"), "page.onnx")]:
            for verb in ("info", "bench", "infer"):
                with self.subTest((verb, str(path))):
                    self.assertIn(part, self.run_saccade(verb, path, code=1).stderr)

    def test_what_is_unsupported_is_3_and_is_named(self):
        strange = self.write("strange.onnx", tiny_onnx.model(op="FrobnicateTensor"))
        self.assertIn("FrobnicateTensor", self.run_saccade("info", strange, code=3).stderr)
        self.assertIn("'node'", self.run_saccade("infer", strange, "-i", self.image, code=3).stderr)
        report = json.loads(self.run_saccade("info", strange, "--json", code=3).stdout)
        self.assertIn("FrobnicateTensor", report["unsupported"][0])

    def test_info(self):
        text = self.run_saccade("info", self.model).stdout
        self.assertIn("f32[1,3,4,4]", text)
        report = json.loads(self.run_saccade("info", self.model, "--json").stdout)
        self.assertEqual(report["inputs"][0]["shape"], [1, 3, 4, 4])
        self.assertEqual(report["operators"]["Relu"]["count"], 1)
        report = json.loads(self.run_saccade("info", "--json", self.model, "--batch", 3).stdout)
        self.assertEqual(report["outputs"][0]["shape"], [3, 3, 4, 4])

    def test_json_to_a_file(self):
        path = self.folder / "report.json"
        self.assertIn("inputs", self.run_saccade("info", self.model, "--json", path).stdout)
        self.assertEqual(json.loads(path.read_text())["outputs"][0]["name"], "scores")
        self.run_saccade("info", self.model, "--json", self.image / "report.json", code=1)
        self.assertEqual([p.name for p in self.folder.glob("*.part")], [])

    def test_infer(self):
        out = self.folder / "a/b"
        self.run_saccade("infer", self.model, "--input", f"image={self.image}", "--output-dir", out)
        shape, values = read_npy(out / "scores.npy")
        self.assertEqual(shape, (1, 3, 4, 4))
        self.assertEqual(list(values), [max(0.0, i - 5.0) for i in range(48)])

    def test_infer_with_strange_names(self):
        model = self.write("names.onnx", tiny_onnx.model(op="Add", inputs=("a=b", "a"), output="/out:0"))
        out = self.folder / "out"
        self.run_saccade("infer", model, "-i", f"a=b={self.image}", "-i", f"a={self.image}", "-o", out)
        self.assertEqual([p.name for p in out.iterdir()], ["_out_0.npy"])
        self.assertEqual(read_npy(out / "_out_0.npy")[1][0], -10)

    def test_infer_with_wrong_input(self):
        wrong = self.folder / "wrong.npy"
        write_npy(wrong, [0.0] * 16, (1, 1, 4, 4))
        for file, part in [(wrong, "[1,3,4,4]"), (self.folder / "none.npy", "none.npy"), (self.write("bad.npy", b"\x93NUMPY\x01"), "bad.npy")]:
            with self.subTest(file.name):
                self.assertIn(part, self.run_saccade("infer", self.model, "-i", file, "-o", self.folder / "out", code=1).stderr)

    def test_infer_where_nothing_can_be_written(self):
        self.run_saccade("infer", self.model, "-i", self.image, "-o", self.image / "out", code=1)
        with open("/dev/full", "w") as full:
            self.run_saccade("infer", self.model, "-i", self.image, code=1, stdout=full)

    def test_unknown_sizes(self):
        model = self.write("any.onnx", tiny_onnx.model(dims=("n", 3, "h", "w")))
        self.assertIn("f32[n,3,h,w]", self.run_saccade("info", model).stdout)
        self.run_saccade("infer", model, "-i", self.image)
        self.run_saccade("bench", model, "--time", "0.02")
        report = json.loads(self.run_saccade("info", model, "--shape", "2,3,5,?", "--json").stdout)
        self.assertEqual(report["outputs"][0]["shape"], [2, 3, 5, -1])

    def test_bench(self):
        for hint in ("latency", "throughput"):
            result = self.run_saccade("bench", self.model, "--threads", 2, "--time", 0.05, "--hint", hint, "--json", "-")
            report = json.loads(result.stdout.strip().splitlines()[-1])
            for key in ("median_ms", "min_ms", "fps", "load_ms", "rss_mb"):
                self.assertGreater(report[key], 0, key)
            self.assertLessEqual(report["min_ms"], report["median_ms"])
        self.assertIn("GFLOP/s", self.run_saccade("bench", self.model, "--time", 0.02, "--profile").stdout)
        self.assertIn("'CPU'", self.run_saccade("bench", self.model, "-d", "CPUX", code=1).stderr)

    def test_bench_profile(self):
        report = json.loads(self.run_saccade("bench", self.model, "--time", 0.02, "--profile", "--json").stdout)
        self.assertGreater(report["peak_gflops"], 0)
        self.assertAlmostEqual(sum(layer["share"] for layer in report["layers"]), 1, places=3)
        for key in ("ms", "gflops", "peak_share", "bytes", "gb_per_s"):
            self.assertGreater(max(layer[key] for layer in report["layers"]), 0, key)
        self.assertNotIn("layers", json.loads(self.run_saccade("bench", self.model, "--time", 0.02, "--json").stdout))
        self.assertIn("of the peak", self.run_saccade("bench", self.model, "--time", 0.02, "--profile").stdout)

    def test_exact_leaves_out_winograd(self):
        model = self.write("conv.onnx", tiny_onnx.convolution(64, 40))
        write_npy(self.image, [i % 17 / 17 for i in range(64 * 1600)], (1, 64, 40, 40))
        usual, exact = self.folder / "usual", self.folder / "exact"
        self.run_saccade("infer", model, "-i", self.image, "-o", usual)
        self.run_saccade("infer", model, "-i", self.image, "-o", exact, "--exact")
        self.assertNotEqual((usual / "scores.npy").read_bytes(), (exact / "scores.npy").read_bytes())
        for args, words in (((), "winograd 3x3"), (("--exact",), "dense 3x3")):
            self.assertIn(words, self.run_saccade("bench", model, "--time", 0.02, "--profile", *args).stdout)
            self.assertIn(words, self.run_saccade("info", model, "--plan", *args).stdout)
            self.assertIn(words, self.run_saccade("bench", model, "--time", 0.02, "--profile", "--cache-dir", self.folder / "cache", *args).stdout)

    def test_bench_report(self):
        page = self.folder / "report.html"
        out = self.run_saccade("bench", self.model, "--time", 0.02, "--report", page).stdout
        self.assertIn(str(page), out)
        text = page.read_text()
        self.assertEqual(text.count("<div class=step "), len(re.findall("--rank", text)) - 1)
        for part in ("<!DOCTYPE html>", "tiny.onnx", "<svg", "Where the time goes", "peak", "</html>"):
            self.assertIn(part, text)
        self.assertIsNone(re.search(r"<script|https?://|<link|@import", text))
        self.assertEqual([p.name for p in self.folder.iterdir() if p.name.endswith(".part")], [])
        self.assertIn("written", self.run_saccade("bench", self.model, "--time", 0.02, "--report", self.folder / "none" / "x.html", code=1).stderr)

    def test_cache(self):
        folder = self.folder / "cache"
        first = json.loads(self.run_saccade("convert", self.model, "--cache", folder, "--json").stdout)
        self.assertFalse(first["there_already"])
        self.assertEqual([str(p) for p in folder.iterdir()], first["files"])
        self.assertTrue(json.loads(self.run_saccade("convert", self.model, "--cache", folder, "--json").stdout)["there_already"])
        for verb in (("bench", self.model, "--time", 0.02), ("infer", self.model, "-i", self.image)):
            self.run_saccade(*verb, "--cache-dir", folder)
        self.assertEqual(len(list(folder.iterdir())), 1)
        self.assertIn("tiny.onnx", self.run_saccade("cache", "ls", folder).stdout)
        self.run_saccade("cache", "verify", folder)
        entry = pathlib.Path(first["files"][0])
        data = bytearray(entry.read_bytes())
        data[len(data) // 2] ^= 1
        entry.write_bytes(data)
        result = subprocess.run([SACCADE, "cache", "verify", folder], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 1)
        self.assertIn("damaged", result.stdout)
        self.assertTrue(json.loads(self.run_saccade("cache", "ls", folder, "--json").stdout)[0]["damaged"])
        self.run_saccade("bench", self.model, "--time", 0.02, "--cache-dir", folder)  # makes it anew
        self.run_saccade("cache", "verify", folder)
        self.run_saccade("cache", "prune", folder, "--max-mb", 0)
        self.assertEqual(list(folder.iterdir()), [])
        for args in (("convert", self.model, "--cache"), ("cache", "ls"), ("cache", "clean", folder), ("convert", self.model, "--cache", folder, "--batch", 2)):
            self.assertEqual(subprocess.run([SACCADE, *map(str, args)], capture_output=True, timeout=60).returncode, 2, args)
        environment = dict(os.environ, SACCADE_CACHE_DIR=str(folder))
        for args in (("convert", self.model, "--cache"), ("cache", "ls"), ("bench", self.model, "--time", 0.02)):
            self.assertEqual(subprocess.run([SACCADE, *map(str, args)], env=environment, capture_output=True, timeout=60).returncode, 0, args)
        no_folder = dict(os.environ, SACCADE_CACHE_DIR=str(self.model))
        for args in (("bench", self.model, "--time", 0.02), ("infer", self.model, "-i", self.image), ("info", self.model, "--plan")):
            result = subprocess.run([SACCADE, *map(str, args)], env=no_folder, capture_output=True, text=True, timeout=60)
            self.assertEqual(result.returncode, 0, args)
            self.assertEqual(result.stderr.count(f"saccade {args[0]}: warning: "), 1, args)

    def test_convert(self):
        out = self.folder / "ir" / "tiny.xml"
        out.parent.mkdir()
        self.assertIn("tiny.bin", self.run_saccade("convert", self.model, "-o", out).stdout)
        self.assertTrue(out.read_bytes().startswith(b"<?xml"))
        report = json.loads(self.run_saccade("convert", self.model, "-o", out.parent, "--json").stdout)
        self.assertEqual(report["files"], [str(out), str(out.with_suffix(".bin"))])
        self.run_saccade("convert", self.model, "-o", out, "--mean_values", "[1,2,3]", "--scale", 2, "--reverse_input_channels", "--layout", "nchw")
        self.assertIn("mean_values", out.read_text())
        self.run_saccade("convert", self.model, "-o", out, "--pictures", "9x7", "--mean_values", "[1,2,3]", "--reverse_input_channels")
        report = json.loads(self.run_saccade("info", out, "--json").stdout)
        self.assertEqual((report["inputs"][0]["type"], report["inputs"][0]["shape"]), ("u8", [1, 7, 9, 3]))
        self.assertIn("none diverges", self.run_saccade("convert", self.model, "-o", out, "--verify", self.model).stdout)
        self.assertEqual([p.name for p in out.parent.glob("*.part*")], [])

    def test_convert_to_onnx(self):
        out = self.folder / "out.onnx"
        self.run_saccade("convert", self.model, "-o", out, "--verify", self.model)
        report = json.loads(self.run_saccade("info", out, "--json").stdout)
        self.assertEqual(report["outputs"][0]["name"], "scores")
        self.assertIn("the model itself", self.run_saccade("convert", self.model, "-o", self.model, code=2).stderr)
        self.assertIn("half precision", self.run_saccade("convert", self.model, "--to", "onnx", "--compress_to_fp16", code=2).stderr)

    def test_convert_explains_and_refuses(self):
        out = self.folder / "tiny.xml"
        for args, part in [(("--mean_values", "[1,x]"), "'x'"), (("--input_shape", "[1,3]", "--batch", 2), "--batch"), (("--ir_version", 9), "10 or 11"),
                           (("--input", "image[1,3,4,4]", "--input_shape", "[1,3,4,4]"), "not in both"), (("--layout", "n!"), "layout"), (("--pictures", "9x"), "640x480")]:
            with self.subTest(args):
                self.assertIn(part, self.run_saccade("convert", self.model, "-o", out, *args, code=2).stderr)
        for args, part in [(("--mean_values", "[1,2]"), "channels"), (("--input", "imag"), "did you mean 'image'"), (("--input_shape", "[1,3,4,4],[2]"), "1 inputs"),
                           (("--transformations_config", self.image), "no JSON"), (("--output", "score"), "did you mean 'scores'")]:
            with self.subTest(args):
                self.assertIn(part, self.run_saccade("convert", self.model, "-o", out, *args, code=1).stderr)
        self.assertFalse(out.exists())
        self.assertIn("rewrites", self.run_saccade("convert", self.model, "-o", out, "--explain").stdout)

    def test_convert_check(self):
        self.assertIn("nothing", self.run_saccade("convert", self.model, "--check").stdout)
        strange = self.write("strange.onnx", tiny_onnx.model(op="FrobnicateTensor"))
        result = subprocess.run([SACCADE, "convert", str(strange), "--check", "--json", "-"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 3)
        report = json.loads(result.stdout)
        self.assertFalse(report["convertible"])
        self.assertEqual(report["problems"][0]["count"], 1)
        self.assertIn("FrobnicateTensor", report["problems"][0]["operator"])

    def test_transformations(self):
        model = self.write("yolo.onnx", tiny_onnx.model(dims=(1, 14, 2, 2)))
        attributes = {"classes": 2, "coords": 4, "num": 2, "anchors": [10, 13, 16, 30]}
        v2 = self.write("yolo_v2.json", json.dumps([{"id": "TFYOLO", "custom_attributes": attributes}]).encode())
        v3 = self.write("yolo_v3.json", json.dumps([{"id": "TFYOLOV3", "custom_attributes": {**attributes, "masks": [[0, 1]], "entry_points": ["node"]}}]).encode())
        bad = self.write("yolo_bad.json", json.dumps([{"id": "TFYOLO", "custom_attributes": {**attributes, "classes": 3}}]).encode())
        out = self.folder / "yolo.xml"
        for config, part in [(v2, 'do_softmax="true"'), (v3, 'mask="0,1"')]:
            self.assertIn("RegionYolo", self.run_saccade("convert", model, "-o", out, "--transformations_config", config).stdout)
            self.assertIn(part, out.read_text())
        self.assertIn("16 channels", self.run_saccade("convert", model, "-o", out, "--transformations_config", bad, code=1).stderr)
        self.assertIn("not needed", self.run_saccade("convert", model, "-o", out, "--transformations_config", "extensions/front/tf/ssd_v2_support.json").stdout)
        pipeline = self.write("pipeline.config", b"model { ssd { num_classes: 90 } }")
        self.assertIn("another model", self.run_saccade("convert", model, "-o", out, "--tensorflow_object_detection_api_pipeline_config", pipeline, code=1).stderr)

    def test_diff(self):
        same = self.write("same.onnx", self.model.read_bytes())
        result = self.run_saccade("diff", self.model, same, "--input", self.image)
        self.assertIn("equal within the tolerance", result.stdout)
        report = json.loads(self.run_saccade("diff", self.model, same, "--json").stdout)
        self.assertTrue(report["within"])
        self.assertIsNone(report["first"])
        other = self.write("other.onnx", tiny_onnx.model(op="Sigmoid"))
        result = subprocess.run([SACCADE, "diff", str(self.model), str(other), "--json", "-"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(json.loads(result.stdout)["first"], "scores")

    def test_old_tools(self):
        out = self.folder / "ir"
        result = self.run_saccade("compat", "mo", "--input_model", self.model, f"--output_dir={out}", "--data_type", "half", "-n", "net", "--disable_fusing", "--mean_values", "image[1,2,3]")
        self.assertTrue(result.stdout.startswith("Model Optimizer arguments:\nCommon parameters:\n"))
        self.assertIn("Precision of IR: \tFP16", result.stdout)
        self.assertIn("--disable_fusing has no effect", result.stdout)
        self.assertRegex(result.stdout, r"\[ SUCCESS \] Generated IR version 11 model\.\n\[ SUCCESS \] XML file: .*net\.xml\n\[ SUCCESS \] BIN file: .*net\.bin\n\[ SUCCESS \] Total execution time: ")
        self.assertTrue((out / "net.xml").exists() and (out / "net.bin").exists())
        self.assertIn("[ SUCCESS ] XML file:", self.run_saccade("compat", "ovc", self.model, "--output_model", out / "o.xml", "--input", "image[1,3,4,4]{f32}").stdout)
        link = self.folder / "mo_onnx.py"
        link.symlink_to(pathlib.Path(SACCADE).resolve())
        result = subprocess.run([str(link), "--input_model", str(self.model), "--output_dir", str(out), "--batch", "2"], capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("Batch: \t2", result.stdout)
        for args, part in [(("--input_modell", "x"), "did you mean '--input_model'"), (("--inp", "x"), "ambiguous"), (("--input_model", "x", "--data_type", "INT8"), "invalid choice"), ((), "usage"),
                           (("--input_model",), "expected one argument"), (("--input_model", "x", "--batch", "1", "--input_shape", "[1]"), "Both --input_shape and --batch")]:
            with self.subTest(args):
                result = subprocess.run([SACCADE, "compat", "mo", *args], capture_output=True, text=True, timeout=60)
                self.assertEqual(result.returncode, 2)
                self.assertIn(part, result.stdout + result.stderr)
        self.assertIn("'ovc'", self.run_saccade("compat", "ov", code=2).stderr)

    def test_cut(self):
        report = json.loads(self.run_saccade("info", self.model, "--cut-output", "image", "--json").stdout)
        self.assertEqual(report["nodes"], 0)

    def test_interrupt_ends_with_what_there_is(self):
        process = subprocess.Popen([SACCADE, "bench", str(self.model), "--time", "100", "--json", "-"], stdout=subprocess.PIPE, text=True)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 0)
        self.assertGreater(json.loads(output)["median_ms"], 0)

    def test_doctor(self):
        report = json.loads(self.run_saccade("doctor", "--json", "--knobs").stdout)
        self.assertIn("CPU", report["devices"])
        self.assertGreaterEqual(report["cores"]["used"], 1)
        self.assertIn("SACCADE_MAX_ISA", [knob["name"] for knob in report["knobs"]])


if __name__ == "__main__":
    unittest.main()
