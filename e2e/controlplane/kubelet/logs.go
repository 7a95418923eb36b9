package kubelet

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"sync"
	"time"

	cri "k8s.io/cri-api/pkg/apis"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/logs"
)

// logFile keeps a container's output in the format of container runtimes: time, stream, whole or partial, text.
type logFile struct {
	mu   sync.Mutex
	file *os.File
}

func createLog(path string) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &logFile{file: file}, nil
}

const longestLine = 16 << 10

func (l *logFile) copy(stream string, from *os.File) {
	defer from.Close()
	reader := bufio.NewReaderSize(from, longestLine)
	for {
		text, err := reader.ReadSlice('\n')
		if len(text) > 0 {
			l.write(time.Now(), stream, text)
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

func (l *logFile) write(at time.Time, stream string, text []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.file.Write(logLine(at, stream, text))
}

func logLine(at time.Time, stream string, text []byte) []byte {
	tag := "P"
	if text[len(text)-1] == '\n' {
		tag, text = "F", text[:len(text)-1]
	}
	return fmt.Appendf(nil, "%s %s %s %s\n", at.UTC().Format(logs.RFC3339NanoFixed), stream, tag, text)
}

func (l *logFile) close() { l.file.Close() }

// logOptions reads the query of a request for a container's log.
func logOptions(query url.Values, now time.Time) (*logs.LogOptions, error) {
	options := &logs.LogOptions{}
	options.Follow = query.Get("follow") == "true"
	options.Timestamp = query.Get("timestamps") == "true"
	number := func(name string) (*int64, error) {
		text := query.Get(name)
		if text == "" {
			return nil, nil
		}
		value, err := strconv.ParseInt(text, 10, 64)
		if err != nil || value < 0 {
			return nil, fmt.Errorf("%s=%q: want a number of at least 0", name, text)
		}
		return &value, nil
	}
	var err error
	if options.TailLines, err = number("tailLines"); err != nil {
		return nil, err
	}
	if options.LimitBytes, err = number("limitBytes"); err != nil {
		return nil, err
	}
	seconds, err := number("sinceSeconds")
	if err != nil {
		return nil, err
	}
	if seconds != nil {
		options.Since = now.Add(-time.Duration(*seconds) * time.Second)
	}
	if text := query.Get("sinceTime"); text != "" {
		if options.Since, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, fmt.Errorf("sinceTime=%q: want a time such as 2026-01-02T15:04:05Z", text)
		}
	}
	return options, nil
}

// running answers the one question that the reader of logs asks a container runtime.
type running struct {
	cri.RuntimeService
	now func() bool
}

func (r running) ContainerStatus(context.Context, string, bool) (*runtimeapi.ContainerStatusResponse, error) {
	state := runtimeapi.ContainerState_CONTAINER_EXITED
	if r.now() {
		state = runtimeapi.ContainerState_CONTAINER_RUNNING
	}
	return &runtimeapi.ContainerStatusResponse{Status: &runtimeapi.ContainerStatus{State: state}}, nil
}

func (k *Kubelet) serveLogs(w http.ResponseWriter, r *http.Request) {
	options, err := logOptions(r.URL.Query(), time.Now())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p := k.podNamed(r.PathValue("namespace"), r.PathValue("pod"))
	if p == nil {
		http.Error(w, "no such pod on this node", http.StatusNotFound)
		return
	}
	if k.nodeOf(p).unreachable() {
		// The API server waits for a node that is lost; it does not get a refusal.
		<-r.Context().Done()
		return
	}
	path, live, err := p.logPath(r.PathValue("container"), r.URL.Query().Get("previous") == "true")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	out := flushing{w, http.NewResponseController(w)}
	err = logs.ReadLogs(r.Context(), path, "", options, running{now: live}, out, out)
	if err != nil && r.Context().Err() == nil {
		fmt.Fprintf(out, "cannot read the log: %v\n", err)
	}
}

type flushing struct {
	io.Writer
	controller *http.ResponseController
}

func (f flushing) Write(text []byte) (int, error) {
	n, err := f.Writer.Write(text)
	f.controller.Flush()
	return n, err
}
