#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/coco/*.json: random annotations and results with the figures that pycocotools computes for them.

    pip install pycocotools && tools/make_coco_goldens.py tests/coco
"""
import contextlib
import io
import json
import random
import sys
from pathlib import Path

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def noisy(rng, box, amount):
    x, y, w, h = box
    return [round(x + rng.gauss(0, amount) * w, 2), round(y + rng.gauss(0, amount) * h, 2),
            round(w * (1 + rng.gauss(0, amount)), 2), round(h * (1 + rng.gauss(0, amount)), 2)]


def scene(seed, images=8, classes=4, objects=6, false_alarms=3, noise=0.08, score_steps=1000, crowd=0.1, first_id=1, many=0):
    rng = random.Random(seed)
    annotations, results = [], []
    image_ids = rng.sample(range(1, 500), images)
    category_ids = rng.sample(range(1, 90), classes)
    side = [6, 20, 50, 110, 300]

    def box():
        return [round(rng.uniform(0, 400), 2), round(rng.uniform(0, 300), 2)] + [round(rng.choice(side) * rng.uniform(.6, 1.5), 2) for _ in "wh"]

    def found(image, category, where, good):
        score = round(max(0.0, min(1.0, rng.gauss(.7 if good else .35, .2))) * score_steps) / score_steps
        results.append({"image_id": image, "category_id": category, "bbox": where, "score": score})

    for image in image_ids:
        for _ in range(rng.randrange(objects * 2)):
            category = rng.choice(category_ids[:-1] if rng.random() < .9 else category_ids)
            where = box()
            is_crowd = rng.random() < crowd
            annotations.append({"id": first_id + len(annotations), "image_id": image, "category_id": category, "bbox": where,
                                "area": round(where[2] * where[3] * rng.uniform(.5, 1), 3), "iscrowd": int(is_crowd)})
            for _ in range(3 if is_crowd else rng.choice([0, 1, 1, 1, 1, 2])):
                found(image, category if rng.random() < .93 else rng.choice(category_ids), noisy(rng, where, noise * rng.choice([.2, 1, 2])), True)
        for _ in range(rng.randrange(false_alarms * 2)):
            found(image, rng.choice(category_ids), box(), False)
    for _ in range(many):
        truth = rng.choice(annotations)
        found(image_ids[0], category_ids[0], noisy(rng, truth["bbox"], .3), False)
    rng.shuffle(results)
    categories = [{"id": c, "name": f"class{c}"} for c in category_ids]
    return {"images": [{"id": i} for i in image_ids], "categories": categories, "annotations": annotations}, results


def stats(truth, results, category=None):
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = json.loads(json.dumps(truth))
        coco.createIndex()
        metric = COCOeval(coco, coco.loadRes(json.loads(json.dumps(results))), "bbox")
        if category is not None:
            metric.params.catIds = [category]
        metric.evaluate()
        metric.accumulate()
        metric.summarize()
    return [float(x) for x in metric.stats]


CASES = {
    "plain": dict(seed=1),
    "ties": dict(seed=2, score_steps=8, images=12),
    "crowds": dict(seed=3, crowd=.5, objects=8),
    "hundreds": dict(seed=4, many=160, images=3, objects=8),
    "one_class": dict(seed=5, classes=2, images=4, noise=.02),
    "id_zero": dict(seed=6, images=3, first_id=0, noise=.02),
    "poor": dict(seed=7, noise=.4, false_alarms=12, images=5),
    "all_crowd": dict(seed=8, crowd=1.0, images=2),
}

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
for name, options in CASES.items():
    truth, results = scene(**options)
    if name == "plain":  # boxes without area, and turned inside out
        results += [dict(results[0], bbox=[10, 10, 0, 5]), dict(results[1], bbox=[50, 50, -20, 30], score=.9)]
    case = {"annotations": truth, "results": results, "stats": stats(truth, results),
            "classes": {str(c["id"]): stats(truth, results, c["id"]) for c in truth["categories"]}}
    (folder / f"{name}.json").write_text(json.dumps(case, separators=(",", ":")) + "\n")
