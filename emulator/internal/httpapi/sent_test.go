package httpapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/fail"
)

type parcel struct {
	Name   string            `json:"name"`
	Count  int               `json:"count"`
	Weight *float64          `json:"weight"`
	Gift   bool              `json:"gift"`
	Tags   []string          `json:"tags"`
	Labels map[string]string `json:"labels"`
	Items  []struct {
		Size int `json:"size"`
	} `json:"items"`
	Origin *struct {
		City string `json:"city"`
	} `json:"origin"`
	Raw jsontext.Value `json:"raw"`
}

// A value of the wrong type is left out of an input alone: its neighbors are there,
// and the items of lists keep their places.
func TestDecodeBodyWithWrongTypes(t *testing.T) {
	weight := 1.5
	for _, tc := range []struct {
		body   string
		want   parcel
		unread string // of the paths asked for below
	}{
		{`{"name":"a","count":2,"weight":1.5}`, parcel{Name: "a", Count: 2, Weight: &weight}, ""},
		{`{"name":"a","count":2.0,"gift":null}`, parcel{Name: "a", Count: 2}, ""},
		{`{"name":7,"count":2.7,"weight":1.5}`, parcel{Count: 2, Weight: &weight}, "name"},
		{`{"name":"a","count":"2","weight":"x","gift":1}`, parcel{Name: "a"}, "count weight gift"},
		{`{"count":1e30,"name":"a"}`, parcel{Name: "a"}, "count"},
		{`{"tags":["a",7,"",{}],"gift":true}`, parcel{Tags: []string{"a", "", "", ""}, Gift: true}, "tags[1] tags[3]"},
		{`{"tags":{"a":[1]},"name":"a"}`, parcel{Name: "a"}, "tags"},
		{`{"labels":{"a":1,"b":"c"}}`, parcel{Labels: map[string]string{"a": "", "b": "c"}}, "labels.a"},
		{`{"origin":7,"raw":{"a":[1]}}`, parcel{Raw: jsontext.Value(`{"a":[1]}`)}, "origin"},
		{`{"name":7,"origin":{"city":7}}`, parcel{Origin: &struct {
			City string `json:"city"`
		}{}}, "name origin.city"},
	} {
		var got parcel
		b, err := DecodeBody([]byte(tc.body), &got)
		if (err != nil) != (tc.unread != "") {
			t.Errorf("%s: error %v", tc.body, err)
		}
		if !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", tc.body, got, tc.want)
		}
		var unread []string
		for _, path := range []string{"name", "count", "weight", "gift", "tags", "tags[0]", "tags[1]", "tags[2]", "tags[3]", "labels.a", "labels.b", "origin", "origin.city", "raw"} {
			if b.Sent(path) && !b.Read(path) {
				unread = append(unread, path)
			}
		}
		if text := strings.Join(unread, " "); text != tc.unread {
			t.Errorf("%s: unread %q, want %q", tc.body, text, tc.unread)
		}
	}
}

func TestBodyPaths(t *testing.T) {
	var in parcel
	b, _ := DecodeBody([]byte(`{"name":"","gift":null,"count":0,"items":[{"size":1},{"size":"x"}],"origin":{"city":"Rome"},"raw":{"count":"x","name":"n"}}`), &in)
	for path, want := range map[string]string{
		"name": "sent read", "gift": "", "count": "sent read", "weight": "", "items": "sent read", "items[0].size": "sent read",
		"items[1].size": "sent", "items[2]": "", "items[-1]": "", "items.size": "", "items[x]": "", "origin.city": "sent read", "name.city": "", "raw.count": "sent read",
	} {
		var got []string
		if b.Sent(path) {
			got = append(got, "sent")
		}
		if b.Read(path) {
			got = append(got, "read")
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: %q, want %q", path, text, want)
		}
	}
	if b.Sent("gift", "weight") || !b.Sent("gift", "name") {
		t.Error("Sent of several members")
	}
	if got := b.Text("origin.city") + b.Text("count") + b.Text("nowhere.city"); got != "Rome" {
		t.Errorf("texts %q", got)
	}
	if of := b.In("items[1]"); of.Read("size") || !of.Sent("size") {
		t.Error("a part does not know what was left out")
	}
	var part parcel
	if of := b.Decode("raw", in.Raw, &part); part.Name != "n" || of.Read("count") || !of.Sent("count") || !of.Read("name") {
		t.Errorf("a part in JSON: %+v", part)
	}
	if (Body{}).Sent("name") || (Body{}).Read("name") || (Body{}).Text("name") != "" {
		t.Error("the zero body has members")
	}
}

// A check gets the same input whether the contract is kept or broken, apart from what
// has the wrong type, and its violations are reported in both cases.
func TestChecks(t *testing.T) {
	p := newTestAPI(t)
	calls := 0
	check := func(c *Call, in thing) []fail.Detail {
		calls++
		if c.Tx == nil {
			t.Error("no transaction")
		}
		d := fail.Detail{Field: "name", Location: fail.Body, Code: fmt.Sprintf("%s/%t/%t", in.Name, c.Body().Sent("name"), c.Body().Read("name"))}
		if in.Name == "good" {
			return nil
		}
		return []fail.Detail{d}
	}
	p.api.Handlers[1] = Handle("createThing", func(_ *Call, in thing) (thing, error) { return in, nil }, check, check)
	p.api.RenderError = func(_ *RequestContext, err *fail.Error) Response {
		text := ""
		for _, d := range err.Details {
			text += d.Code + ";"
		}
		return Response{Status: 400, Body: []byte(text)}
	}
	s := p.serve(t, Options{})
	for _, tc := range []struct{ target, body, want string }{
		{"/things", `{"name":"good"}`, `{"name":"good"}`},
		{"/things", `{"name":"bad"}`, "bad/true/true;bad/true/true;"},
		{"/things?x=%", `{"name":"bad"}`, "invalid_format;bad/true/true;bad/true/true;"},
		{"/things", `{"name":7}`, "invalid_type;/true/false;/true/false;"},
		{"/things", `{}`, "required;/false/false;/false/false;"},
		{"/things", `[]`, "invalid_type;"},
	} {
		if got := strings.TrimSpace(send(s, "POST", tc.target, tc.body).Body.String()); got != tc.want {
			t.Errorf("%s %s: %s, want %s", tc.target, tc.body, got, tc.want)
		}
	}
	if calls != 10 {
		t.Errorf("%d calls of checks", calls)
	}
}
