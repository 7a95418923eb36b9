//go:build cluster

// Package check starts a cluster of the bench and has it do and suffer what the rest of the project relies on.
package check

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"longhaul.io/controlplane/cluster"
)

// patience is how long a test waits for what must come; nothing is judged by how long it took.
const patience = 2 * time.Minute

var (
	binaries = os.Getenv("LONGHAUL_CONTROLPLANE_BIN")
	shared   *bench
)

type bench struct {
	directory string
	config    *rest.Config
	client    *kubernetes.Clientset
	dynamic   *dynamic.DynamicClient
}

func TestMain(m *testing.M) {
	directory, err := os.MkdirTemp("", "longhaul-bench")
	if err != nil {
		panic(err)
	}
	args := []string{
		"--nodes", "4", "--jobset", "--kueue", "--lease-every", "1s", "--crash-backoff", "500ms",
		"--flag", "kube-controller-manager:--node-monitor-grace-period=6s",
		"--flag", "kube-controller-manager:--node-monitor-period=1s",
		"--flag", "kube-apiserver:--default-unreachable-toleration-seconds=2",
		"--flag", "kube-apiserver:--default-not-ready-toleration-seconds=2",
	}
	shared, err = start(directory, args...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	status, _ := shared.run("status")
	fmt.Print(status)
	if _, err := shared.run("down"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		os.RemoveAll(directory)
	} else {
		fmt.Println("logs:", filepath.Join(directory, "logs"))
	}
	os.Exit(code)
}

func start(directory string, args ...string) (*bench, error) {
	b := &bench{directory: directory}
	out, err := b.run("up", args...)
	if err != nil {
		return nil, err
	}
	fmt.Print(out)
	state, err := cluster.Load(directory)
	if err != nil {
		return nil, err
	}
	if b.config, err = clientcmd.BuildConfigFromFlags("", state.Kubeconfig("admin")); err != nil {
		return nil, err
	}
	b.config.QPS = -1
	if b.client, err = kubernetes.NewForConfig(b.config); err != nil {
		return nil, err
	}
	b.dynamic, err = dynamic.NewForConfig(b.config)
	return b, err
}

// run is the command that a person types.
func (b *bench) run(command string, args ...string) (string, error) {
	var words []string
	for len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		words, args = append(words, args[0]), args[1:]
	}
	all := append(append([]string{command}, words...), append([]string{"--dir", b.directory}, args...)...)
	out, err := exec.Command(filepath.Join(binaries, "bench"), all...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("bench %s: %w: %s", strings.Join(all, " "), err, out)
	}
	return string(out), nil
}

func (b *bench) fault(t *testing.T, words ...string) {
	t.Helper()
	if _, err := b.run("fault", words...); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) status(t *testing.T) cluster.Status {
	t.Helper()
	out, err := b.run("status", "--json")
	if err != nil {
		t.Fatal(err)
	}
	status := cluster.Status{}
	if err := json.Unmarshal([]byte(out), &status); err != nil {
		t.Fatal(err)
	}
	return status
}

var resources = map[string]string{
	"Pod": "pods", "Service": "services", "ConfigMap": "configmaps", "Secret": "secrets", "Job": "jobs", "JobSet": "jobsets",
	"ResourceFlavor": "resourceflavors", "ClusterQueue": "clusterqueues", "LocalQueue": "localqueues", "Topology": "topologies",
}

func (b *bench) resource(object *unstructured.Unstructured) dynamic.ResourceInterface {
	version, _ := schema.ParseGroupVersion(object.GetAPIVersion())
	resource := b.dynamic.Resource(version.WithResource(resources[object.GetKind()]))
	if ns := object.GetNamespace(); ns != "" {
		return resource.Namespace(ns)
	}
	return resource
}

// try creates the objects of a text in the namespace of the test, which is its name.
func (b *bench) try(namespace, text string) error {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(object); err != nil {
			return nil
		}
		switch object.GetKind() {
		case "ResourceFlavor", "ClusterQueue", "Topology":
		default:
			object.SetNamespace(namespace)
		}
		if _, err := b.resource(object).Create(context.Background(), object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
}

func (b *bench) create(t *testing.T, namespace, text string) {
	t.Helper()
	if err := b.try(namespace, text); err != nil {
		t.Fatal(err)
	}
}

// namespace is a fresh one that a pod can be created in.
func (b *bench) namespace(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name()))
	if _, err := b.client.CoreV1().Namespaces().Create(t.Context(), &v1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		now := int64(0)
		b.client.CoreV1().Pods(name).DeleteCollection(context.Background(), metav1.DeleteOptions{GracePeriodSeconds: &now}, metav1.ListOptions{})
	})
	eventually(t, "default service account", func() bool {
		_, err := b.client.CoreV1().ServiceAccounts(name).Get(t.Context(), "default", metav1.GetOptions{})
		return err == nil
	})
	return name
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not after %s", what, patience)
		}
	}
}

func (b *bench) pod(t *testing.T, namespace, name string) *v1.Pod {
	t.Helper()
	pod, err := b.client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

// await waits until the pod is as wanted and returns it.
func (b *bench) await(t *testing.T, namespace, name, what string, holds func(*v1.Pod) bool) *v1.Pod {
	t.Helper()
	var last *v1.Pod
	deadline := time.Now().Add(patience)
	for {
		if pod, err := b.client.CoreV1().Pods(namespace).Get(t.Context(), name, metav1.GetOptions{}); err == nil {
			if last = pod; holds(pod) {
				return pod
			}
		}
		if time.Now().After(deadline) {
			text, _ := json.MarshalIndent(last, "", " ")
			t.Fatalf("pod %s: not %s after %s: %s", name, what, patience, text)
		}
		time.Sleep(30 * time.Millisecond)
	}
}

func phase(want v1.PodPhase) func(*v1.Pod) bool {
	return func(pod *v1.Pod) bool { return pod.Status.Phase == want }
}

func (b *bench) awaitGone(t *testing.T, namespace, name string) {
	t.Helper()
	eventually(t, name+" is gone", func() bool {
		list, err := b.client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "metadata.name=" + name})
		return err == nil && len(list.Items) == 0
	})
}

// logs are read the way kubectl reads them: by the API server from the kubelet.
func (b *bench) logs(t *testing.T, namespace, name string, options v1.PodLogOptions) string {
	t.Helper()
	var text bytes.Buffer
	stream, err := b.client.CoreV1().Pods(namespace).GetLogs(name, &options).Stream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	text.ReadFrom(stream)
	return text.String()
}

func (b *bench) delete(t *testing.T, namespace, name string, grace int64) {
	t.Helper()
	if err := b.client.CoreV1().Pods(namespace).Delete(t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &grace}); err != nil {
		t.Fatal(err)
	}
}

// program is a pod that runs a Python program.
func program(name, source, more string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata: {name: %s}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 5
  containers:
  - name: main
    image: python
    command: [/usr/bin/python3, -uc, %s]
%s`, name, quote(source), more)
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}
