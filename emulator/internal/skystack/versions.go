package skystack

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// The date versions (section 6.2). The handlers know only the default one, which
// can do all that the others can; they take away.
const (
	pageEra        = "2025-07-01"
	defaultVersion = "2026-01-15"
	cursorEra      = "2026-10-01"
)

// version lists what a date version lacks.
type version struct {
	name    string
	strict  bool            // unknown parameters are errors
	hides   map[string]bool // "query page", "body profile": do not exist
	plain   bool            // the /v1/compute paths do not exist
	preview bool
	// deprecated and sunset are when it was superseded and when it ends; the
	// zero time means neither has been announced.
	deprecated, sunset time.Time
}

// supported returns the versions, oldest first.
func supported() []version {
	return []version{
		{
			name: pageEra, strict: true, plain: true,
			hides:      map[string]bool{"query cursor": true, "body profile": true, "body machine_type": true, "body autoscale": true},
			deprecated: time.Date(2026, 1, 15, 0, 0, 0, 0, time.UTC), sunset: time.Date(2027, 1, 15, 0, 0, 0, 0, time.UTC),
		},
		{name: defaultVersion},
		{name: cursorEra, strict: true, preview: true, hides: map[string]bool{"query page": true}},
	}
}

func (v version) knows(in fail.Location, name string) bool { return !v.hides[string(in)+" "+name] }

// versionOf is the version a request is served in.
func versionOf(x *httpapi.RequestContext) version {
	if x.Version == "" || x.Version == defaultVersion {
		return version{name: defaultVersion}
	}
	for _, v := range supported() {
		if v.name == x.Version {
			return v
		}
	}
	return version{name: defaultVersion}
}

// version is the stage that settles the date version: the header's, else the
// key's, else the default (6.4; S67 to S69).
func (a *API) version(x *httpapi.RequestContext) error {
	if x.Op.Public {
		return nil
	}
	lines := x.Request.Header["Skystack-Version"]
	name := x.Caller.Version
	if len(lines) > 0 {
		name = lines[0]
	}
	if name == "" && len(lines) == 0 || name == defaultVersion && len(lines) < 2 {
		x.Version = defaultVersion
		return nil
	}
	if _, err := time.Parse(time.DateOnly, name); err != nil || len(lines) > 1 {
		return versionRefused("invalid_version", "SkyStack-Version must be given once, as a date such as "+defaultVersion+".")
	}
	all := supported()
	i := slices.IndexFunc(all, func(v version) bool { return v.name == name })
	if i < 0 {
		return versionRefused("unsupported_version", "There is no version "+name+"; use one of "+strings.Join(versionNames(all), ", ")+".",
			fail.Member{Name: "supported", Value: versionNames(all)})
	}
	v := all[i]
	if err := a.sunset(x, v); err != nil {
		return err
	}
	x.Version = v.name
	if v.plain && strings.HasPrefix(x.Op.Path, "/v1/compute/") {
		return fail.Newf(fail.NotFound, "route_not_found", "Version %s has no %s; use /v1/instances.", v.name, x.Op.Path)
	}
	return nil
}

// sunset announces the end of a version, and enforces it in a world that was
// taken past it on purpose: no client breaks because the wall clock moved.
func (a *API) sunset(x *httpapi.RequestContext, v version) error {
	if v.deprecated.IsZero() {
		return nil
	}
	x.Set("Deprecation", "@"+strconv.FormatInt(v.deprecated.Unix(), 10))
	x.Set("Sunset", v.sunset.Format(http.TimeFormat))
	over := a.EnforceSunset && !x.Now.Before(v.sunset)
	_ = x.World.Do(func(tx *engine.Tx) error {
		over = over || tx.AdvancedPast(v.sunset)
		return nil
	})
	if over {
		return versionRefused("version_sunset", "Version "+v.name+" ended on "+v.sunset.Format(time.DateOnly)+"; use "+defaultVersion+".")
	}
	return nil
}

func versionRefused(code, message string, extra ...fail.Member) error {
	return &fail.Error{Kind: fail.Invalid, Code: code, Message: message, Details: []fail.Detail{
		{Field: "SkyStack-Version", Location: fail.Header, Code: code, Message: message, Extra: extra},
	}}
}

func versionNames(all []version) []string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = v.name
	}
	return names
}

// rendered output looks different in the versions that lack something.
type rendered interface{ in(version string) any }

// render turns output into what the caller's version shows.
func render(x *httpapi.RequestContext, out any) any {
	if r, ok := out.(rendered); ok && x.Version != "" && x.Version != defaultVersion {
		return r.in(x.Version)
	}
	return out
}

// CheckVersion refuses a version no key can be pinned to; "" is no version.
func CheckVersion(name string) error {
	all := supported()
	if name == "" || slices.Contains(versionNames(all), name) {
		return nil
	}
	return fail.Newf(fail.Invalid, "unsupported_version", "there is no version %q; use one of %s", name, strings.Join(versionNames(all), ", "))
}
