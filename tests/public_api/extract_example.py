#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""extract_example.py HEADER OUT.cpp: the example in a public header's first comment as a source file that includes this header first."""
import pathlib
import sys

header, out = map(pathlib.Path, sys.argv[1:3])
example, inside = [], False
for line in header.read_text(encoding="utf-8").splitlines():
    if not line.startswith("//"):
        break
    if inside:
        example.append(line[2:])
    inside = inside or line == "// Example:"
if not example:
    sys.exit(f"{header}: the comment at its top has no 'Example:'")
body = "\n".join(example)
out.write_text(f"""#include <saccade/{header.name}>
#include <saccade/core.h>

#include <cstdio>
#include <vector>

void example_{header.stem}() {{
#line 1 "{header.name}, the example"
{body}
}}
""", encoding="utf-8")
