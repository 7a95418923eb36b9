package kubelet

import (
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"longhaul.io/controlplane/sandbox"
)

// shelf is a lookup in memory.
type shelf struct {
	configMaps map[string]map[string]string
	secrets    map[string]map[string][]byte
}

func (s shelf) configMap(_, name string) (*v1.ConfigMap, error) {
	if data, ok := s.configMaps[name]; ok {
		return &v1.ConfigMap{Data: data}, nil
	}
	return nil, nil
}

func (s shelf) secret(_, name string) (*v1.Secret, error) {
	if data, ok := s.secrets[name]; ok {
		return &v1.Secret{Data: data}, nil
	}
	return nil, nil
}

var (
	yes  = true
	some = shelf{
		map[string]map[string]string{"plan": {"TENSOR": "2", "DATA": "4"}},
		map[string]map[string][]byte{"token": {"value": []byte("s3cret")}},
	}
)

func ref(name string) v1.LocalObjectReference { return v1.LocalObjectReference{Name: name} }

func TestEnvironment(t *testing.T) {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "run-0", Namespace: "team", Labels: map[string]string{"attempt": "3"}},
		Spec:       v1.PodSpec{NodeName: "node-7"},
	}
	c := v1.Container{
		EnvFrom: []v1.EnvFromSource{
			{Prefix: "P_", ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: ref("plan")}},
			{SecretRef: &v1.SecretEnvSource{LocalObjectReference: ref("absent"), Optional: &yes}},
		},
		Env: []v1.EnvVar{
			{Name: "P_DATA", Value: "8"},
			{Name: "WORLD", Value: "$(P_TENSOR)x$(P_DATA) $$(P_DATA) $(NOBODY)"},
			{Name: "ADDRESS", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "status.podIP"}}},
			{Name: "NODE", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "spec.nodeName"}}},
			{Name: "ATTEMPT", ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: "metadata.labels['attempt']"}}},
			{Name: "TOKEN", ValueFrom: &v1.EnvVarSource{SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: ref("token"), Key: "value"}}},
			{Name: "MISSING", ValueFrom: &v1.EnvVarSource{ConfigMapKeyRef: &v1.ConfigMapKeySelector{LocalObjectReference: ref("plan"), Key: "none", Optional: &yes}}},
			{Name: "CPUS", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "limits.cpu"}}},
			{Name: "GPUS", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "limits.nvidia.com/gpu"}}},
			{Name: "MEMORY", ValueFrom: &v1.EnvVarSource{ResourceFieldRef: &v1.ResourceFieldSelector{Resource: "requests.memory", Divisor: resource.MustParse("1Mi")}}},
		},
		Resources: v1.ResourceRequirements{
			Limits:   v1.ResourceList{v1.ResourceCPU: resource.MustParse("1500m")},
			Requests: v1.ResourceList{v1.ResourceMemory: resource.MustParse("2Gi")},
		},
	}
	node := v1.ResourceList{"nvidia.com/gpu": resource.MustParse("8")}
	env, err := environment(pod, c, outcome{ip: "127.64.1.1"}, node, some, map[string]string{"HOME": "/tmp"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"ADDRESS=127.64.1.1", "ATTEMPT=3", "CPUS=2", "GPUS=8", "HOME=/tmp", "MEMORY=2048", "NODE=node-7", "P_DATA=8",
		"P_TENSOR=2", "TOKEN=s3cret", "WORLD=2x8 $(P_DATA) $(NOBODY)",
	}
	if got := flatten(env); !slices.Equal(got, want) {
		t.Errorf("\ngot  %q\nwant %q", got, want)
	}
}

func TestMissingReferencesAreNamed(t *testing.T) {
	for want, c := range map[string]v1.Container{
		`configmap "gone" not found`: {EnvFrom: []v1.EnvFromSource{{ConfigMapRef: &v1.ConfigMapEnvSource{LocalObjectReference: ref("gone")}}}},
		`key none in secret "token" not found`: {Env: []v1.EnvVar{{Name: "A", ValueFrom: &v1.EnvVarSource{
			SecretKeyRef: &v1.SecretKeySelector{LocalObjectReference: ref("token"), Key: "none"},
		}}}},
	} {
		_, err := environment(&v1.Pod{}, c, outcome{}, nil, some, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

func TestCommandIsExpandedAndNeeded(t *testing.T) {
	env := map[string]string{"RANK": "3"}
	got, err := command(v1.Container{Command: []string{"train", "--rank=$(RANK)"}, Args: []string{"$(RANK)"}}, env)
	if err != nil || !slices.Equal(got, []string{"train", "--rank=3", "3"}) {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := command(v1.Container{Name: "x", Args: []string{"--help"}}, env); err == nil {
		t.Error("a container without a command was accepted")
	}
}

func TestIdentity(t *testing.T) {
	number := func(n int64) *int64 { return &n }
	pod := &v1.Pod{Spec: v1.PodSpec{SecurityContext: &v1.PodSecurityContext{RunAsNonRoot: &yes, FSGroup: number(7)}}}
	if _, _, _, err := identity(pod, v1.Container{}); err == nil {
		t.Error("root was accepted in spite of runAsNonRoot")
	}
	user, group, groups, err := identity(pod, v1.Container{SecurityContext: &v1.SecurityContext{RunAsUser: number(1000), RunAsGroup: number(2000)}})
	if err != nil || user != 1000 || group != 2000 || !slices.Equal(groups, []int{2000, 7}) {
		t.Errorf("%d %d %v %v", user, group, groups, err)
	}
}

func TestMountsReplaceDefaultsAndNest(t *testing.T) {
	c := v1.Container{VolumeMounts: []v1.VolumeMount{
		{Name: "inner", MountPath: "/data/in/", ReadOnly: true},
		{Name: "outer", MountPath: "/data"},
		{Name: "memory", MountPath: "/dev/shm"},
	}}
	got, err := mounts(c, map[string]string{"inner": "/v/inner", "outer": "/v/outer", "memory": tmpfs}, "/p")
	if err != nil {
		t.Fatal(err)
	}
	position := func(target string) int {
		return slices.IndexFunc(got, func(m sandbox.Mount) bool { return m.Target == target })
	}
	if position("/data") > position("/data/in") {
		t.Error("the inner mount comes before the outer one, which hides it")
	}
	if m := got[position("/data/in")]; m.Source != "/v/inner" || !m.ReadOnly {
		t.Errorf("%+v", m)
	}
	shm := 0
	for _, m := range got {
		if m.Target == "/dev/shm" {
			shm++
		}
	}
	if shm != 1 {
		t.Errorf("/dev/shm is mounted %d times", shm)
	}
	if _, err := mounts(v1.Container{VolumeMounts: []v1.VolumeMount{{Name: "none"}}}, nil, "/p"); err == nil {
		t.Error("a mount of no volume was accepted")
	}
}

func TestHostname(t *testing.T) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "run-a1-0-abcde", Namespace: "team"}, Spec: v1.PodSpec{Hostname: "run-a1-0", Subdomain: "run"}}
	if got, want := hostsFile(pod, "127.64.1.1"), "127.0.0.1 localhost\n127.64.1.1 run-a1-0.run.team.svc.cluster.local run-a1-0\n"; got != want {
		t.Errorf("hosts %q, want %q", got, want)
	}
	long := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: strings.Repeat("x", 62) + "-y"}}
	if got := hostname(long); got != strings.Repeat("x", 62) {
		t.Errorf("host name %q", got)
	}
}
