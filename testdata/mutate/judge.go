package main

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"
)

// verdict is what became of a mutant.
type verdict struct {
	*mutant
	killer  *test // the first test that failed twice; nil if none did
	timeout bool  // it failed by taking too long
	reached int   // how many tests could have noticed it
	ran     int   // how many of them were run
}

// state is the verdict in a word.
func (v *verdict) state() string {
	switch {
	case v.killer != nil:
		return "killed"
	case v.reached == 0:
		return "unreached"
	default:
		return "survived"
	}
}

// judge runs the tests that reach a mutant until one of them fails.
func (r *runner) judge(m *mutant, tests []*test) *verdict {
	can, tooSlow := r.reaching(m, tests)
	v := &verdict{mutant: m, reached: len(can) + tooSlow}
	begin := time.Now()
	for _, batch := range batches(can) {
		if time.Since(begin) > r.budget {
			break
		}
		v.ran += len(batch)
		if v.killer, v.timeout = r.killed(m, batch); v.killer != nil {
			break
		}
	}
	return v
}

// killed is the first test of a batch, all of one suite, that fails with the mutant. It
// must fail again alone, since a test may fail by chance.
func (r *runner) killed(m *mutant, batch []*test) (killer *test, timeout bool) {
	for len(batch) > 0 {
		var names []string
		limit := 10 * time.Second
		for _, t := range batch {
			names = append(names, t.name)
			limit += 5 * t.took
		}
		o := r.run(batch[0].suite, names, min(limit, 2*time.Minute), "MUTATE="+strconv.Itoa(m.id))
		if !o.failed {
			return nil, false
		}
		at := slices.Index(names, o.culprit)
		if at < 0 {
			if len(batch) > 1 { // one after another
				for _, t := range batch {
					if killer, timeout = r.killed(m, []*test{t}); killer != nil {
						return killer, timeout
					}
				}
				return nil, false
			}
			at = 0
		}
		if t := batch[at]; r.fails(m, t) {
			return t, o.timeout
		}
		if r.verbose {
			fmt.Fprintf(os.Stderr, "%s failed once by chance, at %s\n%s\n", batch[at], m.name(), tail(o.output, 400))
		}
		batch = slices.Delete(slices.Clone(batch), at, at+1)
	}
	return nil, false
}

// fails tells whether a test alone fails with a mutant.
func (r *runner) fails(m *mutant, t *test) bool {
	return r.run(t.suite, []string{t.name}, 10*time.Second+5*t.took, "MUTATE="+strconv.Itoa(m.id)).failed
}

// kill is a test that failed with a mutant.
type kill struct {
	test   *test
	mutant *mutant
}

// tries bounds the runs that look for a proof of one rule.
const tries = 12

// prove looks for a test that cites a rule and notices a mutant, for the rules of which
// none has been the first so far. The mutants that few tests reach come first: they are
// closest to what the test is about.
func (r *runner) prove(citing []*test, verdicts []*verdict, reached map[int]int) *kill {
	var pairs []kill
	for _, t := range citing {
		if t.failing || t.took > r.slow {
			continue
		}
		for _, v := range verdicts {
			if t.reach[v.id] && v.killer != nil && v.kind != decision {
				pairs = append(pairs, kill{t, v.mutant})
			}
		}
	}
	slices.SortStableFunc(pairs, func(a, b kill) int { return reached[a.mutant.id] - reached[b.mutant.id] })
	for _, p := range pairs[:min(tries, len(pairs))] {
		if !r.fails(p.mutant, p.test) {
			continue
		}
		if r.fails(p.mutant, p.test) { // again, since a test may fail by chance
			return &p
		}
	}
	return nil
}
