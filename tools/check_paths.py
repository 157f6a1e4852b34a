#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the files which the documents name are there. `<op>`, NAME before a suffix and `*` stand for anything."""
import re

import tree

TOP = {p.name for p in tree.ROOT.iterdir()} | {p.name for p in (tree.ROOT / "src").iterdir()}
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PATH = re.compile(r"^[\w.<>*-]+(/[\w.<>*{},-]+)+/?$")


def exists(path, document):
    pattern = re.sub(r"<[^>]*>|\b[A-Z][A-Z_]*\b(?=\.\w+$)", "*", path).rstrip("/")
    names = [pattern]
    if match := re.search(r"\{([^}]*)\}", pattern):  # conv.{h,cpp}
        names = [pattern[: match.start()] + part + pattern[match.end():] for part in match[1].split(",")]
    return all(any(next(base.glob(name), None) for base in (tree.ROOT, tree.ROOT / "src", (tree.ROOT / document).parent)) for name in names)


problems = []
for document in tree.files(".md"):
    text = (tree.ROOT / document).read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        for link in LINK.findall(line):
            if "://" not in link and not (tree.ROOT / document.parent / link).exists():
                problems.append(f"{document}:{number}: there is no {link}")
        for code in CODE.findall(line):
            word = code.split()[0].removeprefix("./")
            if PATH.match(word) and word.split("/")[0] in TOP - {"build", "demo"} and not exists(word, document):
                problems.append(f"{document}:{number}: there is no {word}")
tree.finish(problems, "paths in documents")
