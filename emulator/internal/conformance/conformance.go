// Package conformance holds what the documentation of a system promises against what the
// project has: every rule of its rules.yaml, the operations of its contract that serve it,
// the files that speak of it and the tests that cite it. A page is made from it, and a
// test fails when something is missing.
package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

//go:generate go run ../genconformance ../../..

// killersFile is read for every system. It is below the module's root, like all files.
const killersFile = "testdata/mutate/killers.txt"

// System is a system that the sandbox behaves like.
type System struct {
	// Name is that of the system, Letter begins the numbers of its rules.
	Name, Letter string
	// Rules, Contract and Page are files: its rules and its document, and the page that
	// is made.
	Rules, Contract, Page string
	// Count is the number of rules, from 1 without a gap; 0 if there may be gaps.
	Count int
}

// Systems lists the systems.
func Systems() []System {
	return []System{
		{"SkyStack", "S", "emulator/internal/skystack/rules.yaml", "openapi.yaml", "emulator/CONFORMANCE.md", 80},
		{"ComputeStacks", "C", "emulator/internal/computestacks/rules.yaml", "emulator/internal/computestacks/openapi.yaml", "emulator/CONFORMANCE-COMPUTESTACKS.md", 0},
	}
}

// The values of Rule.Status.
const (
	Done    = "done"    // served, and cited by tests
	Planned = "planned" // not served yet
	None    = "none"    // nothing to serve
)

// The values of Operation.Source.
const (
	documented = "documented" // the documentation prints it
	inferred   = "inferred"   // the documentation only describes it
)

// Rule is one sentence of the documentation; the head of rules.yaml explains the
// members.
type Rule struct {
	ID         string   `yaml:"id"`
	Sentence   string   `yaml:"sentence"`
	Assumed    string   `yaml:"assumed"`
	Means      string   `yaml:"means"`
	Status     string   `yaml:"status"`
	Why        string   `yaml:"why"`
	Operations []string `yaml:"operations"`

	// Chapter is the part of the documentation that begins with this rule; "" in
	// the middle of one.
	Chapter string `yaml:"-"`
}

// Operation is one of the contract.
type Operation struct {
	ID     string   `yaml:"operationId"`
	Source string   `yaml:"x-source"`
	Rules  []string `yaml:"x-rules"`
	Method string   `yaml:"-"`
	Path   string   `yaml:"-"`
}

// Project is all that is known of the rules of a system.
type Project struct {
	System     System
	Rules      []Rule
	Operations []Operation // by path and method
	// Tests and Sources are the files that carry the number of a rule, by their
	// path below the root.
	Tests, Sources map[string][]File
	// Killers are the tests, as folder and name, that failed when a check of the
	// handlers was switched off.
	Killers map[string]bool
}

// Read reads what concerns a system in the project below a root, the folder of go.mod.
func Read(root string, system System) (*Project, error) {
	p := &Project{System: system}
	var err error
	if p.Rules, err = readRules(filepath.Join(root, system.Rules)); err != nil {
		return nil, err
	}
	if p.Operations, err = readContract(filepath.Join(root, system.Contract)); err != nil {
		return nil, err
	}
	if p.Killers, err = readKillers(filepath.Join(root, killersFile)); err != nil {
		return nil, err
	}
	p.Tests, p.Sources, err = notationOf(system.Letter).scan(root)
	return p, err
}

func readRules(path string) ([]Rule, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rules, err := parseRules(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return rules, nil
}

func parseRules(text []byte) ([]Rule, error) {
	var rules []Rule
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&rules); err != nil {
		return nil, err
	}
	// A chapter is a comment of one line between two rules.
	at, chapter := 0, ""
	for line := range strings.Lines(string(text)) {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			chapter = strings.TrimSpace(title)
		}
		if strings.HasPrefix(line, "- id:") && at < len(rules) {
			rules[at].Chapter, chapter = chapter, ""
			at++
		}
	}
	return rules, nil
}

func readContract(path string) ([]Operation, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	operations, err := parseContract(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return operations, nil
}

func parseContract(text []byte) ([]Operation, error) {
	var doc struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	var operations []Operation
	for path, item := range doc.Paths {
		for member, node := range item {
			// A path item also holds parameters, a summary and the like.
			if !slices.Contains([]string{"get", "head", "post", "put", "patch", "delete", "options"}, member) {
				continue
			}
			o := Operation{Method: strings.ToUpper(member), Path: path}
			if err := node.Decode(&o); err != nil {
				return nil, fmt.Errorf("%s %s: %w", member, path, err)
			}
			operations = append(operations, o)
		}
	}
	slices.SortFunc(operations, func(a, b Operation) int {
		return strings.Compare(a.Path+" "+a.Method, b.Path+" "+b.Method)
	})
	return operations, nil
}

// serving lists the operations that a rule is about or that cite it.
func (p *Project) serving(r Rule) []Operation {
	var out []Operation
	for _, o := range p.Operations {
		if slices.Contains(r.Operations, o.ID) || slices.Contains(o.Rules, r.ID) {
			out = append(out, o)
		}
	}
	return out
}

// source tells whether the documentation prints what serves a rule. A rule that
// is about no operation is about every request, which the sentence itself says.
func (p *Project) source(r Rule) string {
	if r.Status == None {
		return "–"
	}
	kinds := map[string]bool{}
	for _, o := range p.serving(r) {
		kinds[o.Source] = true
	}
	switch {
	case kinds[documented] && kinds[inferred]:
		return "partly"
	case kinds[inferred]:
		return inferred
	default:
		return documented
	}
}
