//go:build clients

package clients

import (
	"context"
	"net/http"
	"strconv"
	"testing"

	"clients/oapistacks"
	"clients/ogenstacks"

	"skystack.dev/sandbox/emulator/sandbox"
)

// The client that ogen makes of the ComputeStacks document has to compile; it is not run.
var _ = ogenstacks.NewClient

// ptr returns a pointer to a value.
func ptr[T any](v T) *T { return &v }

// The client of oapi-codegen orders WordPress with its database, waits until the order is
// completed, lists the services, deletes one and reads the error of what is gone.
func TestComputeStacks(t *testing.T) {
	e, ctx := start(t), t.Context()
	hand := sandbox.ComputeStacksCredentialsOf(e.Key(), 1) // 1 is the seed of a sandbox that names none
	c, err := oapistacks.NewClientWithResponses(e.URL(), oapistacks.WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}),
		oapistacks.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
			r.SetBasicAuth(hand.Username, hand.Password)
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	// The images 1 and 2 of the default world are MariaDB and WordPress, which requires it.
	database := oapistacks.OrderContainer{ImageId: ptr(1), ProductId: ptr(1)}
	blog := oapistacks.OrderContainer{ImageId: ptr(2), ProductId: ptr(1), Name: ptr("blog"), Params: &[]struct {
		Key   string  `json:"key"`
		Value *string `json:"value,omitempty"`
	}{{"title", ptr("Hi")}}}
	placed, err := c.CreateOrderWithResponse(ctx, oapistacks.CreateOrderJSONRequestBody{Order: oapistacks.OrderCreate{
		ProjectName: ptr("my blog"), Containers: &[]oapistacks.OrderContainer{database, blog},
	}})
	if err != nil || placed.JSON201 == nil {
		t.Fatalf("placed %+v, %v", placed, err)
	}
	completed := false
	for range 10 {
		got, err := c.GetOrderWithResponse(ctx, placed.JSON201.Order.Id)
		if err != nil || got.JSON200 == nil {
			t.Fatalf("get %+v, %v", got, err)
		}
		order := got.JSON200.Order
		if completed = order.Status == oapistacks.OrderStatusCompleted && order.Project != nil; completed {
			break
		}
	}
	if !completed {
		t.Fatal("the order does not become completed")
	}
	listed, err := c.ListContainerServicesWithResponse(ctx, &oapistacks.ListContainerServicesParams{})
	if err != nil || listed.JSON200 == nil || len(listed.JSON200.ContainerServices) != 2 {
		t.Fatalf("listed %+v, %v", listed, err)
	}
	id := ""
	for _, s := range listed.JSON200.ContainerServices {
		if s.Label == "blog" {
			id = strconv.Itoa(s.Id)
		}
	}
	gone, err := c.DeleteContainerServiceWithResponse(ctx, id)
	if err != nil || gone.JSON202 == nil {
		t.Fatalf("deleted %q: %+v, %v", id, gone, err)
	}
	missing := false
	for range 10 {
		after, err := c.GetContainerServiceWithResponse(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if missing = after.HTTPResponse.StatusCode == http.StatusNotFound; missing {
			if after.JSONDefault == nil || len(after.JSONDefault.Errors) != 1 {
				t.Fatalf("after the end: %s", after.Body)
			}
			break
		}
	}
	if !missing {
		t.Fatal("the service is still there")
	}
}
