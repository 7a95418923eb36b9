package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"longhaul.io/controlplane/kubelet"
)

// Up starts a cluster that stays when this process ends, and passes on what its supervisor says until it is ready.
func Up(options Options, say io.Writer) (State, error) {
	if err := os.MkdirAll(options.Directory, 0o755); err != nil {
		return State{}, err
	}
	text, err := json.Marshal(options)
	if err != nil {
		return State{}, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return State{}, err
	}
	log, err := os.OpenFile(filepath.Join(options.Directory, "supervisor.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return State{}, err
	}
	defer log.Close()
	command := exec.Command("/proc/self/exe", "supervise", options.Directory, string(text))
	command.Stdout, command.Stderr = write, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return State{}, err
	}
	write.Close()
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		fmt.Fprintln(say, lines.Text())
		if strings.HasPrefix(lines.Text(), "ready") {
			return Load(options.Directory)
		}
	}
	command.Wait()
	return State{}, errors.New(strings.TrimSpace(tail(log.Name())))
}

// Down ends a cluster and waits until none of its processes is left. Its logs stay.
func Down(directory string) error {
	state, err := Load(directory)
	if err != nil {
		return err
	}
	if !state.Running() {
		return os.Remove(state.path("cluster.json"))
	}
	if err := syscall.Kill(state.Supervisor, syscall.SIGTERM); err != nil {
		return err
	}
	for deadline := time.Now().Add(60 * time.Second); state.Running(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			// Its programs die with it.
			return syscall.Kill(state.Supervisor, syscall.SIGKILL)
		}
	}
	return nil
}

// Status is how a cluster does.
type Status struct {
	State      State             `json:"state"`
	Components []ComponentStatus `json:"components"`
	Nodes      kubelet.State     `json:"nodes"`
}

// Inspect asks a running cluster how it does. What does not answer is left out.
func Inspect(ctx context.Context, directory string) (Status, error) {
	state, err := Load(directory)
	if err != nil {
		return Status{}, err
	}
	if !state.Running() {
		return Status{}, fmt.Errorf("the cluster in %s has ended: see the logs there", directory)
	}
	status := Status{State: state}
	if err := call(ctx, state.path("supervisor.sock"), http.MethodGet, "/components", nil, &status.Components); err != nil {
		return status, err
	}
	waiting, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	call(waiting, state.path("kubelet.sock"), http.MethodGet, "/state", nil, &status.Nodes)
	return status, nil
}

// Break has a fault happen, or mends it, in the nodes of a cluster.
func Break(ctx context.Context, directory string, fault kubelet.Fault) error {
	state, err := Load(directory)
	if err != nil {
		return err
	}
	return call(ctx, state.path("kubelet.sock"), http.MethodPost, "/faults", fault, nil)
}

// Control starts, stops, kills, freezes or thaws a program of a cluster.
func Control(ctx context.Context, directory, component, action string) error {
	state, err := Load(directory)
	if err != nil {
		return err
	}
	return call(ctx, state.path("supervisor.sock"), http.MethodPost, "/components/"+component+"/"+action, nil, nil)
}

func call(ctx context.Context, socket, method, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, method, "http://cluster"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		complaint, _ := io.ReadAll(response.Body)
		return errors.New(strings.TrimSpace(string(complaint)))
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(into)
}

// residentBytes is the memory of a process, 0 if there is none.
func residentBytes(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
