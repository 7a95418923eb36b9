package kubelet

import (
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func ran(code int32) v1.ContainerState {
	return v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: code}}
}

var (
	waiting = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{}}
	runs    = v1.ContainerState{Running: &v1.ContainerStateRunning{}}
)

func statuses(states ...v1.ContainerState) []v1.ContainerStatus {
	list := []v1.ContainerStatus{}
	for i, state := range states {
		list = append(list, v1.ContainerStatus{Name: string(rune('a' + i)), State: state, Ready: state.Running != nil})
	}
	return list
}

func TestPhase(t *testing.T) {
	pod := &v1.Pod{}
	again := statuses(waiting)
	again[0].LastTerminationState = ran(1)
	for name, c := range map[string]struct {
		outcome      outcome
		inits, mains []v1.ContainerStatus
		want         v1.PodPhase
	}{
		"nothing started":            {outcome{}, nil, statuses(waiting), v1.PodPending},
		"init runs":                  {outcome{}, statuses(runs), statuses(waiting), v1.PodPending},
		"init done, main to start":   {outcome{}, statuses(ran(0)), statuses(waiting), v1.PodPending},
		"one of two started":         {outcome{}, nil, statuses(runs, waiting), v1.PodPending},
		"all run":                    {outcome{}, nil, statuses(runs, runs), v1.PodRunning},
		"one ended, the other runs":  {outcome{}, nil, statuses(ran(1), runs), v1.PodRunning},
		"waits for its next start":   {outcome{}, nil, again, v1.PodRunning},
		"ended well":                 {outcome{finished: true}, nil, statuses(ran(0), ran(0)), v1.PodSucceeded},
		"one failed":                 {outcome{finished: true}, nil, statuses(ran(0), ran(137)), v1.PodFailed},
		"init failed":                {outcome{finished: true}, statuses(ran(2)), statuses(waiting), v1.PodFailed},
		"deleted before its start":   {outcome{finished: true}, nil, statuses(waiting), v1.PodFailed},
		"failed as a whole, running": {outcome{reason: "DeadlineExceeded"}, nil, statuses(runs), v1.PodFailed},
	} {
		if got := phaseOf(pod, c.outcome, c.inits, c.mains); got != c.want {
			t.Errorf("%s: phase %s, want %s", name, got, c.want)
		}
	}
}

func TestConditionsKeepTheTimeOfTheirLastChange(t *testing.T) {
	pod := &v1.Pod{}
	o := outcome{ip: "127.64.1.1"}
	first := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	before := statusOf(pod, o, nil, statuses(waiting), v1.PodStatus{}, first)
	after := statusOf(pod, o, nil, statuses(runs), before, first.Add(time.Minute))
	for kind, want := range map[v1.PodConditionType]time.Time{
		v1.PodReadyToStartContainers: first,
		v1.PodInitialized:            first,
		v1.ContainersReady:           first.Add(time.Minute),
		v1.PodReady:                  first.Add(time.Minute),
	} {
		for _, c := range after.Conditions {
			if c.Type == kind && (c.Status != v1.ConditionTrue || !c.LastTransitionTime.Time.Equal(want)) {
				t.Errorf("%s is %s since %s, want True since %s", kind, c.Status, c.LastTransitionTime, want)
			}
		}
	}
}

func TestReadinessGateHoldsAPodBack(t *testing.T) {
	pod := &v1.Pod{Spec: v1.PodSpec{ReadinessGates: []v1.PodReadinessGate{{ConditionType: "example.com/gate"}}}}
	status := statusOf(pod, outcome{}, nil, statuses(runs), v1.PodStatus{}, time.Now())
	if conditionTrue(status.Conditions, v1.PodReady) || !conditionTrue(status.Conditions, v1.ContainersReady) {
		t.Errorf("closed gate: %v", status.Conditions)
	}
	pod.Status.Conditions = []v1.PodCondition{{Type: "example.com/gate", Status: v1.ConditionTrue}}
	if status = statusOf(pod, outcome{}, nil, statuses(runs), v1.PodStatus{}, time.Now()); !conditionTrue(status.Conditions, v1.PodReady) {
		t.Errorf("open gate: %v", status.Conditions)
	}
}

func TestRestart(t *testing.T) {
	always := v1.ContainerRestartPolicyAlways
	for name, c := range map[string]struct {
		policy v1.RestartPolicy
		own    *v1.ContainerRestartPolicy
		init   bool
		code   int32
		want   bool
	}{
		"never":                       {v1.RestartPolicyNever, nil, false, 1, false},
		"on failure, failed":          {v1.RestartPolicyOnFailure, nil, false, 1, true},
		"on failure, done":            {v1.RestartPolicyOnFailure, nil, false, 0, false},
		"always, done":                {v1.RestartPolicyAlways, nil, false, 0, true},
		"init of always, done":        {v1.RestartPolicyAlways, nil, true, 0, false},
		"init of always, failed":      {v1.RestartPolicyAlways, nil, true, 1, true},
		"init of never, failed":       {v1.RestartPolicyNever, nil, true, 1, false},
		"sidecar in a pod of never":   {v1.RestartPolicyNever, &always, true, 0, true},
		"container of its own policy": {v1.RestartPolicyNever, &always, false, 0, true},
	} {
		pod := &v1.Pod{Spec: v1.PodSpec{RestartPolicy: c.policy}}
		if got := shouldRestart(pod, v1.Container{RestartPolicy: c.own}, c.init, c.code); got != c.want {
			t.Errorf("%s: restart %t, want %t", name, got, c.want)
		}
	}
}

func TestBackoffDoublesUpToThirtyBases(t *testing.T) {
	for ends, want := range map[int]time.Duration{1: 10, 2: 20, 3: 40, 4: 80, 5: 160, 6: 300, 1000: 300} {
		if got := backoff(10*time.Second, ends); got != want*time.Second {
			t.Errorf("after %d ends: %s, want %s", ends, got, want*time.Second)
		}
	}
}

func TestAContainerOfAnEarlierKubeletHasEnded(t *testing.T) {
	c := v1.Container{Name: "a"}
	got := initialStatus(c, []v1.ContainerStatus{{Name: "a", State: runs, Ready: true, RestartCount: 3}})
	if got.State.Terminated == nil || got.State.Terminated.ExitCode != 137 || got.Ready || got.RestartCount != 3 {
		t.Errorf("%+v", got)
	}
	if got := initialStatus(c, nil); got.State.Waiting == nil {
		t.Errorf("never started: %+v", got)
	}
	if got := initialStatus(c, []v1.ContainerStatus{{Name: "a", State: ran(0)}}); got.State.Terminated.ExitCode != 0 {
		t.Errorf("ended well: %+v", got)
	}
}

func TestOnlyTheLastStatusOfADeletedPodLetsItGo(t *testing.T) {
	now := metav1.Now()
	p := &pod{spec: &v1.Pod{}, units: []*unit{{status: v1.ContainerStatus{State: ran(0)}}}}
	if _, _, final, _ := p.statusPatch(); final {
		t.Error("the end of a container is not yet that of its pod")
	}
	p.outcome.finished = true
	patch, status, final, err := p.statusPatch()
	if err != nil || patch == nil || !final || status.Phase != v1.PodSucceeded || p.removable() {
		t.Errorf("ended: %s, final %t, removable %t, %v", status.Phase, final, p.removable(), err)
	}
	p.written(status)
	p.spec = &v1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &now}}
	if patch, _, final, _ := p.statusPatch(); patch != nil || !final || !p.removable() {
		t.Errorf("ended and deleted: patch %s, final %t, removable %t", patch, final, p.removable())
	}
	p.stuck = true
	if p.removable() {
		t.Error("a stuck pod may go")
	}
}
