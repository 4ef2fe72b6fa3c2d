package cli

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
)

func TestVariables(t *testing.T) {
	const skystack, stacks = emulator.SkyStack, emulator.ComputeStacks
	ofSkyStack := []string{"SKYSTACK_BASE_URL", "SKYSTACK_API_TOKEN"}
	ofStacks := []string{"COMPUTESTACKS_BASE_URL", "COMPUTESTACKS_API_KEY", "COMPUTESTACKS_API_SECRET", "COMPUTESTACKS_CLIENT_ID", "COMPUTESTACKS_CLIENT_SECRET", "COMPUTESTACKS_REDIRECT_URI"}
	for name, tc := range map[string]struct{ apis, want []string }{
		"SkyStack":      {[]string{skystack}, ofSkyStack},
		"ComputeStacks": {[]string{stacks}, ofStacks},
		"both":          {[]string{stacks, skystack}, slices.Concat(ofSkyStack, ofStacks)},
	} {
		t.Run(name, func(t *testing.T) {
			e := emulator.Start(t, emulator.WithAPIs(tc.apis...), emulator.WithKey(emulator.Key{Token: "mine"}), emulator.WithSeed(9))
			lines := exports(variables(e, "http://p"))
			var names []string
			for _, m := range regexp.MustCompile(`(?m)^export (\w+)=\S+$`).FindAllStringSubmatch(lines, -1) {
				names = append(names, m[1])
			}
			if !slices.Equal(names, tc.want) || strings.Count(lines, "\n") != len(names) {
				t.Errorf("exports of %q, want %q:\n%s", names, tc.want, lines)
			}
			c := sandbox.ComputeStacksCredentialsOf("mine", 9)
			for _, part := range []string{c.Username, c.Password, c.ClientID, c.ClientSecret, c.RedirectURI} {
				if strings.Contains(lines, part) != slices.Contains(tc.apis, stacks) {
					t.Errorf("%q in\n%s", part, lines)
				}
			}
		})
	}
}

// The banner shows what can be sent to an API that is served, and its last line stays.
func TestBannerOfComputeStacks(t *testing.T) {
	p, err := planned(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	e := emulator.Start(t, emulator.WithAPIs(emulator.ComputeStacks))
	got := banner(p, e, "http://p", "")
	c := sandbox.ComputeStacksCredentialsOf(e.Key(), 1)
	if want := "curl http://p/api/container_images \\\n  -u " + c.Username + ":" + c.Password + "\n"; !strings.Contains(got, want) {
		t.Errorf("nothing of %q in\n%s", want, got)
	}
	if strings.Contains(got, "/v1/") || !strings.HasSuffix(got, "\nServing. Stop it with Ctrl-C.\n") {
		t.Error(got)
	}
}
