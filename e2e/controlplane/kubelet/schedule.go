package kubelet

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// SimulateAnnotation on a pod makes its containers pass time by a schedule instead of running, for instance
// "start=2s,run=10m,exit=1,stop=500ms". An empty value runs until the pod is deleted.
const SimulateAnnotation = "bench.longhaul.io/simulate"

// schedule is what a simulated container does: wait Start, run for Run (0: until told to end) and end with Exit;
// when asked to end it takes Stop.
type schedule struct {
	Start, Run, Stop time.Duration
	Exit             int32
}

// parseSchedule reads a schedule whose times pass speed times faster than they say.
func parseSchedule(text string, speed float64) (schedule, error) {
	s := schedule{}
	for _, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		if name == "exit" {
			code, err := strconv.ParseInt(value, 10, 32)
			if err != nil || code < 0 || code > 255 {
				return s, fmt.Errorf("exit=%s: want a code of 0 to 255", value)
			}
			s.Exit = int32(code)
			continue
		}
		duration, err := time.ParseDuration(value)
		if err != nil || duration < 0 {
			return s, fmt.Errorf("%s: want a duration such as %s=1.5s", part, name)
		}
		duration = time.Duration(float64(duration) / speed)
		switch name {
		case "start":
			s.Start = duration
		case "run":
			s.Run = duration
		case "stop":
			s.Stop = duration
		default:
			return s, fmt.Errorf("%s: want start, run, stop or exit", part)
		}
	}
	return s, nil
}
