package testcontainer

import (
	"testing"

	"github.com/testcontainers/testcontainers-go"
)

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
