package control

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// pipeline lists the stages of a control request.
func (a *API) pipeline() []httpapi.Stage {
	return []httpapi.Stage{
		{Name: "origin", Run: a.origin},
		{Name: "transport", Run: a.transport},
		{Name: "authenticate", Run: a.authenticate},
		{Name: "accept", Run: httpapi.Accept},
		{Name: "scope", Run: scope},
		{Name: "reserved", Run: httpapi.CheckReservedHeaders},
		{Name: "workspace", Run: a.chooseWorkspace},
		{Name: "read", Run: httpapi.ReadBody},
		{Name: "contract", Run: httpapi.CheckContract},
		{Name: "handle", Run: httpapi.Invoke},
		{Name: "encode", Run: httpapi.Encode},
	}
}

// open sets the id of a request, and the time of the default workspace if the request
// has no workspace. It changes no world and waits for none.
func (a *API) open(x *httpapi.RequestContext) {
	x.ID = fmt.Sprintf("ctl_%08d", a.requestCount.Add(1))
	if w := a.World(a.Home); w != nil && x.Now.IsZero() {
		x.Now = w.PeekTime()
	}
}

// complete adds the headers that every response carries.
func complete(x *httpapi.RequestContext) {
	x.Set("X-Request-Id", x.ID)
	x.Set("Cache-Control", "no-store")
}

// origin is the stage that rejects pages of other origins, reads included: a web page
// must not control the sandbox (10.2, row 5).
func (a *API) origin(x *httpapi.RequestContext) error {
	r := x.Request
	for _, origin := range r.Header["Origin"] {
		if !sameHost(origin, r) && !slices.Contains(a.Origins, origin) {
			return fail.Newf(fail.Forbidden, "origin_not_allowed", "Pages of %q may not control this sandbox; allow the origin with --cors-origin.", fail.Clip(origin))
		}
	}
	if a.crossOrigin.Check(r) != nil {
		return fail.New(fail.Forbidden, "origin_not_allowed", "A page of another origin sent this request, as Sec-Fetch-Site says; it may not control this sandbox.")
	}
	return nil
}

// transport is the stage that rejects plain HTTP where a credential is needed (S21,
// S31).
func (a *API) transport(x *httpapi.RequestContext) error {
	if err := a.Secure(x.Request); err != nil && !x.Op.Public {
		return err
	}
	return nil
}

// sameHost reports whether the origin equals the host of the request.
func sameHost(origin string, r *http.Request) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

// authenticate is the stage that identifies the caller.
func (a *API) authenticate(x *httpapi.RequestContext) error {
	c := new(call)
	x.Admission = c
	if x.Op.Public {
		return nil
	}
	token, err := a.Bearer(x.Request)
	if err != nil {
		return err
	}
	if a.Admin(token) {
		c.admin, x.Caller.Token = true, "admin"
		return nil
	}
	own, key, err := a.Authenticate(token)
	if err != nil {
		return err
	}
	c.own, c.key, c.project, c.scopes = own, key.ID, key.Project, key.Scopes
	x.Caller = httpapi.Caller{Token: key.ID, Project: key.Project, Scopes: key.Scopes}
	return nil
}

// controlScope is the scope that control needs. adminScope marks operations that need
// the admin token.
const (
	controlScope = "*"
	adminScope   = "admin"
)

// scope is the stage that checks the rights of the token. A token that is bound to a
// project may not use this API, which is about the workspace as a whole (S13).
func scope(x *httpapi.RequestContext) error {
	c := x.Admission.(*call)
	switch {
	case x.Op.Public || c.admin:
		return nil
	case c.project != "":
		return fail.Newf(fail.Forbidden, "project_forbidden", "The token is bound to the project %s: it controls nothing of the sandbox, which needs a key of the whole workspace.", fail.Clip(c.project))
	case x.Op.Scope == adminScope:
		return fail.New(fail.Forbidden, "admin_required", "This needs the admin token, which the sandbox prints when it starts; a key controls its own workspace only.")
	case c.scopes == nil || slices.Contains(c.scopes, controlScope):
		return nil
	}
	return &fail.Error{
		Kind: fail.Forbidden, Code: "insufficient_scope", Message: "The key lacks the scope *, which control needs.",
		Challenge: `Bearer realm="skystack", error="insufficient_scope", scope="*"`,
		Details:   []fail.Detail{{Extra: []fail.Member{{Name: "required_scopes", Value: []string{controlScope}}}}},
	}
}

// chooseWorkspace is the stage that finds the workspace of the request: the one that
// it names, else that of its key, else the default one for the admin token. A key can
// use only its own workspace.
func (a *API) chooseWorkspace(x *httpapi.RequestContext) error {
	if x.Op.Public {
		return nil
	}
	c := x.Admission.(*call)
	id := a.Home
	if !c.admin {
		id = c.own.ID()
	}
	names := []string{x.Query("workspace")}
	if strings.HasPrefix(x.Op.Path, "/_sandbox/workspaces/{id}") {
		names = append(names, x.Param("id"))
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		if !c.admin && name != c.own.ID() {
			return fail.Newf(fail.Forbidden, "workspace_forbidden", "The key belongs to workspace %s and controls no other; use a key of the workspace you mean, or the admin token.", c.own.ID())
		}
		id = name
	}
	find := a.Workspace
	if !c.admin {
		find = func(id string) (sandbox.Workspace, bool) { return a.OnBehalf(id, c.key) }
	}
	workspace, ok := find(id)
	world := a.World(id)
	if !ok || world == nil || !c.admin && world != c.own { // it was removed; another may have its id by now
		return noWorkspace(id)
	}
	c.workspace, c.world = workspace, world
	x.World, x.Now = world, world.PeekTime()
	return nil
}
