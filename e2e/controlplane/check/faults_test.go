//go:build cluster

package check

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
)

// ticks is a program that writes a line fifty times a second; mark makes its command line unique.
func ticks(name, mark, more string) string {
	return program(name, `
import time
i = 0
while True:
    i += 1
    print("`+mark+`", i)
    time.sleep(0.02)
`, more)
}

func (b *bench) lines(t *testing.T, ns, name string) int {
	return strings.Count(b.logs(t, ns, name, v1.PodLogOptions{}), "\n")
}

func TestKilledContainer(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, ticks("victim", "victim", ""))
	shared.await(t, ns, "victim", "running", phase(v1.PodRunning))
	shared.fault(t, "kill", ns+"/victim", "--reason", "OOMKilled")
	end := shared.await(t, ns, "victim", "failed", phase(v1.PodFailed)).Status.ContainerStatuses[0].State.Terminated
	if end.ExitCode != 137 || end.Reason != "OOMKilled" {
		t.Errorf("%+v", end)
	}
}

func TestFrozenContainerStandsStillAndGoesOn(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, ticks("frozen", "frozen", ""))
	eventually(t, "first lines", func() bool {
		pod := shared.pod(t, ns, "frozen")
		return pod.Status.Phase == v1.PodRunning && shared.lines(t, ns, "frozen") > 0
	})
	shared.fault(t, "freeze", ns+"/frozen")
	still := -1
	eventually(t, "no new line in half a second", func() bool {
		before := shared.lines(t, ns, "frozen")
		time.Sleep(500 * time.Millisecond)
		still = shared.lines(t, ns, "frozen")
		return still == before
	})
	if pod := shared.pod(t, ns, "frozen"); pod.Status.Phase != v1.PodRunning {
		t.Errorf("a frozen pod is %s", pod.Status.Phase)
	}
	shared.fault(t, "thaw", ns+"/frozen")
	eventually(t, "more lines", func() bool { return shared.lines(t, ns, "frozen") > still })
	shared.fault(t, "slow", ns+"/frozen", "--share", "0.5")
	still = shared.lines(t, ns, "frozen")
	eventually(t, "more lines of a slow pod", func() bool { return shared.lines(t, ns, "frozen") > still+10 })
}

// lastStatus watches a pod from now on and returns its last status before it is gone.
func (b *bench) lastStatus(t *testing.T, ns, name string) func() *v1.Pod {
	t.Helper()
	changes, err := b.client.CoreV1().Pods(ns).Watch(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
	if err != nil {
		t.Fatal(err)
	}
	return func() *v1.Pod {
		defer changes.Stop()
		for change := range changes.ResultChan() {
			if change.Type == watch.Deleted {
				return change.Object.(*v1.Pod)
			}
		}
		t.Fatal("the watch ended before the pod")
		return nil
	}
}

func TestGraceOfDeletion(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, program("polite", `
import signal, sys, time
def leave(*_):
    print("checkpoint written", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("started", flush=True)
while True: time.sleep(1)
`, ""))
	shared.create(t, ns, program("deaf", `
import time
print("started", flush=True)
while True: time.sleep(1)
`, ""))
	for name, want := range map[string]struct {
		code  int32
		phase v1.PodPhase
	}{"polite": {0, v1.PodSucceeded}, "deaf": {137, v1.PodFailed}} {
		shared.await(t, ns, name, "running", phase(v1.PodRunning))
		eventually(t, "handler installed", func() bool { return shared.lines(t, ns, name) == 1 })
		last := shared.lastStatus(t, ns, name)
		shared.delete(t, ns, name, 1)
		pod := last()
		end := pod.Status.ContainerStatuses[0].State.Terminated
		if end == nil || end.ExitCode != want.code || pod.Status.Phase != want.phase {
			t.Errorf("%s: %s, %+v", name, pod.Status.Phase, end)
		}
	}
}

func TestPreStopRunsBeforeTheSignal(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, program("told", `
import signal, sys, time
def leave(*_):
    open("/dev/termination-log", "w").write(open("/tmp/hook").read())
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("started", flush=True)
while True: time.sleep(1)
`, `    lifecycle: {preStop: {exec: {command: [sh, -c, "echo -n from the hook of $HOSTNAME > /tmp/hook"]}}}
`))
	shared.await(t, ns, "told", "running", phase(v1.PodRunning))
	eventually(t, "handler installed", func() bool { return shared.lines(t, ns, "told") == 1 })
	last := shared.lastStatus(t, ns, "told")
	shared.delete(t, ns, "told", 30)
	if end := last().Status.ContainerStatuses[0].State.Terminated; end == nil || end.Message != "from the hook of told" {
		t.Errorf("%+v", end)
	}
}

func TestStuckTerminating(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, ticks("stuck", "stuck", ""))
	shared.await(t, ns, "stuck", "running", phase(v1.PodRunning))
	shared.fault(t, "stuck", ns+"/stuck")
	shared.delete(t, ns, "stuck", 1)
	shared.await(t, ns, "stuck", "terminating", func(pod *v1.Pod) bool { return pod.DeletionTimestamp != nil })
	before := shared.lines(t, ns, "stuck")
	eventually(t, "it goes on past its grace", func() bool {
		pod := shared.pod(t, ns, "stuck")
		return time.Now().After(pod.DeletionTimestamp.Add(time.Second)) && shared.lines(t, ns, "stuck") > before
	})
	shared.fault(t, "release", ns+"/stuck")
	shared.awaitGone(t, ns, "stuck")
}

func (b *bench) nodeReady(t *testing.T, name string) v1.ConditionStatus {
	t.Helper()
	node, err := b.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range node.Status.Conditions {
		if c.Type == v1.NodeReady {
			return c.Status
		}
	}
	return ""
}

func TestLostNodeKeepsItsProcessesUntilItIsBack(t *testing.T) {
	ns := shared.namespace(t)
	mark := fmt.Sprintf("lost-%d", os.Getpid())
	shared.create(t, ns, ticks("there", mark, "  nodeName: node-3\n"))
	shared.await(t, ns, "there", "running", phase(v1.PodRunning))
	shared.fault(t, "node-lost", "node-3")
	eventually(t, "node unknown", func() bool { return shared.nodeReady(t, "node-3") == v1.ConditionUnknown })
	shared.await(t, ns, "there", "evicted", func(pod *v1.Pod) bool { return pod.DeletionTimestamp != nil })
	eventually(t, "the grace is over", func() bool {
		return time.Now().After(shared.pod(t, ns, "there").DeletionTimestamp.Add(time.Second))
	})
	if pod := shared.pod(t, ns, "there"); pod.Status.Phase != v1.PodRunning || !lives(mark) {
		t.Errorf("on a lost node: %s, process lives: %t", pod.Status.Phase, lives(mark))
	}
	shared.fault(t, "node-back", "node-3")
	shared.awaitGone(t, ns, "there")
	eventually(t, "node ready", func() bool { return shared.nodeReady(t, "node-3") == v1.ConditionTrue })
	if lives(mark) {
		t.Error("the process outlived its pod")
	}
}

func TestForceDeletedPodOfALostNodeEndsWhenTheNodeIsBack(t *testing.T) {
	ns := shared.namespace(t)
	mark := fmt.Sprintf("forced-%d", os.Getpid())
	shared.create(t, ns, ticks("there", mark, "  nodeName: node-2\n"))
	shared.await(t, ns, "there", "running", phase(v1.PodRunning))
	shared.fault(t, "node-lost", "node-2")
	shared.delete(t, ns, "there", 0)
	shared.awaitGone(t, ns, "there")
	if !lives(mark) {
		t.Error("a lost node heard of a deletion")
	}
	shared.fault(t, "node-back", "node-2")
	eventually(t, "the process ends", func() bool { return !lives(mark) })
}

func TestDeadNodeEndsItsProcesses(t *testing.T) {
	ns := shared.namespace(t)
	mark := fmt.Sprintf("dead-%d", os.Getpid())
	shared.create(t, ns, ticks("there", mark, "  nodeName: node-1\n"))
	shared.await(t, ns, "there", "running", phase(v1.PodRunning))
	shared.fault(t, "node-dead", "node-1")
	eventually(t, "the process ends", func() bool { return !lives(mark) })
	if pod := shared.pod(t, ns, "there"); pod.Status.Phase != v1.PodRunning {
		t.Errorf("a dead node reported %s", pod.Status.Phase)
	}
	shared.fault(t, "node-back", "node-1")
	end := shared.await(t, ns, "there", "failed", phase(v1.PodFailed)).Status.ContainerStatuses[0].State.Terminated
	if end == nil || end.ExitCode != 137 {
		t.Errorf("%+v", end)
	}
}

func TestXidLineIsInTheLogOfItsNodeOnly(t *testing.T) {
	ns := shared.namespace(t)
	for _, node := range []string{"node-0", "node-1"} {
		shared.create(t, ns, program("reads-"+node, `
import time
while True:
    try:
        print(open("/host/log/kern.log").read())
        break
    except FileNotFoundError:
        time.sleep(0.1)
`, `    volumeMounts: [{name: log, mountPath: /host/log, readOnly: true}]
  volumes: [{name: log, hostPath: {path: /var/log}}]
  nodeName: `+node+"\n"))
		shared.await(t, ns, "reads-"+node, "running", phase(v1.PodRunning))
	}
	shared.fault(t, "xid", "node-0", "--code", "79")
	shared.await(t, ns, "reads-node-0", "succeeded", phase(v1.PodSucceeded))
	if log := shared.logs(t, ns, "reads-node-0", v1.PodLogOptions{}); !strings.Contains(log, "NVRM: Xid (PCI:0000:3b:00): 79, ") {
		t.Errorf("kernel log %q", log)
	}
	if pod := shared.pod(t, ns, "reads-node-1"); pod.Status.Phase != v1.PodRunning {
		t.Errorf("node-1 has a kernel log: %s", pod.Status.Phase)
	}
}

func TestPodsLiveThroughAnAbsentAPIServer(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, ticks("stays", "stays", ""))
	shared.create(t, ns, ticks("ends", "ends", ""))
	shared.await(t, ns, "stays", "running", phase(v1.PodRunning))
	shared.await(t, ns, "ends", "running", phase(v1.PodRunning))
	before := shared.pod(t, ns, "stays").Status.ContainerStatuses[0]
	shared.fault(t, "component", "kube-apiserver", "stop")
	if _, err := shared.client.Discovery().ServerVersion(); err == nil {
		t.Error("a stopped API server answers")
	}
	shared.fault(t, "kill", ns+"/ends")
	shared.fault(t, "component", "kube-apiserver", "start")
	eventually(t, "API server answers", func() bool {
		_, err := shared.client.Discovery().ServerVersion()
		return err == nil
	})
	shared.await(t, ns, "ends", "failed", phase(v1.PodFailed))
	after := shared.pod(t, ns, "stays").Status.ContainerStatuses[0]
	if after.ContainerID != before.ContainerID || after.RestartCount != 0 || after.State.Running == nil {
		t.Errorf("before %+v, after %+v", before, after)
	}
}

func TestPodsOfAKilledKubeletEndWithItAndStartAgainByTheirPolicy(t *testing.T) {
	ns := shared.namespace(t)
	mark := fmt.Sprintf("kubelet-%d", os.Getpid())
	shared.create(t, ns, ticks("never", mark+"-never", ""))
	shared.create(t, ns, strings.Replace(ticks("always", mark+"-always", ""), "restartPolicy: Never", "restartPolicy: Always", 1))
	for _, name := range []string{"never", "always"} {
		shared.await(t, ns, name, "running", phase(v1.PodRunning))
	}
	shared.fault(t, "component", "kubelet", "kill")
	end := shared.await(t, ns, "never", "failed", phase(v1.PodFailed)).Status.ContainerStatuses[0].State.Terminated
	if end.ExitCode != 137 || end.Reason != "ContainerStatusUnknown" || lives(mark+"-never") {
		t.Errorf("%+v", end)
	}
	shared.await(t, ns, "always", "running again", func(pod *v1.Pod) bool {
		s := pod.Status.ContainerStatuses[0]
		return s.RestartCount == 1 && s.State.Running != nil && lives(mark+"-always")
	})
}

func TestUnknownFaultsAreRefused(t *testing.T) {
	for _, words := range [][]string{
		{"kill", "default/none"}, {"node-lost", "node-99"}, {"melt", "default/none"}, {"component", "none", "stop"},
		{"component", "etcd", "melt"}, {"slow"},
	} {
		if out, err := shared.run("fault", words...); err == nil {
			t.Errorf("%v was accepted: %s", words, out)
		}
	}
}
