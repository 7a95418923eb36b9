package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// supervisor holds the programs of one cluster.
type supervisor struct {
	state    State
	programs []*program
}

func (s *supervisor) find(name string) *program {
	i := slices.IndexFunc(s.programs, func(p *program) bool { return p.component.name == name })
	if i < 0 {
		return nil
	}
	return s.programs[i]
}

// Supervise starts the cluster of these options, tells how it goes, and keeps it until the context ends. Every process
// of the cluster ends with this one.
func Supervise(ctx context.Context, options Options, say func(format string, values ...any)) error {
	state, err := prepare(options)
	if err != nil {
		return err
	}
	fork := make(chan func())
	go func() {
		// The death of this thread ends the programs: it must live as long as this process.
		runtime.LockOSThread()
		for request := range fork {
			request()
		}
	}()
	s := &supervisor{state: state}
	for _, c := range components(state) {
		s.programs = append(s.programs, &program{component: c, log: state.path("logs", c.name+".log"), fork: fork})
	}
	defer s.end()
	if err := s.up(ctx, say); err != nil {
		return err
	}
	state.Ready = time.Since(state.Started).Seconds()
	if err := state.write(); err != nil {
		return err
	}
	say("ready after %.1f s", state.Ready)
	return s.serve(ctx)
}

func (s *supervisor) end() {
	// Pods first, so that they do not outlive what watches them; etcd last.
	for _, name := range []string{nodes, kueue, jobSet, scheduler, controllerManager, apiServer, etcd} {
		if p := s.find(name); p != nil {
			p.end()
		}
	}
	os.Remove(s.state.path("cluster.json"))
}

// prepare makes the directory of a cluster: certificates, tokens, configurations.
func prepare(options Options) (State, error) {
	if old, err := Load(options.Directory); err == nil && old.Running() {
		return State{}, fmt.Errorf("a cluster runs in %s already: end it with `longhaul cluster down`", options.Directory)
	}
	for _, part := range []string{"etcd", "pods", "nodes", "pki", "logs", "cluster.json"} {
		if err := os.RemoveAll(filepath.Join(options.Directory, part)); err != nil {
			return State{}, err
		}
	}
	if err := os.MkdirAll(filepath.Join(options.Directory, "logs"), 0o755); err != nil {
		return State{}, err
	}
	now := time.Now()
	version, err := os.ReadFile(filepath.Join(options.Binaries, "version"))
	if err != nil {
		return State{}, err
	}
	state := State{Options: options, Version: string(version), Supervisor: os.Getpid(), Started: now}
	if state.Ports, err = reserve(portNames); err != nil {
		return State{}, err
	}
	if state.Block, err = freeBlock(); err != nil {
		return State{}, err
	}
	a, err := newAuthority(state.path("pki"), now)
	if err != nil {
		return State{}, err
	}
	tokens := ""
	for user, identity := range users {
		token := newToken()
		tokens += token + "," + identity + "\n"
		text := kubeconfig(state.server(), state.path("pki", "ca.crt"), user, token)
		if err := os.WriteFile(state.Kubeconfig(user), []byte(text), 0o600); err != nil {
			return State{}, err
		}
	}
	err = errors.Join(
		os.WriteFile(state.path("pki", "tokens.csv"), []byte(tokens), 0o600),
		a.issue("apiserver", apiServer, now, "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"),
		a.issue(nodes, nodes, now),
		a.issue(jobSet, jobSet, now),
		a.issue(kueue, kueue, now),
		a.issueSigningKey(),
	)
	for name, text := range configurations(state) {
		err = errors.Join(err, os.WriteFile(state.path(name), []byte(text), 0o600))
	}
	if err != nil {
		return State{}, err
	}
	return state, state.write()
}

func (s *supervisor) up(ctx context.Context, say func(string, ...any)) error {
	deadline, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	start := func(name string) error {
		p := s.find(name)
		if p == nil {
			return nil
		}
		from := time.Now()
		if err := p.start(); err != nil {
			return err
		}
		if err := p.awaitReady(deadline); err != nil {
			return err
		}
		say("%-24s ready after %.1f s", name, time.Since(from).Seconds())
		return nil
	}
	for _, name := range []string{etcd, apiServer} {
		if err := start(name); err != nil {
			return err
		}
	}
	config, err := clientcmd.BuildConfigFromFlags("", s.state.Kubeconfig("admin"))
	if err != nil {
		return err
	}
	others := make(chan error, 3)
	parallel := []string{controllerManager, scheduler, nodes}
	for _, name := range parallel {
		go func() { others <- start(name) }()
	}
	for range parallel {
		if err := <-others; err != nil {
			return err
		}
	}
	for _, extension := range []string{jobSet, kueue} {
		if s.find(extension) == nil {
			continue
		}
		install, err := newInstaller(config, s.state, extension)
		if err != nil {
			return err
		}
		if err := install.definitions(deadline); err != nil {
			return err
		}
		if err := start(extension); err != nil {
			return err
		}
		if err := install.webhooks(deadline); err != nil {
			return err
		}
	}
	from := time.Now()
	if err := s.awaitNodes(deadline, config); err != nil {
		return err
	}
	say("%-24s ready after %.1f s", fmt.Sprintf("%d nodes", s.state.Options.Nodes), time.Since(from).Seconds())
	return nil
}

// awaitNodes waits until a pod could run: every node ready, the default service account there.
func (s *supervisor) awaitNodes(ctx context.Context, config *rest.Config) error {
	want := s.state.Options.Nodes
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	for {
		ready, account := 0, false
		if list, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{ResourceVersion: "0"}); err == nil {
			for _, node := range list.Items {
				if nodeReady(node) {
					ready++
				}
			}
			_, err = client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
			account = err == nil
		}
		if ready >= want && account {
			return nil
		}
		if p := s.find(nodes); p.failing() {
			return p.complaint()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d nodes are ready, default service account: %t", ready, want, account)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// serve takes commands for the programs until the context ends.
func (s *supervisor) serve(ctx context.Context) error {
	socket := s.state.path("supervisor.sock")
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	defer listener.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /components/{name}/{action}", func(w http.ResponseWriter, r *http.Request) {
		if err := s.act(r.PathValue("name"), r.PathValue("action")); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /components", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(s.status()) })
	go http.Serve(listener, mux)
	<-ctx.Done()
	return nil
}

func (s *supervisor) act(name, action string) error {
	p := s.find(name)
	if p == nil {
		return fmt.Errorf("no component %q", name)
	}
	switch action {
	case "start":
		return p.start()
	case "stop":
		p.end()
		return nil
	case "kill":
		_, err := p.signal(syscall.SIGKILL, false)
		return err
	case "freeze":
		_, err := p.signal(syscall.SIGSTOP, false)
		return err
	case "thaw":
		_, err := p.signal(syscall.SIGCONT, false)
		return err
	}
	return fmt.Errorf("unknown action %q: want start, stop, kill, freeze or thaw", action)
}

// ComponentStatus is how a program of the cluster does.
type ComponentStatus struct {
	Name     string `json:"name"`
	Pid      int    `json:"pid"` // 0: does not run
	Healthy  bool   `json:"healthy"`
	Restarts int    `json:"restarts"`
	Memory   int64  `json:"memoryBytes"`
}

func (s *supervisor) status() []ComponentStatus {
	list := make([]ComponentStatus, 0, len(s.programs))
	for _, p := range s.programs {
		pid := p.pid()
		p.mu.Lock()
		restarts := p.restart
		p.mu.Unlock()
		list = append(list, ComponentStatus{
			Name: p.component.name, Pid: pid, Restarts: restarts, Memory: residentBytes(pid),
			Healthy: pid > 0 && (p.component.ready == "" || healthy(p.component.ready)),
		})
	}
	return list
}
