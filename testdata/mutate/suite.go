package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// suite is the compiled tests of a package.
type suite struct {
	dir, binary string
	tests       []*test
}

// test is one that is called by name.
type test struct {
	suite   *suite
	name    string
	took    time.Duration
	failing bool         // without any mutant
	reach   map[int]bool // the mutants whose check would have changed something
}

func (t *test) String() string { return t.suite.dir + " " + t.name }

// compile builds the tests of a package with the rewritten files in place.
func compile(root, work, overlay string, p listed) (*suite, error) {
	s := &suite{dir: below(root, p.Dir), binary: filepath.Join(work, strings.ReplaceAll(p.ImportPath, "/", "_")+".test")}
	build := exec.Command("go", "test", "-c", "-overlay", overlay, "-o", s.binary, p.ImportPath)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return nil, fmt.Errorf("go test -c %s: %w", p.ImportPath, err)
	}
	list := exec.Command(s.binary, "-test.list", "^(Test|Fuzz|Example)")
	list.Dir = p.Dir
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("the tests of %s: %w", p.ImportPath, err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		s.tests = append(s.tests, &test{suite: s, name: name, reach: map[int]bool{}})
	}
	return s, nil
}

// outcome is what came of a process of tests.
type outcome struct {
	failed  bool
	timeout bool
	culprit string // the test that failed first; "" if the output does not say
	took    time.Duration
	output  []byte
}

var (
	failLine    = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
	runningLine = regexp.MustCompile(`running tests:\n\t(\w+)`)
)

// run runs some tests of a suite in one process, and stops at the first that fails.
func (r *runner) run(s *suite, names []string, limit time.Duration, env ...string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), limit+10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary, "-test.run", "^("+strings.Join(names, "|")+")$", "-test.failfast", "-test.timeout", limit.String())
	cmd.Dir = filepath.Join(r.root, s.dir)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	begin := time.Now()
	err := cmd.Run()
	o := outcome{failed: err != nil, took: time.Since(begin), output: out.Bytes()}
	o.timeout = ctx.Err() != nil || bytes.Contains(o.output, []byte("panic: test timed out"))
	for _, line := range []*regexp.Regexp{failLine, runningLine} {
		if m := line.FindSubmatch(o.output); o.culprit == "" && m != nil {
			o.culprit = string(m[1])
		}
	}
	return o
}

// runner runs tests side by side.
type runner struct {
	root, work string
	jobs       int
	slow       time.Duration // tests that take longer are left out
	budget     time.Duration // for one mutant
	verbose    bool
}

// each calls do for each item, in as many goroutines as there are jobs.
func each[T any](jobs int, items []T, do func(T)) {
	queue := make(chan T)
	var group sync.WaitGroup
	for range jobs {
		group.Go(func() {
			for item := range queue {
				do(item)
			}
		})
	}
	for _, item := range items {
		queue <- item
	}
	close(queue)
	group.Wait()
}

// record runs every test once, alone, to see how long it takes and which mutants it
// reaches.
func (r *runner) record(tests []*test) error {
	var mu sync.Mutex
	var all error
	each(r.jobs, tests, func(t *test) {
		if err := r.recordOne(t); err != nil {
			mu.Lock()
			defer mu.Unlock()
			all = errors.Join(all, err)
		}
	})
	return all
}

func (r *runner) recordOne(t *test) error {
	hits := filepath.Join(r.work, fmt.Sprintf("hits-%s-%s", filepath.Base(t.suite.dir), t.name))
	o := r.run(t.suite, []string{t.name}, 2*time.Minute, "MUTATE_HITS="+hits)
	t.took, t.failing = o.took, o.failed
	if o.failed {
		fmt.Fprintf(os.Stderr, "without a mutant %s fails, and is left out:\n%s\n", t, tail(o.output, 600))
		return nil
	}
	text, err := os.ReadFile(hits)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for field := range strings.FieldsSeq(string(text)) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return fmt.Errorf("%s: %w", hits, err)
		}
		t.reach[n] = true
	}
	return nil
}

func tail(text []byte, most int) []byte {
	if len(text) > most {
		return text[len(text)-most:]
	}
	return text
}

// reaching lists the tests that can notice a mutant, fastest first.
func (r *runner) reaching(m *mutant, tests []*test) (can []*test, tooSlow int) {
	for _, t := range tests {
		switch {
		case t.failing || !t.reach[m.id]:
		case t.took > r.slow:
			tooSlow++
		default:
			can = append(can, t)
		}
	}
	slices.SortStableFunc(can, func(a, b *test) int { return int(a.took - b.took) })
	return can, tooSlow
}

// batches groups tests by suite: one, then more and more.
func batches(tests []*test) [][]*test {
	var out [][]*test
	size := 1
	for len(tests) > 0 {
		n := min(size, len(tests))
		part := map[*suite][]*test{}
		for _, t := range tests[:n] {
			part[t.suite] = append(part[t.suite], t)
		}
		for _, s := range slices.SortedFunc(maps.Keys(part), func(a, b *suite) int { return strings.Compare(a.dir, b.dir) }) {
			out = append(out, part[s])
		}
		tests, size = tests[n:], size*3
	}
	return out
}
