#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fails if the inner loop of a register tile touches the stack.

Disassembles the tiles of the given object, finds each loop (a jump backwards, no return in between) that contains no other loop
and at least eight multiply-adds, and reports accesses through the stack or frame pointer in it. Comparing the counter with a
limit in memory is allowed: it costs nothing beside the multiply-adds, and twelve row pointers leave no register for it.

usage: check_tile_spills.py OBJECT [NAME-PATTERN]
"""
import re
import subprocess
import sys


def functions(path):
    text = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    name, body = None, []
    for line in text.splitlines():
        head = re.match(r"^[0-9a-f]+ <(.*)>:$", line)
        if head:
            if name:
                yield name, body
            name, body = head.group(1), []
            continue
        instruction = re.match(r"^\s*([0-9a-f]+):\s+(.*)$", line)
        if instruction:
            body.append((int(instruction.group(1), 16), instruction.group(2)))
    if name:
        yield name, body


def inner_loops(body):
    jumps = []
    for address, text in body:
        jump = re.match(r"j\w+\s+([0-9a-f]+)", text)
        if jump and int(jump.group(1), 16) <= address:
            jumps.append((int(jump.group(1), 16), address))
    for first, last in jumps:
        if not any(first <= a and b <= last and (a, b) != (first, last) for a, b in jumps):
            loop = [text for address, text in body if first <= address <= last]
            if not any(text.startswith("ret") for text in loop):
                yield loop


def main(arguments):
    if not arguments:
        sys.exit(__doc__)
    pattern = re.compile(arguments[1] if len(arguments) > 1 else r"\btiles?<")
    checked = loops = 0
    failures = []
    for name, body in functions(arguments[0]):
        if not pattern.search(name):
            continue
        checked += 1
        short = re.search(r"\w+<[^>]*>", name).group(0)
        for loop in inner_loops(body):
            if sum("vfmadd" in text or "mulps" in text for text in loop) < 8:
                continue
            loops += 1
            failures += [f"{short}: {text}" for text in loop if re.search(r"\(%r[sb]p\b", text) and not text.startswith("cmp")]
    if checked == 0 or loops == 0:
        failures.append(f"no tiles found in {arguments[0]}")
    print("\n".join(failures) if failures else f"{checked} tiles, {loops} inner loops, no spills")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
