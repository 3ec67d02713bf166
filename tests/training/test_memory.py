"""What a process holds after a large block was freed; in processes of its own, whose allocator this changes."""

import ctypes
import resource
import subprocess
import sys

import pytest

HAS_MALLOPT = sys.platform == "linux" and hasattr(ctypes.CDLL(None), "mallopt")
BLOCK_MB = 256
FREED = f"""
import torch
torch.ones({BLOCK_MB} * 2**18)  # made and freed
pages = int(open("/proc/self/statm").read().split()[1])
print(pages)
"""


def resident_pages(*before: str) -> int:
    code = "\n".join([*before, FREED])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not HAS_MALLOPT, reason="glibc only")
def test_what_is_freed_is_kept():
    given_back = resident_pages()
    kept = resident_pages("from wsss_core.runtime.memory import keep_freed_memory", "keep_freed_memory()")
    assert kept - given_back > 0.8 * BLOCK_MB * 2**20 / resource.getpagesize()


def test_another_system_is_left_alone(monkeypatch):
    from wsss_core.runtime import memory

    monkeypatch.setattr(memory.sys, "platform", "darwin")
    opened: list[object] = []
    monkeypatch.setattr(memory.ctypes, "CDLL", opened.append)
    memory.keep_freed_memory()
    assert opened == []
