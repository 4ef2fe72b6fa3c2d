package httpapi

import (
	"fmt"
	"net/http"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/near"
)

// dryRun is the query parameter that requests a dry run (9, item 6). The operation
// runs on a copy of the world, unless its handler reads the parameter itself.
const dryRun = "dry_run"

// dryRun reports whether the request is a dry run.
func (x *RequestContext) dryRun() bool {
	return x.Op.parameter(dryRun) != nil && x.Query(dryRun) == "true"
}

// onCopy reports whether the request runs on a copy of the world.
func (x *RequestContext) onCopy() bool { return x.dryRun() && !x.Op.handler.handlesDryRun }

// checkReserved rejects dry_run where it is not served, and misspellings of it: the
// request must not be carried out. dry_run=false is accepted everywhere. It reports
// whether it handled the parameter.
func (x *RequestContext) checkReserved(a argument) bool {
	if near.Members(a.name, dryRun) == nil {
		return false
	}
	switch {
	case a.name != dryRun:
		x.violate(fail.Query, printable(a.name), "unknown_parameter", "%s is not known here (did you mean %s?), and was not ignored: nothing was done.", printable(a.name), dryRun)
	case a.value != "false":
		x.violate(fail.Query, dryRun, "not_served", "dry_run is not served for %s %s: nothing was done. Leave it out.", x.Op.Method, x.Op.Path)
	}
	return true
}

// encodeDryRun responds with the response that the request would get, without its
// secret: the next request gets the same one.
func (x *RequestContext) encodeDryRun() error {
	would := jsontext.Value(encoded(x.api.Render(x, x.output)))
	if x.Op.secret {
		members := map[string]jsontext.Value{}
		if err := jsonv2.Unmarshal(would, &members); err != nil {
			return fmt.Errorf("cannot encode the answer: %w", err)
		}
		e := edit{}
		e.member("secret").drop = true
		var err error
		if would, err = e.apply(would); err != nil {
			return err
		}
	}
	body, err := EncodeJSON(struct {
		DryRun bool           `json:"dry_run"`
		Would  jsontext.Value `json:"would"`
	}{true, would})
	if err != nil {
		return err
	}
	return x.finishChecked(Response{Status: http.StatusOK, Body: body})
}

// CheckReservedHeaders is the stage that rejects headers of the sandbox that are not
// served: a client that sends one relies on its effect.
func CheckReservedHeaders(x *RequestContext) error {
	for name := range x.Request.Header {
		what, ours := strings.CutPrefix(name, "Skystack-Sandbox-")
		if !ours {
			continue
		}
		why := "there is no such header"
		switch what {
		case "Namespace":
			why = "it keeps tests apart that share a key, and is not served yet; give each its own workspace, with a key of its own"
		case "Scenario":
			why = "it makes a request go wrong in a certain way, and is not served yet"
		case "Fault":
			why = "it injects a fault, and is not served yet"
		}
		d := violation(fail.Header, "SkyStack-Sandbox-"+printable(what), "not_served", "SkyStack-Sandbox-%s: %s. Nothing was done; leave the header out.", printable(what), why)
		return fail.Parameters(d)
	}
	return nil
}
