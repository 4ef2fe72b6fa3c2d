package skystack_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// What looks misspelt is named together with what was probably meant: in details
// where the request is refused, in the warning where it is not.
func TestMisspelt(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	for _, c := range []struct{ body, field, meant string }{
		{`{"name":"a","regoin":"us-east-1","size":"standard-1"}`, "regoin", "region"},
		{`{"Name":"a","region":"us-east-1","size":"standard-1"}`, "Name", "name"},
		{`{"name":"a","region":"us-east-1","sise":"standard-1"}`, "sise", "size"},
		{`{"name":"a","region":"us-east-1","size":"standard-1","storage":[{"sizeGB":10}]}`, "storage[0].sizeGB", "storage[0].size_gb"},
		{`{"name":"a","region":"us-east-1","size":"standard-1","image":7,"network":{"publicIp":true}}`, "network.publicIp", "network.public_ip"},
		{`{"name":"a","region":"us-east-1","size":"standard-1","image":7,"autoscale":{"targetcpu":5}}`, "autoscale.targetcpu", "autoscale.target_cpu"},
	} {
		r := s.Post("/v1/instances", c.body).Refused(400, "invalid_parameter")
		n := len(r.Strings("error.details", "field")) - 1
		at := "error.details." + string(rune('0'+n))
		r.Has(at+".field", c.field).Has(at+".code", "unknown_parameter").Has(at+".did_you_mean", c.meant).Has(at+".location", "body")
		if !strings.Contains(r.Text(at+".message"), "(did you mean "+c.meant+"?)") {
			t.Errorf("%s: %s", c.body, r.Text(at+".message"))
		}
	}
	s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1","lables":{"a":"b"},"x":1}`).Wants(201).Header("SkyStack-Sandbox-Warning",
		`unknown_parameter: body "lables" is ignored (did you mean labels?) | unknown_parameter: body "x" is ignored`)
	s.Post("/v1/instances", `{"name":"b","region":"us-east-1","size":"standard-1","lables":{}}`).Wants(201)
	s.Get("/v1/instances?statsu=running").Wants(200)
	found, records := s.Findings(), s.Requests(emulator.Match{Status: 201})
	want := []string{
		"createInstance was sent a misspelt member of the body, which is ignored: lables is not known here (did you mean labels?).",
		"listInstances was sent a misspelt query parameter, which is ignored: statsu is not known here (did you mean status?).",
	}
	if len(found) != 2 || found[0].Message != want[0] || found[1].Message != want[1] || found[0].Level != "warning" || found[0].Code != "unknown_parameter" {
		t.Errorf("the findings are %+v", found)
	}
	if len(records) != 2 || len(records[0].Violations) != 1 || records[0].Violations[0].Message != "lables is not known here (did you mean labels?)." {
		t.Errorf("the records are %+v", records)
	}
	s.Post("/v1/instances", `{"name":"a","region":"us-east-1","x":1}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "required").Lacks("error.details.1")
	s.Get("/v1/instances?statsu=running&limit=0").Refused(400, "invalid_parameter").Has("error.details.1.did_you_mean", "status")
	s.Get("/v1/instances?status=runnign").Refused(400, "invalid_parameter").Has("error.details.0.code", "unknown_value").Has("error.details.0.did_you_mean", "running")
	for _, c := range []struct{ member, value, noun, path, meant string }{
		{"region", "us-esat-1", "region", "/v1/regions", "us-east-1"}, {"size", "standrad-2", "size", "/v1/sizes", "standard-2"},
		{"image", "ubunut-24.04", "image", "/v1/images", "ubuntu-24.04"}, {"size", "standard2", "size", "/v1/sizes", "standard-2"},
		{"region", "mars", "region", "/v1/regions", ""},
	} {
		body := map[string]string{"name": "a", "region": "us-east-1", "size": "standard-1"}
		body[c.member] = c.value
		text, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		r := s.Post("/v1/instances", string(text)).Refused(400, "invalid_parameter").Has("error.details.0.field", c.member).Has("error.details.0.code", "unknown_value")
		hint := ""
		if c.meant == "" {
			r.Lacks("error.details.0.did_you_mean")
		} else {
			r.Has("error.details.0.did_you_mean", c.meant)
			hint = " (did you mean " + c.meant + "?)"
		}
		r.Has("error.details.0.message", `There is no `+c.noun+` "`+c.value+`"`+hint+`; GET `+c.path+` lists them.`)
	}
	s.Post("/v1/webhooks", `{"url":"http://127.0.0.1:1/","event_types":["*"],"signature_format":"bodyhex"}`).Refused(400, "invalid_parameter").
		Has("error.details.0.did_you_mean", "body_hex")
}

// Of very many unknown members a few are named and the rest is counted: clients read
// no megabytes of headers (S50).
func TestManyUnknownMembers(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	var more strings.Builder
	for n := range 50_000 {
		fmt.Fprintf(&more, `,"m%05d":1`, n)
	}
	reply := s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1"`+more.String()+"}").Wants(201)
	warnings := reply.Head.Values("SkyStack-Sandbox-Warning")
	if len(warnings) != 21 || warnings[0] != `unknown_parameter: body "m00000" is ignored` || warnings[20] != "unknown_parameter: 49980 more are ignored" {
		t.Errorf("%d warnings: %.300q", len(warnings), warnings)
	}
	one := s.Post("/v1/instances", `{"name":"b","region":"us-east-1","size":"standard-1"`+more.String()[:20*len(`,"m00000":1`)]+"}").Wants(201)
	if warnings := one.Head.Values("SkyStack-Sandbox-Warning"); len(warnings) != 20 || warnings[19] != `unknown_parameter: body "m00019" is ignored` {
		t.Errorf("%d warnings: %.300q", len(warnings), warnings)
	}
}
