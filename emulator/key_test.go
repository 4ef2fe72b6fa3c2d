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
	seen, digits := map[string]bool{}, map[rune]int{}
	for range 500 {
		key := emulator.NewKey()
		if !shape.MatchString(key) || seen[key] {
			t.Fatalf("%s: ill formed or known", key)
		}
		seen[key] = true
		for _, c := range key[len("sky_test_") : len("sky_test_")+30] {
			digits[c]++
		}
		if err := emulator.Check(emulator.WithKey(emulator.Key{Token: key})); err != nil {
			t.Fatal(err)
		}
	}
	// 15,000 draws of 62 digits, 242 of each: far fewer or more is no chance.
	for c, n := range digits {
		if n < 120 || n > 400 {
			t.Errorf("digit %c: %d times", c, n)
		}
	}
	if len(digits) != 62 {
		t.Errorf("%d digits of 62", len(digits))
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
