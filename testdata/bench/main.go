// Command bench measures the sandbox against bare Echo: two server processes
// serve the same bodies, and one client process loads them in turn, so that both
// see the same machine. Run it with testdata/bench/run.
package main

import (
	"bufio"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
)

func main() {
	if len(os.Args) > 1 && slices.Contains([]string{"sandbox", "echo", "dressed"}, os.Args[1]) {
		exit(serve(os.Args[1], os.Args[2:]))
	}
	rounds := flag.Int("rounds", 7, "rounds of each measurement")
	span := flag.Duration("span", 1500*time.Millisecond, "length of a round")
	conns := flag.Int("conns", 32, "connections at once")
	binary := flag.String("binary", "", "the sandbox's binary, for start-up and idle memory")
	flag.Parse()
	exit(run(*rounds, *span, *conns, *binary))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child starts this program as a server and returns its base URL.
func child(args ...string) (url string, stop func(), err error) {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // the child ends when it closes
	if err != nil {
		return "", nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	return strings.TrimSpace(line), func() { _ = in.Close(); _ = cmd.Wait() }, err
}

// shot is a request to be sent over and over.
type shot struct {
	name, request string
	budget        float64 // the least the sandbox may reach of Echo's rate
}

// metricsPath asks for points of time, which Echo has ready and the sandbox makes
// anew for each request.
const metricsPath = "/v1/instances/" + oldID + "/metrics?"

func shots(host string) []shot {
	end := time.Now().Add(-time.Hour).UTC().Truncate(time.Hour)
	past := "start=" + end.Add(-500*time.Minute).Format(time.RFC3339) + "&end=" + end.Format(time.RFC3339)
	head := " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + emulator.DefaultKey + "\r\nAccept: application/json\r\n"
	c := sandbox.ComputeStacksCredentialsOf(emulator.DefaultKey, 1)
	basic := " HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Basic " + base64.StdEncoding.EncodeToString([]byte(c.Username+":"+c.Password)) + "\r\nAccept: application/json\r\n"
	return []shot{
		{"GET one instance", "GET /v1/instances/" + firstID + head + "\r\n", 0.85},
		{"POST create", fmt.Sprintf("POST /v1/instances%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", head, len(createBody), createBody), 0.70},
		{"GET list of 20", "GET /v1/instances?limit=20" + head + "\r\n", 0.80},
		{"GET one service", "GET /api/container_services/1" + basic + "\r\n", 0.9},
		{"GET 30 services", "GET /api/container_services" + basic + "\r\n", 1.2},
		{"POST order", fmt.Sprintf("POST /api/orders%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", basic, len(orderBody), orderBody), 0.6},
		{"GET 500 points", "GET " + metricsPath + "names=cpu&" + past + head + "\r\n", 0.25},
		{"GET 6x500 points", "GET " + metricsPath + past + head + "\r\n", 0.15},
	}
}

func run(rounds int, span time.Duration, conns int, binary string) error {
	served, stopSandbox, err := child("sandbox", "1000")
	if err != nil {
		return err
	}
	defer stopSandbox()
	hosts := []string{"", "", strings.TrimPrefix(served, "http://")}
	for k, kind := range []string{"echo", "dressed"} {
		url, stop, err := child(kind, served)
		if err != nil {
			return err
		}
		defer stop()
		hosts[k] = strings.TrimPrefix(url, "http://")
	}
	fmt.Printf("requests over a socket, %d connections, %d rounds of %v, alternating (median; range)\n", conns, rounds, span)
	for i, s := range shots("") {
		var rates [3][]float64
		var ratios [2][]float64 // of the sandbox to bare Echo, and of Echo with the same headers
		for n := range rounds {
			for k, host := range hosts {
				rate, err := load(host, shots(host)[i].request, conns, span)
				if err != nil {
					return err
				}
				rates[k] = append(rates[k], rate)
			}
			ratios[0] = append(ratios[0], rates[2][n]/rates[0][n])
			ratios[1] = append(ratios[1], rates[1][n]/rates[0][n])
		}
		fmt.Printf("  %-18s echo %7.0f/s (%.0f-%.0f)  sandbox %7.0f/s (%.0f-%.0f)  ratio %.2f (%.2f-%.2f), budget %.2f; Echo with the sandbox's headers %.2f\n",
			s.name, median(rates[0]), slices.Min(rates[0]), slices.Max(rates[0]), median(rates[2]), slices.Min(rates[2]), slices.Max(rates[2]),
			median(ratios[0]), slices.Min(ratios[0]), slices.Max(ratios[0]), s.budget, median(ratios[1]))
	}
	if err := allocations(served); err != nil {
		return err
	}
	if err := many(rounds, span, conns); err != nil {
		return err
	}
	if binary != "" {
		return startup(binary, 15)
	}
	return nil
}

// many compares a world of a million instances with one of a thousand.
func many(rounds int, span time.Duration, conns int) error {
	small, stopSmall, err := child("sandbox", "1000")
	if err != nil {
		return err
	}
	defer stopSmall()
	large, stopLarge, err := child("sandbox", "1000000")
	if err != nil {
		return err
	}
	defer stopLarge()
	fmt.Println("the same with 1,000 and with 1,000,000 instances (time of a request, ratio of medians; budget 1.50)")
	hosts := []string{strings.TrimPrefix(small, "http://"), strings.TrimPrefix(large, "http://")}
	for i := range shots("") {
		var ratios []float64
		for range rounds {
			var rates [2]float64
			for k, host := range hosts {
				if rates[k], err = load(host, shots(host)[i].request, conns, span); err != nil {
					return err
				}
			}
			ratios = append(ratios, rates[0]/rates[1])
		}
		fmt.Printf("  %-18s %.2f (%.2f-%.2f)\n", shots("")[i].name, median(ratios), slices.Min(ratios), slices.Max(ratios))
	}
	return nil
}

// startup measures the binary from its start to the first 200, and its memory a
// moment later.
func startup(binary string, times int) error {
	var took []float64
	var memory []float64
	for range times {
		began := time.Now()
		cmd := exec.Command(binary, "serve", "--listen", "127.0.0.1:0")
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		url := ""
		lines := bufio.NewScanner(out)
		for url == "" && lines.Scan() {
			if i := strings.Index(lines.Text(), "http://127.0.0.1:"); i >= 0 {
				url = strings.FieldsFunc(lines.Text()[i:], func(r rune) bool { return r == ' ' || r == '\'' || r == '"' })[0]
			}
		}
		resp, err := http.Get(url + "/readyz")
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New("/readyz says " + resp.Status)
		}
		took = append(took, float64(time.Since(began).Microseconds())/1000)
		time.Sleep(300 * time.Millisecond)
		memory = append(memory, resident(cmd.Process.Pid))
		_ = cmd.Process.Kill()
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait()
	}
	fmt.Printf("cold start to the first 200 on /readyz: %.1f ms (%.1f-%.1f), budget 50\n", median(took), slices.Min(took), slices.Max(took))
	fmt.Printf("idle resident memory: %.1f MB (%.1f-%.1f), budget 25\n", median(memory), slices.Min(memory), slices.Max(memory))
	return nil
}

// resident is the resident memory of a process in megabytes, 0 if unknown.
func resident(pid int) float64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.SplitSeq(string(data), "\n") {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kb); n == 1 {
			return kb / 1000
		}
	}
	return 0
}

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}
