package kubelet

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"

	"longhaul.io/controlplane/sandbox"
)

// sandbox is what a container's process needs. An error is a fault of the pod's configuration.
func (p *pod) sandbox(u *unit) (sandbox.Spec, error) {
	p.mu.Lock()
	object, o, places := p.spec, p.outcome, p.places
	p.mu.Unlock()
	user, group, groups, err := identity(object, u.spec)
	if err != nil {
		return sandbox.Spec{}, err
	}
	env, err := environment(object, u.spec, o, p.kubelet.options.Capacity, p.kubelet, map[string]string{
		"PATH":                    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME":                    "/tmp",
		"HOSTNAME":                hostname(object),
		"KUBERNETES_SERVICE_HOST": hostIP,
		"KUBERNETES_SERVICE_PORT": strconv.Itoa(p.kubelet.options.APIPort),
	})
	if err != nil {
		return sandbox.Spec{}, err
	}
	args, err := command(u.spec, env)
	if err != nil {
		return sandbox.Spec{}, err
	}
	mounts, err := mounts(u.spec, places, p.directory)
	if err != nil {
		return sandbox.Spec{}, err
	}
	if err := os.WriteFile(p.messageFile(u), nil, 0o666); err != nil {
		return sandbox.Spec{}, err
	}
	if err := os.Chmod(p.messageFile(u), 0o666); err != nil {
		return sandbox.Spec{}, err
	}
	mounts = append(mounts, sandbox.Mount{Source: p.messageFile(u), Target: u.spec.TerminationMessagePath})
	root := filepath.Join(p.directory, "root-"+u.spec.Name)
	if err := os.MkdirAll(root, 0o755); err != nil {
		return sandbox.Spec{}, err
	}
	directory := u.spec.WorkingDir
	if directory == "" {
		directory = "/"
	}
	s := sandbox.Spec{
		Hostname: hostname(object), Root: root, Mounts: mounts, Dir: directory, Args: args, Env: flatten(env),
		User: user, Group: group, Groups: groups,
	}
	if c := u.spec.SecurityContext; c != nil {
		s.NoNewPrivileges = c.AllowPrivilegeEscalation != nil && !*c.AllowPrivilegeEscalation
		s.DropCapabilities = c.Capabilities != nil && slices.Contains(c.Capabilities.Drop, "ALL")
	}
	return s, nil
}

// identity is the user a container runs as. The bench's image, this machine, has root as its user.
func identity(pod *v1.Pod, c v1.Container) (user, group int, groups []int, err error) {
	nonRoot := false
	if s := pod.Spec.SecurityContext; s != nil {
		set(&user, s.RunAsUser)
		set(&group, s.RunAsGroup)
		nonRoot = s.RunAsNonRoot != nil && *s.RunAsNonRoot
		for _, g := range s.SupplementalGroups {
			groups = append(groups, int(g))
		}
		if s.FSGroup != nil {
			groups = append(groups, int(*s.FSGroup))
		}
	}
	if s := c.SecurityContext; s != nil {
		set(&user, s.RunAsUser)
		set(&group, s.RunAsGroup)
		if s.RunAsNonRoot != nil {
			nonRoot = *s.RunAsNonRoot
		}
	}
	groups = append([]int{group}, groups...)
	if nonRoot && user == 0 {
		return 0, 0, nil, fmt.Errorf("container has runAsNonRoot and image will run as root: set runAsUser")
	}
	return user, group, groups, nil
}

func set(into *int, value *int64) {
	if value != nil {
		*into = int(*value)
	}
}

// hostname is the pod's own name for itself, cut to what a host name may be.
func hostname(pod *v1.Pod) string {
	name := pod.Spec.Hostname
	if name == "" {
		name = pod.Name
	}
	if len(name) > 63 {
		name = strings.TrimRight(name[:63], "-.")
	}
	return name
}

func hostsFile(pod *v1.Pod, ip string) string {
	names := hostname(pod)
	if pod.Spec.Subdomain != "" {
		names = fmt.Sprintf("%s.%s.%s.svc.%s %s", names, pod.Spec.Subdomain, pod.Namespace, clusterDomain, names)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "127.0.0.1 localhost\n%s %s\n", ip, names)
	for _, alias := range pod.Spec.HostAliases {
		fmt.Fprintf(&text, "%s %s\n", alias.IP, strings.Join(alias.Hostnames, " "))
	}
	return text.String()
}

func resolverFile(namespace, server string) string {
	return fmt.Sprintf("nameserver %s\nsearch %s.svc.%s svc.%s %s\noptions ndots:5\n",
		server, namespace, clusterDomain, clusterDomain, clusterDomain)
}

// exec runs a command inside the container and returns what it printed.
func (c *container) exec(ctx context.Context, args []string) (string, error) {
	environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", c.pid()))
	if err != nil {
		return "", err
	}
	enter := append([]string{"-t", strconv.Itoa(c.pid()), "-m", "-u", "-i", "-p", "-r", "-w", "--"}, args...)
	command := exec.CommandContext(ctx, "/usr/bin/nsenter", enter...)
	for _, variable := range bytes.Split(bytes.TrimRight(environment, "\x00"), []byte{0}) {
		command.Env = append(command.Env, string(variable))
	}
	output, err := command.CombinedOutput()
	return string(output), err
}

// lastLines is the end of a log without the time and stream of each line.
func lastLines(path string, lines, limit int) []byte {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Size() > 64<<10 {
		file.Seek(-64<<10, io.SeekEnd)
	}
	text, _ := io.ReadAll(file)
	all := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	var out []byte
	for _, line := range all[max(0, len(all)-lines):] {
		if parts := bytes.SplitN(line, []byte(" "), 4); len(parts) == 4 {
			out = append(append(out, parts[3]...), '\n')
		}
	}
	return out[max(0, len(out)-limit):]
}
