package kubelet

import (
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// outcome is what the kubelet knows of a pod apart from its containers.
type outcome struct {
	ip       string
	hostIP   string
	started  metav1.Time
	finished bool   // every process has ended and none will be started again
	reason   string // of a pod that failed as a whole, for instance DeadlineExceeded
	message  string
}

// statusOf is the status of a pod with these containers: the phase and conditions follow from their states. previous
// is the last status written; conditions that did not change keep its times.
func statusOf(pod *v1.Pod, o outcome, inits, mains []v1.ContainerStatus, previous v1.PodStatus, now time.Time) v1.PodStatus {
	status := v1.PodStatus{
		ObservedGeneration:    pod.Generation,
		Phase:                 phaseOf(pod, o, inits, mains),
		Reason:                o.reason,
		Message:               o.message,
		HostIP:                o.hostIP,
		HostIPs:               []v1.HostIP{{IP: o.hostIP}},
		StartTime:             &o.started,
		InitContainerStatuses: inits,
		ContainerStatuses:     mains,
		QOSClass:              pod.Status.QOSClass,
	}
	if o.ip != "" {
		status.PodIP, status.PodIPs = o.ip, []v1.PodIP{{IP: o.ip}}
	}
	terminal := status.Phase == v1.PodSucceeded || status.Phase == v1.PodFailed
	initialized := terminal || !slices.ContainsFunc(inits, func(s v1.ContainerStatus) bool { return !initDone(pod, s) })
	var unready []string
	for _, s := range mains {
		if !s.Ready {
			unready = append(unready, s.Name)
		}
	}
	ready, why := len(unready) == 0 && !terminal, "ContainersNotReady"
	switch status.Phase {
	case v1.PodSucceeded:
		why = "PodCompleted"
	case v1.PodFailed:
		why = "PodFailed"
	}
	gated := ready && slices.ContainsFunc(pod.Spec.ReadinessGates, func(gate v1.PodReadinessGate) bool {
		return !conditionTrue(pod.Status.Conditions, gate.ConditionType)
	})
	status.Conditions = []v1.PodCondition{
		condition(v1.PodReadyToStartContainers, o.ip != "" && !o.finished, ""),
		condition(v1.PodInitialized, initialized, "ContainersNotInitialized"),
		condition(v1.ContainersReady, ready, why),
		condition(v1.PodReady, ready && !gated, why),
	}
	if gated {
		status.Conditions[3].Reason = "ReadinessGatesNotReady"
	}
	for i := range status.Conditions {
		c := &status.Conditions[i]
		c.ObservedGeneration = pod.Generation
		c.LastTransitionTime = metav1.NewTime(now)
		for _, before := range previous.Conditions {
			if before.Type == c.Type && before.Status == c.Status {
				c.LastTransitionTime = before.LastTransitionTime
			}
		}
	}
	return status
}

func condition(kind v1.PodConditionType, holds bool, reasonIfNot string) v1.PodCondition {
	if holds {
		return v1.PodCondition{Type: kind, Status: v1.ConditionTrue}
	}
	return v1.PodCondition{Type: kind, Status: v1.ConditionFalse, Reason: reasonIfNot}
}

func conditionTrue(conditions []v1.PodCondition, kind v1.PodConditionType) bool {
	return slices.ContainsFunc(conditions, func(c v1.PodCondition) bool {
		return c.Type == kind && c.Status == v1.ConditionTrue
	})
}

// phaseOf follows the kubelet's rules: Pending until every container has started once, Running while one runs or
// will be started again, then Failed if one failed.
func phaseOf(pod *v1.Pod, o outcome, inits, mains []v1.ContainerStatus) v1.PodPhase {
	failed := func(s v1.ContainerStatus) bool {
		return s.State.Terminated == nil || s.State.Terminated.ExitCode != 0
	}
	switch {
	case o.reason != "":
		return v1.PodFailed
	case o.finished:
		initFailed := slices.ContainsFunc(inits, func(s v1.ContainerStatus) bool {
			return !restartable(pod, s.Name) && failed(s)
		})
		if initFailed || slices.ContainsFunc(mains, failed) {
			return v1.PodFailed
		}
		return v1.PodSucceeded
	case slices.ContainsFunc(inits, func(s v1.ContainerStatus) bool { return !initDone(pod, s) }):
		return v1.PodPending
	case slices.ContainsFunc(mains, neverStarted):
		return v1.PodPending
	}
	return v1.PodRunning
}

func neverStarted(s v1.ContainerStatus) bool {
	return s.State.Waiting != nil && s.LastTerminationState.Terminated == nil
}

// initDone says whether the next container may start after this init container.
func initDone(pod *v1.Pod, s v1.ContainerStatus) bool {
	if restartable(pod, s.Name) {
		return s.Started != nil && *s.Started
	}
	return s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
}

// restartable says whether an init container is a sidecar: it runs beside the others for the pod's life.
func restartable(pod *v1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c v1.Container) bool {
		return c.Name == name && c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways
	})
}

// shouldRestart says whether a container that ended with code is started again.
func shouldRestart(pod *v1.Pod, c v1.Container, init bool, code int32) bool {
	if c.RestartPolicy != nil {
		switch *c.RestartPolicy {
		case v1.ContainerRestartPolicyAlways:
			return true
		case v1.ContainerRestartPolicyOnFailure:
			return code != 0
		case v1.ContainerRestartPolicyNever:
			return false
		}
	}
	switch pod.Spec.RestartPolicy {
	case v1.RestartPolicyAlways:
		return !init || code != 0
	case v1.RestartPolicyOnFailure:
		return code != 0
	}
	return false
}

// backoff is the wait before the next start after so many ends in a row: doubling from the base up to 30 bases
// (10 s to 5 min in Kubernetes). A container that had run for twice the longest wait starts afresh.
func backoff(base time.Duration, ends int) time.Duration {
	wait := base
	for i := 1; i < ends && wait < 30*base; i++ {
		wait *= 2
	}
	return min(wait, 30*base)
}

func sameStatus(a, b v1.PodStatus) bool { return equality.Semantic.DeepEqual(a, b) }
