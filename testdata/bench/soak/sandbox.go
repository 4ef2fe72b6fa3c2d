package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const adminToken = "soak-admin-token-0001"

// sandbox is the process under load.
type sandbox struct {
	url   string
	cmd   *exec.Cmd
	began time.Time
}

// workspace is one of its workspaces, with a key.
type workspace struct{ id, key string }

// sample is what the process tells of itself.
type sample struct {
	after      time.Duration
	resident   float64 // MB
	goroutines int
	open       int // descriptors
}

// String implements fmt.Stringer.
func (s sample) String() string {
	return fmt.Sprintf("%6.1f MB  %4d goroutines  %4d descriptors", s.resident, s.goroutines, s.open)
}

func start(binary string) (*sandbox, error) {
	s := &sandbox{began: time.Now()}
	s.cmd = exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--admin-token", adminToken)
	s.cmd.Env = []string{"HOME=/nonexistent"}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, url, ok := strings.Cut(lines.Text(), "base URL"); ok {
			s.url = strings.TrimSpace(url)
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if s.url == "" {
		s.stop()
		return nil, fmt.Errorf("%s printed no base URL", binary)
	}
	return s, nil
}

func (s *sandbox) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// warmUp has the process make what it makes only once.
func (s *sandbox) warmUp() error {
	w, err := s.workspace(`{"clock":{"mode":"frozen"}}`)
	if err != nil {
		return err
	}
	s.remove(w)
	return nil
}

// workspace adds one without rate limits and quota.
func (s *sandbox) workspace(setup string) (*workspace, error) {
	status, body, err := s.do(context.Background(), http.MethodPost, "/_sandbox/workspaces", adminToken, setup)
	if err != nil {
		return nil, err
	}
	var made struct {
		ID  string `json:"id"`
		Key struct {
			Token string `json:"token"`
		} `json:"key"`
	}
	if err := json.Unmarshal(body, &made); err != nil || status != http.StatusCreated {
		return nil, fmt.Errorf("cannot add a workspace: %d %s", status, body)
	}
	return &workspace{made.ID, made.Key.Token}, nil
}

func (s *sandbox) remove(w *workspace) {
	_, _, _ = s.do(context.Background(), http.MethodDelete, "/_sandbox/workspaces/"+w.id, adminToken, "")
}

// sample reads the metrics.
func (s *sandbox) sample() (sample, error) {
	_, body, err := s.do(context.Background(), http.MethodGet, "/_sandbox/metrics", adminToken, "")
	m := sample{after: time.Since(s.began)}
	if err != nil {
		return m, err
	}
	value := func(name string) float64 {
		_, rest, _ := bytes.Cut(body, []byte("\n"+name+" "))
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		v, _ := strconv.ParseFloat(string(line), 64)
		return v
	}
	m.resident = value("process_resident_memory_bytes") / 1e6
	m.goroutines, m.open = int(value("go_goroutines")), int(value("process_open_fds"))
	if m.goroutines == 0 || m.open == 0 {
		return m, fmt.Errorf("the metrics lack go_goroutines or process_open_fds")
	}
	return m, nil
}

// returns waits until goroutines and descriptors are back to what they were.
func (s *sandbox) returns(before sample) error {
	client.CloseIdleConnections()
	for try := 0; ; try++ {
		now, err := s.sample()
		if err != nil {
			return err
		}
		if now.goroutines <= before.goroutines+2 && now.open <= before.open+2 {
			fmt.Printf("after    %s\n", now)
			return nil
		}
		if try == 30 {
			return fmt.Errorf("after the load: %s; before it: %s", now, before)
		}
		time.Sleep(time.Second)
	}
}

// client gives a request ten seconds: nothing that the load asks for may take
// longer.
var client = &http.Client{
	Timeout:   10 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64},
}

// do sends a request and reads its response.
func (s *sandbox) do(ctx context.Context, method, path, token, body string) (int, []byte, error) {
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, content)
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	all, err := io.ReadAll(resp.Body)
	return resp.StatusCode, all, err
}
