package kubelet

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// pod is one pod on its node: run starts and restarts its containers, update and vanish carry what the API server
// says, and the status queue carries back what happened.
type pod struct {
	kubelet   *Kubelet
	node      *node
	directory string
	simulated *schedule // nil: real processes
	start     context.Context
	noStart   context.CancelFunc // ends start: nothing is started any more
	changed   chan struct{}      // a new specification has arrived

	mu       sync.Mutex
	spec     *v1.Pod
	outcome  outcome
	units    []*unit // init containers first
	places   map[string]string
	last     v1.PodStatus // as written to the API server
	stopping bool
	stuck    bool // told to stop, but does not
	vanished bool // the API server has forgotten it
	removed  bool // forgotten here too
}

// unit is one container of a pod through all its restarts.
type unit struct {
	spec      v1.Container
	init      bool
	status    v1.ContainerStatus
	running   process
	because   string // reason to report for the next end, when it is not by itself
	ends      int    // in a row
	slowed    context.CancelFunc
	hasBeenUp chan struct{} // closed when it has started once, by its start-up probe if it has one
	up        func()
}

func newPod(k *Kubelet, object *v1.Pod) *pod {
	p := &pod{
		kubelet:   k,
		node:      k.nodes[object.Spec.NodeName],
		directory: filepath.Join(k.options.Directory, "pods", string(object.UID)),
		changed:   make(chan struct{}, 1),
		spec:      object,
		last:      object.Status,
	}
	p.start, p.noStart = context.WithCancel(context.Background())
	p.outcome = outcome{hostIP: hostIP, started: metav1.Now()}
	if object.Status.StartTime != nil {
		p.outcome.started = *object.Status.StartTime
	}
	add := func(specs []v1.Container, statuses []v1.ContainerStatus, init bool) {
		for _, c := range specs {
			up := make(chan struct{})
			p.units = append(p.units, &unit{
				spec: c, init: init, status: initialStatus(c, statuses),
				hasBeenUp: up, up: sync.OnceFunc(func() { close(up) }),
			})
		}
	}
	add(object.Spec.InitContainers, object.Status.InitContainerStatuses, true)
	add(object.Spec.Containers, object.Status.ContainerStatuses, false)
	return p
}

// initialStatus is that of a container not started yet; one that an earlier kubelet had running ended with it.
func initialStatus(c v1.Container, before []v1.ContainerStatus) v1.ContainerStatus {
	no := false
	for _, s := range before {
		if s.Name != c.Name {
			continue
		}
		s.Ready, s.Started = false, &no
		if s.State.Running != nil {
			s.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
				ExitCode: 137, Reason: "ContainerStatusUnknown", Message: "The kubelet was restarted",
				StartedAt: s.State.Running.StartedAt, FinishedAt: metav1.Now(), ContainerID: s.ContainerID,
			}}
		}
		return s
	}
	return v1.ContainerStatus{
		Name: c.Name, Image: c.Image, Started: &no,
		State: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: "ContainerCreating"}},
	}
}

func (p *pod) object() *v1.Pod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec
}

func (p *pod) address() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outcome.ip
}

func (p *pod) key() string {
	object := p.object()
	return object.Namespace + "/" + object.Name
}

// update takes a newer version of the pod from the API server.
func (p *pod) update(object *v1.Pod) {
	p.mu.Lock()
	p.spec = object
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
	p.report()
	if object.DeletionTimestamp != nil {
		p.stop()
	}
}

// vanish ends a pod that was deleted by force: nothing of it may be left, and nobody wants its status.
func (p *pod) vanish() {
	p.mu.Lock()
	p.vanished, p.stuck = true, false
	forget := p.outcome.finished && !p.removed
	p.removed = forget || p.removed
	p.mu.Unlock()
	if forget {
		p.kubelet.forget(p)
		return
	}
	p.stop()
}

// run is the pod's life.
func (p *pod) run(ctx context.Context) {
	defer p.finish()
	if object := p.object(); object.DeletionTimestamp != nil {
		p.stop()
	}
	if err := p.prepare(ctx); err != nil {
		return
	}
	if deadline := p.object().Spec.ActiveDeadlineSeconds; deadline != nil {
		timer := time.AfterFunc(time.Until(p.outcome.started.Add(time.Duration(*deadline)*time.Second)), func() {
			p.fail("DeadlineExceeded", "Pod was active on the node longer than the specified deadline")
		})
		defer timer.Stop()
	}
	var sidecars, mains sync.WaitGroup
	defer sidecars.Wait()
	defer p.endSidecars()
	for _, u := range p.units {
		switch {
		case u.init && restartable(p.object(), u.spec.Name):
			sidecars.Go(func() { p.keep(u) })
			select {
			case <-u.hasBeenUp:
			case <-p.start.Done():
				return
			}
		case u.init:
			if !p.keep(u) {
				return
			}
		default:
			mains.Go(func() { p.keep(u) })
		}
	}
	mains.Wait()
}

// prepare waits for the volumes, gives the pod its address and writes the files that name it.
func (p *pod) prepare(ctx context.Context) error {
	object := p.object()
	if text, ok := object.Annotations[SimulateAnnotation]; ok || p.kubelet.options.Simulate {
		s, err := parseSchedule(text, p.kubelet.options.Speed)
		if err != nil {
			p.fail("InvalidSchedule", fmt.Sprintf("annotation %s: %v", SimulateAnnotation, err))
			return err
		}
		p.simulated = &s
	}
	ip := hostIP
	if !object.Spec.HostNetwork {
		var err error
		if ip, err = p.kubelet.addresses.take(); err != nil {
			p.fail("NoAddress", err.Error())
			return err
		}
	}
	p.mu.Lock()
	p.outcome.ip = ip
	o := p.outcome
	p.mu.Unlock()
	if p.simulated != nil {
		return nil
	}
	for tries := 1; ; tries++ {
		err := p.writeFiles(ctx, object, o)
		if err == nil {
			return nil
		}
		p.event(v1.EventTypeWarning, "FailedMount", "MountVolume.SetUp failed: %v", err)
		p.report()
		if !p.pause(backoff(500*time.Millisecond, tries)) {
			return errStopped
		}
	}
}

func (p *pod) writeFiles(ctx context.Context, object *v1.Pod, o outcome) error {
	if err := makeDirectory(filepath.Join(p.directory, "tmp"), os.ModeSticky|0o777, object); err != nil {
		return err
	}
	places, err := p.kubelet.volumes(ctx, object, o, filepath.Join(p.directory, "volumes"))
	if err != nil {
		return err
	}
	p.places = places
	if err := os.WriteFile(filepath.Join(p.directory, "hosts"), []byte(hostsFile(object, o.ip)), 0o644); err != nil {
		return err
	}
	resolver := fmt.Sprintf("127.%d.0.53", p.kubelet.options.Block)
	return os.WriteFile(filepath.Join(p.directory, "resolv.conf"), []byte(resolverFile(object.Namespace, resolver)), 0o644)
}

// finish records that nothing runs any more and nothing will.
func (p *pod) finish() {
	p.noStart()
	p.mu.Lock()
	p.outcome.finished = true
	forget := p.vanished && !p.removed
	p.removed = forget || p.removed
	p.mu.Unlock()
	if forget {
		p.kubelet.forget(p)
		return
	}
	p.report()
}
