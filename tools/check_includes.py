#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that a module of src/ includes only modules above it. The table is the order; tests and benches are free."""
import re

import tree

ENGINE = ["base", "tensor", "graph", "ops"]
ALLOWED = {name: ENGINE[:i] for i, name in enumerate(ENGINE)}
ALLOWED.update({name: ENGINE for name in ("import", "export", "passes")})
ALLOWED.update({"simd": [], "kernels": ["base", "simd"]})
above = ENGINE + ["import", "export", "passes", "simd", "kernels"]
for module in ["plan", "runtime", "kserve", "devices", "api", "vision", "eval", "quantize", "pipeline", "serve"]:
    ALLOWED[module] = list(above)
    above.append(module)
INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')


def includes(path):
    for number, line in enumerate((tree.ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        if match := INCLUDE.match(line):
            yield number, match[1]


problems = []
for path in tree.files(".h", ".cpp", ".def", ".inc", under="src"):
    module = path.parts[1]
    if path.stem.endswith(("_test", "_bench")):
        continue
    if module not in ALLOWED:
        problems.append(f"{path}: module '{module}' has no place in the order of tools/check_includes.py")
        continue
    for number, target in includes(path):
        first = target.split("/")[0]
        if first in ALLOWED and first != module and first not in ALLOWED[module]:
            problems.append(f"{path}:{number}: {module} may not include {target}")
        elif (tree.ROOT / path.parent / target).exists() and "/" not in target:
            problems.append(f"{path}:{number}: write the path from src/: {path.parent.relative_to('src')}/{target}")
for path in tree.files(".h", under="include"):
    for number, target in includes(path):
        if "/" in target and not target.startswith("saccade/"):
            problems.append(f"{path}:{number}: a public header may not include {target}")
tree.finish(problems, "include direction")
