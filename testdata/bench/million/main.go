// Command million measures one workspace with many instances beside one with few:
// how long it takes to be ready, to list, filter and sort, to save and to load, how
// long others wait meanwhile, and the memory it takes. Run it with
// testdata/bench/million/run.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator"
)

func main() {
	binary := flag.String("binary", "", "the sandbox's binary")
	counts := flag.String("n", "1000,1000000", "numbers of instances")
	args := flag.String("args", "--workspace-budget=off", "further arguments of serve; empty for a binary that has no budget")
	flag.Parse()
	var columns []map[string]string
	for _, n := range strings.Split(*counts, ",") {
		column, err := measure(*binary, n, strings.Fields(*args))
		if err != nil {
			fmt.Fprintln(os.Stderr, "million:", err)
		}
		columns = append(columns, column)
	}
	fmt.Println("| instances | " + strings.ReplaceAll(*counts, ",", " | ") + " |")
	fmt.Println("|---" + strings.Repeat("|---:", len(columns)) + "|")
	for _, row := range rows {
		fmt.Print("| " + row)
		for _, c := range columns {
			fmt.Print(" | " + c[row])
		}
		fmt.Println(" |")
	}
}

// rows are what is measured, in this order.
var rows = []string{
	"ready", "memory when ready", "GET one", "list of 20", "list of 20, newest first", "filter by name", "filter by label, newest first", "page 40 of a filter",
	"GET one beside filters, worst", "POST beside filters, worst", "dump", "save", "size of the file", "memory after save", "load", "memory after load", "worst GET beside load",
}

// server is a sandbox that runs.
type server struct {
	url string
	cmd *exec.Cmd
}

func start(binary string, args ...string) (*server, time.Duration, error) {
	began := time.Now()
	s := &server{cmd: exec.Command(binary, append([]string{"serve", "--listen", "127.0.0.1:0", "--rate-limit=off"}, args...)...)}
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, 0, err
	}
	lines := bufio.NewScanner(out)
	for s.url == "" && lines.Scan() {
		if i := strings.Index(lines.Text(), "http://127.0.0.1:"); i >= 0 {
			s.url = strings.FieldsFunc(lines.Text()[i:], func(r rune) bool { return r == ' ' || r == '\'' || r == '"' })[0]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	_, _, err = s.ask("GET", "/readyz", nil, io.Discard)
	return s, time.Since(began), err
}

func (s *server) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// ask sends a request and writes what comes back.
func (s *server) ask(method, path string, body io.Reader, to io.Writer) (took time.Duration, size int64, err error) {
	r, err := http.NewRequest(method, s.url+path, body)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	began := time.Now()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return 0, 0, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	size, err = io.Copy(to, resp.Body)
	return time.Since(began), size, err
}

// median is the middle of some times that a request took.
func (s *server) median(times int, path string) string {
	var all []time.Duration
	for range times {
		took, _, err := s.ask("GET", path, nil, io.Discard)
		if err != nil {
			return "fails: " + err.Error()
		}
		all = append(all, took)
	}
	slices.Sort(all)
	return short(all[len(all)/2])
}

// beside is the longest time that a request took while another was served, over
// and over.
func (s *server) beside(method, path, body, other string, span time.Duration) string {
	done := make(chan bool)
	go func() {
		defer close(done)
		for end := time.Now().Add(span); time.Now().Before(end); {
			_, _, _ = s.ask("GET", other, nil, io.Discard)
		}
	}()
	return s.worst(method, path, body, done)
}

func (s *server) worst(method, path, body string, done <-chan bool) string {
	worst := time.Duration(0)
	for {
		select {
		case <-done:
			return short(worst)
		default:
		}
		var in io.Reader
		if body != "" {
			in = strings.NewReader(body)
		}
		took, _, err := s.ask(method, path, in, io.Discard)
		if err != nil {
			return "fails: " + err.Error()
		}
		worst = max(worst, took)
	}
}

func short(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.2f ms", d.Seconds()*1000)
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

func measure(binary, n string, args []string) (map[string]string, error) {
	out := map[string]string{}
	s, took, err := start(binary, append(args, "--quota=off", "--fixture", "busy="+n)...)
	if err != nil {
		return out, err
	}
	defer s.stop()
	out["ready"], out["memory when ready"] = short(took), resident(s.cmd.Process.Pid)
	var first strings.Builder
	if _, _, err := s.ask("GET", "/v1/instances?limit=1", nil, &first); err != nil {
		return out, err
	}
	_, id, _ := strings.Cut(first.String(), `"id":"`)
	id, _, _ = strings.Cut(id, `"`)
	out["GET one"] = s.median(200, "/v1/instances/"+id)
	out["list of 20"] = s.median(200, "/v1/instances?limit=20")
	out["list of 20, newest first"] = s.median(200, "/v1/instances?limit=20&sort=-created_at")
	const byName, byLabel = "/v1/instances?name=nobody", "/v1/instances?label=role:web&sort=-created_at&limit=20"
	out["filter by name"] = s.median(5, byName)
	out["filter by label, newest first"] = s.median(5, byLabel)
	out["page 40 of a filter"] = s.median(5, "/v1/instances?status=running&page=40&limit=20")
	out["GET one beside filters, worst"] = s.beside("GET", "/v1/instances/"+id, "", byLabel, 4*time.Second)
	out["POST beside filters, worst"] = s.beside("POST", "/v1/instances", `{"name":"one-more","region":"eu-central","size":"standard-2","image":"ubuntu-24.04"}`, byLabel, 4*time.Second)
	if took, _, err := s.ask("GET", "/_sandbox/dump", nil, io.Discard); err != nil {
		out["dump"] = "fails: " + err.Error()
	} else {
		out["dump"] = short(took)
	}
	name := filepath.Join(os.TempDir(), "skystack-million-"+strconv.Itoa(os.Getpid())+".json")
	defer func() { _ = os.Remove(name) }()
	file, err := os.Create(name)
	if err != nil {
		return out, err
	}
	took, size, err := s.ask("GET", "/_sandbox/state", nil, file)
	if err != nil {
		out["save"] = "fails: " + err.Error()
		return out, nil
	}
	out["save"], out["size of the file"], out["memory after save"] = short(took), fmt.Sprintf("%.1f MB", float64(size)/1e6), resident(s.cmd.Process.Pid)
	s.stop()
	fresh, _, err := start(binary, append(args, "--quota=off")...)
	if err != nil {
		return out, err
	}
	defer fresh.stop()
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return out, err
	}
	done, worst := make(chan bool), make(chan string, 1)
	go func() { worst <- fresh.worst("GET", "/v1/regions", "", done) }()
	took, _, err = fresh.ask("PUT", "/_sandbox/state", file, io.Discard)
	close(done)
	out["load"] = short(took)
	if err != nil {
		out["load"] = "fails: " + err.Error()
	}
	out["worst GET beside load"] = <-worst
	out["memory after load"] = resident(fresh.cmd.Process.Pid)
	return out, nil
}

// resident is the resident memory of a process.
func resident(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.SplitSeq(string(data), "\n") {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return fmt.Sprintf("%.0f MB", kb/1000)
		}
	}
	return "unknown"
}
