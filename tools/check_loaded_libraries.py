#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check_loaded_libraries.py SACCADE ARGS…: runs the command and checks that it opens none of the heavy libraries."""
import os
import re
import subprocess
import sys

HEAVY = re.compile(r"libsaccade_(vision|serve)|libopencv|libhdf5|libleveldb|libgrpc|libprotobuf|libav\w+\.so|libgst")
run = subprocess.run(sys.argv[1:], env=dict(os.environ, LD_DEBUG="files"), capture_output=True, text=True, errors="replace")
loaded = sorted(set(re.findall(r"calling init: (\S+)", run.stderr)))
if run.returncode != 0 or not loaded:
    print(run.stdout, "\n".join(line for line in run.stderr.splitlines() if not re.match(r"\s*\d+:", line)))
    sys.exit(f"the command ended with {run.returncode}; {len(loaded)} libraries seen")
heavy = [name for name in loaded if HEAVY.search(name)]
print(f"{len(loaded)} libraries: " + " ".join(os.path.basename(name) for name in loaded))
if heavy:
    sys.exit("opened, but it must not be: " + " ".join(heavy))
