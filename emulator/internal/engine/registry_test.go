package engine

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRegistry(t *testing.T) {
	h, r := newTestSchema(), NewRegistry()
	b := h.world(t, func(c *Config) { c.ID = "wsp_b" })
	a := h.world(t, func(c *Config) { c.ID = "wsp_a" })
	must(t, r.Add(b))
	must(t, r.Add(a))
	if err := r.Add(h.world(t, func(c *Config) { c.ID = "wsp_a" })); err == nil || err.Error() != `workspace "wsp_a" exists already` {
		t.Errorf("a second world of the name: got %v", err)
	}
	equal(t, "worlds", fmt.Sprint(r.Len(), r.Worlds()[0].ID(), r.Worlds()[1].ID()), "2wsp_awsp_b")
	if r.World("wsp_a") != a || r.World("wsp_c") != nil {
		t.Error("a name leads to the wrong world")
	}

	one, two := DigestOf("one"), DigestOf("two")
	must(t, r.Bind(one, a, "tok_1"))
	must(t, r.Bind(two, b, "tok_2"))
	must(t, r.Bind(one, a, "tok_3")) // the same world, another holder
	if err := r.Bind(one, b, "tok_4"); err == nil || err.Error() != `the key belongs to workspace "wsp_a" already` {
		t.Errorf("a key of another world: got %v", err)
	}
	if w, holder := r.Lookup(one); w != a || holder != "tok_3" {
		t.Errorf("the key leads to %v, %s", w, holder)
	}
	if w, holder := r.Lookup(DigestOf("three")); w != nil || holder != "" {
		t.Errorf("an unknown key leads to %v, %s", w, holder)
	}

	r.Remove(a)
	if w, _ := r.Lookup(one); w != nil || r.World("wsp_a") != nil || r.Len() != 1 {
		t.Error("a removed world can still be found")
	}
	if w, _ := r.Lookup(two); w != b {
		t.Error("another world's key is gone")
	}
	must(t, r.Bind(one, b, "tok_5"))
}

func TestRemovedWorldsStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, r := newTestSchema(), NewRegistry()
		w := h.world(t, func(c *Config) { c.Clock = Clock{Mode: Real, Now: start} })
		must(t, r.Add(w))
		scheduleMark(w, time.Second, "x")
		r.Remove(w)
		wait(time.Minute)
		synctest.Wait()
		equal(t, "what happened", h.history(w), "[]")
	})
}

func TestRegistryFromManyGoroutines(t *testing.T) {
	h, r := newTestSchema(), NewRegistry()
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			w := h.world(t, func(c *Config) { c.ID = fmt.Sprintf("wsp_%02d", i%8) })
			_ = r.Add(w) // one in four succeeds
			_ = r.Bind(DigestOf(fmt.Sprint(i)), w, "tok")
			r.Lookup(DigestOf(fmt.Sprint(i + 1)))
			r.Worlds()
		})
	}
	wg.Wait()
	equal(t, "worlds", r.Len(), 8)
}
