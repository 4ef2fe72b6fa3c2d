package skystack

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"skystack.dev/sandbox/emulator/internal/credential"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// A key that is bound to a project sees and changes that project alone (S13). What
// it may do with an operation follows from the collections in its path; a path with
// one that has no row here is refused when the API is made, so that no operation can
// be forgotten. Lists are cut in list.

// bound is the access to a collection of a key that is bound to a project.
type bound struct {
	access access
	// project is the project of an object, by its id; false if there is none. nil for
	// objects that the handler finds only below another one in the path.
	project func(a *API, tx *engine.Tx, id string) (string, bool)
	// missing is the refusal of an object that is not there.
	missing func(id string) error
}

type access int

const (
	ofProject   access = iota // every object belongs to a project
	ofProjects                // the projects themselves: none can be added
	ofTokens                  // its own token alone
	ofCatalog                 // shared: may be read
	ofWorkspace               // about the workspace as a whole: nothing
)

// bounds is the table, by the name of the collection.
func bounds() map[string]bound {
	return map[string]bound{
		"instances": {ofProject, (*API).projectOfInstance, noInstance},
		"actions": {ofProject, func(a *API, tx *engine.Tx, id string) (string, bool) {
			t, ok := a.actions.Get(tx, id)
			if ok && t.ProjectID == "" { // of a world that was saved before actions had one
				project, _ := a.projectOfInstance(tx, t.InstanceID)
				return project, true
			}
			return t.ProjectID, ok
		}, noAction},
		"autoscale-policies": {ofProject, func(a *API, tx *engine.Tx, id string) (string, bool) {
			p, ok := a.policies.Get(tx, id)
			return p.ProjectID, ok
		}, noPolicy},
		"projects": {ofProjects, func(_ *API, _ *engine.Tx, id string) (string, bool) { return id, true }, noProject},
		"webhooks": {ofProject, func(a *API, tx *engine.Tx, id string) (string, bool) {
			w, ok := a.outbox.Endpoints.Get(tx, id)
			return w.ProjectID, ok
		}, noWebhook},
		"deliveries": {access: ofProject},
		"jobs": {ofProject, func(a *API, tx *engine.Tx, id string) (string, bool) {
			j, ok := a.jobs.Jobs.Get(tx, id)
			return j.ProjectID, ok
		}, noJob},
		"runs": {access: ofProject},
		"events": {ofProject, func(a *API, tx *engine.Tx, id string) (string, bool) {
			e, ok := a.events.Find(tx, id)
			return e.ProjectID, ok
		}, noEvent},
		"tokens":     {access: ofTokens},
		"regions":    {access: ofCatalog},
		"profiles":   {access: ofCatalog},
		"sizes":      {access: ofCatalog},
		"images":     {access: ofCatalog},
		"quota":      {access: ofWorkspace},
		"audit-logs": {access: ofWorkspace},
		"audit":      {access: ofWorkspace},
	}
}

func (a *API) projectOfInstance(tx *engine.Tx, id string) (string, bool) {
	i, ok := a.instances.Get(tx, id)
	return i.ProjectID, ok
}

// boundary is the meaning of an operation's path: its collection, and the
// objects that it names, in order.
type boundary struct {
	bound
	objects []boundParam
}

type boundParam struct {
	bound
	name string
}

// boundaries is the boundary of every operation, by its id.
//
//nolint:gochecknoglobals // set once, read-only
var boundaries = sync.OnceValues(func() (map[string]boundary, error) {
	c, err := contract()
	if err != nil {
		return nil, err
	}
	rows, out := bounds(), map[string]boundary{}
	for _, op := range c.Operations {
		if op.Public {
			continue
		}
		var b boundary
		last := ""
		for n, part := range strings.Split(strings.TrimPrefix(strings.TrimPrefix(op.Path, "/v1/"), "compute/"), "/") {
			if name, ok := strings.CutPrefix(part, "{"); ok {
				row, known := rows[last]
				if !known {
					return nil, fmt.Errorf("operation %s: what %s is to a key that is bound to a project is not said: add %q to bounds", op.ID, part, last)
				}
				b.objects = append(b.objects, boundParam{row, strings.TrimSuffix(name, "}")})
				continue
			}
			if last = part; n > 0 {
				continue
			}
			row, known := rows[part]
			if !known {
				return nil, fmt.Errorf("operation %s: what it is to a key that is bound to a project is not said: add %q to bounds", op.ID, part)
			}
			b.bound = row
		}
		out[op.ID] = b
	}
	return out, nil
})

func boundaryOf(op *httpapi.Operation) boundary {
	all, _ := boundaries() // Edge has made them without a violation
	return all[op.ID]
}

// mayCall refuses an operation that the key of a request may not use, as far as the
// request without its body can tell (S13, S26). Its own token every key may read,
// rotate and revoke.
func mayCall(c *httpapi.Call, query func(name string) string) error {
	op, b := c.Operation(), boundaryOf(c.Operation())
	own := b.access == ofTokens && len(b.objects) > 0 && c.Param(b.objects[0].name) == c.Token
	if !own && !credential.Grants(c.Scopes, op.Scope) {
		return lacksScopes("The token lacks the scope "+op.Scope+".", []string{op.Scope})
	}
	if c.Project == "" {
		return nil
	}
	switch {
	case b.access == ofWorkspace:
		return boundTo(c.Project, "what concerns the whole workspace is not for it")
	case b.access == ofCatalog && changes(op):
		return boundTo(c.Project, "the catalog, which all projects share, it may only read")
	case b.access == ofProjects && op.Method == http.MethodPost && len(b.objects) == 0:
		return boundTo(c.Project, "it cannot add another")
	case b.access == ofTokens && len(b.objects) > 0 && !own:
		return boundTo(c.Project, "of all tokens it may use its own")
	}
	for _, named := range []string{c.RequestHeader("Skystack-Project"), query("project_id")} {
		if err := names(c, named); err != nil {
			return err
		}
	}
	return nil
}

// changes tells whether an operation may change something.
func changes(op *httpapi.Operation) bool {
	return op.Method != http.MethodGet && op.Method != http.MethodHead
}

// names refuses a request of a bound key that names another project than its own.
// Whether there is one is not told.
func names(c *httpapi.Call, project string) error {
	switch {
	case project == "" || c.Project == "" || project == c.Project:
		return nil
	case changes(c.Operation()):
		return boundTo(c.Project, "the request names the project "+fail.Clip(project))
	}
	return noProject(project)
}

// boundTo is the refusal of what a key that is bound to a project may not do.
func boundTo(project, why string) error {
	return &fail.Error{
		Kind: fail.Forbidden, Code: "project_forbidden", OfCaller: true,
		Message: "The token is bound to the project " + fail.Clip(project) + ": " + why + ".",
	}
}

// checkProject refuses what lies outside of the project that the key of a request is bound
// to. Objects of others are not there, as if they did not exist: not even their
// graves.
func (a *API) checkProject(c *httpapi.Call) error {
	if c.Project == "" {
		return nil
	}
	for _, object := range boundaryOf(c.Operation()).objects {
		if object.project == nil {
			continue
		}
		id := c.Param(object.name)
		project, ok := object.project(a, c.Tx, id)
		if !ok {
			if project, ok = a.tombstones.Owner(c.Tx, id); !ok {
				return object.missing(id) // before anything else is wrong: as for one of another project
			}
		}
		if project != c.Project {
			return object.missing(id)
		}
	}
	return nil
}

// ownProject is the stage that refuses a body which names another project than that
// of a bound key, before anything else is said of it.
func ownProject(x *httpapi.RequestContext) error {
	c := x.Call()
	for _, member := range [...]string{"project_id", "action.instance.project_id"} { // the latter is that of the instance which a job creates
		if err := names(c, c.Body().Text(member)); err != nil {
			return err
		}
	}
	return nil
}
