package testcontainer

import (
	"testing"

	"github.com/testcontainers/testcontainers-go"

	"skystack.dev/sandbox/emulator"
)

// The sandbox takes what is minted here, checksum included.
func TestTokensAreTaken(t *testing.T) {
	for range 100 {
		key, admin := mint(keyPrefix), mint(adminPrefix)
		if err := emulator.Check(emulator.WithKey(emulator.Key{Token: key}), emulator.WithAdminToken(admin)); err != nil {
			t.Fatalf("%s, %s: %v", key, admin, err)
		}
		if len(key) != len(emulator.NewKey()) || mint(keyPrefix) == key {
			t.Errorf("key %s", key)
		}
	}
}

func TestTokensOfTheContainer(t *testing.T) {
	for _, tc := range []struct{ given, want string }{
		{"mine", "mine"},
		{"first, second", "first"},
		{" spaced ,", "spaced"},
	} {
		req := requested(t, testcontainers.WithEnv(map[string]string{"SKYSTACK_SANDBOX_KEY": tc.given, "SKYSTACK_SANDBOX_ADMIN_TOKEN": "sixteen-letters-"}))
		if key, admin := (&Container{}).tokens(t.Context(), req); key != tc.want || admin != "sixteen-letters-" {
			t.Errorf("%q: key %q, admin token %q", tc.given, key, admin)
		}
	}
}
