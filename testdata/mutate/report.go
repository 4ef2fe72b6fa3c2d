package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// accepted are the mutants that no test can notice, or need notice, and why: by name.
type accepted map[string]string

// readAccepted reads lines of a name, a tab and a reason.
func readAccepted(path string) (accepted, error) {
	out := accepted{}
	return out, readLines(path, func(fields []string) error {
		if len(fields) != 2 || fields[1] == "" {
			return fmt.Errorf("%s: %q is not a check, a tab and a reason", path, strings.Join(fields, "\t"))
		}
		out[fields[0]] = fields[1]
		return nil
	})
}

// citations are the tests that cite a rule, by its number.
type citations map[string][]string

// readCitations reads lines of a rule, a folder and a test, with tabs between.
func readCitations(path string) (citations, error) {
	out := citations{}
	return out, readLines(path, func(fields []string) error {
		if len(fields) != 3 {
			return fmt.Errorf("%s: %q is not a rule, a folder and a test", path, strings.Join(fields, "\t"))
		}
		out[fields[0]] = append(out[fields[0]], fields[1]+" "+fields[2])
		return nil
	})
}

// readLines reads the fields of each line that is neither empty nor a comment. An empty
// path is an empty file.
func readLines(path string, line func(fields []string) error) error {
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		if text := scan.Text(); strings.TrimSpace(text) != "" && !strings.HasPrefix(text, "#") {
			if err := line(strings.Split(text, "\t")); err != nil {
				return err
			}
		}
	}
	return scan.Err()
}

// counts is how many mutants of a kind ended how.
type counts struct{ killed, survived, unreached int }

func (c *counts) add(v *verdict) {
	switch v.state() {
	case "killed":
		c.killed++
	case "survived":
		c.survived++
	default:
		c.unreached++
	}
}

func (c counts) row(name string) string {
	return fmt.Sprintf("| %s | %d | %d | %d | %d |\n", name, c.killed+c.survived+c.unreached, c.killed, c.survived, c.unreached)
}

// results is everything that is reported.
type results struct {
	root     string
	packages []string
	tests    []*test
	verdicts []*verdict
	accepted accepted
	kills    []kill
	took     time.Duration
}

// open lists those that no test notices and nobody has given a reason for.
func (r *results) open() (out []*verdict) {
	for _, v := range r.verdicts {
		if _, ok := r.accepted[v.name()]; !ok && v.killer == nil {
			out = append(out, v)
		}
	}
	return out
}

// stale lists the accepted mutants that are noticed, or that there are no more.
func (r *results) stale() []string {
	left := maps.Clone(r.accepted)
	for _, v := range r.verdicts {
		if v.killer == nil {
			delete(left, v.name())
		}
	}
	return slices.Sorted(maps.Keys(left))
}

// print writes the table of all mutants.
func (r *results) print(w io.Writer) {
	for _, v := range r.verdicts {
		by := ""
		if v.killer != nil {
			by = "by " + v.killer.String()
			if v.timeout {
				by += " (took too long)"
			}
		} else if v.reached > 0 {
			by = fmt.Sprintf("%d of %d tests", v.ran, v.reached)
		}
		_, _ = fmt.Fprintf(w, "%-9s %-9s %s:%d %s %s\n", v.state(), v.kind, v.file, v.line, v.name(), by)
	}
}

// write puts RESULTS.md and killers.txt into a folder.
func (r *results) write(dir string) error {
	if err := os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(r.page()), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "killers.txt"), []byte(r.killers()), 0o644)
}

// killers lists each test that noticed a mutant, with one that it noticed.
func (r *results) killers() string {
	first := map[string]string{}
	for _, k := range r.kills {
		if name := k.test.String(); first[name] == "" || k.mutant.name() < first[name] {
			first[name] = k.mutant.name()
		}
	}
	var b strings.Builder
	b.WriteString("# Written by testdata/mutate/run: the tests that failed when a refusal was switched off, and one such check.\n")
	for _, name := range slices.Sorted(maps.Keys(first)) {
		fmt.Fprintf(&b, "%s\t%s\n", name, first[name])
	}
	return b.String()
}

func (r *results) page() string {
	var b strings.Builder
	commit := "unknown"
	if out, err := exec.Command("git", "-C", r.root, "rev-parse", "--short", "HEAD").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	fmt.Fprintf(&b, `<!-- Written by testdata/mutate/run -->

# Mutation of the checks

%s, commit %s, %d tests, %s.

| package | mutants | killed | survived | unreached |
|---|---:|---:|---:|---:|
`, time.Now().UTC().Format(time.DateOnly), commit, len(r.tests), r.took.Round(time.Minute))
	var all counts
	kinds, packages := map[string]*counts{}, map[string]*counts{}
	for _, v := range r.verdicts {
		all.add(v)
		for key, m := range map[string]map[string]*counts{v.dir: packages, v.kind: kinds} {
			if m[key] == nil {
				m[key] = new(counts)
			}
			m[key].add(v)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(packages)) {
		b.WriteString(packages[name].row(name))
	}
	b.WriteString(all.row("all") + "\n| kind | mutants | killed | survived | unreached |\n|---|---:|---:|---:|---:|\n")
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		b.WriteString(kinds[name].row(name))
	}
	r.reasons(&b)
	return b.String()
}

// reasons lists what is not killed: first what has no reason.
func (r *results) reasons(b *strings.Builder) {
	if open := r.open(); len(open) > 0 {
		b.WriteString("\n## Not noticed by any test\n\n| check | | kind |\n|---|---|---|\n")
		for _, v := range open {
			fmt.Fprintf(b, "| %s %s | %s | %s |\n", v.dir, code(v.name()), v.state(), v.kind)
		}
	}
	b.WriteString("\n## Accepted\n\n| check | | reason |\n|---|---|---|\n")
	for _, v := range r.verdicts {
		if why, ok := r.accepted[v.name()]; ok && v.killer == nil {
			fmt.Fprintf(b, "| %s %s | %s | %s |\n", v.dir, code(v.name()), v.state(), why)
		}
	}
}

// code shows a check in a cell of a table.
func code(text string) string {
	text = strings.ReplaceAll(text, "|", "\\|")
	if strings.Contains(text, "`") {
		return "`` " + text + " ``"
	}
	return "`" + text + "`"
}
