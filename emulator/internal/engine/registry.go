package engine

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Digest is the SHA-256 of a credential. Worlds store no other part of it.
type Digest [sha256.Size]byte

// MarshalText writes the digest in hexadecimal.
func (d Digest) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(d[:])), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Digest) UnmarshalText(text []byte) error {
	if hex.DecodedLen(len(text)) != len(d) {
		return fmt.Errorf("a digest has %d hexadecimal digits", 2*len(d))
	}
	_, err := hex.Decode(d[:], text)
	return err
}

// DigestOf hashes a credential.
func DigestOf(credential string) Digest { return sha256.Sum256([]byte(credential)) }

// Registry finds worlds by id, and the world that a credential belongs to. The world
// itself decides whether the credential is valid.
type Registry struct {
	mu       sync.RWMutex
	worlds   map[string]*World
	bindings map[Digest]binding
}

// binding is the world of a credential, and the id of its holder there.
type binding struct {
	world  *World
	holder string
}

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{worlds: map[string]*World{}, bindings: map[Digest]binding{}}
}

// Add adds a world. An id that is taken is an error.
func (r *Registry) Add(w *World) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, taken := r.worlds[w.ID()]; taken {
		return fmt.Errorf("workspace %q exists already", w.ID())
	}
	r.worlds[w.ID()] = w
	return nil
}

// World returns the world with the id, or nil.
func (r *Registry) World(id string) *World {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.worlds[id]
}

// Worlds lists all worlds by id.
func (r *Registry) Worlds() []*World {
	r.mu.RLock()
	defer r.mu.RUnlock()
	out := make([]*World, 0, len(r.worlds))
	for _, w := range r.worlds {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b *World) int { return strings.Compare(a.ID(), b.ID()) })
	return out
}

// Len returns the number of worlds.
func (r *Registry) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.worlds)
}

// Bind binds a credential to a world, with the id of its holder there. A credential of
// another world is an error.
func (r *Registry) Bind(d Digest, w *World, holder string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if h, bound := r.bindings[d]; bound && h.world != w {
		return fmt.Errorf("the key belongs to workspace %q already", h.world.ID())
	}
	r.bindings[d] = binding{w, holder}
	return nil
}

// Lookup returns the world of a credential and the id of its holder there; nil if it
// is bound to none.
func (r *Registry) Lookup(d Digest) (w *World, holder string) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	h := r.bindings[d]
	return h.world, h.holder
}

// Remove closes a world and removes it with its credentials.
func (r *Registry) Remove(w *World) {
	w.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.worlds, w.ID())
	for d, h := range r.bindings {
		if h.world == w {
			delete(r.bindings, d)
		}
	}
}
