#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if an object file compiled for an instruction set level could lend code to the rest of the program.

The linker keeps one copy of each weak symbol for everybody: were it the copy compiled for AVX-512, the program would crash on
processors without it. So the objects of a level may define strong symbols in their own namespace only, and may need nothing of
the C++ library.

usage: check_isa_symbols.py LEVEL OBJECT...
"""
import subprocess
import sys

# What the compiler itself or the C library provides, chosen for the processor at run time where it matters.
ALLOWED_UNDEFINED = {"memcpy", "memmove", "memset", "cosf", "sinf", "powf", "fmodf", "_GLOBAL_OFFSET_TABLE_", "__stack_chk_fail"}


def problems(level, path):
    namespace = f"saccade::kernels::{level}::"
    lines = subprocess.run(["nm", "-C", path], check=True, capture_output=True, text=True).stdout.splitlines()
    for line in lines:
        kind, name = line[17:18], line[19:]
        if kind in "VvWwu":
            yield f"weak symbol {name}"
        elif kind == "U" and namespace not in name and name not in ALLOWED_UNDEFINED:
            yield f"needs {name}"
        elif kind in "TDBR" and namespace not in name:
            yield f"defines {name} outside of its namespace"
        elif "std::" in name:
            yield f"uses {name}"


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    level, paths = arguments[0], arguments[1:]
    found = [f"{path}: {problem}" for path in paths for problem in problems(level, path)]
    print("\n".join(found) if found else f"{level}: {len(paths)} objects are self-contained")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
