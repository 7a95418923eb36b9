"""What ranks leave behind in a pod."""

import subprocess
import sys
import unittest

# Becomes the process that orphans go to, as process 1 of a pod is; its own child has exited and is not waited for.
SCRIPT = """
import ctypes, os, subprocess, sys, time
from longhaul_agent import orphans
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
own = subprocess.Popen(["true"], start_new_session=True)
rank = subprocess.Popen(["sh", "-c", "sleep 0.1 & sleep 0.1 & exit 7"], start_new_session=True)
plain = subprocess.Popen(["sh", "-c", "exit 5"])
buried = []
while len(buried) < 2:
    buried += orphans.bury()
    time.sleep(0.01)
print(len(set(buried)), own.wait(), rank.wait(), plain.wait(), orphans.bury())
"""


class Orphans(unittest.TestCase):
    def test_orphans_are_buried_and_own_children_keep_their_exit_codes(self):
        said = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True,
                              text=True, timeout=60, check=False)
        self.assertEqual("2 0 7 5 []\n", said.stdout, said.stderr)


if __name__ == "__main__":
    unittest.main()
