package emulator

import (
	"fmt"
	"strings"

	"skystack.dev/sandbox/emulator/internal/secret"
)

// maxSalt is the length of the longest secret salt.
const maxSalt = 255

// WithSecretSalt mixes a text into the secrets that are made by API, those of keys
// and of webhooks: without it they follow from the seed and the requests before them,
// so that anyone can compute them. With the same seed and salt the same requests give
// the same secrets. "" is no salt, the default, unless DefaultKey is replaced by a fresh
// key or the emulator serves an address that other machines can reach: then the default
// is a random one, see SecretSalt. It refuses one that is not visible ASCII.
func WithSecretSalt(salt string) Option {
	return func(c *config) error {
		if len(salt) > maxSalt || strings.IndexFunc(salt, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
			return fmt.Errorf("the secret salt must have at most %d visible ASCII characters, without spaces", maxSalt)
		}
		c.salt = salt
		return nil
	}
}

// WithRandomSecretSalt is WithSecretSalt with a random text, see SecretSalt, unless one
// is given. With it no secret comes twice: a workspace that is restored to an earlier
// state makes others from there on.
func WithRandomSecretSalt() Option {
	return func(c *config) error { c.saltRandom = true; return nil }
}

// SecretSalt returns the salt that is mixed into secrets besides the seed; "" if
// with nothing. See WithSecretSalt.
func (e *Emulator) SecretSalt() string { return e.salt.String() }

// ensureSalt sets a random salt if there is none. It does not depend on the seed.
func (e *Emulator) ensureSalt() {
	if e.salt.String() == "" {
		e.salt.SetRandom(secret.New(secret.Salt))
	}
}
