package cli

import (
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
)

// The curl of the banner uses a key that may do what it does.
func TestBannerShowsWhatAKeyMay(t *testing.T) {
	p, err := planned(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	gone := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	reader := emulator.Key{Token: "reader-key", Scopes: []string{"instances:read"}}
	writer := emulator.Key{Token: "writer-key", Scopes: []string{"instances:write"}}
	biller := emulator.Key{Token: "other-key", Scopes: []string{"audit:read"}}
	expired := emulator.Key{Token: "expired-key", ExpiresAt: &gone}
	elsewhere := emulator.Key{Token: "elsewhere-key", Workspace: "wsp_other"}
	const create, list = "Create an instance:\n\ncurl http://p/v1/instances \\\n  -H 'Authorization: Bearer ", "List the instances; no key may create one:\n\ncurl http://p/v1/instances \\\n  -H 'Authorization: Bearer "
	for _, tc := range []struct {
		keys []emulator.Key
		want string
	}{
		{nil, create + emulator.DefaultKey + "'"},
		{[]emulator.Key{reader, writer}, create + "writer-key'"},
		{[]emulator.Key{expired, biller, elsewhere, reader}, list + "reader-key'\n\n"},
		{[]emulator.Key{expired, biller, elsewhere}, "No key may create or list instances"},
	} {
		opts := []emulator.Option{emulator.WithFixtureData("none.yaml", []byte("format: skystack-sandbox/1\n"))}
		for _, k := range tc.keys {
			opts = append(opts, emulator.WithKey(k))
		}
		e := emulator.Start(t, opts...)
		if got := banner(p, e, "http://p", ""); !strings.Contains(got, tc.want) {
			t.Errorf("%+v: nothing of %q in\n%s", tc.keys, tc.want, got)
		}
	}
}
