// Command mutate switches off the checks of packages one by one and says which of them no
// test notices. The checks are compiled into one binary for each package of tests, each
// behind a condition that a variable of the environment selects. Run it with
// testdata/mutate/run.
package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"
)

// config is the command line.
type config struct {
	runner
	packages, tests          []string
	kinds                    map[string]bool
	only, run                *regexp.Regexp
	list                     bool
	decisions                string
	accepted, citations, out string
}

func main() {
	c := config{kinds: map[string]bool{}}
	tests := flag.String("tests", "", "packages of tests, with commas between; the packages themselves if empty")
	kinds := flag.String("kinds", strings.Join([]string{refusal, forwarded, violation}, ","), "kinds of mutants")
	flag.StringVar(&c.decisions, "decisions", "", "folder whose decisions are mutants as well")
	only := flag.String("only", "", "a pattern of folder, file, function and check; all if empty")
	run := flag.String("run", "", "a pattern of tests; all if empty")
	flag.IntVar(&c.jobs, "jobs", runtime.NumCPU(), "processes at once")
	flag.DurationVar(&c.slow, "slow", 20*time.Second, "tests that take longer are left out")
	flag.DurationVar(&c.budget, "budget", time.Minute, "time for one mutant")
	flag.BoolVar(&c.list, "list", false, "list the mutants, and run nothing")
	flag.BoolVar(&c.verbose, "v", false, "print each verdict at once, and tests that fail by chance")
	flag.StringVar(&c.accepted, "accepted", "", "file of the mutants that need not be noticed, and why")
	flag.StringVar(&c.citations, "citations", "", "file of the tests that cite a rule")
	flag.StringVar(&c.out, "out", "", "folder for RESULTS.md and killers.txt; not written if empty, nor with -only or -run")
	flag.Parse()
	c.packages = flag.Args()
	c.tests = c.packages
	if *tests != "" {
		c.tests = strings.Split(*tests, ",")
	}
	for kind := range strings.SplitSeq(*kinds, ",") {
		c.kinds[kind] = true
	}
	var err error
	if c.only, err = regexp.Compile(*only); err == nil {
		if c.run, err = regexp.Compile(*run); err == nil {
			err = c.mutate()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutate:", err)
		os.Exit(1)
	}
}

func (c *config) mutate() error {
	begin := time.Now()
	if len(c.packages) == 0 {
		return fmt.Errorf("no packages are given")
	}
	var err error
	if c.root, err = os.Getwd(); err != nil {
		return err
	}
	if c.work, err = os.MkdirTemp("", "mutate-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(c.work) }()
	r := results{root: c.root, packages: c.packages}
	if r.accepted, err = readAccepted(c.accepted); err != nil {
		return err
	}
	cites, err := readCitations(c.citations)
	if err != nil {
		return err
	}
	mutants, err := c.rewrite()
	if err != nil {
		return err
	}
	if c.list {
		for _, m := range mutants {
			fmt.Printf("%-9s %s:%d %s\n", m.kind, m.file, m.line, m.name())
		}
		return nil
	}
	if r.tests, err = c.compile(); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "%d mutants, %d tests, compiled after %s\n", len(mutants), len(r.tests), time.Since(begin).Round(time.Second))
	if err := c.record(r.tests); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "recorded after %s\n", time.Since(begin).Round(time.Second))
	r.verdicts = c.judgeAll(mutants, r.tests)
	r.kills = c.proofs(r.tests, r.verdicts, cites)
	r.took = time.Since(begin)
	r.print(os.Stdout)
	if c.whole() {
		for _, name := range r.stale() {
			fmt.Fprintf(os.Stderr, "accepted, and noticed or gone: %s\n", name)
		}
	}
	if c.out != "" && c.whole() {
		if err := r.write(c.out); err != nil {
			return err
		}
	}
	if open := r.open(); len(open) > 0 {
		return fmt.Errorf("no test notices %d of %d mutants", len(open), len(mutants))
	}
	return nil
}

// rewrite finds the mutants of all packages and writes the overlay.
func (c *config) rewrite() ([]*mutant, error) {
	sources, err := load(c.packages)
	if err != nil {
		return nil, err
	}
	var mutants []*mutant
	replace := map[string]string{}
	for _, s := range sources {
		kinds := maps.Clone(c.kinds)
		if below(c.root, s.dir) == filepath.ToSlash(filepath.Clean(c.decisions)) {
			kinds[decision] = true
		}
		f := &finder{source: s, root: c.root, kinds: kinds, mutants: mutants, edits: map[string][]edit{}, same: map[string]int{}}
		f.find()
		if err := f.overlay(c.work, replace); err != nil {
			return nil, err
		}
		mutants = f.mutants
	}
	err = writeOverlay(c.overlayFile(), replace)
	return slices.DeleteFunc(mutants, func(m *mutant) bool { return !c.only.MatchString(m.file + " " + m.name()) }), err
}

// whole tells whether everything is run, so that the results may be kept.
func (c *config) whole() bool { return c.only.String() == "" && c.run.String() == "" }

func (c *config) overlayFile() string { return filepath.Join(c.work, "overlay.json") }

func (c *config) compile() ([]*test, error) {
	packages, err := golist(c.tests)
	if err != nil {
		return nil, err
	}
	var tests []*test
	for _, p := range packages {
		if p.DepOnly {
			continue
		}
		s, err := compile(c.root, c.work, c.overlayFile(), p)
		if err != nil {
			return nil, err
		}
		tests = append(tests, slices.DeleteFunc(s.tests, func(t *test) bool { return !c.run.MatchString(t.name) })...)
	}
	return tests, nil
}

func (c *config) judgeAll(mutants []*mutant, tests []*test) []*verdict {
	verdicts := make([]*verdict, len(mutants))
	var mu sync.Mutex
	done := 0
	each(c.jobs, shuffled(len(mutants)), func(i int) {
		v := c.judge(mutants[i], tests)
		mu.Lock()
		defer mu.Unlock()
		verdicts[i] = v
		if done++; c.verbose {
			fmt.Fprintf(os.Stderr, "%d/%d %s %s:%d %s\n", done, len(mutants), v.state(), v.file, v.line, v.name())
		}
	})
	return verdicts
}

// shuffled are the places of the mutants in another order: the slow ones, which stand
// together in the files, are spread over the run.
func shuffled(n int) []int {
	return rand.New(rand.NewPCG(1, 1)).Perm(n)
}

// proofs are the first kill of each mutant, and for each rule that has none among them
// one by a test that cites it, if there is any.
func (c *config) proofs(tests []*test, verdicts []*verdict, cites citations) []kill {
	var kills []kill
	killers, byName, reached := map[string]bool{}, map[string]*test{}, map[int]int{}
	for _, t := range tests {
		byName[t.String()] = t
		for id := range t.reach {
			reached[id]++
		}
	}
	for _, v := range verdicts {
		if v.killer != nil && v.kind != decision { // which proves no refusal
			kills = append(kills, kill{v.killer, v.mutant})
			killers[v.killer.String()] = true
		}
	}
	var open []string
	for rule, names := range cites {
		if !slices.ContainsFunc(names, func(n string) bool { return killers[n] }) {
			open = append(open, rule)
		}
	}
	var mu sync.Mutex
	each(c.jobs, open, func(rule string) {
		var citing []*test
		for _, name := range cites[rule] {
			if t := byName[name]; t != nil {
				citing = append(citing, t)
			}
		}
		if k := c.prove(citing, verdicts, reached); k != nil {
			mu.Lock()
			defer mu.Unlock()
			kills = append(kills, *k)
		}
	})
	return kills
}
