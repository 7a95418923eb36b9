// Package cluster starts, watches and ends a Kubernetes control plane with its nodes on this machine.
package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	address   = "127.0.0.1"
	serviceIP = "10.96.0.1" // of kubernetes.default
)

// Options are what a person chooses for a cluster.
type Options struct {
	Directory      string              `json:"directory"`
	Binaries       string              `json:"binaries"`
	Nodes          int                 `json:"nodes"`
	NodesPerLeaf   int                 `json:"nodesPerLeaf"`
	LeavesPerSpine int                 `json:"leavesPerSpine"`
	Capacity       map[string]string   `json:"capacity"` // of a node, beside its defaults
	Simulate       bool                `json:"simulate"`
	Speed          float64             `json:"speed"`
	LeaseEvery     time.Duration       `json:"leaseEvery"`
	BackoffBase    time.Duration       `json:"backoffBase"`
	JobSet         bool                `json:"jobset"`
	Kueue          bool                `json:"kueue"`
	Flags          map[string][]string `json:"flags"` // more flags of a component
}

// State is a cluster that was started: all that is needed to use it and to end it.
type State struct {
	Options    Options        `json:"options"`
	Version    string         `json:"version"` // of Kubernetes
	Supervisor int            `json:"supervisor"`
	Block      byte           `json:"block"`
	Ports      map[string]int `json:"ports"`
	Started    time.Time      `json:"started"`
	Ready      float64        `json:"readySeconds"` // from the start; 0 until then
}

func (s State) path(parts ...string) string {
	return filepath.Join(append([]string{s.Options.Directory}, parts...)...)
}

// Kubeconfig is the file by which a user of the cluster is known: admin, or nobody, who has no rights yet.
func (s State) Kubeconfig(user string) string { return s.path(user + ".kubeconfig") }

func (s State) server() string {
	return fmt.Sprintf("https://%s:%d", address, s.Ports["kube-apiserver"])
}

func (s State) write() error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	temporary := s.path("cluster.json.new")
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, s.path("cluster.json"))
}

// Load reads the state of the cluster in a directory.
func Load(directory string) (State, error) {
	state := State{}
	text, err := os.ReadFile(filepath.Join(directory, "cluster.json"))
	if errors.Is(err, os.ErrNotExist) {
		return state, fmt.Errorf("no cluster in %s: start one with `longhaul cluster up`", directory)
	}
	if err != nil {
		return state, err
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return state, fmt.Errorf("%s/cluster.json: %w", directory, err)
	}
	return state, nil
}

// Running says whether the cluster's supervisor lives. A process of the same number that is another program does not count.
func (s State) Running() bool {
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", s.Supervisor))
	return err == nil && strings.Contains(string(command), s.Options.Directory)
}

// reserve finds free ports for all names at once, so that they differ.
func reserve(names []string) (map[string]int, error) {
	ports := map[string]int{}
	for _, name := range names {
		listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
		if err != nil {
			return nil, err
		}
		defer listener.Close()
		ports[name] = listener.Addr().(*net.TCPAddr).Port
	}
	return ports, nil
}

// freeBlock finds a block 127.X.0.0/16 whose name server nobody runs yet.
func freeBlock() (byte, error) {
	for x := byte(64); x < 224; x++ {
		server, err := net.ListenPacket("udp", fmt.Sprintf("127.%d.0.53:53", x))
		if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EACCES) {
			return 0, errors.New("the bench needs root: its name server listens on port 53 of a loopback address and its pods have mount namespaces of their own")
		}
		if err == nil {
			server.Close()
			return x, nil
		}
	}
	return 0, errors.New("no free block of loopback addresses: 160 clusters run already")
}
