package emulator

import (
	"crypto/subtle"
	"io"
	"net/http"
	"strings"
	"sync"

	"skystack.dev/sandbox/emulator/internal/control"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/internal/metrics"
	"skystack.dev/sandbox/emulator/sandbox"
)

// AdminToken is the bearer token of the control API's calls that concern the whole
// server: the one given with WithAdminToken, else a random one.
func (e *Emulator) AdminToken() string { return e.admin }

// controlPrefix begins the paths of the control API.
const controlPrefix = "/_sandbox"

// handler parts the control API from those it controls. The control API is made
// when it is first asked, so that it costs nothing before.
type handler struct{ e *Emulator }

// ServeHTTP implements http.Handler.
func (f handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ours := strings.CutPrefix(r.URL.Path, controlPrefix)
	if !ours || rest != "" && rest[0] != '/' || f.e.asked.noControl {
		if r.URL.Path == "/version" {
			r = f.e.alias(r)
		}
		f.e.server.ServeHTTP(w, r)
		return
	}
	h, err := f.e.control()
	if err != nil { // the document is embedded and tested
		panic(err)
	}
	h.ServeHTTP(w, r)
}

// newControl makes the server of the control API, which looks like another API.
func (e *Emulator) newControl(o httpapi.Options, like *httpapi.API) (http.Handler, error) {
	o.Record, o.Home = nil, e.world
	api, err := control.New(control.Config{
		Pages:  listPages{e.sky.API},
		Stacks: e.stacks.API,
		Names:  names{e.sky.API, e},
		Server: e, Home: e.ID(), Origins: o.Origins, Secure: e.sky.Secure, Like: like,
		Workspace: func(id string) (sandbox.Workspace, bool) {
			w := e.workspace(id)
			return w, w != nil
		},
		OnBehalf: func(id, key string) (sandbox.Workspace, bool) {
			w := e.workspace(id)
			return keyWorkspace{w, key}, w != nil
		},
		World: e.registry.World,
		Bearer: func(r *http.Request) (string, error) {
			return e.sky.Bearer(r, "a key of the workspace, or the admin token")
		},
		Authenticate: func(token string) (*engine.World, sandbox.Key, error) {
			world, t, err := e.sky.Credentials.Identify(token)
			return world, sandbox.Key{ID: t.ID, Project: t.ProjectID, Scopes: t.Scopes}, err
		},
		Admin: func(token string) bool { return subtle.ConstantTimeCompare([]byte(token), []byte(e.admin)) == 1 },
	})
	if err != nil {
		return nil, err
	}
	e.controlAPI.Store(api)
	if e.closing.Err() != nil { // endWaits may have been before it
		api.Close()
	}
	described, err := api.HTTP()
	if err != nil {
		return nil, err
	}
	return httpapi.NewServer(o, described)
}

// ForgetRequests empties the record of requests of a workspace.
func (e *Emulator) ForgetRequests(workspace string) error {
	w, err := e.existing(workspace)
	if err != nil {
		return err
	}
	w.journal.Forget()
	return nil
}

// gauges returns the metrics of each workspace.
func (e *Emulator) gauges() []metrics.World {
	worlds := e.registry.Worlds()
	out := make([]metrics.World, 0, len(worlds))
	for _, world := range worlds {
		if w := e.of(world); w != nil {
			out = append(out, metrics.World{
				ID: w.ID(), Agenda: world.AgendaLen(), Instances: e.sky.CountInstances(world), JournalBytes: w.journal.Bytes(),
				JournalEntries: w.journal.Len(), JournalDropped: w.journal.Dropped(), LimiterRefused: w.refused.Load(),
			})
		}
	}
	return out
}

// meter counts the requests of each operation.
type meter struct {
	all       *metrics.Requests
	unmatched *metrics.Operation
	known     sync.Map // operation id to *metrics.Operation, made by its first request
}

func (m *meter) init() {
	m.all = metrics.New()
	m.unmatched = m.all.Operation("")
}

func (m *meter) observe(r *httpapi.Record) {
	to := m.unmatched
	if r.Operation != nil {
		known, ok := m.known.Load(r.Operation.ID)
		if !ok {
			known, _ = m.known.LoadOrStore(r.Operation.ID, m.all.Operation(r.Operation.ID))
		}
		to, _ = known.(*metrics.Operation)
	}
	to.Observe(r.Status, r.Elapsed)
}

// Metrics writes the counters of the server in the text format of Prometheus.
func (e *Emulator) Metrics(to io.Writer) error {
	return metrics.Write(to, metrics.Source{Requests: e.meter.all, Version: Version, Worlds: e.gauges})
}
