package kubelet

import (
	"context"
	"maps"
	"slices"
	"sync"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
)

// endSidecars lets them go once the other containers have ended.
func (p *pod) endSidecars() {
	p.noStart()
	p.signalAll(syscall.SIGTERM)
	select {
	case <-p.allDone():
	case <-time.After(p.grace()):
		p.eachProcess(func(_ string, running process) { kill(running) })
	}
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
