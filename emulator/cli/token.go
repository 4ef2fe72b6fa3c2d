package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
)

// tokenOutput is how a new key is printed.
type tokenOutput struct{ format string }

func (c *tokenOutput) flags() []flag {
	return []flag{{name: "output", value: choiceFlag(&c.format, "text", "json", "env"), help: "The format: text, the JSON response of the API, or only SKYSTACK_API_TOKEN=SECRET, for a pipeline to store."}}
}

type tokenCreateCommand struct {
	Name, Environment, Owner, ExpiresAt, APIVersion, Project string
	Scope                                                    []string
	tokenOutput
	endpoint
}

type tokenListCommand struct {
	Environment, Status string
	output
	endpoint
}

type tokenRotateCommand struct {
	ID, ExpiresAt string
	Overlap       *time.Duration
	tokenOutput
	endpoint
}

const tokenRotateHelp = "Creates a key with the scopes of another. Deploy it, validate it, and then revoke the old key, which stays valid until then; or set with --overlap when the old key expires. The new secret is printed only this once. ID is the id of the key, as tok_default."

// tokenCommand calls the API as any client does (S22, S33 to S36).
func (p *process) tokenCommand() *cobra.Command {
	var create tokenCreateCommand
	var list tokenListCommand
	var rotate tokenRotateCommand
	var revoke endpoint
	return group("token", "Create, list, rotate and revoke the keys of a running sandbox.", nil,
		p.leaf("create", "Create a key and print its secret, only this once.", "", slices.Concat([]flag{
			{name: "name", value: textFlag(&create.Name, "TEXT"), help: "The name of the key.", required: true},
			{name: "scope", value: listFlag(&create.Scope, "SCOPE"), help: "What the key may do, as instances:read. Repeat for more. Default: what the creating key may do.", known: func(n emulator.Names) []string { return n.Scopes }},
			{name: "environment", value: textFlag(&create.Environment, "TEXT"), help: "Where the key is used, as staging."},
			{name: "owner", value: textFlag(&create.Owner, "TEXT"), help: "The person or team responsible for the key."},
			{name: "expires-at", value: textFlag(&create.ExpiresAt, "TIME"), help: "When the key expires, by the workspace's clock, as 2026-09-01T00:00:00Z. Default: never."},
			{name: "api-version", value: textFlag(&create.APIVersion, "DATE"), help: "The API version to pin the key to, as 2026-01-15."},
			{name: "project", value: textFlag(&create.Project, "ID"), help: "The project to bind the key to."},
		}, create.tokenOutput.flags(), create.endpoint.flags()), func([]string) error {
			return untilSignal(func(ctx context.Context) error {
				return ofFlags("token create", create.run(ctx, p.environ, p.stdout), map[string]string{"project_not_found": "--project", "scopes": "--scope", "project_id": "--project"})
			})
		}),
		p.leaf("list", "List the keys of the workspace, oldest first.", "", slices.Concat([]flag{
			{name: "environment", value: textFlag(&list.Environment, "TEXT"), help: "Only keys with this environment."},
			{name: "status", value: oneOfFlag(&list.Status, "active", "expired", "revoked"), help: "Only keys with this status, by the workspace's clock."},
		}, list.output.flags(), list.endpoint.flags()), func([]string) error {
			return untilSignal(func(ctx context.Context) error { return ofFlags("token list", list.run(ctx, p.environ, p.stdout), nil) })
		}),
		p.leaf("rotate ID", "Create a key that replaces another, and print its secret, only this once.", tokenRotateHelp, slices.Concat([]flag{
			{name: "overlap", value: durationFlag(&rotate.Overlap), help: "How long the old key stays valid, by the workspace's clock, as 1h, or 0s. Default: until it is revoked."},
			{name: "expires-at", value: textFlag(&rotate.ExpiresAt, "TIME"), help: "When the new key expires. Default: after the same lifetime as the old key."},
		}, rotate.tokenOutput.flags(), rotate.endpoint.flags()), func(words []string) error {
			rotate.ID = words[0]
			return untilSignal(func(ctx context.Context) error {
				return ofFlags("token rotate", rotate.run(ctx, p.environ, p.stdout), map[string]string{"overlap_seconds": "--overlap"})
			})
		}),
		p.leaf("revoke ID", "Revoke a key immediately.", "Revokes a key immediately. ID is the id of the key, as tok_default.", revoke.flags(), func(words []string) error {
			return untilSignal(func(ctx context.Context) error {
				api, err := revoke.open("token revoke", p.environ)
				if err == nil {
					_, err = api.do(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(words[0]), nil)
				}
				return err
			})
		}),
	)
}

// shownToken is the part of a key that is printed.
type shownToken struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Prefix      string   `json:"prefix"`
	Last4       string   `json:"last4"`
	Status      string   `json:"status"`
	Scopes      []string `json:"scopes"`
	Environment string   `json:"environment"`
	Owner       string   `json:"owner"`
	ExpiresAt   string   `json:"expires_at"`
	ReplacedBy  string   `json:"replaced_by"`
	Secret      string   `json:"secret"`
}

func (c tokenCreateCommand) run(ctx context.Context, environ []string, stdout io.Writer) error {
	if err := checkScopes(c.Scope); err != nil {
		return &usageError{"token create", err}
	}
	api, err := c.open("token create", environ)
	if err != nil {
		return err
	}
	body := map[string]any{"name": c.Name}
	for member, value := range map[string]string{
		"environment": c.Environment, "owner": c.Owner, "expires_at": c.ExpiresAt, "api_version": c.APIVersion, "project_id": c.Project,
	} {
		if value != "" {
			body[member] = value
		}
	}
	if c.Scope != nil {
		body["scopes"] = c.Scope
	}
	content, err := api.do(ctx, http.MethodPost, "/v1/tokens", body)
	if err != nil {
		return err
	}
	return c.print(stdout, content)
}

func (c tokenRotateCommand) run(ctx context.Context, environ []string, stdout io.Writer) error {
	body := map[string]any{}
	if c.Overlap != nil {
		body["overlap_seconds"] = int(*c.Overlap / time.Second)
	}
	if c.ExpiresAt != "" {
		body["expires_at"] = c.ExpiresAt
	}
	api, err := c.open("token rotate", environ)
	if err != nil {
		return err
	}
	content, err := api.do(ctx, http.MethodPost, "/v1/tokens/"+url.PathEscape(c.ID)+"/rotate", body)
	if err != nil {
		return err
	}
	return c.print(stdout, content)
}

// isToken reports whether a text can be a bearer token: only visible ASCII.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// print prints a new key.
func (c tokenOutput) print(stdout io.Writer, content []byte) error {
	var t shownToken
	if err := json.Unmarshal(content, &t); err != nil || !isToken(t.Secret) {
		return fmt.Errorf("the response contains no key: is this a SkyStack API?")
	}
	text := fmt.Sprintf("id      %s\nsecret  %s\nscopes  %s\n", visible(t.ID), t.Secret, visible(strings.Join(t.Scopes, " ")))
	if t.ExpiresAt != "" {
		text += "until   " + visible(t.ExpiresAt) + "\n"
	}
	switch c.format {
	case "json":
		text = string(content) + "\n"
	case "env":
		text = "SKYSTACK_API_TOKEN=" + shellWord(t.Secret) + "\n"
	}
	_, err := io.WriteString(stdout, text)
	return err
}

func (c tokenListCommand) run(ctx context.Context, environ []string, stdout io.Writer) error {
	api, err := c.open("token list", environ)
	if err != nil {
		return err
	}
	query := url.Values{"limit": {"200"}}
	for name, value := range map[string]string{"environment": c.Environment, "status": c.Status} {
		if value != "" {
			query.Set(name, value)
		}
	}
	for {
		content, err := api.do(ctx, http.MethodGet, "/v1/tokens?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		var page struct {
			Data []json.RawMessage `json:"data"`
			Next string            `json:"next_cursor"`
		}
		if err := json.Unmarshal(content, &page); err != nil {
			return fmt.Errorf("the response is not a list of keys: is this a SkyStack API?")
		}
		for _, row := range page.Data {
			if err := c.print(stdout, row); err != nil {
				return err
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("cursor", page.Next)
	}
}

func (c tokenListCommand) print(stdout io.Writer, row []byte) error {
	line := string(row) // as the API sends it
	if !c.asJSON() {
		var t shownToken
		if err := json.Unmarshal(row, &t); err != nil {
			return err
		}
		line = strings.Join([]string{t.ID, t.Status, t.Prefix + "…" + t.Last4, strings.Join(t.Scopes, ",")}, " ")
		for _, m := range [][2]string{{"name", t.Name}, {"environment", t.Environment}, {"owner", t.Owner}, {"until", t.ExpiresAt}, {"replaced_by", t.ReplacedBy}} {
			if m[1] != "" {
				line += " " + m[0] + "=" + shellWord(visible(m[1]))
			}
		}
		line = visible(line)
	}
	_, err := io.WriteString(stdout, line+"\n")
	return err
}
