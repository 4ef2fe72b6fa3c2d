package skystack_test

import (
	"regexp"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// Autoscale is true, false or an object (S17, section 12): the response always has
// both the boolean and the policy in full, null where there is none. Min above
// max is a 400, and never more.
func TestAutoscale(t *testing.T) {
	standard := `{"enabled":true,"min":1,"max":3,"target_cpu":60,"cooldown_seconds":300}`
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		for sent, want := range map[string]string{
			``:                       `"autoscale":false,"autoscale_policy":null`,
			`,"autoscale":true`:      `"autoscale":true,"autoscale_policy":` + standard,
			`,"autoscale":false`:     `"autoscale":false,"autoscale_policy":null`,
			`,"autoscale":{}`:        `"autoscale":true,"autoscale_policy":` + standard,
			`,"autoscale":{"min":3}`: `"autoscale":true,"autoscale_policy":{"enabled":true,"min":3,"max":3,"target_cpu":60,"cooldown_seconds":300}`,
			`,"autoscale":{"enabled":false,"max":1000,"min":500,"target_cpu":100,"cooldown_seconds":3600}`: `"autoscale":false,"autoscale_policy":{"enabled":false,"min":500,"max":1000,"target_cpu":100,"cooldown_seconds":3600}`,
			`,"autoscale":{"min":2.0,"max":1e1}`: `"autoscale":true,"autoscale_policy":{"enabled":true,"min":2,"max":10,"target_cpu":60,"cooldown_seconds":300}`,
		} {
			r := s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1"`+sent+`}`).Wants(201)
			wantsPolicy(r, want)
		}
		for sent, violation := range map[string]string{
			`{"min":4}`:                    "autoscale.min:out_of_range", // above the max that true stands for
			`{"min":9,"max":8}`:            "autoscale.min:out_of_range",
			`{"min":500,"max":1}`:          "autoscale.min:out_of_range",
			`{"min":9.0,"max":8.0}`:        "autoscale.min:out_of_range",
			`{"min":1e2,"max":2}`:          "autoscale.min:out_of_range",
			`"true"`:                       "autoscale:invalid_type",
			`1`:                            "autoscale:invalid_type",
			`[]`:                           "autoscale:invalid_type",
			`{"min":0}`:                    "autoscale.min:out_of_range",
			`{"max":1001,"min":2}`:         "autoscale.max:out_of_range",
			`{"min":1.5}`:                  "autoscale.min:invalid_type",
			`{"target_cpu":101}`:           "autoscale.target_cpu:out_of_range",
			`{"cooldown_seconds":59}`:      "autoscale.cooldown_seconds:out_of_range",
			`{"enabled":"no"}`:             "autoscale.enabled:invalid_type",
			`{"max":99999999999999999999}`: "autoscale.max:out_of_range",
		} {
			r := s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1","autoscale":`+sent+`}`).Refused(400, "invalid_parameter")
			if got := r.Text("error.details.0.field") + ":" + r.Text("error.details.0.code"); got != violation {
				t.Errorf("%s: got %s, want %s", sent, got, violation)
			}
		}
	})
}

var policyID = regexp.MustCompile(`"id":"asp_[0-9A-Za-z]{11}",`)

// wantsPolicy is wantsText whatever the id of the policy is.
func wantsPolicy(r *wire.Reply, want string) {
	r.T.Helper()
	if got := string(policyID.ReplaceAll(r.Body, nil)); !strings.Contains(got, want) || strings.Contains(want, `_policy":{`) != policyID.Match(r.Body) {
		r.T.Errorf("%s: got\n%s, want in it\n%s", r.What, r.Body, want)
	}
}

// A patch of the policy merges too: an object changes what it names (S7).
func TestAutoscalePatch(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	id := made(s, "a", `,"autoscale":{"min":2,"max":5,"target_cpu":70}`)
	for _, c := range []struct {
		patch, want string
		version     int
	}{
		{`{"max":9}`, `"autoscale":true,"autoscale_policy":{"enabled":true,"min":2,"max":9,"target_cpu":70,"cooldown_seconds":300}`, 2},
		{`{"max":9}`, `"autoscale_policy":{"enabled":true,"min":2,"max":9`, 2},
		{`{"enabled":false}`, `"autoscale":false,"autoscale_policy":{"enabled":false,"min":2,"max":9,`, 3},
		{`true`, `"autoscale":true,"autoscale_policy":{"enabled":true,"min":1,"max":3,"target_cpu":60,"cooldown_seconds":300}`, 4},
		{`false`, `"autoscale":false,"autoscale_policy":null`, 5},
		{`false`, `"autoscale_policy":null`, 5},
		{`{"min":3}`, `"autoscale":true,"autoscale_policy":{"enabled":true,"min":3,"max":3,`, 6},
		{`null`, `"autoscale":false,"autoscale_policy":null`, 7},
		{`{"max":6.0}`, `"autoscale_policy":{"enabled":true,"min":1,"max":6`, 8},
	} {
		r := s.Patch("/v1/instances/"+id, `{"autoscale":`+c.patch+`}`).Wants(200).Has("version", c.version)
		wantsPolicy(r, c.want)
	}
	s.Patch("/v1/instances/"+id, `{"autoscale":{"min":7}}`).Refused(400, "invalid_parameter").
		Has("error.details.0.field", "autoscale.min").Has("error.details.0.code", "out_of_range").
		Has("error.details.0.message", "autoscale.min must not be above autoscale.max; they would be 7 and 6.")
	s.Patch("/v1/instances/"+id, `{"autoscale":{"min":7,"max":7}}`).Wants(200)
	s.Patch("/v1/instances/"+id, `{"autoscale":{"max":2}}`).Refused(400, "invalid_parameter")
	s.Get("/v1/instances/"+id).Has("version", 9).Has("autoscale_policy.min", 7)
}

// Whole numbers may be written as 1.0 or 1e1, fractions are refused; what is
// metadata comes back digit for digit all the same.
func TestNumbers(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixture("empty"))
	post := func(size, metadata string) *wire.Reply {
		return s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-1","storage":[{"size_gb":`+size+`}],"metadata":{"n":`+metadata+`}}`)
	}
	for size, want := range map[string]int{"1": 1, "1.0": 1, "1e1": 10, "1.6384E4": 16384, "100e-1": 10} {
		post(size, "1").Wants(201).Has("storage.0.size_gb", want)
	}
	for _, size := range []string{"1.5", "0.0", "-1", "1e5", "16384.5", "1e-1", `"1"`, "true", "null", "99999999999999999999"} {
		r := post(size, "1").Refused(400, "invalid_parameter")
		if got := r.Text("error.details.0.field"); got != "storage[0].size_gb" {
			t.Errorf("%s: the violation is about %s", size, got)
		}
	}
	for _, n := range []string{
		"9007199254740993", "-9007199254740993", "9223372036854775807", "-9223372036854775808", "18446744073709551615", "123456789012345678901234567890",
		"0.10", "1.0", "-0", "1e3", "1E+03", "3.141592653589793238462643383279",
	} {
		for _, size := range []string{"1", "1.0"} { // the second makes the body be written anew
			r := post(size, n).Wants(201)
			wantsText(r, `"metadata":{"n":`+n+`}`)
			wantsText(s.Get("/v1/instances/"+r.Text("id")), `"metadata":{"n":`+n+`}`)
		}
	}
	post("1", "1e400").Refused(400, "invalid_json")
}
