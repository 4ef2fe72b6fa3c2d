package cli

import (
	"errors"
	"fmt"
	"io"
	"time"

	"go.yaml.in/yaml/v4"

	"skystack.dev/sandbox/emulator"
)

type keyNewCommand struct {
	Output      string        `enum:"text,yaml" default:"text" placeholder:"text|yaml" help:"How to print it: the key alone, or the member keys of a configuration file, for --config."`
	Name        string        `placeholder:"TEXT" help:"What the key is called."`
	Scope       []string      `placeholder:"SCOPE" help:"What the key may do, as instances:read. Repeat for more; without, everything."`
	Workspace   string        `placeholder:"ID" help:"Whose key it is, as wsp_other; without, the default workspace's. A new id makes a workspace of its own."`
	Environment string        `placeholder:"TEXT" help:"What the key is for, as staging."`
	ExpiresIn   time.Duration `placeholder:"DURATION" help:"How long from now the key is good, as 720h; without, for ever."`
}

// Help implements kong.HelpProvider.
func (keyNewCommand) Help() string {
	return "Prints a fresh sandbox key on a line of its own. Nobody knows it until a server is told, as with --key or the environment variable SKYSTACK_SANDBOX_KEY. With --output=yaml it is printed as the member keys of a configuration file, with whatever else the flags say of it."
}

// keySnippet is a key as a configuration file has it.
type keySnippet struct {
	Token       string   `yaml:"token"`
	Name        string   `yaml:"name,omitempty"`
	Workspace   string   `yaml:"workspace,omitempty"`
	Scopes      []string `yaml:"scopes,omitempty,flow"`
	Environment string   `yaml:"environment,omitempty"`
	ExpiresAt   string   `yaml:"expires_at,omitempty"`
}

// keyNew prints a fresh key: alone, or with what it is allowed (S22, S26, S36).
func keyNew(c keyNewCommand, stdout io.Writer) error {
	k := emulator.Key{Token: emulator.NewKey(), Name: c.Name, Scopes: c.Scope, Workspace: c.Workspace, Environment: c.Environment}
	bare := c.Name+c.Workspace+c.Environment == "" && c.Scope == nil && c.ExpiresIn == 0
	if c.Output != "yaml" && !bare {
		return &usageError{"key new", errors.New("a key alone says nothing about itself: add --output=yaml to print it with its name, scopes and the rest")}
	}
	if c.ExpiresIn < 0 || c.ExpiresIn%time.Second != 0 {
		return &usageError{"key new", fmt.Errorf("--expires-in: %v is not a time to come in whole seconds", c.ExpiresIn)}
	}
	if err := emulator.Check(emulator.WithKey(k)); err != nil {
		return &usageError{"key new", err}
	}
	if c.Output != "yaml" {
		_, err := fmt.Fprintln(stdout, k.Token)
		return err
	}
	s := keySnippet{Token: k.Token, Name: k.Name, Workspace: k.Workspace, Scopes: k.Scopes, Environment: k.Environment}
	if c.ExpiresIn > 0 {
		// The key is for a server whose clock starts as that of any sandbox does.
		e, err := emulator.New(emulator.WithFixture("empty"))
		if err != nil {
			return err
		}
		s.ExpiresAt = e.Now().UTC().Add(c.ExpiresIn).Format(time.RFC3339)
		if err := e.Close(); err != nil {
			return err
		}
	}
	to := yaml.NewEncoder(stdout)
	to.SetIndent(2)
	return errors.Join(to.Encode(map[string][]keySnippet{"keys": {s}}), to.Close())
}
