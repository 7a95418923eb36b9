package kubelet

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"longhaul.io/controlplane/sandbox"
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
	spec    v1.Container
	init    bool
	status  v1.ContainerStatus
	running process
	because string // reason to report for the next end, when it is not by itself
	ends    int    // in a row
	slowed  context.CancelFunc
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
			p.units = append(p.units, &unit{spec: c, init: init, status: initialStatus(c, statuses)})
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

// report has the status written soon.
func (p *pod) report() { p.kubelet.statuses.Add(p.object().UID) }

// change alters a container's status and reports it.
func (p *pod) change(u *unit, alter func(*v1.ContainerStatus)) {
	p.mu.Lock()
	alter(&u.status)
	p.mu.Unlock()
	p.report()
}

func (p *pod) event(kind, reason, format string, values ...any) {
	if p.simulated == nil {
		p.kubelet.events.Eventf(p.object(), kind, reason, format, values...)
	}
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
			up := make(chan struct{})
			sidecars.Go(func() { p.keep(u, sync.OnceFunc(func() { close(up) })) })
			select {
			case <-up:
			case <-p.start.Done():
				return
			}
		case u.init:
			if !p.keep(u, nil) {
				return
			}
		default:
			mains.Go(func() { p.keep(u, nil) })
		}
	}
	mains.Wait()
}

// endSidecars lets them go once the other containers have ended.
func (p *pod) endSidecars() {
	p.noStart()
	p.signalAll(syscall.SIGTERM)
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

// pause waits unless the pod is to stop, and says whether it may go on.
func (p *pod) pause(wait time.Duration) bool {
	select {
	case <-time.After(wait):
		return p.start.Err() == nil
	case <-p.start.Done():
		return false
	}
}

// keep starts a container again and again as its policy says, and says whether it ended well. up, if not nil, is
// called when it has started.
func (p *pod) keep(u *unit, up func()) bool {
	if ended := u.status.State.Terminated; ended != nil {
		// It ran under an earlier kubelet.
		if !shouldRestart(p.object(), u.spec, u.init, ended.ExitCode) {
			return ended.ExitCode == 0
		}
		p.wait(u, "CrashLoopBackOff", "")
	}
	for p.start.Err() == nil {
		if !p.node.hasPower() && p.node.wait(p.start) != nil {
			return false
		}
		if u.status.State.Terminated != nil || u.status.LastTerminationState.Terminated != nil {
			p.change(u, func(s *v1.ContainerStatus) { s.RestartCount++ })
		}
		running, fault := p.launch(u)
		if fault != nil {
			return false
		}
		began := time.Now()
		if running != nil && up != nil {
			up()
		}
		code := u.end(p, running, began)
		p.report()
		if !shouldRestart(p.object(), u.spec, u.init, code) {
			return code == 0
		}
		if p.start.Err() != nil {
			return false
		}
		base := p.kubelet.options.BackoffBase
		if u.ends++; time.Since(began) > 60*base {
			u.ends = 1
		}
		wait := backoff(base, u.ends)
		p.event(v1.EventTypeWarning, "BackOff", "Back-off restarting failed container %s", u.spec.Name)
		p.wait(u, "CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s", wait, u.spec.Name, p.key()))
		if !p.pause(wait) {
			return false
		}
	}
	return false
}

// wait shows why a container is not running now; how it ended before stays visible.
func (p *pod) wait(u *unit, reason, message string) {
	p.change(u, func(s *v1.ContainerStatus) {
		if s.State.Terminated != nil {
			s.LastTerminationState = s.State
		}
		s.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}}
	})
}

// launch returns the container's process, or nil when its program could not be started and the status says why, or
// an error when the pod is to stop.
func (p *pod) launch(u *unit) (process, error) {
	if err := p.pull(u); err != nil {
		return nil, err
	}
	if p.simulated != nil {
		if !p.pause(p.simulated.Start) {
			return nil, errStopped
		}
		return p.started(u, simulate(*p.simulated)), nil
	}
	for tries := 1; ; tries++ {
		spec, err := p.sandbox(u)
		if err == nil {
			return p.execute(u, spec)
		}
		p.wait(u, "CreateContainerConfigError", err.Error())
		p.event(v1.EventTypeWarning, "Failed", "Error: %v", err)
		if !p.pause(backoff(time.Second, tries)) {
			return nil, errStopped
		}
	}
}

func (p *pod) execute(u *unit, spec sandbox.Spec) (process, error) {
	path := p.logFile(u, u.status.RestartCount)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	log, err := createLog(path)
	if err != nil {
		return nil, err
	}
	running, err := p.kubelet.launcher.launch(p.kubelet.options.Podinit, spec, log)
	if err != nil {
		log.close()
		now := metav1.Now()
		p.event(v1.EventTypeWarning, "Failed", "Error: %v", err)
		p.change(u, func(s *v1.ContainerStatus) {
			s.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
				ExitCode: 128, Reason: "StartError", Message: err.Error(), StartedAt: now, FinishedAt: now,
			}}
		})
		return nil, nil
	}
	go func() {
		<-running.done()
		log.close()
	}()
	p.event(v1.EventTypeNormal, "Started", "Container %s started", u.spec.Name)
	return p.started(u, running), nil
}

func (p *pod) started(u *unit, running process) process {
	p.mu.Lock()
	u.running = running
	late := p.stopping || !p.node.hasPower()
	p.mu.Unlock()
	if late {
		kill(running)
	}
	id := fmt.Sprintf("process://%s-%s-%d", p.object().UID, u.spec.Name, u.status.RestartCount)
	ready := u.spec.ReadinessProbe == nil && u.spec.StartupProbe == nil
	yes := u.spec.StartupProbe == nil
	p.change(u, func(s *v1.ContainerStatus) {
		if s.State.Terminated != nil {
			s.LastTerminationState = s.State
		}
		s.State = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: metav1.Now()}}
		s.ContainerID, s.ImageID = id, u.spec.Image
		s.Ready, s.Started = ready, &yes
	})
	p.watchProbes(u, running)
	return running
}

// end waits for the process and records how it ended. A nil process could not be started; the status says so already.
func (u *unit) end(p *pod, running process, began time.Time) int32 {
	if running == nil {
		return u.status.State.Terminated.ExitCode
	}
	<-running.done()
	code, no := running.exitCode(), false
	message := p.terminationMessage(u, code)
	p.change(u, func(s *v1.ContainerStatus) {
		reason := u.because
		if reason == "" {
			reason = map[bool]string{true: "Completed", false: "Error"}[code == 0]
		}
		u.because, u.running = "", nil
		s.State = v1.ContainerState{Terminated: &v1.ContainerStateTerminated{
			ExitCode: code, Reason: reason, Message: message, ContainerID: s.ContainerID,
			StartedAt: metav1.NewTime(began), FinishedAt: metav1.Now(),
		}}
		s.Ready, s.Started = false, &no
	})
	return code
}

// stop ends the pod as its deletion asks: no more starts, then the signals by grace.
func (p *pod) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping || p.stuck {
		return
	}
	p.stopping = true
	p.noStart()
	go p.shutDown()
}

// fail ends a pod that has failed as a whole.
func (p *pod) fail(reason, message string) {
	p.mu.Lock()
	p.outcome.reason, p.outcome.message = reason, message
	p.mu.Unlock()
	p.stop()
}

// shutDown sends SIGTERM, and SIGKILL when the grace is over. The grace can be shortened meanwhile.
func (p *pod) shutDown() {
	began := time.Now()
	p.preStop()
	p.signalAll(syscall.SIGTERM)
	for {
		left := time.Until(began.Add(p.grace()))
		if left <= 0 {
			break
		}
		select {
		case <-p.allDone():
			return
		case <-time.After(left):
		case <-p.changed:
		}
	}
	p.eachProcess(func(_ string, running process) { kill(running) })
}

func (p *pod) grace() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.spec.DeletionGracePeriodSeconds != nil:
		return time.Duration(*p.spec.DeletionGracePeriodSeconds) * time.Second
	case p.vanished:
		return time.Second
	case p.spec.Spec.TerminationGracePeriodSeconds != nil:
		return time.Duration(*p.spec.Spec.TerminationGracePeriodSeconds) * time.Second
	}
	return 30 * time.Second
}

// allDone is closed when the processes that run now have ended.
func (p *pod) allDone() <-chan struct{} {
	var processes []process
	p.eachProcess(func(_ string, running process) { processes = append(processes, running) })
	done := make(chan struct{})
	go func() {
		for _, running := range processes {
			<-running.done()
		}
		close(done)
	}()
	return done
}

func (p *pod) preStop() {
	var hooks sync.WaitGroup
	for _, u := range p.units {
		if u.spec.Lifecycle == nil || u.spec.Lifecycle.PreStop == nil || u.spec.Lifecycle.PreStop.Exec == nil {
			continue
		}
		p.mu.Lock()
		running := u.running
		p.mu.Unlock()
		if c, ok := running.(*container); ok {
			hooks.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), p.grace())
				defer cancel()
				if output, err := c.exec(ctx, u.spec.Lifecycle.PreStop.Exec.Command); err != nil {
					p.event(v1.EventTypeWarning, "FailedPreStopHook", "PreStopHook failed: %v: %s", err, output)
				}
			})
		}
	}
	hooks.Wait()
}

func (p *pod) eachProcess(do func(name string, running process)) {
	p.mu.Lock()
	running := map[string]process{}
	for _, u := range p.units {
		if u.running != nil {
			running[u.spec.Name] = u.running
		}
	}
	p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(running)) {
		do(name, running[name])
	}
}

func (p *pod) signalAll(signal syscall.Signal) {
	p.eachProcess(func(_ string, running process) { running.signal(signal) })
}

func kill(running process) { running.signal(syscall.SIGKILL) }

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

// removable says whether the pod is deleted, has ended and its last status is written.
func (p *pod) removable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.outcome.finished && p.spec.DeletionTimestamp != nil && !p.stuck
}

// statusPatch is what must be written so that the API server knows the pod's status, or nil if it does.
func (p *pod) statusPatch() ([]byte, v1.PodStatus, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.vanished {
		return nil, v1.PodStatus{}, nil
	}
	var inits, mains []v1.ContainerStatus
	for _, u := range p.units {
		if u.init {
			inits = append(inits, *u.status.DeepCopy())
		} else {
			mains = append(mains, *u.status.DeepCopy())
		}
	}
	status := statusOf(p.spec, p.outcome, inits, mains, p.last, time.Now())
	if sameStatus(status, p.last) {
		return nil, status, nil
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": p.spec.UID},
		"status":   status,
	})
	return patch, status, err
}

func (p *pod) written(status v1.PodStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = status
}

func (p *pod) logFile(u *unit, restart int32) string {
	return filepath.Join(p.directory, "logs", u.spec.Name, strconv.Itoa(int(restart))+".log")
}

// logPath finds the log of a container's newest or previous life, and how to tell whether that life goes on.
func (p *pod) logPath(name string, previous bool) (string, func() bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range p.units {
		if u.spec.Name != name {
			continue
		}
		life := u.status.RestartCount
		if previous {
			life--
		}
		path := p.logFile(u, life)
		if _, err := os.Stat(path); err != nil {
			return "", nil, fmt.Errorf("container %q in pod %q has no such log: it is waiting to start", name, p.spec.Name)
		}
		running := u.running
		return path, func() bool {
			if running == nil || previous {
				return false
			}
			select {
			case <-running.done():
				return false
			default:
				return true
			}
		}, nil
	}
	return "", nil, fmt.Errorf("container %q is not valid for pod %q", name, p.spec.Name)
}

const messageLimit = 4096

// terminationMessage is what the container left in its termination log, or the end of its output if it asks for that.
func (p *pod) terminationMessage(u *unit, code int32) string {
	if p.simulated != nil {
		return ""
	}
	text, _ := os.ReadFile(p.messageFile(u))
	if len(text) == 0 && code != 0 && u.spec.TerminationMessagePolicy == v1.TerminationMessageFallbackToLogsOnError {
		text = lastLines(p.logFile(u, u.status.RestartCount), 80, 2048)
	}
	return strings.ToValidUTF8(string(text[:min(len(text), messageLimit)]), "?")
}

func (p *pod) messageFile(u *unit) string {
	return filepath.Join(p.directory, "message-"+u.spec.Name)
}
