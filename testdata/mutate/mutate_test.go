package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// sample has a refusal of each form, and what looks like one.
const sample = `package sample

import "errors"

type Detail struct{ Field, Code, Message string }

var errNo = errors.New("no")

func refuse(why string) error { return errors.New(why) }

func Check(n int, s string) (int, error) {
	if n < 0 || s == "" {
		return 0, refuse("bad")
	}
	if _, err := Next(n); err != nil {
		return 0, err
	}
	if n == 3 {
		return n, nil
	}
	switch {
	case n > 10, n == 7:
		return 0, errNo
	default:
	}
	switch s {
	case "x":
		return 0, refuse("x")
	}
	return n, nil
}

func Next(n int) (int, error) {
	if n < 100 {
		return n + 1, nil
	}
	return 0, refuse("full")
}

func Details(b map[string]any) (out []Detail) {
	wrong := func(field string) { out = append(out, Detail{Field: field}) }
	if b["a"] == nil {
		wrong("a")
	}
	if b["b"] == nil {
		out = append(out, Detail{Field: "b"})
	}
	return out
}

func Allowed(s string) bool {
	if s == "a" {
		return true
	}
	return len(s) > 1 && s[0] == 'b'
}
`

const sampleTest = `package sample

import "testing"

func TestNegative(t *testing.T) {
	if _, err := Check(-1, "a"); err == nil {
		t.Error("served")
	}
}

func TestReaches(t *testing.T) {
	_, _ = Check(7, "x")
	_, _ = Check(4, "")
}

func TestDetails(t *testing.T) {
	if len(Details(nil)) != 2 {
		t.Error("not both")
	}
}

func TestAllowed(t *testing.T) {
	if !Allowed("a") || Allowed("cc") || Allowed("b") {
		t.Error("wrong")
	}
}
`

// Every form of a check is found, switched off, and noticed by the tests that notice it.
func TestMutate(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	// Within the module, so that the rewritten files can import what switches mutants on.
	dir, err := os.MkdirTemp(filepath.Join(root, "testdata", "mutate"), "sample")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for name, text := range map[string]string{"sample.go": sample, "sample_test.go": sampleTest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	c := config{kinds: map[string]bool{refusal: true, forwarded: true, violation: true, decision: true}, packages: []string{"./testdata/mutate/" + filepath.Base(dir)}}
	c.tests, c.root, c.work, c.jobs, c.slow, c.budget, c.only = c.packages, root, t.TempDir(), 2, time.Minute, time.Minute, regexp.MustCompile("")
	c.run = c.only
	mutants, err := c.rewrite()
	if err != nil {
		t.Fatal(err)
	}
	tests, err := c.compile()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.record(tests); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range c.judgeAll(mutants, tests) {
		by := ""
		if v.killer != nil {
			by = " " + v.killer.name
		}
		got = append(got, fmt.Sprintf("%d %s %s %s%s", v.line, v.kind, v.name(), v.state(), by))
	}
	want := []string{
		`12 refusal Check: n < 0 killed TestNegative`,
		`12 refusal Check: s == "" survived`,
		`15 forwarded Check: _, err := Next(n); err != nil unreached`,
		`22 refusal Check: n > 10 unreached`,
		`22 refusal Check: n == 7 survived`,
		`28 refusal Check: return refuse("x") unreached`,
		`37 refusal Next: return refuse("full") unreached`,
		`42 violation Details: b["a"] == nil killed TestDetails`,
		`45 violation Details: b["b"] == nil killed TestDetails`,
		`52 decision Allowed: s == "a" killed TestAllowed`,
		`55 decision Allowed: len(s) > 1 killed TestAllowed`,
		`55 decision Allowed: s[0] == 'b' killed TestAllowed`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
