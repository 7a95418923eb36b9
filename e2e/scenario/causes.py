"""What keeps pods from coming is told on the run."""
import time

from catalogue import Outcome, scenario
from outside import until

FULL = """
apiVersion: v1
kind: Namespace
metadata: {name: full}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: small, namespace: full}
spec: {hard: {pods: "0"}}
"""
# Name of the run, its fields, words of the cause and of the remedy.
RUNS = (
    ("image", {"kubernetes": {"image": "nowhere/worker:1"}}, "nowhere/worker:1 cannot be pulled", "check its name"),
    ("devices", {"resources": {"nvidia.com/gpu": "9"}}, "Insufficient nvidia.com/gpu", "free or add nodes"),
    ("quota", {"kubernetes": {"namespace": "full"}}, "exceeded quota: small", "raise it"),
    ("priority", {"kubernetes": {"priorityClass": "none"}}, "no PriorityClass with name none", "submit the run with that"),
    ("namespace", {"kubernetes": {"namespace": "missing"}}, "namespace missing does not exist", "create it"),
    ("not-ours", {"kubernetes": {"namespace": "kube-system"}}, "may not use namespace kube-system", "add it to"),
)


@scenario("causes", "pods that cannot come: the run names the cause and what to do")
def causes(stage):
    cluster = stage.cluster("--nodes", 2)
    cluster.apply(FULL)
    until("the quota is counted", lambda: "hard" in cluster.get(
        "/api/v1/namespaces/full/resourcequotas/small").get("status", {}))
    cluster.fault("image-refused", "nowhere/*")
    service = stage.service(LONGHAUL_NAMESPACES="default,full,missing").up()
    seconds, wrong = {}, []
    for name, fields, cause, remedy in RUNS:
        run = stage.submit(service, name=name, **fields)
        begin = time.monotonic()
        reason = until(f"the run {name} says why it waits", lambda: service.run(run)["reason"])
        seconds[name] = time.monotonic() - begin
        stage.say(f"{name}: {reason}")
        if cause not in reason or remedy not in reason:
            wrong.append(f"{name}: {reason}")
        service.call(f"/api/v1/runs/{run}/stop", "")
    slowest = max(seconds, key=seconds.get)
    return Outcome(not wrong and seconds[slowest] <= 10,
                   f"{len(RUNS) - len(wrong)} of {len(RUNS)} causes named with a remedy, the slowest ({slowest}) after "
                   f"{seconds[slowest]:.1f} s", {"seconds": seconds, "wrong": wrong})
