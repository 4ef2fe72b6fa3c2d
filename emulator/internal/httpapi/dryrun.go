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

// dryRun is the query parameter that asks what a request would do (9, item 6). An
// operation that has it is served on a copy of the world, unless its handler reads
// the parameter itself.
const dryRun = "dry_run"

// dryRun tells whether the request is not to do anything.
func (x *RequestContext) dryRun() bool {
	return x.Op.parameter(dryRun) != nil && x.Query(dryRun) == "true"
}

// onCopy tells whether the request is served on a copy of the world.
func (x *RequestContext) onCopy() bool { return x.dryRun() && !x.Op.handler.handlesDryRun }

// checkReserved refuses a parameter that asks for a dry run where there is none, or is
// a misspelt one: it must not be ignored while the request is carried out. What asks
// for none is let pass.
func (x *RequestContext) checkReserved(a argument) bool {
	if near.Members(a.name, dryRun) == nil {
		return false
	}
	switch {
	case a.name != dryRun:
		x.violate(fail.Query, printable(a.name), "unknown_parameter", "%s is not known here (did you mean %s?), and was not ignored: nothing was done.", printable(a.name), dryRun)
	case a.value != "false":
		x.violate(fail.Query, dryRun, "not_served", "dry_run is served for POST and PATCH of the API, not for %s %s: nothing was done. Leave it out.", x.Op.Method, x.Op.Path)
	}
	return true
}

// encodeDryRun responds with what the response would have been. A secret is left
// out: it would be that of the next request.
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

// CheckReservedHeaders is the stage that refuses headers of the sandbox that are not served: a
// client that sends one counts on what it asks for.
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
