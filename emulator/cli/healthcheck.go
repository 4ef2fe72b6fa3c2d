package cli

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// healthTimeout is how long a healthy sandbox may take to respond.
const healthTimeout = 2 * time.Second

func (p *process) healthcheckCommand() *cobra.Command {
	const long = "Requests /readyz of the server that runs on this machine with the same settings. The exit code is 0 when it responds within 2 seconds that it is ready, else 1, and then a line says why. Only the setting listen is used. " + likeServe
	return p.withSettings("healthcheck", "Check whether the sandbox of this machine is ready; exit code 0 or 1.", long, nil,
		func([]string) error { return healthcheck(p.given, p.environ) })
}

// healthcheck succeeds when the server with the same settings is ready. It uses only the
// address.
func healthcheck(flags map[string][]string, environ []string) error {
	listen, err := listenSetting(flags, environ)
	if err != nil {
		return &usageError{"healthcheck", err}
	}
	if _, port, _ := net.SplitHostPort(listen); port == "0" {
		return &usageError{"healthcheck", fmt.Errorf("with port 0 only the running server knows its address")}
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthTimeout)
	defer cancel()
	return ready(ctx, urlOfListen(listen)+"/readyz")
}

// ready requests whether a sandbox is ready, until the context ends.
func ready(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	// The sandbox is on this machine: no proxy is used, and a redirect is not followed,
	// for a sandbox sends none.
	direct := &http.Transport{DisableKeepAlives: true}
	resp, err := direct.RoundTrip(r)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("no response within %v", healthTimeout)
		}
		return fmt.Errorf("not ready: %s: %w", url, err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s responded with %s", url, resp.Status)
	}
	return nil
}

// listenSetting returns the address of the setting listen from flags, environment and
// file. It ignores errors in other settings, which the server reports.
func listenSetting(flags map[string][]string, environ []string) (string, error) {
	given := map[string][]item{}
	for name, texts := range flags {
		for _, text := range texts {
			given[name] = append(given[name], item{text, "--" + name})
		}
	}
	env, _ := fromEnvironment(environ)
	fill(given, env)
	if at := given[configName]; at != nil && given["listen"] == nil {
		file, err := readConfig(at[len(at)-1])
		if file.settings == nil && err != nil {
			return "", err
		}
		fill(given, file.settings)
	}
	p := &plan{listen: defaultListen}
	for _, it := range given["listen"] {
		if err := takeListen(p, it.text); err != nil {
			return "", fmt.Errorf("%s: %w", it.origin, err)
		}
	}
	return p.listen, nil
}
