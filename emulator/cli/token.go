package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

type tokenCommand struct {
	Create tokenCreateCommand `cmd:"" help:"Make a key and print its secret, this once."`
	List   tokenListCommand   `cmd:"" help:"List the keys of the workspace, oldest first."`
	Rotate tokenRotateCommand `cmd:"" help:"Make the key that takes another's place and print its secret, this once."`
	Revoke tokenRevokeCommand `cmd:"" help:"End a key at once."`
}

// tokenOutput is how a new key is printed.
type tokenOutput struct {
	Output string `enum:"text,json,env" default:"text" placeholder:"text|json|env" help:"How to print it: as text, as the answer of the API, or as SKYSTACK_API_TOKEN=SECRET alone, for a pipeline to store."`
}

type tokenCreateCommand struct {
	Name        string   `required:"" placeholder:"TEXT" help:"What the key is for."`
	Scope       []string `placeholder:"SCOPE" help:"What it may do, as instances:read. Repeat for more; without, what the key may do that makes it."`
	Environment string   `placeholder:"TEXT" help:"Where it is used, as staging."`
	Owner       string   `placeholder:"TEXT" help:"Who answers for it."`
	ExpiresAt   string   `placeholder:"TIME" help:"From when on it is refused by the workspace's clock, as 2026-09-01T00:00:00Z; without, never."`
	APIVersion  string   `placeholder:"DATE" help:"The version to pin it to, as 2026-01-15."`
	Project     string   `placeholder:"ID" help:"The project to bind it to."`
	tokenOutput
	endpoint
}

type tokenListCommand struct {
	Environment string `placeholder:"TEXT" help:"Those with this environment."`
	Status      string `placeholder:"active|expired|revoked" help:"Those that are this by the workspace's clock."`
	output
	endpoint
}

type tokenRotateCommand struct {
	ID        string         `arg:"" help:"The id of the key, as tok_default."`
	Overlap   *time.Duration `placeholder:"DURATION" help:"How long the old key goes on by the workspace's clock, as 1h, or 0s; without, until it is revoked."`
	ExpiresAt string         `placeholder:"TIME" help:"When the new one expires; without, it lives as long as the old one was meant to."`
	tokenOutput
	endpoint
}

type tokenRevokeCommand struct {
	ID string `arg:"" help:"The id of the key, as tok_default."`
	endpoint
}

// Help implements kong.HelpProvider.
func (tokenRotateCommand) Help() string {
	return "Makes a key with the rights of another. Deploy it, validate it, and then revoke the old one, which works as long as it takes; or give the old one an end at once with --overlap. The new secret is printed this once and can be had nowhere else."
}

// shownToken is what is printed of a key.
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

// token speaks to the API as any client does (S22, S33 to S36).
func token(ctx context.Context, command string, c tokenCommand, environ []string, stdout io.Writer) error {
	switch command {
	case "token create":
		return c.Create.run(ctx, environ, stdout)
	case "token list":
		return c.List.run(ctx, environ, stdout)
	case "token rotate":
		return c.Rotate.run(ctx, environ, stdout)
	}
	api, err := c.Revoke.open(command, environ)
	if err == nil {
		_, err = api.do(ctx, http.MethodDelete, "/v1/tokens/"+url.PathEscape(c.Revoke.ID), nil)
	}
	return err
}

func (c tokenCreateCommand) run(ctx context.Context, environ []string, stdout io.Writer) error {
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
	answer, err := api.do(ctx, http.MethodPost, "/v1/tokens", body)
	if err != nil {
		return err
	}
	return c.print(stdout, answer)
}

func (c tokenRotateCommand) run(ctx context.Context, environ []string, stdout io.Writer) error {
	body := map[string]any{}
	if c.Overlap != nil {
		if *c.Overlap < 0 || *c.Overlap%time.Second != 0 {
			return &usageError{"token rotate", fmt.Errorf("--overlap: %v is not a time to come in whole seconds", *c.Overlap)}
		}
		body["overlap_seconds"] = int(*c.Overlap / time.Second)
	}
	if c.ExpiresAt != "" {
		body["expires_at"] = c.ExpiresAt
	}
	api, err := c.open("token rotate", environ)
	if err != nil {
		return err
	}
	answer, err := api.do(ctx, http.MethodPost, "/v1/tokens/"+url.PathEscape(c.ID)+"/rotate", body)
	if err != nil {
		return err
	}
	return c.print(stdout, answer)
}

// isToken tells whether a text can be a bearer token: visible ASCII alone.
func isToken(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// print prints a new key.
func (c tokenOutput) print(stdout io.Writer, answer []byte) error {
	var t shownToken
	if err := json.Unmarshal(answer, &t); err != nil || !isToken(t.Secret) {
		return fmt.Errorf("the answer holds no key: is this a SkyStack API?")
	}
	text := fmt.Sprintf("id      %s\nsecret  %s\nscopes  %s\n", visible(t.ID), t.Secret, visible(strings.Join(t.Scopes, " ")))
	if t.ExpiresAt != "" {
		text += "until   " + visible(t.ExpiresAt) + "\n"
	}
	switch c.Output {
	case "json":
		text = string(answer) + "\n"
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
		answer, err := api.do(ctx, http.MethodGet, "/v1/tokens?"+query.Encode(), nil)
		if err != nil {
			return err
		}
		var page struct {
			Data []json.RawMessage `json:"data"`
			Next string            `json:"next_cursor"`
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return fmt.Errorf("the answer is no list of keys: is this a SkyStack API?")
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
	line := string(row) // as the API says it
	if c.Output == "text" {
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
