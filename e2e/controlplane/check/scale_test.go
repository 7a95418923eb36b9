//go:build cluster

package check

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestSimulatedPodsFollowTheirSchedule(t *testing.T) {
	ns := shared.namespace(t)
	before := shared.status(t).Nodes.Processes
	shared.create(t, ns, `apiVersion: batch/v1
kind: Job
metadata: {name: many}
spec:
  completionMode: Indexed
  completions: 200
  parallelism: 200
  backoffLimit: 0
  template:
    metadata: {annotations: {bench.longhaul.io/simulate: "run=1s"}}
    spec:
      restartPolicy: Never
      containers: [{name: main, image: none}]
`)
	from := time.Now()
	eventually(t, "200 pods completed", func() bool {
		job, err := shared.client.BatchV1().Jobs(ns).Get(t.Context(), "many", metav1.GetOptions{})
		return err == nil && job.Status.Succeeded == 200
	})
	t.Logf("200 simulated pods of 1 s each completed in %.1f s", time.Since(from).Seconds())
	if now := shared.status(t).Nodes.Processes; now != before {
		t.Errorf("%d processes, %d before", now, before)
	}
	shared.create(t, ns, `{apiVersion: v1, kind: Pod, metadata: {name: wrong, annotations: {bench.longhaul.io/simulate: "fly=1s"}},
  spec: {restartPolicy: Never, containers: [{name: main, image: none}]}}`)
	if pod := shared.await(t, ns, "wrong", "failed", phase(v1.PodFailed)); pod.Status.Reason != "InvalidSchedule" {
		t.Errorf("%+v", pod.Status)
	}
}

func TestJobSet(t *testing.T) {
	ns := shared.namespace(t)
	// Every pod finds itself by the name that JobSet gives it.
	hello := `
import os, socket, time
while True:
    try:
        assert socket.gethostbyname(socket.gethostname() + ".set") == os.environ["POD_IP"]
        break
    except OSError:
        time.sleep(0.05)
`
	job := func(name string, pods int) string {
		return fmt.Sprintf(`  - name: %s
    replicas: 1
    template:
      spec:
        completionMode: Indexed
        completions: %d
        parallelism: %d
        backoffLimit: 0
        template:
          spec:
            restartPolicy: Never
            containers:
            - name: main
              image: python
              command: [/usr/bin/python3, -c, %s]
              env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
`, name, pods, pods, quote(hello))
	}
	text := `apiVersion: jobset.x-k8s.io/v1alpha2
kind: JobSet
metadata: {name: set}
spec:
  failurePolicy: {maxRestarts: 0}
  replicatedJobs:
` + job("leader", 1) + job("workers", 2)
	shared.create(t, ns, text)
	sets := shared.dynamic.Resource(schema.GroupVersionResource{Group: "jobset.x-k8s.io", Version: "v1alpha2", Resource: "jobsets"}).Namespace(ns)
	eventually(t, "JobSet completed", func() bool {
		set, err := sets.Get(t.Context(), "set", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		status, _ := set.Object["status"].(map[string]any)
		return status["terminalState"] == "Completed"
	})
	// The webhooks are at work.
	if err := shared.try(ns, `{apiVersion: jobset.x-k8s.io/v1alpha2, kind: JobSet, metadata: {name: bad}, spec: {successPolicy: {operator: All, targetReplicatedJobs: [none]}, replicatedJobs: []}}`); err == nil {
		t.Error("a JobSet whose policy names no job was accepted")
	}
}

func TestKueueAdmitsWithinItsQuota(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, `apiVersion: kueue.x-k8s.io/v1beta2
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
    flavors: [{name: bench, resources: [{name: cpu, nominalQuota: 2}]}]
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: LocalQueue
metadata: {name: queue}
spec: {clusterQueue: bench}
`)
	job := func(name string) string {
		return fmt.Sprintf(`apiVersion: batch/v1
kind: Job
metadata: {name: %s, labels: {kueue.x-k8s.io/queue-name: queue}}
spec:
  parallelism: 2
  completions: 2
  template:
    metadata: {annotations: {bench.longhaul.io/simulate: "run=500ms"}}
    spec:
      restartPolicy: Never
      containers: [{name: main, image: none, resources: {requests: {cpu: 1}}}]
`, name)
	}
	for _, name := range []string{"one", "two"} {
		shared.create(t, ns, job(name))
	}
	jobs := shared.client.BatchV1().Jobs(ns)
	eventually(t, "both jobs completed", func() bool {
		active, done := 0, 0
		for _, name := range []string{"one", "two"} {
			job, err := jobs.Get(t.Context(), name, metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if job.Spec.Suspend != nil && !*job.Spec.Suspend && job.Status.Succeeded < 2 {
				active++
			}
			done += int(job.Status.Succeeded)
		}
		if active > 1 {
			t.Fatal("both jobs run at once, beyond the quota")
		}
		return done == 4
	})
}

func TestSecondClusterComesAndGoes(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "second")
	second, err := start(directory, "--nodes", "1000", "--simulate", "--lease-every", "20s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := os.Stat(filepath.Join(directory, "cluster.json")); err == nil {
			second.run("down")
		}
	})
	status := second.status(t)
	memory := int64(0)
	for _, c := range status.Components {
		memory += c.Memory
	}
	t.Logf("1000 simulated nodes: ready after %.1f s, %d MiB in all", status.State.Ready, memory>>20)
	if _, err := second.run("up"); err == nil {
		t.Error("a second cluster came up in the same directory")
	}
	if err := second.try("default", program("simulated", "", "")); err != nil {
		t.Fatal(err)
	}
	second.await(t, "default", "simulated", "running", phase(v1.PodRunning))
	if _, err := second.run("down"); err != nil {
		t.Fatal(err)
	}
	if lives(directory) {
		t.Error("a process of the cluster outlived it")
	}
	if _, err := second.run("status"); err == nil {
		t.Error("a cluster that is down has a status")
	}
}

func TestNothingOutlivesAKilledSupervisor(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "killed")
	third, err := start(directory, "--nodes", "1")
	if err != nil {
		t.Fatal(err)
	}
	mark := fmt.Sprintf("orphan-%d", os.Getpid())
	if err := third.try("default", ticks("orphan", mark, "")); err != nil {
		t.Fatal(err)
	}
	third.await(t, "default", "orphan", "running", phase(v1.PodRunning))
	if !lives(mark) {
		t.Fatal("the pod's process is not to be found")
	}
	if err := syscall.Kill(third.status(t).State.Supervisor, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "every process ends", func() bool { return !lives(mark) && !lives(directory) })
}
