"""Parts of the cluster are away for a while; pods are real processes with the real agent."""
import os
import signal
import time

from catalogue import Outcome, scenario
from outside import until
from stage import QUICK_TO_MISS, await_training, doubled, lines, phase

KUEUE = """
apiVersion: kueue.x-k8s.io/v1beta2
kind: ResourceFlavor
metadata: {name: bench}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: bench}
spec:
  namespaceSelector: {}
  resourceGroups:
  - coveredResources: [cpu]
    flavors: [{name: bench, resources: [{name: cpu, nominalQuota: 8}]}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: queue, namespace: default}
spec: {clusterQueue: bench}
"""


def kill_rank(stage, attempt, rank=0):
    """Ends a trainer of an attempt as a fault would."""
    for entry in stage.shared.glob(f"witness-{attempt}-{rank}-*"):
        inside = int(entry.name.rpartition("-")[2])
        for process in os.scandir("/proc"):
            if process.name.isdigit() and is_rank(process.name, inside, stage.shared, attempt):
                os.kill(int(process.name), signal.SIGKILL)
                return
    raise AssertionError(f"no rank {rank} of attempt {attempt} lives")


def is_rank(pid, inside, shared, attempt):
    """Whether a process of this machine is the one that calls itself `inside` in its pod."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as command, open(f"/proc/{pid}/environ", "rb") as environment:
            if b"longhaul_trainer" not in command.read().split(b"\0"):
                return False
            variables = environment.read().split(b"\0")
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            numbers = next(line for line in status if line.startswith("NSpid:")).split()
        return (int(numbers[-1]) == inside and f"LONGHAUL_ATTEMPT={attempt}".encode() in variables
                and f"STAGE={shared}".encode() in variables)
    except (OSError, StopIteration):
        return False


def reason(service, run, words):
    """What the run says that it waits for, once that contains the words."""
    text = service.run(run)["reason"]
    return text if words in text else None


@scenario("in-place", "a rank dies, then a pod: the other pods go on with the next attempt")
def in_place(stage):
    cluster = stage.cluster("--nodes", 3)
    service = stage.service().up()
    run = stage.submit(service)
    await_training(service, run)
    first = {pod["metadata"]["uid"] for pod in cluster.pods(f"longhaul.io/run={run}")}
    begin = time.monotonic()
    kill_rank(stage, 1)
    await_training(service, run, 2)
    rank_seconds = time.monotonic() - begin
    same = {pod["metadata"]["uid"] for pod in cluster.pods(f"longhaul.io/run={run}")} == first
    victim, = cluster.pods(f"longhaul.io/run={run},batch.kubernetes.io/job-completion-index=1")
    begin = time.monotonic()
    cluster.fault("kill", f"default/{victim['metadata']['name']}")
    await_training(service, run, 3)
    pod_seconds = time.monotonic() - begin
    alive = {p["metadata"]["uid"]: p for p in cluster.pods(f"longhaul.io/run={run}")
             if p["status"]["phase"] == "Running"}
    kept = len(first & set(alive))
    attempts = len(service.run(run)["attempts"])
    twice = doubled(stage.shared)
    return Outcome(
        same and kept == 1 and len(alive) == 2 and attempts == 3 and twice == 0,
        f"after a dead rank it trains again in {rank_seconds:.1f} s with the same pods, after a dead pod in "
        f"{pod_seconds:.1f} s with {kept} of 2; {twice} doubled",
        {"rankSeconds": rank_seconds, "podSeconds": pod_seconds, "kept": kept, "attempts": attempts, "doubled": twice})


@scenario("api-away", "the cluster's API is away for long: nothing healthy ends, all is in order when it is back")
def api_away(stage):
    away = 60
    cluster = stage.cluster(*QUICK_TO_MISS, "--nodes", 3)
    # Everything that waits does so for a tenth of its usual time: 60 s stand for 10 min.
    service = stage.service(LONGHAUL_KUBERNETES_LOSTAFTER="6s").up()
    run = stage.submit(service, policies={"stallTimeout": "6s", "restart": "anew"})
    await_training(service, run)
    stage.say(f"the API server is away for {away} s")
    cluster.component("kube-apiserver", "stop")
    began, step = time.time(), service.run(run)["step"]
    time.sleep(away)
    view = service.run(run)
    healthy = len(view["attempts"]) == 1 and view["phase"] == "training" and view["step"] > step + 5 * away // 2
    # What is to be done when it is back: the next attempt.
    kill_rank(stage, 1)
    said = until("the run says what it waits for", lambda: reason(service, run, "API does not answer"))
    cluster.component("kube-apiserver", "start")
    until("the API answers", lambda: answers(cluster))
    back = time.monotonic()
    until("the next attempt's Job is there", lambda: cluster.job(f"run-{run}-a2"))
    seconds = time.monotonic() - back
    await_training(service, run, 2)
    restarted = sum(line["kind"] == "start" and line["attempt"] == 1 and line["at"] > began for line in lines(stage.shared))
    twice = doubled(stage.shared)
    return Outcome(
        healthy and not restarted and not twice and seconds <= 5,
        f"away {away} s at a tenth of the usual patience: {0 if healthy else 1} healthy attempts ended, {twice} doubled, "
        f"the next attempt's Job {seconds:.1f} s after the return",
        {"awaySeconds": away, "healthyAttemptsEnded": 0 if healthy else 1, "doubled": twice,
         "reconciledSeconds": seconds, "said": said})


def answers(cluster):
    try:
        return cluster.get("/readyz?verbose=false") is not None
    except ValueError:
        return True  # "ok" is no JSON
    except OSError:
        return False


@scenario("webhook-down", "Kueue's webhook is down during a restart: the run says so and goes on by itself")
def webhook_down(stage):
    cluster = stage.cluster("--nodes", 3, "--kueue")
    until("Kueue takes the queue", lambda: took(cluster))
    service = stage.service().up()
    run = stage.submit(service, kubernetes={"queue": "queue"}, resources={"cpu": "1"}, policies={"restart": "anew"})
    await_training(service, run)
    cluster.component("kueue", "stop")
    kill_rank(stage, 1)
    began = time.monotonic()
    said = until("the run names the webhook", lambda: reason(service, run, "webhook"))
    named = time.monotonic() - began
    view = service.run(run)
    waits = view["attempts"][-1]["number"] == 2 and phase(service, run) not in ("failed", "waiting")
    cluster.component("kueue", "start")
    back = time.monotonic()
    view = await_training(service, run, 2)
    seconds = time.monotonic() - back
    return Outcome(
        waits and len(view["attempts"]) == 2 and not doubled(stage.shared),
        f"named as the cause {named:.1f} s after the failure, trains {seconds:.1f} s after Kueue's start; "
        f"{len(view['attempts'])} attempts", {"namedSeconds": named, "trainsSeconds": seconds, "said": said})


def took(cluster):
    try:
        cluster.apply(KUEUE)
        return True
    except RuntimeError:
        return False


@scenario("stuck-terminating", "a pod cannot end on a lost node: the next attempt starts after fence and deadline")
def stuck(stage):
    deadline = 8
    cluster = stage.cluster(*QUICK_TO_MISS, "--nodes", 3)
    service = stage.service(LONGHAUL_KUBERNETES_LOSTAFTER=f"{deadline}s").up()
    run = stage.submit(service, policies={"stallTimeout": "5s"})
    await_training(service, run)
    pod, = cluster.pods(f"longhaul.io/run={run},batch.kubernetes.io/job-completion-index=1")
    cluster.fault("stuck", f"default/{pod['metadata']['name']}")
    cluster.fault("node-dead", pod["spec"]["nodeName"])
    until("the cluster gives the pod up", lambda: "deletionTimestamp" in cluster.get(
        f"/api/v1/namespaces/default/pods/{pod['metadata']['name']}")["metadata"])
    until("the attempt ends", lambda: service.run(run)["attempts"][-1].get("endingAt")
          or service.run(run)["phase"] != "training")
    ending = time.monotonic()
    until("the next attempt's Job is there", lambda: cluster.job(f"run-{run}-a2"))
    seconds = time.monotonic() - ending
    view = await_training(service, run, 2)
    twice = doubled(stage.shared)
    return Outcome(
        seconds >= deadline and not twice and len(view["attempts"]) == 2,
        f"the next attempt's Job {seconds:.1f} s after the attempt was given up (deadline {deadline} s); "
        f"{twice} doubled", {"seconds": seconds, "deadlineSeconds": deadline, "doubled": twice})


@scenario("budget", "the budget of restarts outlives every object of the run and the service")
def budget(stage):
    cluster = stage.cluster("--nodes", 3)
    service = stage.service().up()
    run = stage.submit(service, policies={"maxRestarts": 2})
    await_training(service, run)
    kill_rank(stage, 1)
    await_training(service, run, 2)
    stage.say("everything of the run is deleted, the service killed")
    service.kill()
    for kind in ("job", "configmap", "secret", "service", "pod"):
        cluster.kubectl("delete", kind, "-l", "longhaul.io/managed=true", "--wait=false")
    until("nothing of the run is left", lambda: not cluster.pods(f"longhaul.io/run={run}"))
    service.start().up()
    await_training(service, run, 3)
    kill_rank(stage, 3)
    view = service.ended(run)
    restarts, waits = len(view["attempts"]) - 1, view.get("waitingFor") or {}
    return Outcome(
        restarts == 2 and view["phase"] == "waiting" and waits.get("code") == "too-many-restarts",
        f"{restarts} of 2 restarts used, then it asks a person ({waits.get('code')})",
        {"restarts": restarts, "allowed": 2, "phase": view["phase"], "waitingFor": waits})


@scenario("bad-checkpoint", "a checkpoint with right checksums that no attempt can go on from")
def bad_checkpoint(stage):
    bad, before = 20, 10
    stage.cluster("--nodes", 3)
    service = stage.service().up()
    run = stage.submit(service, environment={"PACE": "0.5", "BAD_STEP": str(bad)}, policies={"maxRestarts": 10})
    await_training(service, run)
    until(f"the checkpoint of step {bad} is verified", lambda: any(
        c["step"] == bad and c["state"] == "verified" for c in service.run(run)["checkpoints"]))
    kill_rank(stage, 1)
    view = await_training(service, run, 4)
    starts = {line["attempt"]: line["step"] for line in lines(stage.shared) if line["kind"] == "start"}
    tries = list(starts.values())
    return Outcome(
        tries == [0, bad, bad, before],
        f"{tries.count(bad)} tries on step {bad}, then step {tries[-1]}; {len(view['attempts'])} attempts, it trains",
        {"startsByAttempt": starts})
