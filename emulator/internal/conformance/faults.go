package conformance

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cited reports whether a test or a story carries the rule. A test file that
// names it outside of its tests does not count.
func (p *Project) cited(id string) bool {
	return slices.ContainsFunc(p.Tests[id], File.cites)
}

// cites tells whether the file has a test that carries the rule, or is one.
func (f File) cites() bool { return len(f.Tests) > 0 || strings.HasSuffix(f.Path, ".txtar") }

// Problems lists what is missing or contradicts itself, a line each; none if the
// page may be believed.
func (p *Project) Problems() []string {
	var out []string
	fault := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	var ids, want []string
	rules, operations := map[string]bool{}, map[string]bool{}
	for _, r := range p.Rules {
		ids, rules[r.ID] = append(ids, r.ID), true
	}
	for n := range p.System.Count {
		want = append(want, fmt.Sprintf("%s%d", p.System.Letter, n+1))
	}
	if p.System.Count > 0 && !slices.Equal(ids, want) {
		fault("rules.yaml must hold %s1 to %[1]s%d, each once, in order; it has %v", p.System.Letter, p.System.Count, ids)
	}
	if p.System.Count == 0 && !increasing(ids, p.System.Letter) {
		fault("rules.yaml must hold rules %s1, %[1]s2 ..., each once, in order; it has %v", p.System.Letter, ids)
	}
	if len(p.Operations) == 0 {
		fault("openapi.yaml has no operations")
	}
	for _, o := range p.Operations {
		operations[o.ID] = true
		if len(o.Rules) == 0 {
			fault("openapi.yaml: %s cites no rule", o.ID)
		}
		if o.Source != documented && o.Source != inferred {
			fault("openapi.yaml: x-source of %s is %q; it must be documented or inferred", o.ID, o.Source)
		}
		for _, id := range o.Rules {
			if !rules[id] {
				fault("openapi.yaml: %s cites rule %s, which rules.yaml does not have", o.ID, id)
			}
		}
	}
	for _, r := range p.Rules {
		out = append(out, p.problemsOf(r)...)
		for _, id := range r.Operations {
			if !operations[id] {
				fault("rules.yaml: %s names operation %s, which openapi.yaml does not have", r.ID, id)
			}
		}
	}
	return out
}

// increasing reports whether ids are a letter and numbers from 1 that increase.
func increasing(ids []string, letter string) bool {
	last := 0
	for _, id := range ids {
		digits, ok := strings.CutPrefix(id, letter)
		n, err := strconv.Atoi(digits)
		if !ok || err != nil || n <= last {
			return false
		}
		last = n
	}
	return true
}

// problemsOf is what is wrong with a rule by itself.
func (p *Project) problemsOf(r Rule) []string {
	var out []string
	fault := func(format string, args ...any) {
		out = append(out, "rules.yaml: "+r.ID+": "+fmt.Sprintf(format, args...))
	}
	if strings.TrimSpace(r.Sentence) == "" {
		fault("sentence is empty")
	}
	if strings.TrimSpace(r.Means) == "" {
		fault("means is empty")
	}
	for name, text := range map[string]string{"sentence": r.Sentence, "assumed": r.Assumed} {
		if strings.Contains(strings.TrimSpace(text), "\n") {
			fault("%s is longer than one paragraph", name)
		}
	}
	switch r.Status {
	case Done:
		if !p.cited(r.ID) {
			fault("it is called done, and no test carries its number")
		}
		if r.Why != "" {
			fault("it is called done, and why says that something is missing")
		}
	case Planned, None:
		if strings.TrimSpace(r.Why) == "" {
			fault("why is empty, and status is %s", r.Status)
		}
	default:
		fault("status is %q; it must be %s, %s or %s", r.Status, Done, Planned, None)
	}
	return out
}
