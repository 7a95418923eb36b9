package kubelet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
)

// node is one simulated machine.
type node struct {
	name      string
	index     int
	directory string // what the machine keeps on its own disk: its logs

	mu        sync.Mutex
	lost      bool          // the API server hears nothing from it, and it nothing from the API server
	dead      bool          // without power: nothing runs
	back      chan struct{} // closed when it is neither lost nor dead
	startWait time.Duration // every container starts this much later
}

func (n *node) unreachable() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost
}

// wait returns when the node works again.
func (n *node) wait(ctx context.Context) error {
	n.mu.Lock()
	back := n.back
	n.mu.Unlock()
	select {
	case <-back:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (n *node) lose(dead bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.lost {
		n.back = make(chan struct{})
	}
	n.lost, n.dead = true, n.dead || dead
}

func (n *node) recover() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lost {
		close(n.back)
	}
	n.lost, n.dead = false, false
}

func (n *node) hasPower() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.dead
}

func (n *node) kernelLog() string { return filepath.Join(n.directory, "var/log/kern.log") }

// logKernel appends a line as the kernel's log on disk shows it.
func (n *node) logKernel(at time.Time, text string) error {
	file, err := os.OpenFile(n.kernelLog(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = fmt.Fprintf(file, "%s %s kernel: [%12.6f] %s\n", at.UTC().Format("2006-01-02T15:04:05.000000Z07:00"),
		n.name, float64(at.UnixMicro()%1e12)/1e6, text)
	return err
}

// labels of a node place it in a fabric of leaves and spines, under the names that NVIDIA Topograph uses.
func (o Options) labels(index int) map[string]string {
	leaf := index / o.NodesPerLeaf
	return map[string]string{
		v1.LabelHostname:                        nodeName(index),
		v1.LabelOSStable:                        "linux",
		v1.LabelArchStable:                      "amd64",
		v1.LabelTopologyRegion:                  "bench",
		v1.LabelTopologyZone:                    "bench-a",
		"network.topology.nvidia.com/leaf":      fmt.Sprintf("leaf-%d", leaf),
		"network.topology.nvidia.com/spine":     fmt.Sprintf("spine-%d", leaf/o.LeavesPerSpine),
		"network.topology.nvidia.com/core":      "core-0",
		"bench.longhaul.io/runs-pods-as":        map[bool]string{true: "simulation", false: "processes"}[o.Simulate],
		"node.kubernetes.io/instance-type":      "bench",
		"node.kubernetes.io/exclude-from-proxy": "true",
	}
}

func nodeName(index int) string { return fmt.Sprintf("node-%d", index) }

// keepNode renews a registered node's lease until the context ends, and writes its status when that is due or when the
// API server thinks worse of the node than is true.
func (k *Kubelet) keepNode(ctx context.Context, n *node) {
	// Nodes of one process must not all write at the same moment.
	wait := time.Duration(rand.Int64N(int64(k.options.LeaseEvery)))
	written := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		case <-k.recovered(n):
		}
		wait = k.options.LeaseEvery
		if n.unreachable() {
			continue
		}
		known, err := k.nodeLister.Get(n.name)
		if err != nil || !conditionOf(known, v1.NodeReady) || time.Since(written) > k.options.StatusEvery {
			if err := k.writeNode(ctx, n); err != nil {
				klog.ErrorS(err, "Node status was not written", "node", n.name)
			} else {
				written = time.Now()
			}
		}
		if err := k.renewLease(ctx, n); err != nil {
			klog.ErrorS(err, "Lease was not renewed", "node", n.name)
		}
	}
}

func conditionOf(n *v1.Node, kind v1.NodeConditionType) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c v1.NodeCondition) bool {
		return c.Type == kind && c.Status == v1.ConditionTrue
	})
}

// recovered fires when a node that is lost now works again.
func (k *Kubelet) recovered(n *node) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.lost {
		return n.back
	}
	return nil
}

func (k *Kubelet) writeNode(ctx context.Context, n *node) error {
	nodes := k.client.CoreV1().Nodes()
	current, err := nodes.Get(ctx, n.name, metav1.GetOptions{ResourceVersion: "0"})
	if errors.IsNotFound(err) {
		current, err = nodes.Create(ctx, &v1.Node{ObjectMeta: metav1.ObjectMeta{
			Name: n.name, Labels: k.options.labels(n.index),
		}}, metav1.CreateOptions{})
	}
	if err != nil {
		return err
	}
	current.Status = nodeStatus(n.name, k.options, current.Status.Conditions, k.port, time.Now())
	_, err = nodes.UpdateStatus(ctx, current, metav1.UpdateOptions{})
	return err
}

// nodeStatus is that of a healthy node; foreign conditions, such as a health checker's, are kept.
func nodeStatus(name string, o Options, before []v1.NodeCondition, port int32, now time.Time) v1.NodeStatus {
	status := v1.NodeStatus{
		Capacity:    o.Capacity,
		Allocatable: o.Capacity,
		Addresses: []v1.NodeAddress{
			{Type: v1.NodeInternalIP, Address: hostIP},
			{Type: v1.NodeHostName, Address: name},
		},
		DaemonEndpoints: v1.NodeDaemonEndpoints{KubeletEndpoint: v1.DaemonEndpoint{Port: port}},
		NodeInfo: v1.NodeSystemInfo{
			KubeletVersion: o.Version, OperatingSystem: "linux", Architecture: "amd64",
			OSImage: "bench", ContainerRuntimeVersion: "process://1", MachineID: name, SystemUUID: name, BootID: name,
		},
	}
	own := map[v1.NodeConditionType]bool{}
	for _, c := range []struct {
		kind   v1.NodeConditionType
		status v1.ConditionStatus
		reason string
	}{
		{v1.NodeMemoryPressure, v1.ConditionFalse, "KubeletHasSufficientMemory"},
		{v1.NodeDiskPressure, v1.ConditionFalse, "KubeletHasNoDiskPressure"},
		{v1.NodePIDPressure, v1.ConditionFalse, "KubeletHasSufficientPID"},
		{v1.NodeReady, v1.ConditionTrue, "KubeletReady"},
	} {
		own[c.kind] = true
		changed := metav1.NewTime(now)
		for _, old := range before {
			if old.Type == c.kind && old.Status == c.status {
				changed = old.LastTransitionTime
			}
		}
		status.Conditions = append(status.Conditions, v1.NodeCondition{
			Type: c.kind, Status: c.status, Reason: c.reason,
			LastHeartbeatTime: metav1.NewTime(now), LastTransitionTime: changed,
		})
	}
	for _, old := range before {
		if !own[old.Type] {
			status.Conditions = append(status.Conditions, old)
		}
	}
	return status
}

func (k *Kubelet) renewLease(ctx context.Context, n *node) error {
	leases := k.client.CoordinationV1().Leases(v1.NamespaceNodeLease)
	now := metav1.NewMicroTime(time.Now())
	seconds := int32(40)
	lease, err := leases.Get(ctx, n.name, metav1.GetOptions{})
	if errors.IsNotFound(err) {
		_, err = leases.Create(ctx, &coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Name: n.name, Namespace: v1.NamespaceNodeLease},
			Spec: coordinationv1.LeaseSpec{
				HolderIdentity: &n.name, LeaseDurationSeconds: &seconds, RenewTime: &now,
			},
		}, metav1.CreateOptions{})
		return err
	}
	if err != nil {
		return err
	}
	lease.Spec.RenewTime = &now
	_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	return err
}
