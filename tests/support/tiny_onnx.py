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
    shape = b"".join(message(1, number(1, d) if isinstance(d, int) else message(2, d)) for d in dims)
    return message(1, name) + message(2, message(1, number(1, 1) + message(2, shape)))


def model(op="Relu", inputs=("image",), output="scores", dims=(1, 3, 4, 4)):
    """The bytes of a model of one node; a text among the sizes stands for an unknown one."""
    node = b"".join(message(1, name) for name in inputs) + message(2, output) + message(3, "node") + message(4, op)
    values = b"".join(message(11, value_info(name, dims)) for name in inputs) + message(12, value_info(output, dims))
    graph = message(1, node) + message(2, "tiny") + values
    return number(1, 8) + message(2, "saccade tests") + message(7, graph) + message(8, message(1, "") + number(2, 17))


if __name__ == "__main__":
    with open(sys.argv[1], "wb") as file:
        file.write(model())
