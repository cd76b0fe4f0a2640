"""Puts this folder on the import path for the builders that tests share, and sets what its processes inherit.

Tensors here are tiny: more threads only wait for each other, and one order of summation repeats to the bit.
"""

from __future__ import annotations

import os
import signal

os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell's background job ignores SIGINT, and so would the processes that tests start in order to interrupt them.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
