"""Longhaul as an outsider sees it: commands, processes, the HTTP API, the files of a home."""
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 180


def until(what, holds, seconds=PATIENCE_SECONDS):
    """Waits until `holds()` is true and returns it; fails when it takes far too long."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


def longhaul(*arguments, environment=None, **options):
    """Runs a command to its end; standard output and standard error are kept apart."""
    return subprocess.run([ROOT / "longhaul", *map(str, arguments)], env={**os.environ, **(environment or {})},
                          capture_output=True, text=True, timeout=PATIENCE_SECONDS, stdin=subprocess.DEVNULL,
                          **options)


def processes_of(home):
    """Living processes that have the directory in their command line or environment, by number."""
    found = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(home) in command + environment and int(entry.name) != os.getpid():
            found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace")[:120]
    return found


class Service:
    """`./longhaul serve` on a home; every start is a new process."""

    def __init__(self, home, environment=None, port=0):
        self.home = pathlib.Path(home)
        self.port = port
        self.environment = environment or {}
        self.log = self.home.with_name(self.home.name + ".log")
        self.process = None

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [ROOT / "longhaul", "serve", "--home", self.home, "--port", str(self.port)], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={**os.environ, **self.environment}, start_new_session=True)
        return self

    def up(self):
        """Waits until this process serves."""
        def serves():
            if self.process.poll() is not None:
                raise AssertionError(f"the service ended with {self.process.returncode}:\n{self.tail()}")
            try:
                return (int((self.home / "service.pid").read_text()) == self.process.pid
                        and (self.home / "service.url").exists())
            except (OSError, ValueError):
                return False
        until("the service is up", serves)
        return self

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:]) if self.log.exists() else ""

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; the service ends in order and leaves no process except agents and their ranks."""
        self.process.terminate()
        code = self.process.wait(PATIENCE_SECONDS)
        if code != 143 or "Exception in thread" in self.tail():
            raise AssertionError(f"the service ended with {code}:\n{self.tail()}")

    def postmaster(self):
        """Process number of the embedded PostgreSQL."""
        return int((self.home / "postgres/data/postmaster.pid").read_text().splitlines()[0])

    def call(self, path, body=None):
        """(status, answer) of the API; a body is posted."""
        request = urllib.request.Request((self.home / "service.url").read_text().strip() + path,
                                         data=body.encode() if body is not None else None,
                                         headers={"Content-Type": "application/yaml"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.load(refused)

    def run(self, identity):
        return self.call(f"/api/v1/runs/{identity}")[1]

    def ended(self, identity):
        """Waits for the end of a run and returns it; a run that waits for a person counts as ended."""
        def view():
            try:
                run = self.run(identity)
            except OSError:
                return None
            return run if run["phase"] in ("completed", "failed", "stopped", "waiting") else None
        return until(f"run {identity} ends", view, 3 * PATIENCE_SECONDS)

    def events(self, identity):
        events, after = [], 0
        while page := self.call(f"/api/v1/runs/{identity}/events?after={after}&limit=1000")[1]["events"]:
            events += page
            after = page[-1]["sequence"]
        return events

    def clear(self):
        """Leaves no process of the home, whatever happened."""
        for pid in processes_of(self.home):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def stored(home, query):
    """Rows of a query on the database of a home whose service has ended, read with the server's own single-user mode."""
    out = home / "rows"
    server = next((home / "postgres").glob("**/bin/postgres"))
    as_another = ["unshare", "-U"] if os.geteuid() == 0 else []  # PostgreSQL refuses to be root
    copy = f"COPY (SELECT encode(convert_to(row_to_json(r)::text, 'UTF8'), 'hex') FROM ({query}) r) TO '{out}'\n"
    subprocess.run([*as_another, server, "--single", "-D", home / "postgres/data", "postgres"], input=copy, text=True,
                   check=True, capture_output=True)
    return [json.loads(bytes.fromhex(line)) for line in out.read_text().split()]
