package emulator_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// mintedSecrets are the secrets of a key and of a webhook, made by API in a sandbox that has
// done nothing yet.
func mintedSecrets(t *testing.T, s *wire.Server) [2]string {
	t.Helper()
	token := s.Post("/v1/tokens", `{"name":"ci"}`).Wants(201).Text("secret")
	hook := s.Post("/v1/webhooks", `{"url":"https://app.test/hooks","event_types":["*"]}`).Wants(201).Text("secret")
	s.As(token).Get("/v1/instances").Wants(200)
	return [2]string{token, hook}
}

func salted(t *testing.T, opts ...emulator.Option) [2]string {
	t.Helper()
	return mintedSecrets(t, wire.In(t, emulator.Start(t, opts...)))
}

// Secrets made by API are functions of the seed, the salt and what was made before.
func TestSecretsFollowFromSeedAndSalt(t *testing.T) {
	plain, mine := salted(t), salted(t, emulator.WithSecretSalt("mine"))
	for name, tc := range map[string]struct {
		got  [2]string
		like *[2]string // nil: like none
	}{
		"no salt again":          {salted(t, emulator.WithSecretSalt("")), &plain},
		"the same salt again":    {salted(t, emulator.WithSecretSalt("mine")), &mine},
		"another salt":           {salted(t, emulator.WithSecretSalt("thine")), nil},
		"another seed":           {salted(t, emulator.WithSeed(2), emulator.WithSecretSalt("mine")), nil},
		"a fresh key":            {salted(t, emulator.WithoutDefaultKey()), nil},
		"a fresh key and a salt": {salted(t, emulator.WithoutDefaultKey(), emulator.WithSecretSalt("mine")), &mine},
		"a key of one's own":     {salted(t, emulator.WithoutDefaultKey(), emulator.WithKey(emulator.Key{Token: "own"})), &plain},
	} {
		if tc.like != nil && tc.got != *tc.like {
			t.Errorf("%s: %q, want %q", name, tc.got, *tc.like)
		}
		if tc.like == nil {
			for i := range tc.got {
				if tc.got[i] == plain[i] || tc.got[i] == mine[i] {
					t.Errorf("%s: %q repeats one of %q and %q", name, tc.got[i], plain[i], mine[i])
				}
			}
		}
	}
	if plain[0] == mine[0] || plain[1] == mine[1] {
		t.Errorf("a salt changes nothing: %q", mine)
	}
}

// Only secrets depend on the salt: with two salts the rest is the same byte by byte.
func TestSaltChangesSecretsAlone(t *testing.T) {
	bodies := [2]string{}
	for i, salt := range []string{"", "mine"} {
		e := emulator.Start(t, emulator.WithSecretSalt(salt), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock, Now: time.Date(2026, 3, 19, 10, 0, 0, 0, time.UTC)}))
		s := wire.In(t, e)
		mintedSecrets(t, s)
		s.Post("/v1/instances", `{"name":"web","region":"eu-central","size":"standard-2"}`).Wants(201)
		bodies[i] = string(s.Get("/v1/instances").Wants(200).Body) + string(s.Get("/v1/projects").Wants(200).Body)
	}
	if bodies[0] != bodies[1] {
		t.Errorf("%s\nand %s", bodies[0], bodies[1])
	}
}

// Who listens where other machines can reach it gets a salt, unless there is one.
func TestSaltBeyondLoopback(t *testing.T) {
	for _, tc := range []struct {
		addr, given string
		wants       func(salt string) bool
	}{
		{"127.0.0.1:0", "", func(salt string) bool { return salt == "" }},
		{"0.0.0.0:0", "mine", func(salt string) bool { return salt == "mine" }},
		{"0.0.0.0:0", "", func(salt string) bool {
			return len(salt) == len("sky_salt_")+36 && strings.HasPrefix(salt, "sky_salt_")
		}},
	} {
		e := emulator.Start(t, emulator.WithSecretSalt(tc.given))
		l, err := net.Listen("tcp4", tc.addr)
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- e.Serve(l) }()
		resp, err := http.Get("http://127.0.0.1:" + port(l) + "/healthz")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if salt := e.SecretSalt(); !tc.wants(salt) {
			t.Errorf("on %s with the salt %q: %q", tc.addr, tc.given, salt)
		}
		_ = e.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func port(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// The salt is in no snapshot, and a state that was saved with one salt is served
// with another: what it makes from then on is of the new salt.
func TestSaltIsInNoState(t *testing.T) {
	const salt = "a-salt-that-is-easily-found"
	e := emulator.Start(t, emulator.WithSecretSalt(salt))
	s := wire.In(t, e)
	mintedSecrets(t, s)
	var saved bytes.Buffer
	if err := e.Snapshot().Save(&saved); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"state": saved.String(), "dump": e.Dump(), "setup": fmt.Sprint(e.Setup())} {
		if strings.Contains(text, salt) {
			t.Errorf("the %s holds the salt", name)
		}
	}
	next := s.Post("/v1/tokens", `{"name":"next"}`).Wants(201).Text("secret")
	for _, tc := range []struct {
		salt string
		same bool
	}{{salt, true}, {"another", false}} {
		other := emulator.Start(t, emulator.WithSecretSalt(tc.salt))
		if err := other.Import(bytes.NewReader(saved.Bytes())); err != nil {
			t.Fatal(err)
		}
		got := wire.In(t, other).Post("/v1/tokens", `{"name":"next"}`).Wants(201).Text("secret")
		if (got == next) != tc.same {
			t.Errorf("with the salt %s the next secret is %s, and was %s", tc.salt, got, next)
		}
	}
}

// What is no salt is refused.
func TestWrongSalt(t *testing.T) {
	for _, salt := range []string{"two words", "é", "\n", strings.Repeat("x", 256)} {
		err := emulator.Check(emulator.WithSecretSalt(salt))
		if err == nil || err.Error() != "the secret salt must have at most 255 visible ASCII characters, without spaces" {
			t.Errorf("%q: %v", salt, err)
		}
	}
}

// With a random salt no secret comes twice: a workspace that returns to a state of before
// makes others from there on, so that nobody gets another's by going back. With one that
// is given the same state and requests give the same secrets.
func TestSaltedSecretsNeverRepeat(t *testing.T) {
	given := emulator.Start(t, emulator.WithSecretSalt("mine"))
	start := given.Snapshot()
	first := mintedSecrets(t, wire.In(t, given))
	if err := given.Restore(start); err != nil {
		t.Fatal(err)
	}
	if again := mintedSecrets(t, wire.In(t, given)); again != first {
		t.Errorf("with a given salt: %q, and before the restore %q", again, first)
	}

	e := emulator.Start(t, emulator.WithRandomSecretSalt(), emulator.WithClock(emulator.Clock{Mode: emulator.FrozenClock}))
	s := wire.In(t, e)
	before := e.Snapshot()
	var saved bytes.Buffer
	if err := before.Save(&saved); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for n, back := range []func() error{
		func() error { return e.Restore(before) },
		func() error { return e.Import(bytes.NewReader(saved.Bytes())) },
		func() error { return e.Restore(before) },
		func() error { e.Reset(emulator.RestartIDs()); return nil },
		func() error { e.Reset(); return nil },
	} {
		tried := s.Post("/v1/tokens?dry_run=true", `{"name":"ci"}`).Wants(200).Text("would.last4")
		now := mintedSecrets(t, s)
		if strings.HasSuffix(now[0], tried) {
			t.Errorf("round %d: a trial shows the end of the next secret", n)
		}
		for _, secret := range now {
			if seen[secret] {
				t.Errorf("round %d: a secret came again", n)
			}
			seen[secret] = true
		}
		if err := back(); err != nil {
			t.Fatal(err)
		}
	}
}
