package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
)

// Fault is one thing to break or mend. Pod is NAMESPACE/NAME, or NAME in the default namespace.
type Fault struct {
	Kind      string        `json:"kind"`
	Pod       string        `json:"pod,omitempty"`
	Container string        `json:"container,omitempty"` // empty: every container of the pod
	Node      string        `json:"node,omitempty"`
	Image     string        `json:"image,omitempty"`
	Signal    int           `json:"signal,omitempty"`
	Reason    string        `json:"reason,omitempty"`
	Share     float64       `json:"share,omitempty"`
	Wait      time.Duration `json:"wait,omitempty"`
	Code      int           `json:"code,omitempty"`
	Text      string        `json:"text,omitempty"`
}

// State is what the kubelet can say of itself.
type State struct {
	Nodes     int      `json:"nodes"`
	Lost      []string `json:"lost"`
	Pods      int      `json:"pods"`
	Processes int      `json:"processes"`
}

func (k *Kubelet) serveControl(ctx context.Context, socket string) error {
	os.Remove(socket)
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /faults", func(w http.ResponseWriter, r *http.Request) {
		var fault Fault
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&fault)
		if err == nil {
			err = k.Inject(ctx, fault)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("GET /state", func(w http.ResponseWriter, _ *http.Request) { json.NewEncoder(w).Encode(k.state()) })
	return http.Serve(listener, mux)
}

func (k *Kubelet) state() State {
	s := State{Nodes: len(k.nodes)}
	for i := range k.options.Nodes {
		if n := k.nodes[nodeName(i)]; n.unreachable() {
			s.Lost = append(s.Lost, n.name)
		}
	}
	for _, p := range k.all() {
		s.Pods++
		p.eachProcess(func(_ string, running process) {
			if running.pid() > 0 {
				s.Processes++
			}
		})
	}
	return s
}

// Inject breaks or mends something now.
func (k *Kubelet) Inject(ctx context.Context, f Fault) error {
	switch f.Kind {
	case "kill", "freeze", "thaw", "slow", "stuck", "release":
		return k.injectPod(f)
	case "node-lost", "node-dead", "node-back", "node-slow-start", "xid":
		return k.injectNode(ctx, f)
	case "image-refused", "image-slow", "image-fine":
		if f.Image == "" {
			return fmt.Errorf("%s: name an image", f.Kind)
		}
		k.images.set(imageRule{pattern: f.Image, refused: f.Kind == "image-refused", delay: f.Wait})
		return nil
	}
	return fmt.Errorf("unknown fault %q", f.Kind)
}

func (k *Kubelet) injectPod(f Fault) error {
	namespace, name, found := strings.Cut(f.Pod, "/")
	if !found {
		namespace, name = v1.NamespaceDefault, f.Pod
	}
	p := k.podNamed(namespace, name)
	if p == nil {
		return fmt.Errorf("no pod %s/%s on any node", namespace, name)
	}
	switch f.Kind {
	case "stuck":
		p.setStuck(true)
		return nil
	case "release":
		p.setStuck(false)
		return nil
	}
	units := p.runningUnits(f.Container)
	if len(units) == 0 {
		return fmt.Errorf("pod %s/%s has no running container %s", namespace, name, f.Container)
	}
	for _, u := range units {
		switch f.Kind {
		case "kill":
			signal := syscall.SIGKILL
			if f.Signal != 0 {
				signal = syscall.Signal(f.Signal)
			}
			p.kill(u, signal, f.Reason)
		case "freeze":
			p.slow(u, 1)
		case "thaw":
			p.slow(u, 0)
		case "slow":
			if f.Share <= 0 || f.Share >= 1 {
				return fmt.Errorf("share %g: want the share of time that the pod stands still, between 0 and 1", f.Share)
			}
			p.slow(u, f.Share)
		}
	}
	return nil
}

func (k *Kubelet) injectNode(ctx context.Context, f Fault) error {
	n := k.nodes[f.Node]
	if n == nil {
		return fmt.Errorf("no node %q", f.Node)
	}
	switch f.Kind {
	case "node-lost":
		n.lose(false)
	case "node-dead":
		n.lose(true)
		for _, p := range k.all() {
			if p.node == n {
				p.eachProcess(func(_ string, running process) { kill(running) })
			}
		}
	case "node-back":
		n.recover()
		k.resync(ctx, n)
	case "node-slow-start":
		n.mu.Lock()
		n.startWait = f.Wait
		n.mu.Unlock()
	case "xid":
		return n.logKernel(time.Now(), xidLine(f.Code, f.Text))
	}
	return nil
}

// xidLine is a line of NVIDIA's kernel driver; without a text it is the one the code usually comes with.
func xidLine(code int, text string) string {
	if text == "" {
		text = map[int]string{
			31: "pid=4242, name=python3, Ch 00000008, MMU Fault: ENGINE GRAPHICS faulted @ 0x7f12_34567000. Fault is of type FAULT_PDE ACCESS_TYPE_READ",
			48: "pid=4242, name=python3, Uncorrectable ECC Error (DBE) at 0x0000000000001000",
			74: "pid='<unknown>', name=<unknown>, NVLink: fatal error detected on link 3(0x10000, 0x0, 0x0, 0x0, 0x0, 0x0, 0x0)",
			79: "pid=4242, name=python3, GPU has fallen off the bus.",
			94: "pid=4242, name=python3, Contained: SM (0x1). RST: No, D-RST: No",
			95: "pid=4242, name=python3, Uncontained: LTC TAG (0x2,0x0). RST: Yes, D-RST: No",
		}[code]
	}
	return fmt.Sprintf("NVRM: Xid (PCI:0000:3b:00): %d, %s", code, text)
}

func (p *pod) setStuck(stuck bool) {
	p.mu.Lock()
	p.stuck = stuck
	deleted := p.spec.DeletionTimestamp != nil
	p.mu.Unlock()
	if !stuck && deleted {
		p.stop()
		p.report()
	}
}

func (p *pod) runningUnits(name string) []*unit {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*unit
	for _, u := range p.units {
		if u.running != nil && (name == "" || u.spec.Name == name) {
			list = append(list, u)
		}
	}
	return list
}

func (p *pod) kill(u *unit, signal syscall.Signal, reason string) {
	p.mu.Lock()
	running := u.running
	u.because = reason
	p.mu.Unlock()
	if running != nil {
		running.signal(signal)
	}
}

const slowPeriod = 200 * time.Millisecond

// slow stops a container for a share of every period: 1 is for good, 0 lets it go on.
func (p *pod) slow(u *unit, share float64) {
	p.mu.Lock()
	running := u.running
	if u.slowed != nil {
		u.slowed()
		u.slowed = nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	u.slowed = cancel
	p.mu.Unlock()
	if running == nil {
		return
	}
	if share == 0 {
		running.thaw()
		return
	}
	running.freeze()
	if share == 1 {
		return
	}
	go func() {
		still := time.Duration(share * float64(slowPeriod))
		for frozen := true; ; frozen = !frozen {
			wait := still
			if !frozen {
				wait = slowPeriod - still
			}
			select {
			case <-ctx.Done():
				return
			case <-running.done():
				return
			case <-time.After(wait):
			}
			if frozen {
				running.thaw()
			} else {
				running.freeze()
			}
		}
	}()
}
