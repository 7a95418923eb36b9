"""What trainers report beside their log."""

import hashlib
import json
import pathlib
import shutil
import tempfile
import unittest

from longhaul_agent.reports import Reports, verify_checkpoint

STEP = {"kind": "step", "step": 3, "computeSeconds": 0.5, "communicationSeconds": 0, "totalSeconds": 0.75}


class ReportsCase(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-reports-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.records = []
        self.reports = Reports(self.directory, self.records.append)

    def write(self, text, rank=0):
        with open(self.directory / f"report-{rank}.jsonl", "a", encoding="utf-8") as file:
            file.write(text)

    def checkpoint(self):
        path = self.directory / "iter_0000050"
        path.mkdir()
        files = []
        for name in ("a.pt", "b.pt"):
            data = name.encode() * 100000
            (path / name).write_bytes(data)
            files.append({"file": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        (path / "MANIFEST.json").write_text(json.dumps({"files": files}))
        return path

    def tell_checkpoint(self, path):
        self.write(json.dumps({"kind": "checkpoint", "step": 50, "path": str(path), "consumedSamples": 800,
                               "seconds": 1.5, "state": "written"}) + "\n")
        self.reports.poll([0])
        self.reports.finish()

    def test_metrics_are_passed_on_and_what_is_no_number_is_not(self):
        self.write('{"kind": "metrics", "step": 5, "values": {"max_attention_logit": 12.5, "act_norm": NaN, "a": 1e999}}\n')
        for values in ('{"a": "1"}', '[1]', '{"a": true}', '{"%s": 1}' % ("a" * 200), '{"a": null}'):
            self.write('{"kind": "metrics", "step": 5, "values": %s}\n' % values)
        self.reports.poll([0])
        self.assertEqual({"kind": "metrics", "rank": 0, "step": 5, "values": {"max_attention_logit": 12.5}},
                         self.records[0])
        self.assertEqual(["agent"] * 5, [record["stream"] for record in self.records[1:]])

    def test_progress_in_collectives_is_passed_on_and_what_cannot_be_is_not(self):
        entry = {"kind": "collectives", "phase": "collective", "groups": [{"group": 0, "entered": 7, "finished": 6}]}
        self.write(json.dumps(entry) + "\n")
        bad = [{**entry, "phase": "lunch"}, {**entry, "groups": {}}, {**entry, "groups": entry["groups"] * 65}]
        for change in ({"finished": 8}, {"entered": -1}, {"group": 1 << 31}, {"group": "0"}):
            bad.append({**entry, "groups": [{**entry["groups"][0], **change}]})
        self.write("".join(json.dumps(one) + "\n" for one in bad))
        self.reports.poll([0])
        self.assertEqual({**entry, "rank": 0}, self.records[0])
        self.assertEqual(["agent"] * len(bad), [record["stream"] for record in self.records[1:]])

    def test_complete_lines_are_passed_on_once(self):
        text = json.dumps(STEP)
        self.write(text[:10])
        self.reports.poll([0, 1])
        self.assertEqual([], self.records)
        self.write(text[10:] + "\n")
        self.write(json.dumps({"kind": "data", "shard": "s", "firstSample": 0, "endSample": 9}) + "\n", rank=1)
        self.reports.poll([0, 1])
        self.reports.poll([0, 1])
        self.assertEqual([{**STEP, "kind": "rank-step", "rank": 0},
                          {"kind": "data-shard", "shard": "s", "firstSample": 0, "endSample": 9}], self.records)

    def test_what_the_service_could_not_read_is_a_log_line(self):
        bad = ["no json", "[]", "7", '"step"', "{}", '{"kind":"step"}', '{"kind":"data","shard":7,"firstSample":0}',
               '{"kind":"data","shard":"\\ud800","firstSample":0,"endSample":1}']
        for name, value in (("step", "3"), ("step", 2.5), ("step", True), ("step", -1), ("step", 1 << 63),
                            ("totalSeconds", float("nan")), ("totalSeconds", float("inf")), ("totalSeconds", None)):
            bad.append(json.dumps({**STEP, name: value}))
        self.write("".join(text + "\n" for text in bad))
        self.reports.poll([0])
        self.assertEqual(len(bad), len(self.records))
        for record in self.records:
            self.assertEqual(("log-line", "agent"), (record["kind"], record["stream"]), record)
            self.assertIn("unreadable report", record["line"])

    def test_a_good_checkpoint_is_verified(self):
        path = self.checkpoint()
        self.assertIsNone(verify_checkpoint(path))
        self.tell_checkpoint(path)
        self.assertEqual([("written", 50), ("verified", 50)], [(r["state"], r["step"]) for r in self.records])
        self.assertEqual({"kind": "checkpoint", "rank": 0, "step": 50, "state": "verified", "path": str(path),
                          "consumedSamples": 800, "seconds": 1.5}, self.records[1])

    def test_one_flipped_bit_fails_a_checkpoint(self):
        path = self.checkpoint()
        data = bytearray((path / "b.pt").read_bytes())
        data[4321] ^= 1
        (path / "b.pt").write_bytes(data)
        self.tell_checkpoint(path)
        self.assertEqual("failed", self.records[1]["state"])
        self.assertEqual("b.pt does not have the checksum of the manifest", self.records[1]["problem"])

    def test_a_missing_file_or_manifest_fails_a_checkpoint(self):
        path = self.checkpoint()
        (path / "a.pt").unlink()
        self.assertIn("a.pt", verify_checkpoint(path))
        for text in ("", "[]", '{"files":[{}]}'):
            (path / "MANIFEST.json").write_text(text)
            self.assertIn("cannot be read", verify_checkpoint(path))
        (path / "MANIFEST.json").unlink()
        self.assertIn("MANIFEST.json", verify_checkpoint(path))
