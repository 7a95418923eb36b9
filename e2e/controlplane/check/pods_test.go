//go:build cluster

package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"longhaul.io/controlplane/cluster"
)

func TestServerSaysItsVersion(t *testing.T) {
	version, err := shared.client.Discovery().ServerVersion()
	if err != nil || version.GitVersion != shared.status(t).State.Version || version.Minor != "36" {
		t.Errorf("%+v, %v", version, err)
	}
}

func TestTokenWithoutRightsIsRefused(t *testing.T) {
	state, err := cluster.Load(shared.directory)
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", state.Kubeconfig("nobody"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = kubernetes.NewForConfigOrDie(config).CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
	if !apierrors.IsForbidden(err) {
		t.Errorf("list pods: %v", err)
	}
}

// talk: pod 0 listens on its own name; the others find it by its name in the headless service and introduce themselves.
const talk = `
import os, socket, time
rank, world = int(os.environ["JOB_COMPLETION_INDEX"]), 4
own = socket.gethostbyname(socket.gethostname())
assert own == os.environ["POD_IP"], (own, os.environ["POD_IP"])
if rank == 0:
    server = socket.create_server((own, 29500))
    for _ in range(world - 1):
        peer, address = server.accept()
        print("heard", peer.makefile().readline().strip(), flush=True)
        peer.sendall(b"welcome\n")
else:
    while True:
        try:
            peer = socket.create_connection(("talk-0.talk", 29500), timeout=2)
            break
        except OSError as e:
            time.sleep(0.05)
    peer.sendall(f"{rank} from {socket.getfqdn()}\n".encode())
    print(peer.makefile().readline().strip(), flush=True)
`

func TestIndexedJobTalksByName(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, `apiVersion: v1
kind: Service
metadata: {name: talk}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {job-name: talk}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: talk}
spec:
  completionMode: Indexed
  completions: 4
  parallelism: 4
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      subdomain: talk
      containers:
      - name: main
        image: python
        command: [/usr/bin/python3, -c, `+quote(talk)+`]
        env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
`)
	from := time.Now()
	eventually(t, "job complete", func() bool {
		job, err := shared.client.BatchV1().Jobs(ns).Get(t.Context(), "talk", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range job.Status.Conditions {
			if c.Type == batchv1.JobFailed && c.Status == v1.ConditionTrue {
				t.Fatalf("job failed: %s", c.Message)
			}
		}
		return job.Status.Succeeded == 4
	})
	t.Logf("4 pods talked and completed in %.1f s", time.Since(from).Seconds())
	pods, err := shared.client.CoreV1().Pods(ns).List(t.Context(), metav1.ListOptions{LabelSelector: "job-name=talk"})
	if err != nil {
		t.Fatal(err)
	}
	addresses := map[string]bool{}
	for _, pod := range pods.Items {
		addresses[pod.Status.PodIP] = true
		log := shared.logs(t, ns, pod.Name, v1.PodLogOptions{})
		if pod.Labels["batch.kubernetes.io/job-completion-index"] != "0" {
			if log != "welcome\n" {
				t.Errorf("%s wrote %q", pod.Name, log)
			}
			continue
		}
		for rank := 1; rank < 4; rank++ {
			if want := fmt.Sprintf("heard %d from talk-%d.talk.%s.svc.cluster.local\n", rank, rank, ns); !strings.Contains(log, want) {
				t.Errorf("pod 0 wrote %q, want a line %q", log, want)
			}
		}
	}
	if len(addresses) != 4 {
		t.Errorf("addresses %v", addresses)
	}
}

const inspect = `
import json, os, ssl, urllib.request
read = lambda p: open(p).read()
def refused(path):
    try:
        open(path, "w")
    except OSError as e:
        return e.strerror
account = "/var/run/secrets/kubernetes.io/serviceaccount/"
request = urllib.request.Request(
    "https://%s:%s/apis/authentication.k8s.io/v1/selfsubjectreviews" % (os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"]),
    data=json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode(),
    headers={"Authorization": "Bearer " + read(account + "token"), "Content-Type": "application/json"})
answer = json.load(urllib.request.urlopen(request, context=ssl.create_default_context(cafile=account + "ca.crt")))
print(json.dumps({
    "env": os.environ["P_TENSOR"], "file": read("/etc/longhaul/plan/TENSOR"), "renamed": read("/data/a/b.txt"),
    "secret": read("/run/secret/value"), "init": read("/work-of-init/done"), "labels": read("/labels/labels"),
    "user": os.getuid(), "groups": sorted(os.getgroups()), "account": answer["status"]["userInfo"]["username"],
    "root": refused("/usr/x"), "volume": refused("/etc/longhaul/plan/x"), "tmp": refused("/tmp/x"), "pid": os.getpid(),
    "shm": os.statvfs("/dev/shm").f_bsize > 0 and refused("/dev/shm/x"), "host": os.uname().nodename,
}))
open("/dev/termination-log", "w").write("inspected")
`

func TestEnvironmentVolumesAndIdentity(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, `apiVersion: v1
kind: ConfigMap
metadata: {name: plan}
data: {TENSOR: "2"}
---
apiVersion: v1
kind: Secret
metadata: {name: token}
stringData: {value: s3cret}
---
`+strings.Replace(program("inspect", inspect, `    envFrom: [{prefix: P_, configMapRef: {name: plan}}]
    securityContext:
      runAsNonRoot: true
      runAsUser: 1000
      runAsGroup: 1000
      allowPrivilegeEscalation: false
      capabilities: {drop: [ALL]}
    volumeMounts:
    - {name: plan, mountPath: /etc/longhaul/plan}
    - {name: plan2, mountPath: /data}
    - {name: token, mountPath: /run/secret}
    - {name: shared, mountPath: /work-of-init}
    - {name: labels, mountPath: /labels}
    - {name: memory, mountPath: /dev/shm}
  initContainers:
  - name: first
    image: shell
    command: [sh, -c, "echo -n $(POD) > /work-of-init/done"]
    env: [{name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
    volumeMounts: [{name: shared, mountPath: /work-of-init}]
  volumes:
  - {name: plan, configMap: {name: plan}}
  - {name: plan2, configMap: {name: plan, items: [{key: TENSOR, path: a/b.txt}]}}
  - {name: token, secret: {secretName: token}}
  - {name: shared, emptyDir: {}}
  - {name: memory, emptyDir: {medium: Memory}}
  - {name: labels, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: "metadata.labels['attempt']"}}]}}
`), "metadata: {name: inspect}", "metadata: {name: inspect, labels: {attempt: '3'}}", 1))
	pod := shared.await(t, ns, "inspect", "ended", func(pod *v1.Pod) bool {
		return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
	})
	log := strings.TrimSpace(shared.logs(t, ns, "inspect", v1.PodLogOptions{}))
	want := `{"env": "2", "file": "2", "renamed": "2", "secret": "s3cret", "init": "inspect", "labels": "3", ` +
		`"user": 1000, "groups": [1000], "account": "system:serviceaccount:` + ns + `:default", ` +
		`"root": "Read-only file system", "volume": "Permission denied", "tmp": null, "pid": 1, "shm": null, "host": "inspect"}`
	if log != want {
		t.Errorf("\ngot  %s\nwant %s", log, want)
	}
	if message := pod.Status.ContainerStatuses[0].State.Terminated.Message; message != "inspected" {
		t.Errorf("termination message %q", message)
	}
}

func TestMissingConfigMapHoldsThePodUntilItComes(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, program("late", `import os; print(os.environ["A"])`, `    envFrom: [{configMapRef: {name: late}}]
`))
	shared.await(t, ns, "late", "held", func(pod *v1.Pod) bool {
		s := pod.Status.ContainerStatuses
		return len(s) == 1 && s[0].State.Waiting != nil && s[0].State.Waiting.Reason == "CreateContainerConfigError" &&
			strings.Contains(s[0].State.Waiting.Message, `configmap "late" not found`)
	})
	shared.create(t, ns, `{apiVersion: v1, kind: ConfigMap, metadata: {name: late}, data: {A: came}}`)
	shared.await(t, ns, "late", "succeeded", phase(v1.PodSucceeded))
	if log := shared.logs(t, ns, "late", v1.PodLogOptions{}); log != "came\n" {
		t.Errorf("log %q", log)
	}
}

func TestExitCodesRestartsAndPreviousLogs(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, program("fails", `import sys; print("trouble"); sys.exit(7)`, `    terminationMessagePolicy: FallbackToLogsOnError
`))
	again := strings.Replace(program("again", `
import os, sys
first = not os.path.exists("/state/seen")
open("/state/seen", "w")
print("first" if first else "second")
sys.exit(3 if first else 0)
`, `    volumeMounts: [{name: state, mountPath: /state}]
  volumes: [{name: state, emptyDir: {}}]
`), "restartPolicy: Never", "restartPolicy: OnFailure", 1)
	shared.create(t, ns, again)
	s := shared.await(t, ns, "fails", "failed", phase(v1.PodFailed)).Status.ContainerStatuses[0]
	if end := s.State.Terminated; end.ExitCode != 7 || end.Reason != "Error" || end.Message != "trouble\n" || s.RestartCount != 0 {
		t.Errorf("%+v", s)
	}
	s = shared.await(t, ns, "again", "succeeded", phase(v1.PodSucceeded)).Status.ContainerStatuses[0]
	if s.RestartCount != 1 || s.LastTerminationState.Terminated == nil || s.LastTerminationState.Terminated.ExitCode != 3 {
		t.Errorf("%+v", s)
	}
	if log := shared.logs(t, ns, "again", v1.PodLogOptions{}); log != "second\n" {
		t.Errorf("log %q", log)
	}
	if log := shared.logs(t, ns, "again", v1.PodLogOptions{Previous: true}); log != "first\n" {
		t.Errorf("previous log %q", log)
	}
}

func TestProgramThatDoesNotExist(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, strings.Replace(program("absent", "", ""), "/usr/bin/python3", "no-such-program", 1))
	end := shared.await(t, ns, "absent", "failed", phase(v1.PodFailed)).Status.ContainerStatuses[0].State.Terminated
	if end.ExitCode != 128 || end.Reason != "StartError" || !strings.Contains(end.Message, `"no-such-program": executable file not found`) {
		t.Errorf("%+v", end)
	}
}

func TestRefusedImage(t *testing.T) {
	ns := shared.namespace(t)
	shared.fault(t, "image-refused", "refused/*")
	shared.create(t, ns, strings.Replace(program("image", `print("pulled")`, ""), "image: python", "image: refused/it:1", 1))
	shared.await(t, ns, "image", "backing off", func(pod *v1.Pod) bool {
		s := pod.Status.ContainerStatuses
		return len(s) == 1 && s[0].State.Waiting != nil && s[0].State.Waiting.Reason == "ImagePullBackOff"
	})
	shared.fault(t, "image-fine", "refused/*")
	shared.await(t, ns, "image", "succeeded", phase(v1.PodSucceeded))
}

func TestReadinessProbe(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, program("probed", `
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if os.path.exists("/shared/ready") else 503)
        self.end_headers()
http.server.HTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
`, `    env: [{name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
    readinessProbe: {httpGet: {path: /, port: 8080}, periodSeconds: 1}
    volumeMounts: [{name: shared, mountPath: /shared}]
  - name: other
    image: shell
    command: [sh, -c, "trap 'touch /shared/ready' USR1; while :; do sleep 0.1; done"]
    readinessProbe: {exec: {command: [test, -d, /shared]}, periodSeconds: 1}
    volumeMounts: [{name: shared, mountPath: /shared}]
  volumes: [{name: shared, emptyDir: {}}]
`))
	ready := func(pod *v1.Pod) map[string]bool {
		got := map[string]bool{}
		for _, s := range pod.Status.ContainerStatuses {
			got[s.Name] = s.Ready
		}
		return got
	}
	shared.await(t, ns, "probed", "half ready", func(pod *v1.Pod) bool {
		got := ready(pod)
		return pod.Status.Phase == v1.PodRunning && got["other"] && !got["main"]
	})
	shared.fault(t, "kill", ns+"/probed", "--container", "other", "--signal", "10")
	shared.await(t, ns, "probed", "ready", func(pod *v1.Pod) bool {
		for _, c := range pod.Status.Conditions {
			if c.Type == v1.PodReady {
				return c.Status == v1.ConditionTrue
			}
		}
		return false
	})
}

func TestSidecarRunsBesideAndEndsWithTheOthers(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, strings.Replace(program("accompanied", `
import os, time
assert os.path.exists("/shared/up"), "the sidecar was not started first"
before = open("/shared/up").read()
while open("/shared/up").read() == before: time.sleep(0.05)
`, `    volumeMounts: [{name: shared, mountPath: /shared}]
  initContainers:
  - name: sidecar
    image: shell
    restartPolicy: Always
    command: [sh, -c, "i=0; while :; do i=$((i+1)); echo $i > /shared/up.new; mv /shared/up.new /shared/up; sleep 0.1; done"]
    startupProbe: {exec: {command: [test, -e, /shared/up]}, periodSeconds: 1}
    volumeMounts: [{name: shared, mountPath: /shared}]
  volumes: [{name: shared, emptyDir: {}}]
`), "terminationGracePeriodSeconds: 5", "terminationGracePeriodSeconds: 1", 1))
	pod := shared.await(t, ns, "accompanied", "ended", func(pod *v1.Pod) bool {
		return pod.Status.Phase == v1.PodSucceeded || pod.Status.Phase == v1.PodFailed
	})
	if pod.Status.Phase != v1.PodSucceeded {
		t.Errorf("%s: %s", pod.Status.Phase, shared.logs(t, ns, "accompanied", v1.PodLogOptions{Container: "main"}))
	}
	if end := pod.Status.InitContainerStatuses[0].State.Terminated; end == nil || end.ExitCode != 137 {
		t.Errorf("sidecar that ignores SIGTERM: %+v", pod.Status.InitContainerStatuses[0])
	}
}

func TestFailedInitContainerKeepsTheOthersFromStarting(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, program("unprepared", `print("ran")`, `  initContainers: [{name: first, image: shell, command: [sh, -c, "exit 4"]}]
`))
	pod := shared.await(t, ns, "unprepared", "failed", phase(v1.PodFailed))
	first, main := pod.Status.InitContainerStatuses[0].State, pod.Status.ContainerStatuses[0].State
	if first.Terminated == nil || first.Terminated.ExitCode != 4 || main.Waiting == nil {
		t.Errorf("init %+v, main %+v", first, main)
	}
}

func TestDeadline(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, ticks("endless", "endless", "  activeDeadlineSeconds: 1\n"))
	pod := shared.await(t, ns, "endless", "failed and ended", func(pod *v1.Pod) bool {
		return pod.Status.Phase == v1.PodFailed && pod.Status.ContainerStatuses[0].State.Terminated != nil
	})
	if pod.Status.Reason != "DeadlineExceeded" {
		t.Errorf("%+v", pod.Status)
	}
}

func TestFollowedLogEndsWithTheContainer(t *testing.T) {
	ns := shared.namespace(t)
	shared.create(t, ns, program("counts", `
import time
for i in range(5):
    print(i, flush=True)
    time.sleep(0.2)
`, ""))
	shared.await(t, ns, "counts", "running", phase(v1.PodRunning))
	if log := shared.logs(t, ns, "counts", v1.PodLogOptions{Follow: true}); log != "0\n1\n2\n3\n4\n" {
		t.Errorf("followed log %q", log)
	}
	two := int64(2)
	if log := shared.logs(t, ns, "counts", v1.PodLogOptions{TailLines: &two}); log != "3\n4\n" {
		t.Errorf("tail %q", log)
	}
}

// lives says whether a process whose command line holds the mark runs on this machine.
func lives(mark string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), mark) {
			return true
		}
	}
	return false
}
