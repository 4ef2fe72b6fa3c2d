package computestacks

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// What a container uses, logs and runs is a pure function of the seed, the container and
// the world's time: nothing is stored, and reading changes nothing.

// noise returns a number from 0 to 1 that follows from the seed, a container, a stream and
// a number.
func noise(tx *engine.Tx, k Container, stream string, n int64) float64 {
	return float64(tx.World().Noise(prefix+stream+"/"+strconv.Itoa(k.ID)).At(n)>>11) / (1 << 53)
}

// cpuAt returns the CPU usage of a container at a time in percent: a level of its own, a
// daily wave and noise.
func cpuAt(tx *engine.Tx, k Container, at time.Time) float64 {
	step := at.Unix() / int64(metricStep/time.Second)
	level := 2 + 10*noise(tx, k, "cpu level", 0)
	wave := 1 + 0.4*math.Sin(2*math.Pi*float64(at.Unix()%86400)/86400)
	return math.Round((level*wave+3*noise(tx, k, "cpu", step))*100) / 100
}

// memoryAt returns the memory that a container uses at a time in MB.
func memoryAt(tx *engine.Tx, k Container, at time.Time) float64 {
	step := at.Unix() / int64(metricStep/time.Second)
	share := 0.15 + 0.35*noise(tx, k, "memory level", 0) + 0.02*noise(tx, k, "memory", step)
	return math.Round(share * float64(k.Memory))
}

const (
	metricStep = 30 * time.Second
	metricSpan = 3 * time.Hour
)

// metricsOf returns a value for every step of the last hours in which the container ran.
func metricsOf(tx *engine.Tx, k Container, value func(tx *engine.Tx, k Container, at time.Time) float64) map[string]any {
	points := [][2]any{}
	last := tx.Now().Truncate(metricStep)
	for at := last.Add(-metricSpan); !at.After(last); at = at.Add(metricStep) {
		if k.runs() && !at.Before(k.StartedAt) {
			points = append(points, [2]any{stamp(at), value(tx, k, at)})
		}
	}
	return map[string]any{"stats": points}
}

// getCPU returns the CPU usage of a container.
//
//	GET /api/containers/{id}/metrics/cpu
func (a *API) getCPU(c *httpapi.Call) (any, error) { return a.metrics(c, cpuAt) }

// getMemory returns the memory usage of a container.
//
//	GET /api/containers/{id}/metrics/memory
func (a *API) getMemory(c *httpapi.Call) (any, error) { return a.metrics(c, memoryAt) }

func (a *API) metrics(c *httpapi.Call, value func(tx *engine.Tx, k Container, at time.Time) float64) (any, error) {
	k, err := a.findContainer(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	return metricsOf(c.Tx, k, value), nil
}

// logLine is a line of a log: seconds since 1970, the name of the container and the text.
type logLine [3]any

// logEvery is the mean time between two lines of a container.
const logEvery = 15 * time.Second

// maxLogLimit bounds the lines of a response.
const maxLogLimit = 5000

// logsOf returns the lines of containers in the period of a request, newest first.
func logsOf(c *httpapi.Call, containers []Container) []logLine {
	limit := min(positive(c.RawQuery("limit"), 500), maxLogLimit)
	from, to := epoch(c.RawQuery("period_start"), c.Now().Add(-24*time.Hour)), epoch(c.RawQuery("period_end"), c.Now())
	if to.After(c.Now()) {
		to = c.Now()
	}
	lines := []logLine{}
	for _, k := range containers {
		lines = append(lines, linesOf(c.Tx, k, from, to, limit)...)
	}
	slices.SortStableFunc(lines, func(x, y logLine) int {
		a, b := x[0].(float64), y[0].(float64)
		switch {
		case a > b:
			return -1
		case a < b:
			return 1
		}
		return 0
	})
	return lines[:min(limit, len(lines))]
}

// epoch reads seconds since 1970.
func epoch(text string, otherwise time.Time) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<33 {
		return otherwise
	}
	return time.Unix(n, 0)
}

// linesOf returns at most limit lines of a container between two times, newest first.
func linesOf(tx *engine.Tx, k Container, from, to time.Time, limit int) (lines []logLine) {
	if k.StartedAt.IsZero() || !k.runs() {
		return nil
	}
	if from.Before(k.StartedAt) {
		from = k.StartedAt
	}
	step := int64(logEvery / time.Second)
	for n := to.Unix() / step; n >= from.Unix()/step && len(lines) < limit; n-- {
		at := float64(n*step) + math.Round(noise(tx, k, "log time", n)*float64(step)*1000)/1000
		if seconds := float64(from.UnixNano()) / 1e9; at < seconds || at > float64(to.UnixNano())/1e9 {
			continue
		}
		lines = append(lines, logLine{at, k.Name, logText(tx, k, n)})
	}
	return lines
}

func logText(tx *engine.Tx, k Container, n int64) string {
	paths := [...]string{"/", "/health", "/about", "/feed", "/favicon.ico", "/login"}
	path := paths[int(noise(tx, k, "log path", n)*float64(len(paths)))]
	status := 200
	if noise(tx, k, "log status", n) > 0.97 {
		status = 404
	}
	return fmt.Sprintf("%s - GET %s %d %d", k.LocalIP, path, status, 200+int(noise(tx, k, "log size", n)*9000))
}

type processBody struct {
	UID   string `json:"UID"`
	PID   string `json:"PID"`
	PPID  string `json:"PPID"`
	C     string `json:"C"`
	STIME string `json:"STIME"`
	TTY   string `json:"TTY"`
	TIME  string `json:"TIME"`
	CMD   string `json:"CMD"`
}

// listProcesses returns the processes of a container; none if it does not run.
//
//	GET /api/containers/{id}/container_processes
func (a *API) listProcesses(c *httpapi.Call) (any, error) {
	k, err := a.findContainer(c, c.Param("id"))
	if err != nil {
		return nil, err
	}
	out := []processBody{}
	if !k.runs() {
		return out, nil
	}
	role, base := row(c.Tx, a.images, row(c.Tx, a.services, k.ServiceID).ImageID).Role, 1000+k.ID*10
	for n := range 2 + int(3*noise(c.Tx, k, "processes", 0)) {
		p := processBody{UID: "root", PID: strconv.Itoa(base + n), PPID: strconv.Itoa(base), C: "0", STIME: k.StartedAt.UTC().Format("15:04"), TTY: "?", TIME: "00:00:0" + strconv.Itoa(n), CMD: role + ": worker process"}
		if n == 0 {
			p.PPID, p.CMD = "1", role+": master process"
		}
		out = append(out, p)
	}
	return out, nil
}
