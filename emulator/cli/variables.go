package cli

import (
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
)

// variables returns the variables that configure clients of the served APIs, as
// NAME=value. The ComputeStacks credentials follow from the key and the seed, so that
// every command gives the same for the same settings.
func variables(e *emulator.Emulator, base string) []string {
	var all []string
	if serves(e, emulator.SkyStack) {
		all = append(all, baseVariable+"="+base, "SKYSTACK_API_TOKEN="+e.Key())
	}
	if serves(e, emulator.ComputeStacks) {
		c := credentialsOf(e)
		all = append(all,
			stacksVariable+"="+base,
			"COMPUTESTACKS_API_KEY="+c.Username, "COMPUTESTACKS_API_SECRET="+c.Password,
			"COMPUTESTACKS_CLIENT_ID="+c.ClientID, "COMPUTESTACKS_CLIENT_SECRET="+c.ClientSecret,
			"COMPUTESTACKS_REDIRECT_URI="+c.RedirectURI)
	}
	return all
}

// exports returns the lines for a shell that set variables, given as NAME=value (S24,
// S70).
func exports(variables []string) string {
	var b strings.Builder
	for _, v := range variables {
		name, value, _ := strings.Cut(v, "=")
		b.WriteString("export " + name + "=" + shellWord(value) + "\n")
	}
	return b.String()
}

// serves reports whether an API is served.
func serves(e *emulator.Emulator, api string) bool { return slices.Contains(e.ServedAPIs(), api) }

// credentialsOf returns the ComputeStacks credentials of the default workspace.
func credentialsOf(e *emulator.Emulator) sandbox.ComputeStacksCredentials {
	return sandbox.ComputeStacksCredentialsOf(e.Key(), e.Setup().Seed)
}
