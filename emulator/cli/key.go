package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v4"

	"skystack.dev/sandbox/emulator"
)

type keyNewCommand struct {
	Output, Name, Workspace, Environment string
	Scope                                []string
	ExpiresIn                            *time.Duration
}

const keyNewHelp = "Generates a random sandbox key and prints it on its own line. A sandbox accepts it once it is configured there, with --key or the environment variable SKYSTACK_SANDBOX_KEY. With --output=yaml it is printed as the list keys of a configuration file, together with the values of the other flags; with --output=json the same is one JSON object. With --output=env it is printed as the environment variables of a server and its clients."

func (p *process) keyCommand() *cobra.Command {
	var c keyNewCommand
	return group("key", "Generate keys.", nil, p.leaf("new", "Generate and print a sandbox key.", keyNewHelp, []flag{
		{name: "output", value: choiceFlag(&c.Output, "text", "json", "yaml", "env"), help: "The format: only the key, JSON, the list keys of a configuration file for --config, or SKYSTACK_SANDBOX_KEY=KEY and SKYSTACK_API_TOKEN=KEY, for a server and its clients."},
		{name: "name", value: textFlag(&c.Name, "TEXT"), help: "The name of the key."},
		{name: "scope", value: listFlag(&c.Scope, "SCOPE"), help: "What the key may do, as instances:read. Repeat for more. Default: everything.", known: func(n emulator.Names) []string { return n.Scopes }},
		{name: "workspace", value: textFlag(&c.Workspace, "ID"), help: "The workspace of the key, as wsp_other. A new id creates a workspace. Default: the default workspace."},
		{name: "environment", value: textFlag(&c.Environment, "TEXT"), help: "Where the key is used, as staging."},
		{name: "expires-in", value: durationFlag(&c.ExpiresIn), help: "How long the key is valid from now on, as 720h. Default: it does not expire."},
	}, func([]string) error { return keyNew(c, p.stdout) }))
}

// checkScopes refuses scopes that do not exist.
func checkScopes(scopes []string) error {
	names, err := emulator.SkyStackNames()
	for _, s := range scopes {
		if err == nil && !slices.Contains(names.Scopes, s) {
			err = fmt.Errorf("--scope: %w", unknown(s, names.Scopes...))
		}
	}
	return err
}

// keySnippet is a key as it is written in a configuration file; JSON has the same members.
type keySnippet struct {
	Token       string   `yaml:"token" json:"token"`
	Name        string   `yaml:"name,omitempty" json:"name,omitempty"`
	Workspace   string   `yaml:"workspace,omitempty" json:"workspace,omitempty"`
	Scopes      []string `yaml:"scopes,omitempty,flow" json:"scopes,omitempty"`
	Environment string   `yaml:"environment,omitempty" json:"environment,omitempty"`
	ExpiresAt   string   `yaml:"expires_at,omitempty" json:"expires_at,omitempty"`
}

// keyNew prints a new key: only its token, or with its scopes and the rest (S22, S26, S36).
func keyNew(c keyNewCommand, stdout io.Writer) error {
	k := emulator.Key{Token: emulator.NewKey(), Name: c.Name, Scopes: c.Scope, Workspace: c.Workspace, Environment: c.Environment}
	bare := c.Name+c.Workspace+c.Environment == "" && c.Scope == nil && c.ExpiresIn == nil
	whole := c.Output == "yaml" || c.Output == "json" // includes its name, scopes and the rest
	if err := checkScopes(c.Scope); err != nil {
		return &usageError{"key new", err}
	}
	if err := emulator.Check(emulator.WithKey(emulator.Key{Token: k.Token, Workspace: k.Workspace})); err != nil {
		return &usageError{"key new", settingError("--workspace", "workspace", err)}
	}
	if err := emulator.Check(emulator.WithKey(k)); err != nil {
		return &usageError{"key new", err}
	}
	if !whole && !bare {
		return &usageError{"key new", errors.New("--output=text prints only the key, without its name, scopes and the rest: add --output=yaml or --output=json to print them")}
	}
	switch c.Output {
	case "text":
		_, err := fmt.Fprintln(stdout, k.Token)
		return err
	case "env":
		_, err := fmt.Fprintf(stdout, "%s=%s\nSKYSTACK_API_TOKEN=%[2]s\n", variable("key"), k.Token)
		return err
	}
	s := keySnippet{Token: k.Token, Name: k.Name, Workspace: k.Workspace, Scopes: k.Scopes, Environment: k.Environment}
	if c.ExpiresIn != nil {
		// The key is for a server whose clock starts as that of any sandbox does.
		e, err := emulator.New(emulator.WithFixture("empty"))
		if err != nil {
			return err
		}
		s.ExpiresAt = e.Now().UTC().Add(*c.ExpiresIn).Format(time.RFC3339)
		if err := e.Close(); err != nil {
			return err
		}
	}
	if c.Output == "json" {
		return printJSON(stdout, s)
	}
	to := yaml.NewEncoder(stdout)
	to.SetIndent(2)
	return errors.Join(to.Encode(map[string][]keySnippet{"keys": {s}}), to.Close())
}
