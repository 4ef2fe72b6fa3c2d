package emulator_test

import (
	"regexp"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
)

// A new key has the shape of section 8.1, is like no other, and works (S22).
func TestNewKey(t *testing.T) {
	shape := regexp.MustCompile(`^sky_test_[0-9A-Za-z]{36}$`)
	seen := map[string]bool{}
	for range 50 {
		key := emulator.NewKey()
		if !shape.MatchString(key) || seen[key] {
			t.Fatalf("%s: ill formed or known", key)
		}
		seen[key] = true
		if err := emulator.Check(emulator.WithKey(emulator.Key{Token: key})); err != nil {
			t.Fatal(err)
		}
	}
}

// Options are refused before anything is made, all at once.
func TestCheck(t *testing.T) {
	if err := emulator.Check(); err != nil {
		t.Error(err)
	}
	err := emulator.Check(emulator.WithSpeed("quick"), nil, emulator.WithSeed(7), emulator.WithOrigin("*"),
		emulator.WithKey(emulator.Key{Token: "a", Workspace: "other"}), emulator.WithKey(emulator.Key{Token: "a", Scopes: []string{"bogus"}}))
	for _, want := range []string{`speed "quick"`, `origin "*"`, `workspace "other"`, `scope "bogus"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if e, err := emulator.New(emulator.WithSpeed("quick")); err == nil {
		_ = e.Close()
		t.Error("New takes what Check refuses")
	}
}
