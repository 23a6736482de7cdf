"""scripts/leftovers.py: only what the command itself left counts, whatever other programs do meanwhile."""

import contextlib
import mmap
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

import descendants  # noqa: E402
import leftovers  # noqa: E402

MAKE_AND_MAP = """
import mmap, os, sys
file = os.open(sys.argv[1], os.O_CREAT | os.O_RDWR, 0o600)
os.ftruncate(file, 4096)
mapped = mmap.mmap(file, 4096)
print("mapped", flush=True)
sys.stdin.read()
"""


class LeftoversTests(unittest.TestCase):
    def setUp(self):
        self.watch = leftovers.SharedMemoryWatch()
        self.path = leftovers.SHARED_MEMORY / f"psm_test_{os.getpid()}_{self._testMethodName}"
        self.addCleanup(self.path.unlink, missing_ok=True)

    def test_a_file_that_another_program_made_meanwhile_is_not_ours(self):
        self.path.write_bytes(b"x" * 4096)
        self.assertEqual(self.watch.abandoned(), [])

    def test_a_file_that_another_program_made_and_mapped_is_not_ours(self):
        with open(self.path, "w+b") as file:
            file.truncate(4096)
            with contextlib.closing(mmap.mmap(file.fileno(), 4096)):
                self.watch.look()
        self.assertEqual(self.watch.abandoned(), [])

    def test_a_file_that_a_process_of_the_command_left_is_found(self):
        child = descendants.start(
            [sys.executable, "-c", MAKE_AND_MAP, str(self.path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.assertEqual(child.stdout.readline().strip(), "mapped")
        self.watch.look()
        self.assertEqual(self.watch.abandoned(), [], "it is in use")
        child.communicate("")
        self.assertEqual(self.watch.abandoned(), [self.path])


if __name__ == "__main__":
    unittest.main()
