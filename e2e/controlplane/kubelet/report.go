package kubelet

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

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

// removable says whether a pod that has ended must be taken away when its last status is written.
func (p *pod) removable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spec.DeletionTimestamp != nil && !p.stuck
}

// statusPatch is what must be written so that the API server knows the pod's status, or nil if it does. final says that
// this status is the pod's last.
func (p *pod) statusPatch() (patch []byte, status v1.PodStatus, final bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.vanished {
		return nil, v1.PodStatus{}, false, nil
	}
	var inits, mains []v1.ContainerStatus
	for _, u := range p.units {
		if u.init {
			inits = append(inits, *u.status.DeepCopy())
		} else {
			mains = append(mains, *u.status.DeepCopy())
		}
	}
	status = statusOf(p.spec, p.outcome, inits, mains, p.last, time.Now())
	if sameStatus(status, p.last) {
		return nil, status, p.outcome.finished, nil
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return nil, status, false, err
	}
	if status.PodIP != "" {
		// Otherwise the address that an earlier kubelet gave the pod would stay beside the new one.
		fields["podIPs"] = []any{map[string]any{"$patch": "replace"}, map[string]any{"ip": status.PodIP}}
	}
	patch, err = json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": p.spec.UID},
		"status":   fields,
	})
	return patch, status, p.outcome.finished, err
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
