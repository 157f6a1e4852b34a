#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the bundled detector with pycocotools, running it in ONNX Runtime: an opinion from outside.

    render_set HELD_OUT 600 --seed 77 --size 960x540 --raw
    measure.py demo.onnx HELD_OUT
"""
import json
import pathlib
import sys

import cv2
import numpy as np
import onnxruntime
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def detect(session, image, facts):
    """Boxes as (x, y, width, height, class, score), before and after non-maximum suppression."""
    width, height = facts["size"]
    scale = min(width / image.shape[1], height / image.shape[0])
    small = cv2.resize(image, (round(image.shape[1] * scale), round(image.shape[0] * scale)), interpolation=cv2.INTER_LINEAR)
    canvas = np.full((height, width, 3), facts["pad_value"], np.uint8)
    canvas[:small.shape[0], :small.shape[1]] = small
    rows = session.run(None, {"images": canvas.transpose(2, 0, 1)[None].astype(np.float32)})[0][0]
    cells = np.concatenate([np.stack([np.tile(np.arange(width // s), height // s), np.repeat(np.arange(height // s), width // s),
                                      np.full(width // s * (height // s), s)], 1) for s in (8, 16, 32)])
    centre, size = (rows[:, :2] + cells[:, :2]) * cells[:, 2:], np.exp(rows[:, 2:4]) * cells[:, 2:]
    boxes = np.concatenate([centre - size / 2, size], 1) / scale
    boxes[:, 2:] += boxes[:, :2]
    boxes = np.clip(boxes, 0, [image.shape[1], image.shape[0]] * 2)
    boxes[:, 2:] -= boxes[:, :2]
    scores = rows[:, 4:5] * rows[:, 5:]
    found = []
    for kind in range(scores.shape[1]):
        picked = np.flatnonzero(scores[:, kind] > 0.01)
        kept = cv2.dnn.NMSBoxes(boxes[picked].tolist(), scores[picked, kind].tolist(), 0.01, 0.6) if len(picked) else []
        found += [(*boxes[i], kind, scores[i, kind]) for i in picked[np.array(kept, int).ravel()]]
    return found


def main():
    model, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    facts = json.loads(session.get_modelmeta().custom_metadata_map["saccade.input"])
    truth = COCO(str(folder / "annotations.json"))
    images = truth.loadImgs(truth.getImgIds())
    shape = (len(images), images[0]["height"], images[0]["width"], 3)
    raw = folder / "images.bgr"
    pixels = np.memmap(raw, np.uint8, "r", shape=shape) if raw.exists() else None
    results = []
    for i, entry in enumerate(images):
        image = pixels[i] if pixels is not None else cv2.imread(str(folder / entry["file_name"]))
        for x, y, w, h, kind, score in detect(session, image, facts):
            results.append({"image_id": entry["id"], "category_id": kind, "bbox": [float(v) for v in (x, y, w, h)], "score": float(score)})
    evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
    evaluation.evaluate(), evaluation.accumulate(), evaluation.summarize()
    precision = evaluation.eval["precision"][0, :, :, 0, -1]
    for index, category in enumerate(truth.loadCats(truth.getCatIds())):
        print(f"{category['name']:>8} AP50 {precision[:, index].mean():.3f}")


if __name__ == "__main__":
    main()
