# SPDX-License-Identifier: Apache-2.0
"""The files of the source tree, for the checks beside this file."""
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SKIPPED = {".git", "build", ".cache", "__pycache__", ".venv"}


def files(*suffixes, under="."):
    """Paths below `under`, relative to the root, whose names end in one of the suffixes; sorted."""
    found = []
    for folder, folders, names in os.walk(ROOT / under):
        folders[:] = [f for f in folders if f not in SKIPPED and pathlib.Path(folder, f) != ROOT / "demo"]
        found += [pathlib.Path(folder, name).relative_to(ROOT) for name in names if name.endswith(suffixes)]
    return sorted(found)


def finish(problems, what):
    """Prints the problems and ends with the exit status of the check."""
    for problem in problems:
        print(problem)
    print(f"{what}: {'ok' if not problems else f'{len(problems)} problems'}")
    sys.exit(1 if problems else 0)
