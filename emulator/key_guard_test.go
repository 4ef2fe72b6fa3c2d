package emulator_test

import (
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Keys that come with the sandbox are not accepted where that is unwanted, however
// the fixture gets in (10.2, row 6); keys of one's own are.
func TestWithoutDefaultKey(t *testing.T) {
	for _, fixture := range []string{"default", "docs", "empty", "busy=3"} {
		e := emulator.Start(t, emulator.WithoutDefaultKey(), emulator.WithFixture(fixture))
		s := wire.In(t, e)
		if e.Key() == emulator.DefaultKey || e.Key() == "" {
			t.Errorf("%s: the key is %q", fixture, e.Key())
		}
		s.Get("/v1/instances").Wants(200)
		for _, again := range []string{"", "default", "docs"} {
			if again != "" {
				if err := e.Load(again); err != nil {
					t.Fatal(err)
				}
			}
			for _, known := range []string{emulator.DefaultKey, "YOUR_API_TOKEN", "<token>"} {
				s.As(known).Get("/v1/instances").Refused(401, "invalid_token")
			}
			s.Get("/v1/instances").Wants(200)
		}
	}
	own := wire.In(t, emulator.Start(t, emulator.WithoutDefaultKey(), emulator.WithKey(emulator.Key{Token: emulator.DefaultKey})))
	own.As(emulator.DefaultKey).Get("/v1/instances").Wants(200)
	file := emulator.Start(t, emulator.WithoutDefaultKey(), emulator.WithFixtureData("mine.yaml", []byte("format: skystack-sandbox/1\nkeys: [{token: my-own-key}]\n")))
	if wire.In(t, file).As("my-own-key").Get("/v1/instances").Wants(200); file.Key() != "my-own-key" {
		t.Errorf("the key is %q", file.Key())
	}
}
