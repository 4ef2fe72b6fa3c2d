package testclient_test

import (
	"context"
	"net/http"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/testclient"
)

// machine is an instance in the hands of the generated client.
type machine struct {
	t      *testing.T
	client *testclient.ClientWithResponses
	id     string
}

// reads polls until the instance is in the wanted status, as any client would. The
// sandbox's clock is auto: it takes whoever polls to the end of the transition.
func (m machine) reads(want testclient.InstanceStatus) testclient.Instance {
	m.t.Helper()
	for range 5 {
		r, err := m.client.GetInstanceWithResponse(context.Background(), m.id, &testclient.GetInstanceParams{})
		if err != nil {
			m.t.Fatal(err)
		}
		if r.JSON200 == nil {
			m.t.Fatalf("get: %s: %s", r.HTTPResponse.Status, r.Body)
		}
		if r.JSON200.Status == want {
			return *r.JSON200
		}
	}
	m.t.Fatalf("the instance does not become %s", want)
	return testclient.Instance{}
}

// does begins an action and polls it to its end.
func (m machine) does(action testclient.ActionCreate) {
	m.t.Helper()
	r, err := m.client.CreateInstanceActionWithResponse(context.Background(), m.id, &testclient.CreateInstanceActionParams{}, action)
	if err != nil {
		m.t.Fatal(err)
	}
	if r.JSON202 == nil || r.HTTPResponse.Header.Get("Retry-After") == "" {
		m.t.Fatalf("%s: %s: %s", action.Type, r.HTTPResponse.Status, r.Body)
	}
	for range 5 {
		a, err := m.client.GetActionWithResponse(context.Background(), r.JSON202.Id, &testclient.GetActionParams{})
		if err != nil {
			m.t.Fatal(err)
		}
		if a.JSON200 == nil {
			m.t.Fatalf("action: %s: %s", a.HTTPResponse.Status, a.Body)
		}
		if a.JSON200.Status == testclient.Completed {
			return
		}
	}
	m.t.Fatalf("%s does not end", action.Type)
}

// S8, S9, S50, S51, S54, S58: a client that a tool made of the contract runs a
// machine from its creation to its end, by either door.
func TestGeneratedClientRunsAMachine(t *testing.T) {
	for name, door := range map[string]func(e *emulator.Emulator) (string, *http.Client){
		"in-process": func(e *emulator.Emulator) (string, *http.Client) { return "http://localhost", e.Client() },
		"socket": func(e *emulator.Emulator) (string, *http.Client) {
			return e.URL(), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := emulator.Start(t, emulator.WithResponseCheck(), emulator.WithFixture("empty"), emulator.WithSpeed("realistic"), emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock}))
			base, doer := door(e)
			client, err := testclient.NewClientWithResponses(base, testclient.WithHTTPClient(doer),
				testclient.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
					r.Header.Set("Authorization", "Bearer "+e.Key())
					return nil
				}))
			if err != nil {
				t.Fatal(err)
			}
			run(t, client)
		})
	}
}

func run(t *testing.T, client *testclient.ClientWithResponses) {
	ctx, size, bigger := context.Background(), "standard-2", "c4-standard"
	tier := "web"
	labels := map[string]*string{"tier": &tier} // a null label is accepted, and counts as none
	created, err := client.CreateInstanceWithResponse(ctx, &testclient.CreateInstanceParams{}, testclient.InstanceCreate{
		Name: "web-1", Region: "eu-central", Size: &size, Labels: &labels, Storage: &[]testclient.VolumeCreate{{SizeGb: 20}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if created.JSON201 == nil || created.JSON201.Status != testclient.InstanceStatusProvisioning || created.JSON201.Ip != nil {
		t.Fatalf("create: %s: %s", created.HTTPResponse.Status, created.Body)
	}
	m := machine{t, client, created.JSON201.Id}
	if got := m.reads(testclient.InstanceStatusRunning); got.Ip == nil || got.Name != "web-1" || got.Labels["tier"] != "web" || len(got.Storage) != 1 || got.Storage[0].Type != "ssd" {
		t.Errorf("running: %+v", got)
	}
	m.does(testclient.ActionCreate{Type: testclient.ActionCreateTypeStop})
	m.reads(testclient.InstanceStatusStopped)
	m.does(testclient.ActionCreate{Type: testclient.ActionCreateTypeResize, Profile: &bigger})
	if got := m.reads(testclient.InstanceStatusStopped); got.Size == nil || *got.Size != bigger {
		t.Errorf("resized: %+v", got)
	}
	m.does(testclient.ActionCreate{Type: testclient.ActionCreateTypeStart})
	m.reads(testclient.InstanceStatusRunning)

	status := []testclient.InstanceStatus{testclient.InstanceStatusRunning}
	listed, err := client.ListInstancesWithResponse(ctx, &testclient.ListInstancesParams{Status: &status, Label: &[]string{"tier:web"}})
	if err != nil {
		t.Fatal(err)
	}
	if l := listed.JSON200; l == nil || len(l.Data) != 1 || l.Data[0].Id != m.id || l.NextCursor != nil || l.Pagination == nil || l.Pagination.Total != 1 {
		t.Errorf("list: %s: %s", listed.HTTPResponse.Status, listed.Body)
	}
	for range 2 { // the second is a repetition (S57)
		gone, err := client.DeleteInstanceWithResponse(ctx, m.id, &testclient.DeleteInstanceParams{})
		if err != nil {
			t.Fatal(err)
		}
		if gone.HTTPResponse.StatusCode != http.StatusNoContent || len(gone.Body) != 0 {
			t.Errorf("delete: %s: %s", gone.HTTPResponse.Status, gone.Body)
		}
	}
	r, err := client.GetInstanceWithResponse(ctx, m.id, &testclient.GetInstanceParams{})
	if err != nil {
		t.Fatal(err)
	}
	if r.HTTPResponse.StatusCode != http.StatusNotFound || r.JSONDefault == nil || r.JSONDefault.Error.Code != "instance_not_found" || r.JSONDefault.Error.RequestId != r.HTTPResponse.Header.Get("X-Request-Id") {
		t.Errorf("after the end: %s: %s", r.HTTPResponse.Status, r.Body)
	}
}
