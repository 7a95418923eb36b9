package cluster

import (
	"fmt"
	"path/filepath"
	"strconv"
)

// component is one program of the cluster.
type component struct {
	name    string
	program string
	args    []string
	ready   string // URL that answers 200 when it works; empty: no check
	isolate bool   // in namespaces of its own
}

const (
	etcd              = "etcd"
	apiServer         = "kube-apiserver"
	controllerManager = "kube-controller-manager"
	scheduler         = "kube-scheduler"
	nodes             = "kubelet"
	jobSet            = "jobset"
	kueue             = "kueue"
)

// portNames are the ports a cluster needs.
var portNames = []string{
	etcd, "etcd-peer", apiServer, controllerManager, scheduler,
	jobSet, "jobset-health", kueue, "kueue-health",
}

// components are the programs of a cluster in the order of their start.
func components(s State) []component {
	pki := func(parts ...string) string { return s.path(append([]string{"pki"}, parts...)...) }
	url := func(port string) string { return fmt.Sprintf("http://%s:%d", address, s.Ports[port]) }
	port := func(name string) string { return strconv.Itoa(s.Ports[name]) }
	health := func(name, path string) string { return fmt.Sprintf("https://%s:%d/%s", address, s.Ports[name], path) }
	controlPlane := filepath.Join(s.Options.Binaries, "controlplane")
	list := []component{
		{etcd, controlPlane, []string{
			"etcd",
			"--data-dir=" + s.path("etcd"),
			"--listen-client-urls=" + url(etcd), "--advertise-client-urls=" + url(etcd),
			"--listen-peer-urls=" + url("etcd-peer"), "--initial-advertise-peer-urls=" + url("etcd-peer"),
			"--initial-cluster=default=" + url("etcd-peer"),
			"--unsafe-no-fsync", // a cluster does not outlive this machine's crash
			"--quota-backend-bytes=8589934592", "--log-level=warn",
		}, url(etcd) + "/health", false},
		{apiServer, controlPlane, []string{
			"kube-apiserver",
			"--etcd-servers=" + url(etcd),
			"--bind-address=" + address, "--advertise-address=" + address, "--secure-port=" + port(apiServer),
			"--tls-cert-file=" + pki("apiserver", "tls.crt"), "--tls-private-key-file=" + pki("apiserver", "tls.key"),
			"--client-ca-file=" + pki("ca.crt"), "--token-auth-file=" + pki("tokens.csv"),
			"--authorization-mode=RBAC", "--allow-privileged",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
			"--service-account-key-file=" + pki("sa.pub"), "--service-account-signing-key-file=" + pki("sa.key"),
			"--service-cluster-ip-range=10.96.0.0/16", "--endpoint-reconciler-type=none",
			"--kubelet-preferred-address-types=InternalIP",
			"--kubelet-certificate-authority=" + pki("ca.crt"),
			"--kubelet-client-certificate=" + pki("apiserver", "tls.crt"), "--kubelet-client-key=" + pki("apiserver", "tls.key"),
			"--profiling=false",
		}, health(apiServer, "readyz"), false},
		{controllerManager, controlPlane, []string{
			"kube-controller-manager",
			"--kubeconfig=" + s.Kubeconfig("controller-manager"),
			"--authentication-kubeconfig=" + s.Kubeconfig("controller-manager"),
			"--authorization-kubeconfig=" + s.Kubeconfig("controller-manager"),
			"--bind-address=" + address, "--secure-port=" + port(controllerManager), "--cert-dir=" + pki("controller-manager"),
			"--service-account-private-key-file=" + pki("sa.key"), "--root-ca-file=" + pki("ca.crt"),
			"--use-service-account-credentials", "--leader-elect=false",
			"--kube-api-qps=1000", "--kube-api-burst=2000",
			// Addresses of endpoints must not be loopback ones, which the pods of the bench have.
			"--controllers=*,-endpoints-controller,-endpointslice-controller,-endpointslice-mirroring-controller",
			"--profiling=false",
		}, health(controllerManager, "healthz"), false},
		{scheduler, controlPlane, []string{
			"kube-scheduler",
			"--config=" + s.path("scheduler.yaml"),
			"--authentication-kubeconfig=" + s.Kubeconfig("scheduler"),
			"--authorization-kubeconfig=" + s.Kubeconfig("scheduler"),
			"--bind-address=" + address, "--secure-port=" + port(scheduler), "--cert-dir=" + pki("scheduler"),
		}, health(scheduler, "healthz"), false},
		{nodes, filepath.Join(s.Options.Binaries, "bench"), []string{"kubelet", s.Options.Directory}, "", false},
	}
	if s.Options.JobSet {
		list = append(list, component{jobSet, filepath.Join(s.Options.Binaries, "jobset"), []string{
			"--config=" + s.path("jobset.yaml"), "--kubeconfig=" + s.Kubeconfig("admin"),
		}, url("jobset-health") + "/readyz", false})
	}
	if s.Options.Kueue {
		// Kueue reads the certificate of its metrics from one fixed place, so it gets that place for itself.
		list = append(list, component{kueue, filepath.Join(s.Options.Binaries, "bench"), []string{
			"isolate", s.Options.Directory, pki(kueue), "/etc/kueue/metrics/certs", filepath.Join(s.Options.Binaries, "kueue"),
			"--config=" + s.path("kueue.yaml"), "--kubeconfig=" + s.Kubeconfig("admin"),
		}, url("kueue-health") + "/readyz", true})
	}
	for i := range list {
		list[i].args = append(list[i].args, s.Options.Flags[list[i].name]...)
	}
	return list
}

// configurations are the files that programs read, by name.
func configurations(s State) map[string]string {
	controllerRuntime := func(api, name string) string {
		return fmt.Sprintf(`apiVersion: %s
kind: Configuration
health: {healthProbeBindAddress: "%s:%d"}
metrics: {bindAddress: "0"}
webhook: {host: %s, port: %d, certDir: %s}
leaderElection: {leaderElect: false}
internalCertManagement: {enable: false}
clientConnection: {qps: 500, burst: 1000}
`, api, address, s.Ports[name+"-health"], address, s.Ports[name], s.path("pki", name))
	}
	return map[string]string{
		"scheduler.yaml": fmt.Sprintf(`apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: %s, qps: 1000, burst: 2000}
leaderElection: {leaderElect: false}
`, s.Kubeconfig("scheduler")),
		"jobset.yaml": controllerRuntime("config.jobset.x-k8s.io/v1alpha1", jobSet),
		"kueue.yaml": controllerRuntime("config.kueue.x-k8s.io/v1beta2", kueue) + `integrations:
  frameworks: [batch/job, jobset.x-k8s.io/jobset]
featureGates: {VisibilityOnDemand: false}
`,
	}
}

func kubeconfig(server, authority, user, token string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: bench, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: %s, user: {token: %s}}]
contexts: [{name: bench, context: {cluster: bench, user: %s}}]
current-context: bench
`, server, authority, user, token, user)
}

// users are the holders of tokens, with the name and groups the API server gives them.
var users = map[string]string{
	"admin":              `admin,admin,"system:masters"`,
	"nobody":             "nobody,nobody",
	"controller-manager": "system:kube-controller-manager,controller-manager",
	"scheduler":          "system:kube-scheduler,scheduler",
	"kubelet":            `bench-kubelet,kubelet,"system:masters"`,
}
