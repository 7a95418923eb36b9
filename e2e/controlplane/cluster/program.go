package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// program is a component as it runs. One that ends by itself is started again, as a node does with its control plane.
type program struct {
	component component
	log       string
	fork      chan<- func()

	mu      sync.Mutex
	handle  *os.Process
	wanted  bool
	ended   chan struct{} // of the process that handle names
	restart int
}

func (p *program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handle != nil {
		p.wanted = true
		return nil
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	system := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if p.component.isolate {
		system.Cloneflags = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC
	}
	started := make(chan error)
	p.fork <- func() {
		var failure error
		p.handle, failure = os.StartProcess(p.component.program, append([]string{p.component.program}, p.component.args...), &os.ProcAttr{
			Files: []*os.File{null, log, log}, Env: os.Environ(), Sys: system,
		})
		started <- failure
	}
	if err := <-started; err != nil {
		p.handle = nil
		return fmt.Errorf("start %s: %w", p.component.name, err)
	}
	p.wanted, p.ended = true, make(chan struct{})
	go p.watch(p.handle, p.ended)
	return nil
}

func (p *program) watch(handle *os.Process, ended chan struct{}) {
	handle.Wait()
	p.mu.Lock()
	p.handle = nil
	again := p.wanted
	if again {
		p.restart++
	}
	p.mu.Unlock()
	close(ended)
	if again {
		time.Sleep(time.Second)
		p.mu.Lock()
		again = p.wanted
		p.mu.Unlock()
		if again {
			p.start()
		}
	}
}

// signal reaches the process that runs now; stop says that none shall follow it.
func (p *program) signal(signal syscall.Signal, stop bool) (<-chan struct{}, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stop {
		p.wanted = false
	}
	if p.handle == nil {
		done := make(chan struct{})
		close(done)
		if !stop {
			return done, fmt.Errorf("%s does not run", p.component.name)
		}
		return done, nil
	}
	return p.ended, p.handle.Signal(signal)
}

func (p *program) end() {
	ended, err := p.signal(syscall.SIGTERM, true)
	if err == nil {
		// A frozen one hears SIGTERM only when it goes on.
		p.signal(syscall.SIGCONT, true)
		select {
		case <-ended:
			return
		case <-time.After(5 * time.Second):
		}
	}
	if ended, err = p.signal(syscall.SIGKILL, true); err == nil {
		<-ended
	}
}

func (p *program) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.handle == nil {
		return 0
	}
	return p.handle.Pid
}

var prober = &http.Client{
	Timeout: 2 * time.Second,
	Transport: &http.Transport{
		DisableKeepAlives: true,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // it only asks for health
	},
}

func (p *program) awaitReady(ctx context.Context) error {
	for {
		if p.component.ready == "" || healthy(p.component.ready) {
			return nil
		}
		if p.failing() || ctx.Err() != nil {
			return p.complaint()
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func healthy(url string) bool {
	response, err := prober.Get(url)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func tail(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	if size, err := file.Seek(0, io.SeekEnd); err == nil {
		file.Seek(max(0, size-3000), io.SeekStart)
	}
	text, _ := io.ReadAll(file)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-6):], "\n")
}

// failing says that it is no use to wait any longer.
func (p *program) failing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.restart > 3
}

func (p *program) complaint() error {
	return fmt.Errorf("%s does not get ready, see %s:\n%s", p.component.name, p.log, tail(p.log))
}
