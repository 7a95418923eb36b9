package kubelet

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// watchProbes runs the container's probes for as long as the process lives: start-up first, then the others.
func (p *pod) watchProbes(u *unit, running process) {
	c, real := running.(*container)
	if !real {
		return
	}
	var afterStart []func()
	if probe := u.spec.ReadinessProbe; probe != nil {
		afterStart = append(afterStart, func() {
			p.probe(u, c, probe, func(good bool, why string) {
				if !good {
					p.event(v1.EventTypeWarning, "Unhealthy", "Readiness probe failed: %s", why)
				}
				p.change(u, func(s *v1.ContainerStatus) { s.Ready = good && u.running == running })
			}, nil)
		})
	}
	if probe := u.spec.LivenessProbe; probe != nil {
		afterStart = append(afterStart, func() {
			p.probe(u, c, probe, func(good bool, why string) {
				if !good {
					p.endUnhealthy(c, "Liveness", why)
				}
			}, nil)
		})
	}
	go func() {
		if probe := u.spec.StartupProbe; probe != nil {
			p.probe(u, c, probe, func(good bool, why string) {
				if !good {
					p.endUnhealthy(c, "Startup", why)
					return
				}
				yes := true
				p.change(u, func(s *v1.ContainerStatus) {
					s.Started, s.Ready = &yes, u.spec.ReadinessProbe == nil
				})
				u.up()
			}, func(good bool) bool { return good })
		}
		for _, start := range afterStart {
			go start()
		}
	}()
}

func (p *pod) endUnhealthy(c *container, kind, why string) {
	p.event(v1.EventTypeWarning, "Unhealthy", "%s probe failed: %s", kind, why)
	c.signal(syscall.SIGTERM)
	select {
	case <-c.done():
	case <-time.After(p.grace()):
		kill(c)
	}
}

// probe repeats a check and tells tell when its threshold is crossed, until the process ends or until says enough.
func (p *pod) probe(u *unit, c *container, probe *v1.Probe, tell func(good bool, why string), until func(good bool) bool) {
	tick := time.NewTimer(time.Duration(probe.InitialDelaySeconds) * time.Second)
	defer tick.Stop()
	row, rowGood, told := 0, false, (*bool)(nil)
	for {
		select {
		case <-c.done():
			return
		case <-tick.C:
		}
		why := p.check(u, c, probe)
		good := why == ""
		if good != rowGood {
			row, rowGood = 0, good
		}
		row++
		enough := row >= int(probe.FailureThreshold)
		if good {
			enough = row >= int(probe.SuccessThreshold)
		}
		if enough && (told == nil || *told != good) {
			told = &good
			tell(good, why)
			if until != nil && until(good) {
				return
			}
		}
		tick.Reset(time.Duration(probe.PeriodSeconds) * time.Second)
	}
}

// check is empty when the probe succeeds, else why not.
func (p *pod) check(u *unit, c *container, probe *v1.Probe) string {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(probe.TimeoutSeconds)*time.Second)
	defer cancel()
	switch {
	case probe.Exec != nil:
		if output, err := c.exec(ctx, probe.Exec.Command); err != nil {
			return strings.TrimSpace(fmt.Sprintf("%v: %s", err, output))
		}
		return ""
	case probe.HTTPGet != nil:
		return p.get(ctx, u, *probe.HTTPGet)
	case probe.TCPSocket != nil:
		host := probe.TCPSocket.Host
		if host == "" {
			host = p.address()
		}
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(host, port(u.spec, probe.TCPSocket.Port)))
		if err != nil {
			return err.Error()
		}
		connection.Close()
		return ""
	}
	return "the bench knows exec, httpGet and tcpSocket"
}

var prober = &http.Client{Transport: &http.Transport{
	DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // as the kubelet's probes
}}

func (p *pod) get(ctx context.Context, u *unit, get v1.HTTPGetAction) string {
	host := get.Host
	if host == "" {
		host = p.address()
	}
	url := strings.ToLower(string(get.Scheme)) + "://" + net.JoinHostPort(host, port(u.spec, get.Port)) + "/" + strings.TrimPrefix(get.Path, "/")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err.Error()
	}
	for _, header := range get.HTTPHeaders {
		request.Header.Add(header.Name, header.Value)
	}
	response, err := prober.Do(request)
	if err != nil {
		return err.Error()
	}
	response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return "HTTP probe failed with statuscode: " + strconv.Itoa(response.StatusCode)
	}
	return ""
}

// port is a number, or the number of the container's port of that name.
func port(c v1.Container, p intstr.IntOrString) string {
	if p.Type == intstr.String {
		for _, named := range c.Ports {
			if named.Name == p.StrVal {
				return strconv.Itoa(int(named.ContainerPort))
			}
		}
	}
	return p.String()
}
