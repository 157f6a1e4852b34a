#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tiny_onnx.py FILE: writes an ONNX model, scores = Relu(image) of f32[1,3,4,4], byte by byte, without the onnx package."""
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
    shape = b"".join(message(1, number(1, d)) for d in dims)
    return message(1, name) + message(2, message(1, number(1, 1) + message(2, shape)))


node = message(1, "image") + message(2, "scores") + message(3, "relu") + message(4, "Relu")
graph = message(1, node) + message(2, "tiny") + message(11, value_info("image", (1, 3, 4, 4))) + message(12, value_info("scores", (1, 3, 4, 4)))
model = number(1, 8) + message(2, "saccade tests") + message(7, graph) + message(8, message(1, "") + number(2, 17))
with open(sys.argv[1], "wb") as file:
    file.write(model)
