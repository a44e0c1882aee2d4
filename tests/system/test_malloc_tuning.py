from __future__ import annotations

import platform
import re
import resource
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")


STEPS = """
import ctypes, resource
from liveflight.system import malloc_tuning
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
libc.memset.argtypes = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t

def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [libc.malloc(20 << 20) for _ in range(5)]  # less than is kept
    for piece in pieces:
        libc.memset(piece, 1, 20 << 20)
    for piece in pieces:
        libc.free(piece)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

malloc_tuning.keep_freed_memory()
for _ in range(8):  # until the heap has found its shape
    step()
print(step())
"""


def test_what_a_step_frees_serves_the_next() -> None:
    # In a process of its own: what other tests have left decides where a heap ends.
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True)
    pages = 5 * (20 << 20) // resource.getpagesize()
    assert int(done.stdout) < pages / 10


FREED = """
import ctypes
from liveflight.system import malloc_tuning
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
libc.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
pieces = [libc.malloc(40) for _ in range(20_000)]
libc.malloc_info(0, stream)  # takes the stream's buffer
for number in range(0, len(pieces), 2):
    libc.free(pieces[number])
libc.malloc_info(0, stream)
malloc_tuning.consolidate_freed_memory()
libc.malloc_info(0, stream)
libc.fflush(stream)
"""


def test_what_was_freed_can_be_sorted_at_once() -> None:
    ran = subprocess.run([sys.executable, "-c", FREED], capture_output=True, check=True)
    pattern = rb'</heap>\n<total type="fast" count="(\d+)"'
    _, before, after = map(int, re.findall(pattern, ran.stdout))
    assert before > 9000 and after == 0


COUNTED = """
import ctypes, os, threading
from liveflight.system import malloc_tuning
if {apart}:
    malloc_tuning.one_arena_per_thread()
libc = ctypes.CDLL(None)
count = 8 * os.cpu_count() + 24
here = threading.Barrier(count + 1)
def allocate():
    libc.malloc(2000)
    here.wait()
    here.wait()
for _ in range(count):
    threading.Thread(target=allocate).start()
here.wait()
libc.fdopen.restype = ctypes.c_void_p
stream = ctypes.c_void_p(libc.fdopen(1, b"w"))
libc.malloc_info(0, stream)
libc.fflush(stream)
here.wait()
"""


def test_each_thread_has_a_heap_of_its_own() -> None:
    """Run in other processes: the number of arenas is decided once per process."""
    counts = []
    for apart in (True, False):
        code = COUNTED.format(apart=apart)
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        counts.append(ran.stdout.count(b"<heap nr="))
    assert counts[0] > counts[1] + 10
