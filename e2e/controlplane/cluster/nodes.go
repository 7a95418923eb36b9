package cluster

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/tools/clientcmd"

	"longhaul.io/controlplane/kubelet"
)

// RunKubelet is the kubelet of the cluster in a directory. It ends with the context.
func RunKubelet(ctx context.Context, directory string) error {
	state, err := Load(directory)
	if err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", state.Kubeconfig("kubelet"))
	if err != nil {
		return err
	}
	certificate, err := tls.LoadX509KeyPair(state.path("pki", nodes, "tls.crt"), state.path("pki", nodes, "tls.key"))
	if err != nil {
		return err
	}
	authority, err := os.ReadFile(state.path("pki", "ca.crt"))
	if err != nil {
		return err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(authority)
	capacity, err := nodeCapacity(state.Options.Capacity)
	if err != nil {
		return err
	}
	k, err := kubelet.New(config, kubelet.Options{
		Directory: directory, Podinit: filepath.Join(state.Options.Binaries, "podinit"),
		Nodes: state.Options.Nodes, NodesPerLeaf: state.Options.NodesPerLeaf, LeavesPerSpine: state.Options.LeavesPerSpine,
		Capacity: capacity, Block: state.Block, APIPort: state.Ports[apiServer], Version: state.Version,
		Simulate: state.Options.Simulate, Speed: state.Options.Speed,
		LeaseEvery: state.Options.LeaseEvery, StatusEvery: 5 * time.Minute, BackoffBase: state.Options.BackoffBase,
		Certificate: certificate, ClientCA: clients,
	})
	if err != nil {
		return err
	}
	return k.Run(ctx)
}

// nodeCapacity is that of a node with eight GPUs unless it is chosen otherwise. Nothing holds a pod to it but the scheduler.
func nodeCapacity(chosen map[string]string) (v1.ResourceList, error) {
	list := v1.ResourceList{
		v1.ResourceCPU:              resource.MustParse("96"),
		v1.ResourceMemory:           resource.MustParse("1Ti"),
		v1.ResourceEphemeralStorage: resource.MustParse("1Ti"),
		v1.ResourcePods:             resource.MustParse("110"),
		"nvidia.com/gpu":            resource.MustParse("8"),
	}
	for name, amount := range chosen {
		quantity, err := resource.ParseQuantity(amount)
		if err != nil || quantity.Sign() < 0 {
			return nil, fmt.Errorf("capacity %s=%s: want an amount such as 8 or 64Gi", name, amount)
		}
		list[v1.ResourceName(name)] = quantity
	}
	return list, nil
}

func nodeReady(node v1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == v1.NodeReady {
			return c.Status == v1.ConditionTrue
		}
	}
	return false
}
