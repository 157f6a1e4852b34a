#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks every source file: the licence line, what the file is, its length, and that only base/knobs.cpp reads the environment."""
import re

import tree

HARD_LIMIT = 800
ENVIRONMENT = re.compile(r"\b(secure_getenv|getenv|environ)\b")
COMMENT = {".cpp": "//", ".h": "//", ".def": "//", ".py": "#", ".cmake": "#", ".txt": "#", ".sh": "#", "": "#"}

problems = []
sources = [p for p in tree.files(".cpp", ".h", ".def", ".py", ".cmake", ".sh", "CMakeLists.txt")] + tree.files("dev", "run")
for path in sources:
    if path.suffix == "" and str(path) not in ("dev", ".ci/run"):
        continue
    lines = (tree.ROOT / path).read_text(encoding="utf-8").splitlines()
    mark = COMMENT[path.suffix]
    first = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= first or lines[first] != f"{mark} SPDX-License-Identifier: Apache-2.0":
        problems.append(f"{path}:{first + 1}: the licence line '{mark} SPDX-License-Identifier: Apache-2.0' is missing")
    elif len(lines) <= first + 1 or not lines[first + 1].startswith((mark, '"""')):
        problems.append(f"{path}:{first + 2}: say here what the file is")
    if len(lines) > HARD_LIMIT:
        problems.append(f"{path}: {len(lines)} lines, more than {HARD_LIMIT}: which two things does it say?")
    if path.parts[0] in ("src", "apps", "include") and str(path) != "src/base/knobs.cpp":
        for number, line in enumerate(lines, 1):
            if ENVIRONMENT.search(line):
                problems.append(f"{path}:{number}: the environment is read only through base/knobs.h")
tree.finish(problems, f"{len(sources)} files")
