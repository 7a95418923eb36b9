package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
)

func exampleState(options Options) State {
	options.Directory, options.Binaries = "/state", "/bin"
	ports := map[string]int{}
	for i, name := range portNames {
		ports[name] = 1000 + i
	}
	return State{Options: options, Ports: ports}
}

func names(list []component) (all []string) {
	for _, c := range list {
		all = append(all, c.name)
	}
	return all
}

func TestComponents(t *testing.T) {
	plain := components(exampleState(Options{}))
	if got := names(plain); !slices.Equal(got, []string{etcd, apiServer, controllerManager, scheduler, nodes}) {
		t.Errorf("%v", got)
	}
	more := components(exampleState(Options{
		JobSet: true, Kueue: true, Flags: map[string][]string{controllerManager: {"--node-monitor-grace-period=9s"}},
	}))
	if got := names(more); !slices.Equal(got[5:], []string{jobSet, kueue}) {
		t.Errorf("%v", got)
	}
	for _, c := range more {
		last := c.args[len(c.args)-1]
		if given := last == "--node-monitor-grace-period=9s"; given != (c.name == controllerManager) {
			t.Errorf("%s ends with %s", c.name, last)
		}
		for _, argument := range c.args {
			if strings.Contains(argument, ":0") || strings.HasSuffix(argument, "port=0") {
				t.Errorf("%s has no port: %s", c.name, argument)
			}
		}
	}
}

func TestEveryUserHasAKubeconfigThatParsesAndATokenLine(t *testing.T) {
	for user, identity := range users {
		config, err := clientcmd.Load([]byte(kubeconfig("https://127.0.0.1:1", "/ca.crt", user, "secret")))
		if err != nil {
			t.Fatal(err)
		}
		context := config.Contexts[config.CurrentContext]
		if config.Clusters[context.Cluster].Server != "https://127.0.0.1:1" || config.AuthInfos[context.AuthInfo].Token != "secret" {
			t.Errorf("%s: %+v", user, config)
		}
		fields, err := csv.NewReader(strings.NewReader("token," + identity)).Read()
		if err != nil || len(fields) < 3 {
			t.Errorf("%s: %q, %v", user, fields, err)
		}
	}
}

func TestAuthorityIssuesServersAndClients(t *testing.T) {
	directory := t.TempDir()
	now := time.Now()
	a, err := newAuthority(directory, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.issue("server", "someone", now, "kubernetes"); err != nil {
		t.Fatal(err)
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(directory, "server", "tls.crt"), filepath.Join(directory, "server", "tls.key"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	authority, _ := os.ReadFile(filepath.Join(directory, "ca.crt"))
	roots.AppendCertsFromPEM(authority)
	for _, name := range []string{"kubernetes", "localhost", "127.0.0.1", serviceIP} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(filepath.Join(directory, "server", "tls.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info.Mode(), err)
	}
}

func TestWebhooksAreServedAtTheEndpoint(t *testing.T) {
	hook := func(name, group string) any {
		return map[string]any{
			"name":         name,
			"clientConfig": map[string]any{"service": map[string]any{"name": "s", "namespace": "n", "path": "/" + name}},
			"rules":        []any{map[string]any{"apiGroups": []any{group}}},
		}
	}
	object := &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": "webhooks"},
		"webhooks": []any{hook("own", "jobset.x-k8s.io"), hook("pod", ""), hook("foreign", "ray.io")},
	}}
	adaptWebhooks(object, jobSet, endpoint{"https://127.0.0.1:1", "authority"})
	hooks, _, _ := unstructured.NestedSlice(object.Object, "webhooks")
	if len(hooks) != 2 || object.GetName() != "jobset-webhooks" {
		t.Fatalf("%s: %d hooks", object.GetName(), len(hooks))
	}
	own, pod := hooks[0].(map[string]any), hooks[1].(map[string]any)
	config := own["clientConfig"].(map[string]any)
	if config["url"] != "https://127.0.0.1:1/own" || config["caBundle"] != "authority" || config["service"] != nil {
		t.Errorf("%v", config)
	}
	if own["objectSelector"] != nil || pod["objectSelector"] == nil {
		t.Error("only pods of a JobSet may go through its webhook, and every JobSet must")
	}
}

func TestCapacity(t *testing.T) {
	list, err := nodeCapacity(map[string]string{"nvidia.com/gpu": "0", "amd.com/gpu": "4"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[v1.ResourceName]int64{"nvidia.com/gpu": 0, "amd.com/gpu": 4, "cpu": 96} {
		if got := list[name]; got.Value() != want {
			t.Errorf("%s is %s, want %d", name, got.String(), want)
		}
	}
	for _, bad := range []string{"-1", "many", ""} {
		if _, err := nodeCapacity(map[string]string{"cpu": bad}); err == nil {
			t.Errorf("cpu=%q was accepted", bad)
		}
	}
}

func TestReservedPortsDiffer(t *testing.T) {
	ports, err := reserve(portNames)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int]bool{}
	for _, port := range ports {
		if port == 0 || seen[port] {
			t.Errorf("%v", ports)
		}
		seen[port] = true
	}
}

func TestAnotherProgramOfTheSameNumberIsNotTheCluster(t *testing.T) {
	if (State{Supervisor: os.Getpid(), Options: Options{Directory: "/no/such/cluster"}}).Running() {
		t.Error("this test was taken for the supervisor of a cluster")
	}
}
