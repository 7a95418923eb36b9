"""Hundreds of pods that only change phase; the harness plays their agents."""
import time

from agents import Agents
from catalogue import Outcome, scenario
from outside import until
from stage import await_training, cpu_note

JOBSET = """
apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: beside, namespace: default}
spec:
  failurePolicy: {maxRestarts: 3, restartStrategy: Recreate}
  replicatedJobs:
  - name: w
    replicas: 1
    template:
      spec:
        completionMode: Indexed
        completions: %(pods)d
        parallelism: %(pods)d
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            containers:
            - {name: main, image: none, command: [none], resources: {limits: {nvidia.com/gpu: 8}}}
"""


def ready(cluster, job, pods, other_than=None):
    """The Job's own identity once all its pods are ready; None before."""
    found = cluster.job(job)
    whole = found is not None and found["metadata"]["uid"] != other_than and found["status"].get("ready") == pods
    return found["metadata"]["uid"] if whole else None


@scenario("restart-512", "512 pods after one failed: a new attempt (R3) beside JobSet's Recreate")
def restart(stage):
    pods = 512
    cluster = stage.cluster("--nodes", pods, "--simulate", "--jobset")
    jobset = restart_of_jobset(stage, cluster, pods)
    service = stage.service().up()
    run = stage.submit(service, nodes=pods, resources={"nvidia.com/gpu": "8"},
                       policies={"stallTimeout": "120s", "restart": "anew"})
    seconds = restart_of_run(stage, cluster, service, run, pods)
    return Outcome(
        seconds["pods"] <= jobset and len(service.run(run)["attempts"]) == 2,
        f"R3 {seconds['pods']:.1f} s until all pods are ready again ({seconds['training']:.1f} s until it trains), "
        f"JobSet Recreate {jobset:.1f} s", {"r3Seconds": seconds["pods"], "r3TrainingSeconds": seconds["training"],
                                            "jobSetRecreateSeconds": jobset, "pods": pods, "machine": cpu_note()})


def restart_of_jobset(stage, cluster, pods):
    stage.say(f"{pods} pods of a JobSet")
    cluster.apply(JOBSET % {"pods": pods})
    first = until("the JobSet's pods are ready", lambda: ready(cluster, "beside-w-0", pods))
    victim = cluster.pods("jobset.sigs.k8s.io/jobset-name=beside")[pods // 2]["metadata"]["name"]
    cluster.fault("kill", f"default/{victim}")
    begin = time.monotonic()
    until("JobSet has made them again", lambda: ready(cluster, "beside-w-0", pods, other_than=first))
    seconds = time.monotonic() - begin
    cluster.kubectl("delete", "jobset", "beside", "--cascade=foreground")
    until("its pods are gone", lambda: not cluster.pods("jobset.sigs.k8s.io/jobset-name=beside"))
    return seconds


def restart_of_run(stage, cluster, service, run, pods):
    stage.say(f"{pods} pods of a run")
    until("the run's pods are ready", lambda: ready(cluster, f"run-{run}-a1", pods))
    first = Agents(cluster, url(service), run, 1, range(pods))
    await_training(service, run)
    index = pods // 2
    victim, = cluster.pods(f"longhaul.io/run={run},batch.kubernetes.io/job-completion-index={index}")
    first.silent.add(index)
    cluster.fault("kill", f"default/{victim['metadata']['name']}")
    begin = time.monotonic()
    until("the run's pods are ready again", lambda: ready(cluster, f"run-{run}-a2", pods))
    again = time.monotonic() - begin
    second = Agents(cluster, url(service), run, 2, range(pods))
    await_training(service, run, 2)
    trains = time.monotonic() - begin
    first.over = second.over = True
    return {"pods": again, "training": trains}


@scenario("lost-nodes", "2 of 500 nodes are lost: their pods are replaced, no other one is touched")
def lost_nodes(stage):
    pods, lost = 500, (100, 300)
    cluster = stage.cluster("--nodes", pods + len(lost), "--simulate",
                            "--flag", "kube-controller-manager:--node-monitor-grace-period=25s",
                            "--flag", "kube-apiserver:--default-unreachable-toleration-seconds=1",
                            "--flag", "kube-apiserver:--default-not-ready-toleration-seconds=1")
    service = stage.service(LONGHAUL_KUBERNETES_LOSTAFTER="5s").up()
    run = stage.submit(service, nodes=pods, resources={"nvidia.com/gpu": "8"}, policies={"stallTimeout": "20s"})
    until("the run's pods are ready", lambda: ready(cluster, f"run-{run}-a1", pods))
    agents = Agents(cluster, url(service), run, 1, range(pods))
    await_training(service, run)
    before = of_run(cluster, run)
    stage.say("two nodes are lost")
    agents.silent.update(lost)
    begin = time.monotonic()
    for node in lost:
        cluster.fault("node-lost", before[node]["spec"]["nodeName"])
    until("two pods are made", lambda: ready(cluster, f"run-{run}-a2", len(lost)), 180)
    replaced = time.monotonic() - begin
    others = Agents(cluster, url(service), run, 2, lost)
    await_training(service, run, 2)
    trains = time.monotonic() - begin
    agents.over = others.over = True
    after = of_run(cluster, run)
    touched = [node for node in range(pods) if node not in lost and identity(before[node]) != identity(after.get(node))]
    # The Job of the second attempt counts its own pods.
    replacements = cluster.pods(f"longhaul.io/run={run},longhaul.io/attempt=2")
    return Outcome(
        not touched and len(replacements) == len(lost) and len(service.run(run)["attempts"]) == 2,
        f"{len(replacements)} pods made, {len(touched)} of {pods - len(lost)} others touched; "
        f"{replaced:.1f} s until they are ready, {trains:.1f} s until the run trains (25 s of them until Kubernetes "
        "misses a node)",
        {"replaced": len(replacements), "touched": len(touched), "pods": pods, "readySeconds": replaced,
         "trainingSeconds": trains, "machine": cpu_note()})


def of_run(cluster, run):
    """Pods of the run's first attempt by index."""
    return {int(p["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]): p
            for p in cluster.pods(f"longhaul.io/run={run},longhaul.io/attempt=1")}


def identity(pod):
    return pod and (pod["metadata"]["uid"], pod["status"]["phase"], "deletionTimestamp" in pod["metadata"])


def url(service):
    return (service.home / "service.url").read_text().strip()


@scenario("rank-order", "ranks of 128 pods follow the fabric, wherever the scheduler put them")
def rank_order(stage):
    pods, leaf = 128, "network.topology.nvidia.com/leaf"
    cluster = stage.cluster("--nodes", pods, "--simulate")
    service = stage.service().up()
    run = stage.submit(service, nodes=pods, resources={"nvidia.com/gpu": "8"})
    until("the run's pods are ready", lambda: ready(cluster, f"run-{run}-a1", pods))
    agents = Agents(cluster, url(service), run, 1, range(pods))
    await_training(service, run)
    until("all agents are told to start", lambda: len(agents.node_ranks) == pods)
    agents.over = True
    leaves = {n["metadata"]["name"]: n["metadata"]["labels"][leaf] for n in cluster.get("/api/v1/nodes")["items"]}
    by_index = [leaves[p["spec"]["nodeName"]] for p in sorted(
        cluster.pods(f"longhaul.io/run={run}"),
        key=lambda p: int(p["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"]))]
    by_rank = [by_index[node] for node in sorted(agents.node_ranks, key=agents.node_ranks.get)]
    used = len(set(by_index))
    return Outcome(
        sorted(agents.node_ranks.values()) == list(range(pods)) and changes(by_rank) == used - 1,
        f"{changes(by_rank)} changes of leaf along the ranks, {changes(by_index)} along the Job's indexes; "
        f"{pods} pods on {used} leaves",
        {"leafChanges": changes(by_rank), "leafChangesByIndex": changes(by_index), "leaves": used, "pods": pods})


def changes(sequence):
    return sum(one != other for one, other in zip(sequence, sequence[1:]))
