"""The agent runs on a machine that has Python and nothing else."""

import pathlib
import subprocess
import sys
import unittest

WORKER = pathlib.Path(__file__).parents[2]


class StandardLibrary(unittest.TestCase):
    def test_every_module_imports_the_standard_library_only(self):
        names = sorted(f"longhaul_agent.{path.stem}" for path in (WORKER / "longhaul_agent").glob("*.py"))
        self.assertIn("longhaul_agent.agent", names)
        check = (f"import importlib, sys\nsys.path.insert(0, {str(WORKER)!r})\n"
                 f"for name in {names}: importlib.import_module(name)\n"
                 "print(sorted({m.partition('.')[0] for m in sys.modules}"
                 " - set(sys.stdlib_module_names) - {'__main__', 'longhaul_agent'}))")
        # -I and -S: no environment, no site-packages.
        done = subprocess.run([sys.executable, "-I", "-S", "-c", check], capture_output=True, text=True)
        self.assertEqual(("[]\n", ""), (done.stdout, done.stderr))
