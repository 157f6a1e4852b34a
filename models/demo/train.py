#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the bundled detector on scenes rendered by render_set and writes demo.onnx.

    render_set TRAIN 6000 --seed 1001 --raw
    render_set HELD_OUT 600 --seed 77 --raw
    train.py TRAIN --epochs 30 --out RUN          (needs tensorflow-cpu, opencv, onnx)
    train.py --export RUN --onnx demo.onnx

The network is a small single-stage detector without anchors: depthwise-separable and inverted
residual blocks, a top-down feature pyramid, one head a level (strides 8, 16, 32). Its output is laid
out as YOLOX exports it: [1, points, 4 + 1 + classes], box offsets raw, scores after the sigmoid.
"""
import argparse
import json
import os
import pathlib
import queue
import threading
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import cv2
import numpy as np

WIDTH, HEIGHT = 320, 192
STRIDES = (8, 16, 32)
PAD = 114
# Objects (square root of their area, network pixels) that each stride is responsible for; neighbours overlap.
SIZES = ((0, 42), (28, 84), (62, 1e9))
POINTS = [(HEIGHT // s, WIDTH // s) for s in STRIDES]


def grid():
    """Grid coordinates and stride of every output point, in output order."""
    rows = []
    for (height, width), stride in zip(POINTS, STRIDES):
        y, x = np.mgrid[0:height, 0:width]
        rows.append(np.stack([x.ravel(), y.ravel(), np.full(height * width, stride)], 1))
    return np.concatenate(rows).astype(np.float32)


GRID = grid()
CENTRES = (GRID[:, :2] + 0.5) * GRID[:, 2:]


# --- data -----------------------------------------------------------------------------------------

class Scenes:
    """A folder written by render_set --raw."""

    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.annotations = json.loads((folder / "annotations.json").read_text())
        first = self.annotations["images"][0]
        self.count = len(self.annotations["images"])
        shape = (self.count, first["height"], first["width"], 3)
        self.images = np.memmap(folder / "images.bgr", np.uint8, "r", shape=shape)
        self.labels = [c["name"] for c in self.annotations["categories"]]
        self.boxes = [[] for _ in range(self.count)]
        for key in ("annotations", "hidden"):
            for a in self.annotations[key]:
                x, y, w, h = a["bbox"]
                self.boxes[a["image_id"] - 1].append((x, y, x + w, y + h, -1 if key == "hidden" else a["category_id"]))
        self.boxes = [np.array(b, np.float32).reshape(-1, 5) for b in self.boxes]


def fit(image, scale, offset, interpolation):
    matrix = np.float32([[scale, 0, offset[0] + 0.5 * scale - 0.5], [0, scale, offset[1] + 0.5 * scale - 0.5]])
    return cv2.warpAffine(image, matrix, (WIDTH, HEIGHT), flags=interpolation, borderMode=cv2.BORDER_CONSTANT, borderValue=(PAD,) * 3)


def augment(image, boxes, random):
    """A randomly placed, scaled, mirrored and colored view of a scene, at the network's size."""
    height, width = image.shape[:2]
    scale, offset = min(WIDTH / width, HEIGHT / height), (0.0, 0.0)
    if random.random() < 0.6:
        scale *= float(np.exp(random.uniform(np.log(0.7), np.log(1.5))))
        slack = (WIDTH - width * scale, HEIGHT - height * scale)
        offset = tuple(random.uniform(min(0, s), max(0, s)) for s in slack)
    kind = random.random()
    if kind < 0.4:
        sigma = random.uniform(0.3, 0.8)
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    image = fit(image, scale, offset, cv2.INTER_NEAREST if kind > 0.85 else cv2.INTER_LINEAR)
    full = boxes[:, :4] * scale + np.float32([*offset, *offset])
    clipped = np.clip(full, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    area = lambda b: np.maximum(0, b[:, 2] - b[:, 0]) * np.maximum(0, b[:, 3] - b[:, 1])
    share = area(clipped) / np.maximum(area(full), 1e-6)
    boxes = np.concatenate([clipped, boxes[:, 4:]], 1)
    boxes[share < 0.4, 4] = -1
    boxes = boxes[share > 0.05]
    if random.random() < 0.5:
        image = image[:, ::-1]
        boxes[:, [0, 2]] = WIDTH - boxes[:, [2, 0]]
    if random.random() < 0.5:
        table = np.clip(np.arange(256) * random.uniform(0.75, 1.25) + random.uniform(-20, 20), 0, 255).astype(np.uint8)
        image = cv2.LUT(np.ascontiguousarray(image), table)
    if random.random() < 0.05:
        image = cv2.cvtColor(cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    return image, boxes


def assign(boxes):
    """For every output point: class (-1 nothing, -2 do not care) and box. Points near the centre of an
    object are positive at the strides responsible for its size; small objects win."""
    classes = np.full(len(GRID), -1, np.int32)
    targets = np.zeros((len(GRID), 4), np.float32)
    sides = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    for i in np.argsort(-sides):
        x0, y0, x1, y1, kind = boxes[i]
        inside = (CENTRES[:, 0] > x0) & (CENTRES[:, 0] < x1) & (CENTRES[:, 1] > y0) & (CENTRES[:, 1] < y1)
        if kind < 0:
            classes[inside & (classes < 0)] = -2
            continue
        near = np.abs(CENTRES - [(x0 + x1) / 2, (y0 + y1) / 2]).max(1) < 1.5 * GRID[:, 2]
        low, high = np.float32(SIZES).T
        level = np.searchsorted(STRIDES, GRID[:, 2])
        picked = near & inside & (low[level] <= sides[i]) & (sides[i] < high[level])
        classes[picked] = int(kind)
        targets[picked] = x0, y0, x1, y1
    return classes, targets


def batches(scenes, size, steps, seed):
    """Yields `steps` batches, prepared one step ahead."""
    random = np.random.default_rng(seed)
    ready = queue.Queue(8)

    def produce():
        order = []
        for _ in range(steps):
            images, classes, targets = [], [], []
            for _ in range(size):
                if not order:
                    order = list(random.permutation(scenes.count))
                index = order.pop()
                image, boxes = augment(scenes.images[index], scenes.boxes[index].copy(), random)
                kind, target = assign(boxes)
                images.append(image), classes.append(kind), targets.append(target)
            ready.put((np.stack(images), np.stack(classes), np.stack(targets)))

    threading.Thread(target=produce, daemon=True).start()
    for _ in range(steps):
        yield ready.get()


# --- network --------------------------------------------------------------------------------------

class Spec:
    """The network, written once and walked by two builders: Keras for training, ONNX for export.
    A builder offers conv, add, up, head and collect."""

    @staticmethod
    def build(b, x, labels):
        def residual(x, name, width, out, stride):
            y = b.conv(x, f"{name}_expand", width, 1)
            y = b.conv(y, f"{name}_depth", width, 3, stride, depthwise=True)
            y = b.conv(y, f"{name}_project", out, 1, linear=True)
            return b.add(x, y, f"{name}_add") if stride == 1 else y

        def separable(x, name, out, kernel=3, stride=1):
            x = b.conv(x, f"{name}_depth", 0, kernel, stride, depthwise=True)
            return b.conv(x, f"{name}_point", out, 1)

        x = b.conv(x, "stem", 16, 3, 2)
        x = separable(x, "s4a", 32, stride=2)
        x = separable(x, "s4b", 32)
        x = residual(x, "s8a", 64, 40, 2)
        x = p8 = residual(residual(x, "s8b", 120, 40, 1), "s8c", 120, 40, 1)
        x = residual(x, "s16a", 120, 64, 2)
        x = p16 = residual(residual(x, "s16b", 192, 64, 1), "s16c", 192, 64, 1)
        x = residual(x, "s32a", 192, 96, 2)
        p32 = residual(residual(x, "s32b", 192, 96, 1), "s32c", 192, 96, 1)

        width = 48
        p32 = b.conv(p32, "p32", width, 1)
        p16 = b.add(b.conv(p16, "p16", width, 1, linear=True), b.up(p32, "up32"), "p16_add")
        p16 = separable(p16, "p16_mix", width)
        p8 = b.add(b.conv(p8, "p8", width, 1, linear=True), b.up(p16, "up16"), "p8_add")
        levels = []
        for name, level in (("h8", p8), ("h16", p16), ("h32", p32)):
            level = separable(separable(level, f"{name}_a", width, 5), f"{name}_b", 64, 5)
            levels.append((b.head(level, f"{name}_box", 4), b.head(level, f"{name}_score", 1 + labels)))
        return b.collect(levels)


class KerasBuilder:
    def __init__(self, keras):
        self.keras = keras
        self.layers = keras.layers

    def conv(self, x, name, out, kernel, stride=1, depthwise=False, linear=False):
        options = dict(strides=stride, padding="same", use_bias=False, name=name)
        if depthwise:
            x = self.layers.DepthwiseConv2D(kernel, depthwise_initializer="he_normal", **options)(x)
        else:
            x = self.layers.Conv2D(out, kernel, kernel_initializer="he_normal", **options)(x)
        x = self.layers.BatchNormalization(momentum=0.98, epsilon=1e-3, name=f"{name}_bn")(x)
        return x if linear else self.layers.ReLU(name=f"{name}_relu")(x)

    def add(self, a, b, name):
        return self.layers.Add(name=name)([a, b])

    def up(self, x, name):
        return self.layers.UpSampling2D(2, interpolation="nearest", name=name)(x)

    def head(self, x, name, out):
        bias = self.keras.initializers.Constant(0.0 if name.endswith("box") else -4.0)
        return self.layers.Conv2D(out, 1, bias_initializer=bias, kernel_initializer=self.keras.initializers.RandomNormal(stddev=0.01), name=name)(x)

    def collect(self, levels):
        flat = lambda x: self.layers.Reshape((-1, x.shape[-1]))(x)
        join = lambda parts: self.layers.Concatenate(axis=1)([flat(p) for p in parts])
        return [join([box for box, _ in levels]), join([score for _, score in levels])]


def keras_model(labels):
    import keras
    image = keras.Input((HEIGHT, WIDTH, 3))
    return keras.Model(image, Spec.build(KerasBuilder(keras), image, labels))


# --- training -------------------------------------------------------------------------------------

def train(arguments):
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(arguments.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.random.set_seed(arguments.seed)
    scenes = Scenes(arguments.data)
    labels = len(scenes.labels)
    model = keras_model(labels)
    out = pathlib.Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "labels.json").write_text(json.dumps(scenes.labels))
    if arguments.start:
        model.load_weights(arguments.start)
    print(f"{model.count_params()} parameters, {scenes.count} images", flush=True)

    steps = arguments.epochs * scenes.count // arguments.batch
    points = tf.constant(GRID)

    def loss_of(images, classes, targets):
        boxes, scores = model(tf.cast(images, tf.float32) / 255.0, training=True)
        positive = classes >= 0
        cared = tf.cast(classes > -2, tf.float32)
        count = tf.maximum(1.0, tf.reduce_sum(tf.cast(positive, tf.float32)))
        where = tf.where(positive)
        chosen, wanted = tf.gather_nd(boxes, where), tf.gather_nd(targets, where)
        cell = tf.gather(points, where[:, 1])
        centre = (chosen[:, :2] + cell[:, :2]) * cell[:, 2:]
        half = tf.exp(tf.minimum(chosen[:, 2:], 8.0)) * cell[:, 2:] / 2
        low, high = centre - half, centre + half
        shared = tf.reduce_prod(tf.maximum(0.0, tf.minimum(high, wanted[:, 2:]) - tf.maximum(low, wanted[:, :2])), 1)
        hull = tf.reduce_prod(tf.maximum(high, wanted[:, 2:]) - tf.minimum(low, wanted[:, :2]), 1)
        union = tf.reduce_prod(high - low, 1) + tf.reduce_prod(wanted[:, 2:] - wanted[:, :2], 1) - shared
        overlap = shared / (union + 1e-6)
        box_loss = tf.reduce_sum(1 - overlap + (hull - union) / (hull + 1e-6)) / count
        # The object score learns how well the box fits, so that it ranks boxes for NMS.
        quality = tf.scatter_nd(where, tf.stop_gradient(overlap), tf.shape(classes, tf.int64))
        object_loss = tf.nn.sigmoid_cross_entropy_with_logits(quality, scores[..., 0])
        object_loss = tf.reduce_sum(object_loss * cared) / count
        kinds = tf.one_hot(tf.gather_nd(classes, where), labels)
        class_loss = tf.nn.sigmoid_cross_entropy_with_logits(kinds, tf.gather_nd(scores, where)[:, 1:])
        class_loss = tf.reduce_sum(class_loss) / count
        return box_loss, object_loss, class_loss

    variables = model.trainable_variables
    moments = [(tf.Variable(tf.zeros_like(v)), tf.Variable(tf.zeros_like(v))) for v in variables]
    decayed = [v.ndim > 1 for v in variables]

    @tf.function(reduce_retracing=True)
    def step(images, classes, targets, rate, index):
        with tf.GradientTape() as tape:
            parts = loss_of(images, classes, targets)
            total = 3.0 * parts[0] + parts[1] + parts[2]
        gradients, _ = tf.clip_by_global_norm(tape.gradient(total, [v.value for v in variables]), 10.0)
        bias1, bias2 = 1 - 0.9 ** index, 1 - 0.99 ** index  # AdamW
        for v, g, (m, s), decay in zip(variables, gradients, moments, decayed):
            m.assign(0.9 * m + 0.1 * g)
            s.assign(0.99 * s + 0.01 * g * g)
            value = v.value
            change = (m / bias1) / (tf.sqrt(s / bias2) + 1e-8) + (0.02 * value if decay else 0.0)
            v.value.assign_sub(rate * change)
        return parts

    average = [w.copy() for w in model.get_weights()]
    begun, recent = time.time(), []
    warm = min(100, steps // 10)
    for index, (images, classes, targets) in enumerate(batches(scenes, arguments.batch, steps, arguments.seed)):
        late = max(0.0, (index - warm) / max(1, steps - warm))
        rate = arguments.rate * (min(1.0, (index + 1) / warm) if index < warm else 0.02 + 0.98 * (0.5 + 0.5 * np.cos(np.pi * late)))
        parts = step(tf.constant(images), tf.constant(classes), tf.constant(targets), tf.constant(rate, tf.float32), tf.constant(index + 1.0, tf.float32))
        recent.append([float(p) for p in parts])
        if index % 5 == 4:
            keep = min(0.99, (index + 1) / (index + 51))
            average = [keep * a + (1 - keep) * w for a, w in zip(average, model.get_weights())]
        if index % 50 == 49:
            box, obj, kind = np.mean(recent, 0)
            recent.clear()
            spent = time.time() - begun
            print(f"step {index + 1}/{steps} box {box:.3f} object {obj:.3f} class {kind:.3f} rate {rate:.5f} {spent:.0f} s", flush=True)
        if index % 200 == 199 or index + 1 == steps:
            live = model.get_weights()
            model.set_weights(average)
            model.save_weights(str(out / "checkpoint.weights.h5"))
            model.set_weights(live)


# --- export ---------------------------------------------------------------------------------------

class OnnxBuilder:
    """Writes the same network as ONNX nodes, batch normalisation folded into the convolutions."""

    def __init__(self, model):
        self.model, self.nodes, self.constants = model, [], []

    def constant(self, name, value):
        from onnx import numpy_helper
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def node(self, kind, inputs, output, **attributes):
        from onnx import helper
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def conv(self, x, name, out, kernel, stride=1, depthwise=False, linear=False):
        weights = self.model.get_layer(name).get_weights()[0]
        gamma, beta, mean, variance = self.model.get_layer(f"{name}_bn").get_weights()
        factor = gamma / np.sqrt(variance + 1e-3)
        weights = weights.transpose(2, 3, 0, 1) if depthwise else weights.transpose(3, 2, 0, 1)
        weights = weights * factor[:, None, None, None]
        if name == "stem":  # trained on 0..1, fed with 0..255
            weights = weights / 255.0
        around = kernel - stride if stride == 2 else kernel - 1  # as "same" pads even sizes
        pads = [around // 2, around // 2, around - around // 2, around - around // 2]
        inputs = [x, self.constant(f"{name}.weight", weights.astype(np.float32)), self.constant(f"{name}.bias", (beta - mean * factor).astype(np.float32))]
        y = self.node("Conv", inputs, name, kernel_shape=[kernel, kernel], strides=[stride, stride], pads=pads, group=weights.shape[0] if depthwise else 1)
        return y if linear else self.node("Relu", [y], f"{name}_relu")

    def add(self, a, b, name):
        return self.node("Add", [a, b], name)

    def up(self, x, name):
        if not any(c.name == "twice" for c in self.constants):
            self.constant("twice", np.float32([1, 1, 2, 2]))
        return self.node("Resize", [x, "", "twice"], name, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")

    def head(self, x, name, out):
        weights, bias = self.model.get_layer(name).get_weights()
        inputs = [x, self.constant(f"{name}.weight", weights.transpose(3, 2, 0, 1)), self.constant(f"{name}.bias", bias)]
        return self.node("Conv", inputs, name, kernel_shape=[1, 1])

    def collect(self, levels):
        flat = []
        for (box, score), stride in zip(levels, STRIDES):
            score = self.node("Sigmoid", [score], f"{score}_sigmoid")
            joined = self.node("Concat", [box, score], f"level{stride}", axis=1)
            shape = self.constant(f"level{stride}.shape", np.int64([1, levels_channels(self, levels), -1]))
            flat.append(self.node("Reshape", [joined, shape], f"level{stride}_flat"))
        joined = self.node("Concat", flat, "levels", axis=2)
        return self.node("Transpose", [joined], "output", perm=[0, 2, 1])


def levels_channels(builder, levels):
    return sum(builder.model.get_layer(name).get_weights()[1].size for name in levels[0])


def export(arguments):
    import onnx
    from onnx import helper, TensorProto
    run = pathlib.Path(arguments.export)
    labels = json.loads((run / "labels.json").read_text())
    model = keras_model(len(labels))
    model.load_weights(str(run / "checkpoint.weights.h5"))
    builder = OnnxBuilder(model)
    Spec.build(builder, "images", len(labels))
    channels = 5 + len(labels)
    graph = helper.make_graph(
        builder.nodes, "saccade-demo",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, len(GRID), channels])], builder.constants)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8, producer_name="saccade")
    facts = {
        "saccade.decoder": {"name": "yolox", "strides": list(STRIDES)},
        "saccade.labels": labels,
        "saccade.input": {"size": [WIDTH, HEIGHT], "letterbox": "top-left", "pad_value": PAD, "color": "bgr", "mean": [0, 0, 0], "scale": [1, 1, 1]},
    }
    helper.set_model_props(proto, {key: json.dumps(value, separators=(",", ":")) for key, value in facts.items()})
    onnx.checker.check_model(proto, full_check=True)
    onnx.save(proto, arguments.onnx)
    parameters = sum(int(np.prod(c.dims)) for c in builder.constants)
    print(f"{arguments.onnx}: {parameters} parameters, {os.path.getsize(arguments.onnx)} bytes")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="?", help="folder written by render_set --raw")
    parser.add_argument("--out", default="run", help="folder for checkpoints")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0.004)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", help="weights to go on from")
    parser.add_argument("--export", metavar="RUN", help="write RUN's checkpoint as ONNX instead of training")
    parser.add_argument("--onnx", default="demo.onnx")
    arguments = parser.parse_args()
    if arguments.export:
        export(arguments)
    elif arguments.data:
        train(arguments)
    else:
        parser.error("give a data folder or --export")


if __name__ == "__main__":
    main()
