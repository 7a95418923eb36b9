package kubelet

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"longhaul.io/controlplane/sandbox"
)

// process is one started container: real or simulated.
type process interface {
	// signal reaches the container's first process.
	signal(syscall.Signal)
	// freeze stops every process of the container, thaw lets them go on.
	freeze()
	thaw()
	// done is closed when the last process of the container has ended; then exitCode holds.
	done() <-chan struct{}
	exitCode() int32
	pid() int
}

// launcher forks from one thread that lives as long as the kubelet: the signal that ends a container with its
// parent follows the thread, not the process.
type launcher chan func()

func newLauncher() launcher {
	requests := make(launcher)
	go func() {
		runtime.LockOSThread()
		for request := range requests {
			request()
		}
	}()
	return requests
}

type container struct {
	handle *os.Process
	ended  chan struct{}
	code   int32
	frozen sync.Mutex
}

const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

// launch starts a container and returns when its program runs, or with the reason why it does not.
func (l launcher) launch(podinit string, spec sandbox.Spec, log *logFile) (*container, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	var ours, theirs []*os.File
	defer func() { closeAll(theirs) }()
	pipe := func() (read, write *os.File) {
		if err == nil {
			read, write, err = os.Pipe()
		}
		return read, write
	}
	specRead, specWrite := pipe()
	errorRead, errorWrite := pipe()
	outRead, outWrite := pipe()
	errRead, errWrite := pipe()
	null, nullErr := os.Open(os.DevNull)
	ours = []*os.File{specWrite, errorRead, outRead, errRead}
	theirs = []*os.File{null, outWrite, errWrite, specRead, errorWrite}
	if err != nil || nullErr != nil {
		closeAll(ours)
		return nil, fmt.Errorf("open pipes: %w", err)
	}
	c := &container{ended: make(chan struct{})}
	started := make(chan error)
	l <- func() {
		var failure error
		c.handle, failure = os.StartProcess(podinit, []string{podinit}, &os.ProcAttr{
			Env:   []string{},
			Files: theirs,
			Sys:   &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL, Setsid: true},
		})
		started <- failure
	}
	if err := <-started; err != nil {
		closeAll(ours)
		return nil, fmt.Errorf("start a process in namespaces of its own: %w", err)
	}
	closeAll(theirs)
	theirs = nil
	go func() {
		specWrite.Write(text)
		specWrite.Close()
	}()
	var pumps sync.WaitGroup
	pumps.Go(func() { log.copy("stdout", outRead) })
	pumps.Go(func() { log.copy("stderr", errRead) })
	go c.wait(&pumps)
	complaint, _ := io.ReadAll(errorRead)
	errorRead.Close()
	if len(complaint) > 0 {
		<-c.ended
		return nil, fmt.Errorf("%s", complaint)
	}
	return c, nil
}

func (c *container) wait(pumps *sync.WaitGroup) {
	state, err := c.handle.Wait()
	pumps.Wait()
	c.code = 255
	if err == nil {
		c.code = exitCode(state.Sys().(syscall.WaitStatus))
	}
	close(c.ended)
}

// exitCode is the code a container runtime reports: 128 and the signal's number for a process ended by a signal.
func exitCode(status syscall.WaitStatus) int32 {
	if status.Signaled() {
		return 128 + int32(status.Signal())
	}
	return int32(status.ExitStatus())
}

func (c *container) done() <-chan struct{} { return c.ended }
func (c *container) exitCode() int32       { return c.code }
func (c *container) pid() int              { return c.handle.Pid }

func (c *container) signal(signal syscall.Signal) { c.handle.Signal(signal) }
func (c *container) freeze()                      { c.signalAll(syscall.SIGSTOP) }
func (c *container) thaw()                        { c.signalAll(syscall.SIGCONT) }

func (c *container) signalAll(signal syscall.Signal) {
	c.frozen.Lock()
	defer c.frozen.Unlock()
	namespace, err := pidNamespace(c.pid())
	if err != nil {
		return
	}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if other, err := pidNamespace(pid); err == nil && other == namespace {
			syscall.Kill(pid, signal)
		}
	}
}

func pidNamespace(pid int) (string, error) {
	return os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "ns/pid"))
}

func closeAll(files []*os.File) {
	for _, file := range files {
		if file != nil {
			file.Close()
		}
	}
}

// simulated is a container that only passes time: it ends by its schedule or by a signal.
type simulated struct {
	mu       sync.Mutex
	timer    *time.Timer
	left     time.Duration
	resumed  time.Time
	schedule schedule
	ended    chan struct{}
	code     int32
	over     bool
}

func simulate(s schedule) *simulated {
	c := &simulated{schedule: s, left: s.Run, resumed: time.Now(), ended: make(chan struct{})}
	if s.Run > 0 {
		c.timer = time.AfterFunc(s.Run, func() { c.end(s.Exit) })
	}
	return c
}

func (c *simulated) end(code int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	c.over, c.code = true, code
	if c.timer != nil {
		c.timer.Stop()
	}
	close(c.ended)
}

func (c *simulated) signal(signal syscall.Signal) {
	if signal == syscall.SIGTERM && c.schedule.Stop > 0 {
		time.AfterFunc(c.schedule.Stop, func() { c.end(128 + int32(signal)) })
		return
	}
	c.end(128 + int32(signal))
}

func (c *simulated) freeze() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && c.timer.Stop() {
		c.left -= time.Since(c.resumed)
	}
}

func (c *simulated) thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil && !c.over {
		c.resumed = time.Now()
		c.timer.Reset(max(c.left, 0))
	}
}

func (c *simulated) done() <-chan struct{} { return c.ended }
func (c *simulated) exitCode() int32       { return c.code }
func (c *simulated) pid() int              { return 0 }
