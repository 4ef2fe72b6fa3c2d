package conformance

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// testdata/mutate/run switches off the checks of the handlers one by one and records the
// tests that fail. A rule is proved by mutation when one of them cites it.

// readKillers reads the record: a line for each test, with its folder and its name before
// a tab.
func readKillers(file string) (map[string]bool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	killers, err := parseKillers(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return killers, nil
}

func parseKillers(text string) (map[string]bool, error) {
	killers := map[string]bool{}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		test, check, ok := strings.Cut(line, "\t")
		if dir, name, both := strings.Cut(test, " "); !ok || !both || dir == "" || name == "" || check == "" {
			return nil, fmt.Errorf("%q is not a folder, a test, a tab and a check", line)
		}
		killers[test] = true
	}
	return killers, nil
}

// proved reports whether a test that cites the rule failed when a check was switched off.
func (p *Project) proved(id string) bool {
	return slices.ContainsFunc(p.citing(id), func(test string) bool { return p.Killers[test] })
}

// citing lists the Go tests that cite a rule, as folder and name.
func (p *Project) citing(id string) []string {
	var out []string
	for _, f := range p.Tests[id] {
		for _, name := range f.Tests {
			name, _, _ = strings.Cut(name, "/") // a subtest runs in its test
			if test := path.Dir(f.Path) + " " + name; !slices.Contains(out, test) {
				out = append(out, test)
			}
		}
	}
	return out
}

// Citations lists the Go tests that cite a rule: a line for each, with the rule, the
// folder and the name, and tabs between.
func (p *Project) Citations() []byte {
	var out []byte
	for _, r := range p.Rules {
		for _, test := range p.citing(r.ID) {
			dir, name, _ := strings.Cut(test, " ")
			out = fmt.Appendf(out, "%s\t%s\t%s\n", r.ID, dir, name)
		}
	}
	return out
}
