// Package live switches mutants on. Only code that mutate has rewritten imports it; the
// sandbox never does. Each function evaluates to what it is given, unless its mutant is
// the one named by MUTATE, and notes the mutants that are reached in the file named by
// MUTATE_HITS: those whose check would have changed something.
package live

import (
	"os"
	"reflect"
	"strconv"
	"sync/atomic"
)

// most is the number of mutants that can be recorded.
const most = 1 << 16

var (
	active  = number(os.Getenv("MUTATE"))
	hits    = open(os.Getenv("MUTATE_HITS"))
	reached [most]atomic.Bool
)

func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}

func open(path string) *os.File {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		panic(err)
	}
	return f
}

// reach writes at once and not at the end, because a test may end the process.
func reach(n int) {
	if hits != nil && n < most && reached[n].CompareAndSwap(false, true) {
		_, _ = hits.WriteString(strconv.Itoa(n) + "\n")
	}
}

// If is cond; false when the mutant is on. It is the condition of a refusal.
func If(n int, cond bool) bool {
	if cond {
		reach(n)
	}
	return cond && n != active
}

// Pass is cond; true when the mutant is on. It is one of the conditions that all must
// hold.
func Pass(n int, cond bool) bool {
	if !cond {
		reach(n)
	}
	return cond || n == active
}

// Value is v; the zero value when the mutant is on. It is a refusal that is returned.
func Value[T any](n int, v T) T {
	if r := reflect.ValueOf(&v).Elem(); !r.IsZero() {
		reach(n)
	}
	if n == active {
		var none T
		return none
	}
	return v
}
