"""The demo's corpus."""

import contextlib
import hashlib
import io
import json
import pathlib
import shutil
import sys
import tempfile
import unittest
from unittest import mock

from longhaul_agent import corpus


class CorpusCase(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-corpus-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def build(self, name):
        out = self.directory / name
        corpus.build(out, 3, 5000)
        return {path.name: path.read_bytes() for path in out.iterdir()}

    def test_the_same_python_gives_the_same_bytes(self):
        first = self.build("a")
        self.assertEqual(first, self.build("b"))
        self.assertEqual({"manifest.json", "validation.bin", "shard-00000.bin", "shard-00001.bin", "shard-00002.bin"},
                         set(first))
        manifest = json.loads(first["manifest.json"])
        for entry in [manifest["validation"], *manifest["shards"]]:
            data = first[entry["file"]]
            self.assertEqual((5000, hashlib.sha256(data).hexdigest()), (entry["bytes"], entry["sha256"]))
            self.assertEqual(5000, len(data))
        self.assertEqual(4, len({entry["sha256"] for entry in [manifest["validation"], *manifest["shards"]]}))

    def test_pieces_are_shuffled_and_none_is_lost(self):
        text = b"".join(bytes([i]) * 4 for i in range(250)) + b"xy"
        mixed = corpus.shuffled(text, 4)
        self.assertEqual(sorted(text), sorted(mixed))
        self.assertEqual(mixed, corpus.shuffled(text, 4))
        tenths = [sum(mixed[at:at + 100]) / 100 for at in range(0, 1000, 100)]
        self.assertLess(max(tenths) - min(tenths), 100, "in the order of the files it is 225")

    def test_the_sources_begin_again_when_they_end(self):
        tree = self.directory / "lib"
        tree.mkdir()
        (tree / "one.py").write_bytes(b"12345")
        with mock.patch.object(corpus.sysconfig, "get_paths", lambda: {"stdlib": str(tree)}):
            self.assertEqual(b"123451234512", corpus.source_bytes(12))
            (tree / "one.py").unlink()
            with self.assertRaisesRegex(SystemExit, "no Python sources"):
                corpus.source_bytes(12)

    def test_useless_sizes_are_refused(self):
        for arguments in (["--shards", "0"], ["--shard-bytes", "1023"], ["--piece-bytes", "0"]):
            complaint = io.StringIO()
            with mock.patch.object(sys, "argv", ["corpus", "--out", str(self.directory / "x"), *arguments]), \
                    contextlib.redirect_stderr(complaint), self.assertRaises(SystemExit) as end:
                corpus.main()
            self.assertEqual(2, end.exception.code)
            self.assertIn("--shards and --piece-bytes must be at least 1", complaint.getvalue())
        self.assertFalse((self.directory / "x").exists())
