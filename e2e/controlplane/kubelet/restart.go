package kubelet

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"longhaul.io/controlplane/sandbox"
)

// pause waits unless the pod is to stop, and says whether it may go on.
func (p *pod) pause(wait time.Duration) bool {
	select {
	case <-time.After(wait):
		return p.start.Err() == nil
	case <-p.start.Done():
		return false
	}
}

// keep starts a container again and again as its policy says, and says whether it ended well.
func (p *pod) keep(u *unit) bool {
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
	if yes {
		u.up()
	}
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
