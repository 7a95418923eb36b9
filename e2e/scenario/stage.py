"""What a scenario plays on: a cluster of the test bench, services of Longhaul, a directory; nothing of it stays."""
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from outside import ROOT, Service, until

STAND_IN = pathlib.Path(__file__).with_name("stand_in")
# Nodes are found lost within seconds instead of a minute, and their pods given up at once.
QUICK_TO_MISS = ("--lease-every", "1s",
                 "--flag", "kube-controller-manager:--node-monitor-grace-period=4s",
                 "--flag", "kube-controller-manager:--node-monitor-period=1s",
                 "--flag", "kube-apiserver:--default-unreachable-toleration-seconds=1",
                 "--flag", "kube-apiserver:--default-not-ready-toleration-seconds=1")
VOLUME = """
apiVersion: v1
kind: PersistentVolume
metadata: {name: shared}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteMany]
  storageClassName: ""
  hostPath: {path: %s}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: shared, namespace: default}
spec: {accessModes: [ReadWriteMany], storageClassName: "", volumeName: shared, resources: {requests: {storage: 1Gi}}}
"""


class Cluster:
    """A Kubernetes cluster of the test bench, and its API as the administrator sees it."""

    def __init__(self, directory, *options):
        self.directory = directory
        self.bench("up", *options)
        self.kubeconfig = directory / "admin.kubeconfig"
        config = json.loads(self.kubectl("config", "view", "--raw", "-o", "json"))
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server, self._token = cluster["server"], user["token"]
        self._tls = ssl.create_default_context(cafile=cluster["certificate-authority"])

    def bench(self, *arguments):
        done = subprocess.run([ROOT / "longhaul", "cluster", *map(str, arguments), "--dir", self.directory],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        if done.returncode:
            raise RuntimeError(f"longhaul cluster {' '.join(map(str, arguments))}: {done.stderr or done.stdout}")
        return done.stdout

    def fault(self, *arguments):
        self.bench("fault", *arguments)

    def component(self, name, action):
        """Stops, starts, kills, freezes or thaws a program of the control plane."""
        self.bench("fault", "component", name, action)

    def kubectl(self, *arguments, text=None):
        done = subprocess.run(["kubectl", "--kubeconfig", self.directory / "admin.kubeconfig", *arguments],
                              input=text, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"kubectl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def apply(self, text):
        self.kubectl("apply", "--server-side", "-f", "-", text=text)

    def get(self, path):
        """An object or a list by its path; None if there is none."""
        request = urllib.request.Request(self.server + path, headers={"Authorization": f"Bearer {self._token}"})
        try:
            with urllib.request.urlopen(request, timeout=60, context=self._tls) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            with refused:
                if refused.code == 404:
                    return None
                raise

    def pods(self, selector=""):
        return self.get(f"/api/v1/namespaces/default/pods?labelSelector={selector}")["items"]

    def job(self, name):
        return self.get(f"/apis/batch/v1/namespaces/default/jobs/{name}")

    def share(self, directory):
        """Makes a directory of this machine the claim `shared`; pods are not root."""
        directory.mkdir(exist_ok=True)
        directory.chmod(0o777)
        self.apply(VOLUME % directory)


class Stage:
    """Directory, cluster and services of one scenario; kept for a look if it did not pass."""

    def __init__(self, name):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix=f"longhaul-{name}-"))
        self.shared = self.directory / "shared"
        self.passed = False
        self.begin = time.monotonic()
        self._cluster = None
        self._services = []
        self._ends = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for service in self._services:
            service.clear()
        for end in self._ends:
            end()
        if self._cluster is not None:
            self._cluster.bench("down")
        if self.passed:
            shutil.rmtree(self.directory)
        else:
            print(f"what happened is in {self.directory}", file=sys.stderr)

    def say(self, text):
        print(f"{time.monotonic() - self.begin:6.1f} s  {text}", file=sys.stderr, flush=True)

    def cluster(self, *options):
        self.say("starting a cluster")
        self._cluster = Cluster(self.directory / "cluster", *options)
        self._cluster.share(self.shared)
        return self._cluster

    def on_end(self, end):
        """Calls a function when the scenario is over and its services have ended."""
        self._ends.append(end)

    def service(self, name="home", port=0, **environment):
        """A service that uses the cluster; started, not yet up."""
        service = Service(self.directory / name, {"LONGHAUL_KUBECONFIG": str(self._cluster.kubeconfig), **environment},
                          port)
        self._services.append(service)
        return service.start()

    def submit(self, service, **fields):
        """Submits a run of the stand-in trainer and returns its number; fields as in `spec`."""
        status, run = service.call("/api/v1/runs", json.dumps(spec(self.shared, **fields)))
        if status != 201:
            raise RuntimeError(f"the run was refused: {run}")
        return run["id"]


def spec(shared, nodes=2, resources=(), environment=(), policies=(), kubernetes=(), name="scenario"):
    """A run of one rank a pod, which outlasts every scenario. The model is the smallest one that can be planned."""
    return {
        "name": name, "backend": "kubernetes",
        "model": {"layers": 2, "hiddenSize": 64, "attentionHeads": 2, "vocabSize": 256, "sequenceLength": 64},
        "training": {"data": "/corpus", "tokens": 100_000 * nodes * 64, "globalBatch": nodes, "learningRate": 1e-3,
                     "checkpointEverySteps": 10},
        "cluster": {"kind": "described", "nodes": nodes, "devicesPerNode": 1, "accelerator": "H100-SXM-80GB"},
        "layout": {"data": nodes},
        "policies": {"adapt": "off", "stallTimeout": "30s", "startTimeout": "300s", **dict(policies)},
        "kubernetes": {
            "image": "scenario", "python": "/usr/bin/python3", "checkpoints": "/shared/checkpoints",
            "volumes": [{"claim": "shared", "mountPath": "/shared"}], "resources": dict(resources),
            "environment": {"PYTHONPATH": f"{STAND_IN}:{ROOT / 'worker'}", "WITNESS": "/shared",
                            "STAGE": str(shared), **dict(environment)}, **dict(kubernetes)}}


def phase(service, run):
    """The run's phase; empty while the service does not answer."""
    try:
        return service.run(run)["phase"]
    except OSError:
        return ""


def await_training(service, run, attempt=1, seconds=180):
    """Waits until an attempt, or a later one, has made a step."""
    def trains():
        view = service.run(run)
        if view["phase"] in ("failed", "stopped", "completed"):
            raise AssertionError(f"the run has ended: {view['phase']}: {view.get('reason')}")
        return view if view["phase"] == "training" and len(view["attempts"]) >= attempt else None
    return until(f"attempt {attempt} trains", trains, seconds)


def lines(directory):
    """What trainers wrote down by themselves, in the order of their clock: dictionaries."""
    found = []
    for file in directory.glob("witness-*"):
        found += [json.loads(line) for line in file.read_text().rpartition("\n")[0].splitlines()]
    return sorted(found, key=lambda line: line["at"])


def doubled(directory):
    """Number of times that a trainer did something after one of a later attempt had."""
    newest, count = 0, 0
    for line in lines(directory):
        count += line["attempt"] < newest
        newest = max(newest, line["attempt"])
    return count


def cpu_note():
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
