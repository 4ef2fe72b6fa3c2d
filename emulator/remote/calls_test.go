package remote

import (
	"testing"
	"time"

	"skystack.dev/sandbox/emulator/sandbox"
)

var noon = time.Date(2026, 3, 19, 12, 0, 0, 0, time.UTC)

// What the workspace knows needs no request.
func TestWhatNeedsNoRequest(t *testing.T) {
	f, w := connected(t)
	if w.ID() != "wsp_a" || w.Key() != testKey || w.URL() != f.URL {
		t.Errorf("%q, %q, %q", w.ID(), w.Key(), w.URL())
	}
	if _, ok := w.Instance(""); ok {
		t.Error("an instance without an id")
	}
	if _, ok := w.Project(""); ok {
		t.Error("a project without an id")
	}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"Finish":            {w.Finish(""), "the id of the instance is empty"},
		"Fail":              {w.Fail("", "x"), "the id of the instance is empty"},
		"SetLoad":           {w.SetLoad("", sandbox.Load{}), "the id of the instance is empty"},
		"WaitForStatus":     {second(w.WaitForStatus(t.Context(), "", "running")), "the id of the instance is empty"},
		"Load":              {w.Load("testdata/none.yml"), "the fixture cannot be read: open testdata/none.yml: no such file or directory"},
		"LoadData":          {w.LoadData("w.yaml", []byte("ab\xffc")), "fixture w.yaml: byte 2 is not UTF-8 text"},
		"Import":            {w.Import(nil), "there is nothing to import: the reader is nil"},
		"Restore":           {w.Restore(nil), "there is no snapshot to restore"},
		"Restore typed nil": {w.Restore((*Snapshot)(nil)), "there is no snapshot to restore"},
		"AdvanceTo":         {w.AdvanceTo(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)), "POST /_sandbox/clock/advance: json: error calling MarshalJSON for type time.Time: Time.MarshalJSON: year outside of range [0,9999]"},
		"CreateInstance": {
			second(w.CreateInstance(sandbox.Instance{Metadata: map[string]any{"c": make(chan int)}})),
			"POST /_sandbox/instances: json: unsupported type: chan int",
		},
	} {
		if tc.err == nil || tc.err.Error() != tc.want {
			t.Errorf("%s: %v, want %s", name, tc.err, tc.want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// A waiting method asks again as long as there is no response.
func TestWaitingAsksAgain(t *testing.T) {
	const (
		ask   = "GET /_sandbox/requests?limit=1&wait=10s"
		first = "GET /_sandbox/instances/ins_1?status=running"
		look  = first + "&wait=10s"
	)
	_, w := connected(t,
		exchange{want: ask, status: 200, body: `{"data":[]}`}, exchange{want: ask, status: 200, body: `{"data":[{"seq":1}]}`},
		exchange{want: first, status: 200, body: `{"id":"ins_1","name":"a","status":"provisioning"}`},
		exchange{want: look, status: 200, body: `{"id":"ins_1","name":"a","status":"provisioning"}`},
		exchange{want: look, status: 200, body: `{"id":"ins_1","name":"a","status":"running"}`},
		exchange{want: first, status: 404, body: refused("instance_not_found", "No instance ins_1.")},
		exchange{want: look, status: 404, body: refused("instance_not_found", "No instance ins_1.")},
		exchange{want: look, status: 200, body: `{"id":"ins_1","name":"a","status":"running"}`},
		exchange{want: first, status: 200, body: `{"id":"ins_1","name":"a","status":"stopped"}`},
		exchange{want: look, status: 403, body: refused("insufficient_scope", "The key lacks the scope *.")},
		exchange{want: "POST /_sandbox/webhooks/flush?wait=10s", status: 200, body: `{"flushed":false}`},
		exchange{want: "POST /_sandbox/webhooks/flush?wait=10s", status: 200, body: `{"flushed":true}`},
	)
	if r, err := w.WaitForRequest(t.Context(), sandbox.Match{}); err != nil || r.Seq != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if i, err := w.WaitForStatus(t.Context(), "ins_1", "running"); err != nil || i.Status != "running" {
		t.Errorf("%+v, %v", i, err)
	}
	// It may be created yet.
	if i, err := w.WaitForStatus(t.Context(), "ins_1", "running"); err != nil || i.Status != "running" {
		t.Errorf("%+v, %v", i, err)
	}
	_, err := w.WaitForStatus(t.Context(), "ins_1", "running")
	if want := "waiting for instance ins_1 to be running: it is stopped: The key lacks the scope * (403 insufficient_scope, request ctl_9)"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := w.FlushWebhooks(t.Context()); err != nil {
		t.Error(err)
	}
}
