#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tiny_onnx.py FILE: writes an ONNX model, scores = Relu(image) of f32[1,3,4,4], byte by byte, without the onnx package."""
import struct
import sys


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def message(field, payload):
    payload = payload.encode() if isinstance(payload, str) else payload
    return varint(field << 3 | 2) + varint(len(payload)) + payload


def number(field, value):
    return varint(field << 3) + varint(value)


def value_info(name, dims):
    shape = b"".join(message(1, number(1, d) if isinstance(d, int) else message(2, d)) for d in dims)
    return message(1, name) + message(2, message(1, number(1, 1) + message(2, shape)))


def whole(graph):
    """The bytes of a model of that graph."""
    return number(1, 8) + message(2, "saccade tests") + message(7, graph) + message(8, message(1, "") + number(2, 17))


def model(op="Relu", inputs=("image",), output="scores", dims=(1, 3, 4, 4)):
    """The bytes of a model of one node; a text among the sizes stands for an unknown one."""
    node = b"".join(message(1, name) for name in inputs) + message(2, output) + message(3, "node") + message(4, op)
    values = b"".join(message(11, value_info(name, dims)) for name in inputs) + message(12, value_info(output, dims))
    graph = message(1, node) + message(2, "tiny") + values
    return whole(graph)


def convolution(channels, size):
    """The bytes of a model of one 3x3 convolution of stride 1, from f32[1,channels,size,size] to as many."""
    pads = message(1, "pads") + b"".join(number(8, 1) for _ in range(4)) + number(20, 7)
    node = b"".join(message(1, name) for name in ("image", "weights")) + message(2, "scores") + message(3, "node") + message(4, "Conv") + message(5, pads)
    count = channels * channels * 9
    raw = struct.pack(f"<{count}f", *(i % 13 / 13 - 0.5 for i in range(count)))
    weights = b"".join(number(1, d) for d in (channels, channels, 3, 3)) + number(2, 1) + message(8, "weights") + message(9, raw)
    dims = (1, channels, size, size)
    graph = message(1, node) + message(2, "tiny") + message(5, weights) + message(11, value_info("image", dims)) + message(12, value_info("scores", dims))
    return whole(graph)


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(model())
