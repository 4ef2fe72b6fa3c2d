//go:build clients

// Package clients runs clients that generators make of the whole contract, as it is,
// against a sandbox. It is not part of the module, and its dependencies are not either:
// run.sh copies it into a module of its own, makes the clients and runs the tests.
package clients

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"clients/oapi"
	"clients/ogen"

	"skystack.dev/sandbox/emulator"
)

// start is a sandbox whose clock moves to what a client polls for.
func start(t *testing.T) *emulator.Emulator {
	return emulator.Start(t, emulator.WithResponseCheck(), emulator.WithFixture("empty"), emulator.WithSpeed("realistic"),
		emulator.WithClock(emulator.Clock{Mode: emulator.AutoClock}))
}

// key hands out the key of a sandbox.
type key string

func (k key) BearerAuth(context.Context, ogen.OperationName) (ogen.BearerAuth, error) {
	return ogen.BearerAuth{Token: string(k)}, nil
}

// The client of ogen creates an instance, waits until it runs, lists it, reads its
// events by their type, deletes it and reads the error of what is gone.
func TestOgen(t *testing.T) {
	e, ctx := start(t), t.Context()
	c, err := ogen.NewClient(e.URL(), key(e.Key()))
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.CreateInstance(ctx, &ogen.InstanceCreate{Name: "web-1", Region: "eu-central", Size: ogen.NewOptNilSlugOrNull("standard-2")}, ogen.CreateInstanceParams{})
	if err != nil {
		t.Fatal(err)
	}
	created, ok := made.(*ogen.InstanceCreatedHeaders)
	if !ok || created.Response.Status != ogen.InstanceStatusProvisioning || created.Location.Value != "/v1/instances/"+created.Response.ID {
		t.Fatalf("created %+v", made)
	}
	id := created.Response.ID
	running := false
	for range 5 {
		got, err := c.GetInstance(ctx, ogen.GetInstanceParams{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if found, ok := got.(*ogen.InstanceFoundHeaders); ok && found.Response.Status == ogen.InstanceStatusRunning {
			running = true
			break
		}
	}
	if !running {
		t.Fatal("the instance does not become running")
	}
	listed, err := c.ListInstances(ctx, ogen.ListInstancesParams{Status: []ogen.InstanceStatus{ogen.InstanceStatusRunning}})
	if err != nil || len(listed.Response.Data) != 1 || listed.Response.Data[0].ID != id {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	events, err := c.ListEvents(ctx, ogen.ListEventsParams{Type: []string{"instance.running", "action.completed"}})
	if err != nil || len(events.Response.Data) != 2 {
		t.Fatalf("events %+v, %v", events, err)
	}
	for _, event := range events.Response.Data {
		if i, ok := event.GetInstanceEvent(); ok && (i.Data.Object.ID != id || event.Type != ogen.EventInstanceRunningEvent) {
			t.Errorf("event %+v", event)
		}
		if a, ok := event.GetActionEvent(); ok && (a.Data.Object.InstanceID != id || a.Data.Object.Type != ogen.ActionTypeCreate) {
			t.Errorf("event %+v", event)
		}
	}
	if _, err := c.DeleteInstance(ctx, ogen.DeleteInstanceParams{ID: id}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GetInstance(ctx, ogen.GetInstanceParams{ID: id})
	var refused *ogen.ErrorStatusCodeWithHeaders
	if !errors.As(err, &refused) || refused.StatusCode != http.StatusNotFound || refused.Response.Error.Code != ogen.ErrorCodeInstanceNotFound ||
		refused.Response.Error.RequestID != refused.XRequestID.Value {
		t.Fatalf("after the end: %v", err)
	}
}

// The client of oapi-codegen does the same.
func TestOapiCodegen(t *testing.T) {
	e, ctx := start(t), t.Context()
	c, err := oapi.NewClientWithResponses(e.URL(), oapi.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}),
		oapi.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.Header.Set("Authorization", "Bearer "+e.Key())
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	size := "standard-2"
	created, err := c.CreateInstanceWithResponse(ctx, &oapi.CreateInstanceParams{}, oapi.InstanceCreate{Name: "web-1", Region: "eu-central", Size: &size})
	if err != nil || created.JSON201 == nil || created.JSON201.Status != oapi.InstanceStatusProvisioning {
		t.Fatalf("created %+v, %v", created, err)
	}
	id := created.JSON201.Id
	running := false
	for range 5 {
		got, err := c.GetInstanceWithResponse(ctx, id, &oapi.GetInstanceParams{})
		if err != nil || got.JSON200 == nil {
			t.Fatalf("get %+v, %v", got, err)
		}
		if running = got.JSON200.Status == oapi.InstanceStatusRunning; running {
			break
		}
	}
	if !running {
		t.Fatal("the instance does not become running")
	}
	listed, err := c.ListInstancesWithResponse(ctx, &oapi.ListInstancesParams{Status: &[]oapi.InstanceStatus{oapi.InstanceStatusRunning}})
	if err != nil || listed.JSON200 == nil || len(listed.JSON200.Data) != 1 || listed.JSON200.Data[0].Id != id {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	events, err := c.ListEventsWithResponse(ctx, &oapi.ListEventsParams{Type: &[]string{"instance.running"}})
	if err != nil || events.JSON200 == nil || len(events.JSON200.Data) != 1 {
		t.Fatalf("events %+v, %v", events, err)
	}
	event, err := events.JSON200.Data[0].ValueByDiscriminator()
	if i, ok := event.(oapi.InstanceEvent); err != nil || !ok || i.Data.Object.Id != id || i.Type != oapi.EventTypeInstanceRunning {
		t.Fatalf("event %+v, %v", event, err)
	}
	gone, err := c.DeleteInstanceWithResponse(ctx, id, &oapi.DeleteInstanceParams{})
	if err != nil || gone.HTTPResponse.StatusCode != http.StatusNoContent {
		t.Fatalf("deleted %+v, %v", gone, err)
	}
	after, err := c.GetInstanceWithResponse(ctx, id, &oapi.GetInstanceParams{})
	if err != nil || after.JSONDefault == nil || after.HTTPResponse.StatusCode != http.StatusNotFound || after.JSONDefault.Error.Code != oapi.ErrorCodeInstanceNotFound {
		t.Fatalf("after the end: %+v, %v", after, err)
	}
}
