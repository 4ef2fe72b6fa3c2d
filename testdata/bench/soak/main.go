// Command soak loads a sandbox with everything at once for a long time and tells
// whether it comes out as it went in: memory flat, no request slower than its
// timeout, no key served beyond its limit, goroutines and descriptors back to
// where they were. It is run by hand, see ../README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

func main() {
	binary := flag.String("binary", "", "the sandbox's binary")
	span := flag.Duration("for", 10*time.Minute, "how long to load it")
	every := flag.Duration("sample", 5*time.Second, "how often to read the sandbox's metrics")
	flag.Parse()
	if err := run(*binary, *span, *every); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func run(binary string, span, every time.Duration) error {
	if binary == "" {
		return errors.New("-binary is missing: name the sandbox's binary, as testdata/bench/soak/run does")
	}
	s, err := start(binary)
	if err != nil {
		return err
	}
	defer s.stop()
	receiver, err := newReceiver()
	if err != nil {
		return err
	}
	defer receiver.close()

	if err := s.warmUp(); err != nil {
		return err
	}
	before, err := s.sample()
	if err != nil {
		return err
	}
	fmt.Printf("before   %s\n", before)

	tally := newTally()
	samples, err := load(s, receiver, tally, span, every)
	if err != nil {
		return err
	}
	tally.print()
	return errors.Join(tally.verdict(), flat(samples), s.returns(before))
}

// load runs every role until the span is over or one of them fails.
func load(s *sandbox, r *receiver, tally *tally, span, every time.Duration) ([]sample, error) {
	ctx, cancel := context.WithTimeout(context.Background(), span)
	defer cancel()
	var wg sync.WaitGroup
	for _, role := range roles() {
		w, err := s.workspace(role.setup)
		if err != nil {
			return nil, err
		}
		wg.Add(1)
		go func() {
			defer wg.Done()
			defer func() { s.remove(w) }()
			began := time.Now()
			for n := 0; ctx.Err() == nil; n++ {
				if !role.keeps && time.Since(began) > lifetime {
					next, err := s.workspace(role.setup)
					if err != nil {
						tally.fail(role.name, err)
						cancel()
						return
					}
					s.remove(w)
					w, began = next, time.Now()
				}
				if err := role.round(&call{ctx: ctx, s: s, w: w, r: r, tally: tally, role: role.name, n: n}); err != nil && ctx.Err() == nil {
					tally.fail(role.name, fmt.Errorf("round %d: %w", n, err))
					cancel()
				}
				tally.round(role.name)
			}
		}()
	}
	var samples []sample
	tick := time.NewTicker(every)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			m, err := s.sample()
			if err != nil {
				cancel()
				wg.Wait()
				return nil, err
			}
			samples = append(samples, m)
			fmt.Printf("%7s  %s\n", m.after.Round(time.Second), m)
		}
	}
	wg.Wait()
	return samples, nil
}

// lifetime is how long a role uses a workspace. A workspace keeps its history up to
// large bounds, so its memory is meant to grow for a while; what is left of workspaces
// that were removed is not.
const lifetime = time.Minute

// flat compares the memory of the last third with that of the second one.
func flat(samples []sample) error {
	if len(samples) < 9 {
		return fmt.Errorf("%d samples are too few to tell whether memory is flat; load it longer", len(samples))
	}
	third := len(samples) / 3
	middle, end := median(samples[third:2*third]), median(samples[2*third:])
	fmt.Printf("resident memory: %.1f MB in the second third, %.1f MB in the last\n", middle, end)
	if end > 1.15*middle+4 {
		return fmt.Errorf("memory grows: from %.1f MB to %.1f MB", middle, end)
	}
	return nil
}

func median(samples []sample) float64 {
	sizes := make([]float64, 0, len(samples))
	for _, s := range samples {
		sizes = append(sizes, s.resident)
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}
