package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// tally counts what the roles did.
type tally struct {
	mu       sync.Mutex
	rounds   map[string]int
	requests map[string]int
	longest  map[string]time.Duration
	faults   []error
}

func newTally() *tally {
	return &tally{rounds: map[string]int{}, requests: map[string]int{}, longest: map[string]time.Duration{}}
}

func (t *tally) round(role string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rounds[role]++
}

func (t *tally) request(role string, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.requests[role]++
	t.longest[role] = max(t.longest[role], took)
}

func (t *tally) fail(role string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fmt.Errorf("%s: %w", role, err))
}

func (t *tally) print() {
	for _, role := range slices.Sorted(maps.Keys(t.rounds)) {
		fmt.Printf("%-10s %7d rounds %8d requests, the longest %v\n", role, t.rounds[role], t.requests[role], t.longest[role].Round(time.Millisecond))
	}
}

func (t *tally) verdict() error { return errors.Join(t.faults...) }
