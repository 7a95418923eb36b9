"""The spool against a model of what it promises, over reopening at any byte."""

import itertools
import json
import pathlib
import random
import shutil
import tempfile
import unittest
import warnings

from longhaul_agent import spool

from .harness import small_disk

ALL = (10 ** 6, 1 << 40)


def line(text):
    return {"kind": "log-line", "line": text}


def records(s):
    return [json.loads(record) for record in s.pending(*ALL)[0]]


def texts(s):
    return [record["line"] for record in records(s)]


def Spool(directory):
    ticks = itertools.count()
    return spool.Spool(directory, lambda: next(ticks))


class SpoolCase(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-spool-"))
        self.addCleanup(shutil.rmtree, self.directory)
        warnings.simplefilter("ignore", ResourceWarning)  # an agent that is killed closes nothing

    def test_a_torn_last_line_is_dropped_and_its_number_used_again(self):
        first = Spool(self.directory)
        for text in "abc":
            first.append(line(text))
        path = self.directory / "1.jsonl"
        path.write_bytes(path.read_bytes()[:-4])
        second = Spool(self.directory)
        self.assertEqual(["a", "b"], texts(second))
        second.append(line("d"))
        third = Spool(self.directory)
        self.assertEqual([("a", 1), ("b", 2), ("d", 3)],
                         [(r["line"], r["seq"]) for r in records(third)])

    def test_a_segment_that_was_torn_in_its_first_line_is_written_anew(self):
        (self.directory / "1.jsonl").write_bytes(b'{"kind":"log-l')
        Spool(self.directory).append(line("a"))
        self.assertEqual(["a"], texts(Spool(self.directory)))

    def test_text_that_looks_like_several_lines_is_one_record_after_a_restart(self):
        odd = "a\u2028b\u2029c\u0085d\x0be\x1cf\rg\nh\0i\ufffd"
        Spool(self.directory).append(line(odd))
        self.assertEqual([odd], texts(Spool(self.directory)))

    def test_a_batch_is_limited_by_count_and_by_bytes_but_never_empty(self):
        s = Spool(self.directory)
        for _ in range(10):
            s.append(line("x" * 1000))
        self.assertEqual(3, len(s.pending(3, 1 << 40)[0]))
        self.assertEqual(4, len(s.pending(100, 4500)[0]))
        self.assertEqual(1, len(s.pending(100, 10)[0]))

    def test_a_batch_says_up_to_when_it_is_complete(self):
        s = Spool(self.directory)
        self.assertEqual(([], 0), s.pending(*ALL))
        for _ in range(3):
            s.append(line("x"))  # at 1, 2 and 3
        self.assertEqual(4, s.pending(*ALL)[1])
        self.assertEqual(2, s.pending(2, 1 << 40)[1])
        self.assertEqual(1, s.pending(3, 10)[1])

    def test_what_was_stored_is_deleted_from_the_disk(self):
        self.addCleanup(setattr, spool, "SEGMENT_BYTES", spool.SEGMENT_BYTES)
        spool.SEGMENT_BYTES = 1000
        s = Spool(self.directory)
        for i in range(500):
            s.append(line(str(i)))
        self.assertGreater(len(list(self.directory.glob("*.jsonl"))), 10)
        s.acknowledge(499)
        self.assertEqual(1, len(list(self.directory.glob("*.jsonl"))))
        self.assertFalse(s.empty())
        s.acknowledge(500)
        self.assertTrue(s.empty())

    def test_a_disk_that_fills_up_in_the_middle_of_a_record_keeps_what_was_whole(self):
        disk = self.directory / "disk"
        small_disk(self, disk, 64 << 10)
        ballast = disk / "ballast"
        ballast.write_bytes(b"x" * (20 << 10))
        s, count = Spool(disk / "spool"), 40
        for i in range(count):
            s.append(line(f"{i} " + "x" * 1500))
        on_disk = texts(s)
        self.assertTrue(5 < len(on_disk) < count)
        self.assertEqual(len(on_disk) - 1, s.pending(*ALL)[1], "what waits in memory is not told of")
        self.assertEqual(on_disk, texts(Spool(disk / "spool")))
        ballast.unlink()
        texts_now = texts(s)
        self.assertEqual(list(range(count)), [int(text.split()[0]) for text in texts_now])
        self.assertEqual(texts_now, texts(Spool(disk / "spool")))

    def test_any_sequence_of_writes_acknowledgements_and_restarts_keeps_every_record_once(self):
        self.addCleanup(setattr, spool, "SEGMENT_BYTES", spool.SEGMENT_BYTES)
        spool.SEGMENT_BYTES = 300
        for seed in range(40):
            with self.subTest(seed=seed):
                shutil.rmtree(self.directory)
                dice = random.Random(seed)
                s, written, stored = Spool(self.directory), [], 0
                for _ in range(200):
                    deed = dice.random()
                    if deed < 0.6:
                        written.append(f"{len(written)} " + "é\n\u2028"[dice.randrange(3)] * dice.randrange(40))
                        s.append(line(written[-1]))
                    elif deed < 0.8:
                        stored = min(len(written), stored + dice.randrange(12))
                        s.acknowledge(stored)
                    elif deed < 0.85:
                        s.acknowledge(dice.randrange(stored + 1))
                    else:
                        s = Spool(self.directory)
                    pending = records(s)
                    self.assertEqual(list(range(stored + 1, len(written) + 1)), [r["seq"] for r in pending])
                    self.assertEqual(written[stored:], [r["line"] for r in pending])
