"""Puts this folder on the import path for the builders that tests share, and keeps torch on one thread.

Tensors here are tiny: more threads only wait for each other, and one order of summation repeats to the bit.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
