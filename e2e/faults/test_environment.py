"""A bad environment, as a user meets it: what each command says, its exit code, and that nothing was harmed."""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from outside import ROOT, Service, longhaul, processes_of, until
from training import Training

SPEC = (ROOT / "examples" / "demo.yaml").read_text()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def contents(directory):
    """Every file of a tree with its digest and time of change."""
    return {str(path): (path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
            for path in sorted(directory.rglob("*"))}


class Environment(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="longhaul-environment-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.home = self.directory / "home"
        self.service = Service(self.home)
        self.addCleanup(self.service.clear)

    def refused(self, code, message, *arguments, **options):
        """The command ends with the code and says exactly this, and leaves no process."""
        done = longhaul(*arguments, **options)
        self.assertEqual((code, message, ""), (done.returncode, done.stderr.strip(), done.stdout))
        self.assertEqual({}, processes_of(self.home))


class Start(Environment):
    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            message = (f"port {port} is in use: stop what listens there, or choose another with --port"
                       " (0 finds a free one)")
            self.refused(1, "longhaul: " + message, "serve", "--home", self.home, "--port", port)
            demo = longhaul("demo", "--home", self.home, "--port", port)
            self.assertEqual(1, demo.returncode)
            self.assertIn(message, demo.stderr)
            self.assertEqual({}, processes_of(self.home))

    def test_a_second_service_on_the_same_home(self):
        self.service.start().up()
        url = (self.home / "service.url").read_text().strip()
        second = longhaul("serve", "--home", self.home, "--port", free_port())
        self.assertEqual(
            (1, f"longhaul: another Longhaul service holds {self.home} (process {self.service.process.pid}, {url}):"
                " use it, stop it, or choose another directory with --home"),
            (second.returncode, second.stderr.strip()))
        self.assertEqual({"runs": []}, self.service.call("/api/v1/runs")[1])
        self.service.stop()

    def test_a_database_of_another_version(self):
        data = self.home / "postgres/data"
        data.mkdir(parents=True)
        (data / "PG_VERSION").write_text("17\n")
        (data / "base").write_bytes(b"precious")
        before = contents(self.home / "postgres")
        self.refused(1, f"longhaul: {data} holds a PostgreSQL 17 database, this Longhaul bundles 18: start the version"
                     " that made it and move the data with pg_dump, or choose another --home. Nothing was changed.",
                     "serve", "--home", self.home, "--port", "0")
        self.assertEqual(before, contents(self.home / "postgres"))

    def test_a_home_that_cannot_be_written(self):
        self.directory.joinpath("home").write_text("a file")
        done = longhaul("serve", "--home", self.home, "--port", "0")
        self.assertEqual(1, done.returncode)
        self.assertRegex(done.stderr, f"^longhaul: cannot use {self.home} as home: .*; choose a writable directory")

    def test_no_python_and_no_torch(self):
        bare = self.directory / "venv/bin/python"
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", bare.parent.parent], check=True)
        for python, why in ((bare, f"has no PyTorch: install it there ({bare} -m pip install torch)"),
                            ("/nowhere/python", "is no program: name a Python 3 with PyTorch")):
            for command in ("serve", "demo"):
                self.refused(1, f"longhaul: LONGHAUL_PYTHON is {python}, which {why}, or unset it for /usr/bin/python3.",
                             command, "--home", self.home, "--port", "0", environment={"LONGHAUL_PYTHON": str(python)})
        plan = ("plan", ROOT / "examples/demo.yaml")
        self.refused(6, "longhaul: measuring this machine failed: longhaul_trainer.probe: PyTorch is missing"
                     " (No module named 'torch'): install python3-torch", *plan,
                     environment={"LONGHAUL_PYTHON": str(bare)})
        done = longhaul(*plan, environment={"LONGHAUL_PYTHON": "/nowhere/python"})
        self.assertEqual(6, done.returncode)
        self.assertRegex(done.stderr, "^longhaul: measuring this machine failed: .*; is Python 3 installed at"
                                      " /nowhere/python[?] Another one can be named by LONGHAUL_PYTHON\n$")


class Specs(Environment):
    # What to replace in examples/demo.yaml, by what, and [(pointer, value, allowed range, hint)]; None for any.
    REFUSED = [
        ("  layers: 4", "", [("/model/layers", "", "a whole number from 1 to 10000", "add it")]),
        ("  layers: 4", "  layers: 4\n  layerz: 4", [("/model/layerz", None, None, "did you mean layers?")]),
        ("layers: 4", "layers: -4", [("/model/layers", "-4", "a whole number from 1 to 10000", "")]),
        ("layers: 4", "layers: 99999999999999999999", [("/model/layers", "99999999999999999999",
                                                        "a whole number from 1 to 10000", "")]),
        ("schedule: constant", "weightDecay: NaN", [("/training/weightDecay", "NaN", None,
                                                     "write a number, without quotes")]),
        ("attentionHeads: 4", "attentionHeads: 3", [("/model/attentionHeads", "3", "a divisor of hiddenSize 128", "")]),
        ("data: 2 }", "data: 3 }", [("/layout", "3 ranks", "degrees whose product divides the cluster's 2", ""),
                                    ("/layout/data", "3", "globalBatch 15 or globalBatch 18",
                                     "global batch 16 not divisible by data 3")]),
    ]

    def test_one_that_cannot_be_read(self):
        nowhere = self.directory / "nowhere.yaml"
        binary = self.directory / "binary.yaml"
        binary.write_bytes(b"name: \xff\xfe")
        for file, why in ((nowhere, "there is no such file"), (binary, "it is not text in UTF-8"),
                          (self.directory, "Is a directory")):
            message = f"longhaul: cannot read the RunSpec {file}: {why}; examples/ holds RunSpecs"
            self.refused(2, message, "plan", file)
            self.refused(2, message, "run", "submit", file)

    def test_no_service(self):
        url = f"http://127.0.0.1:{free_port()}"
        self.refused(3, f"longhaul: no Longhaul service answers at {url}: start one with ./longhaul serve, or name it"
                     " with --url", "run", "submit", ROOT / "examples/demo.yaml", "--url", url)

    def test_one_that_is_refused_is_refused_alike_everywhere_and_not_stored(self):
        self.service.start().up()
        url = (self.home / "service.url").read_text().strip()
        for old, new, expected in self.REFUSED:
            with self.subTest(new=new):
                spec = SPEC.replace(old, new, 1)
                self.assertNotEqual(SPEC, spec)
                status, problem = self.service.call("/api/v1/runs", spec)
                self.assertEqual((422, "urn:longhaul:problem:invalid-run-spec"), (status, problem["type"]))
                errors = [(e["pointer"], e["value"], e["allowed"], e["hint"]) for e in problem["errors"]]
                self.assertEqual(len(expected), len(errors), errors)
                for wanted, error in zip(expected, errors):
                    self.assertEqual([w if w is not None else e for w, e in zip(wanted, error)], list(error))
                    self.assertTrue(error[2], "says what is allowed")
                text = "longhaul: the RunSpec is refused:" + "".join(
                    f"\n  {pointer}{f' is {value}' if value else ''}: allowed is {allowed}{f'; {hint}' if hint else ''}"
                    for pointer, value, allowed, hint in errors)
                for command in (("plan", "-"), ("run", "submit", "--url", url, "-")):
                    done = subprocess.run([ROOT / "longhaul", *command], input=spec, capture_output=True, text=True)
                    self.assertEqual((2, text, ""), (done.returncode, done.stderr.strip(), done.stdout))
        self.assertEqual({"runs": []}, self.service.call("/api/v1/runs")[1])
        self.service.stop()


@unittest.skipUnless(os.geteuid() == 0, "mounting a small disk needs root")
class FullDisk(Training):
    steps = 200

    def mount(self, megabytes):
        self.service.home.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.service.home], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.service.home], check=True)
        self.addCleanup(self.service.clear)

    def resize(self, megabytes):
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", self.service.home], check=True)

    def test_at_the_start(self):
        """From no room at all over room for the programs to almost enough."""
        self.mount(1)
        (self.service.home / "filler").write_bytes(bytes(1 << 20))
        for megabytes in (1, 20, 70, 90):
            self.resize(megabytes)
            done = longhaul("serve", "--home", self.service.home, "--port", "0")
            self.assertEqual(1, done.returncode, f"{megabytes} MB: {done.stderr}")
            self.assertRegex(done.stderr, "longhaul: .*No space left on device", f"{megabytes} MB")
            self.assertNotIn("\tat ", done.stderr)
            self.assertEqual({}, processes_of(self.service.home))
        self.resize(400)
        self.service.start().up()
        self.assertEqual({"runs": []}, self.service.call("/api/v1/runs")[1])
        self.service.stop()
        self.passed = True

    def test_during_a_run(self):
        self.mount(400)
        (self.witness / "pace").write_text("0.1")
        self.service.start().up()
        run = self.submit()
        self.await_training()
        filler = self.service.home / "filler"
        with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(bytes(1 << 16))
        before = self.lines()
        until("the service says that the disk is full",
              lambda: f"left on the disk of {self.service.home}" in self.service.log.read_text())
        until("a checkpoint meets the full disk", lambda: self.lines() > before + 15 or not self.ranks())
        filler.unlink()
        view, events, curve, records = self.finish(run)
        self.assertEqual((0, 0), self.lost_and_doubled(view, records))
        self.check_accounts(view, events, curve, records)
        self.passed = True


class InterruptedDemo(Environment):
    def demo(self, moment, *options):
        """Ctrl-C, to the foreground process group, once the demonstration has said this; returns what it said."""
        said = self.directory / "said"
        with open(said, "wb") as out:
            demo = subprocess.Popen(
                [ROOT / "longhaul", "demo", "--home", self.home, "--port", "0", *options], stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True,
                # A shell's background job ignores SIGINT and hands that on; a foreground one does not.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        try:
            until(f"the demonstration says {moment!r}",
                  lambda: moment in said.read_text() or demo.poll() is not None)
            os.killpg(demo.pid, signal.SIGINT)
            self.assertEqual(130, demo.wait(180), said.read_text())
        finally:
            demo.kill()
            demo.wait()
        self.assertEqual({}, processes_of(self.home), said.read_text())
        self.assertNotIn("longhaul: ", said.read_text())
        return said.read_text()

    def test_leaves_no_process_and_keeps_its_history(self):
        self.demo("preparing a corpus")
        self.demo("starting the service")
        self.demo("measuring this machine")
        self.assertIn("1 earlier run in this home", self.demo("training   step", "--keep"))
        self.service.start().up()
        runs = self.service.call("/api/v1/runs")[1]["runs"]
        self.assertEqual(["stopped", "stopped"], [run["phase"] for run in runs])
        self.service.stop()


if __name__ == "__main__":
    unittest.main(verbosity=2)
