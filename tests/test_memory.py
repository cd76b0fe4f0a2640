"""Freed memory stays with the process, where the allocator is one that can be told so."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

# Takes and frees 64 MiB again and again, and prints how many pages the system had to provide for that.
_FAULTS = """
import resource, torch
from harness.memory import keep_freed_memory
{call}
faults = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):  # until all that can lie between has been allocated
    torch.ones(2**24)
before = faults()
for _ in range(20):
    torch.ones(2**24)
print(faults() - before)
"""

# Takes and frees 256 MiB, and prints by how many MiB the process has grown then.
_GROWTH = """
import torch
import time
from harness.memory import give_back_freed_memory, keep_freed_memory, start_tidying
assert keep_freed_memory()
pages = lambda: int(open("/proc/self/statm").read().split()[1])
torch.ones(2**10)
before = pages()
[torch.ones(2**20) for _ in range(64)]
{call}
print((pages() - before) // 256)
"""


def growth(call: str) -> int:
    done = subprocess.run([sys.executable, "-c", _GROWTH.format(call=call)], capture_output=True, text=True, check=True)
    return int(done.stdout)


def faults(call: str) -> int:
    done = subprocess.run([sys.executable, "-c", _FAULTS.format(call=call)], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_was_freed_is_used_again_without_asking_the_system() -> None:
    assert 4 * faults("assert keep_freed_memory()") < faults("pass")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_one_task_freed_does_not_count_for_the_next() -> None:
    assert growth("pass") > 200
    assert growth("give_back_freed_memory()") < 50


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_a_long_task_gives_back_what_it_freed_while_it_goes_on() -> None:
    assert growth("start_tidying(seconds=0.1); time.sleep(2)") < 50  # 256 MiB else, as above
