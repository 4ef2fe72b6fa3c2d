package skystack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/skystack"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// violationsOf lists the details of a refusal as "field code".
func violationsOf(r *wire.Reply) string {
	r.T.Helper()
	var out []string
	list, _ := r.Find("error.details")
	for n := range list.([]any) {
		at := fmt.Sprintf("error.details.%d.", n)
		out = append(out, r.Text(at+"field")+" "+r.Text(at+"code"))
	}
	return strings.Join(out, ", ")
}

// Triggers that never come, conditions that can never hold and actions that lack
// what they need are refused, each violation by name; those that can be are not.
func TestRefusedJobs(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances("id: ins_a, labels: {tier: batch}"))
		other := s.Post("/v1/projects", `{"name":"other"}`).Wants(201).Text("id")
		const every, batch = `{"every":"1h"}`, `{"type":"stop","target":{"labels":{"tier":"batch"}}}`
		cond := func(c string) string { return jobOf(every, batch, `"condition":`+c) }
		for _, c := range []struct{ body, want string }{
			{jobOf(`{"cron":"0 0 30 2 *"}`, batch), "trigger.cron out_of_range"},
			{jobOf(`{"cron":"0 0 31 4,6,9,11 *"}`, batch), "trigger.cron out_of_range"},
			{jobOf(`{"cron":"0 0 31 2 1"}`, batch), ""}, // or Mondays
			{jobOf(`{"cron":"0 0 29 2 *"}`, batch), ""},
			{jobOf(`{"cron":"0 22-2 * * FRI-MON"}`, batch), ""},
			{jobOf(`{"cron":"* * * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"* * * * * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"60 * * * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"*/0 * * * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":", * * * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"@daily"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"TZ=UTC 0 0 * * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"CRON_TZ=UTC 0 0 * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"0 0 L * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":"H H * * *"}`, batch), "trigger.cron invalid_format"},
			{jobOf(`{"cron":""}`, batch), "trigger.cron too_short"},
			{jobOf(`{"every":"59s"}`, batch), "trigger.every out_of_range"},
			{jobOf(`{"every":"-5m"}`, batch), "trigger.every out_of_range"},
			{jobOf(`{"every":"8785h"}`, batch), "trigger.every out_of_range"},
			{jobOf(`{"every":"99999999999999h"}`, batch), "trigger.every invalid_format"},
			{jobOf(`{"every":"5"}`, batch), "trigger.every invalid_format"},
			{jobOf(`{"every":5}`, batch), "trigger.every invalid_type"},
			{jobOf(`{"at":"2026-03-19T10:22:44Z"}`, batch), "trigger.at out_of_range"},
			{jobOf(`{"at":"2026-03-19T11:22:44+01:00"}`, batch), "trigger.at out_of_range"},
			{jobOf(`{"at":"2026-03-19T10:22:45Z"}`, batch), ""},
			{jobOf(`{"at":"2201-01-01T00:00:00Z"}`, batch), "trigger.at out_of_range"},
			{jobOf(`{"at":"2200-12-31T23:30:00-01:00"}`, batch), "trigger.at out_of_range"}, // 2201 in UTC
			{jobOf(`{"at":"2201-01-01T00:30:00+01:00"}`, batch), ""},                        // 2200
			{jobOf(`{"at":"tomorrow"}`, batch), "trigger.at invalid_format"},
			{jobOf(`{"event":"instance.exploded"}`, batch), "trigger.event unknown_value"},
			{jobOf(`{"event":"inst*"}`, batch), "trigger.event unknown_value"},
			{jobOf(`{"event":"instance.*"}`, batch), ""},
			{jobOf(`{"event":"*"}`, batch), ""},
			{jobOf(`{}`, batch), "trigger required"},
			{jobOf(`{"every":"1h","cron":"0 0 * * *"}`, batch), "trigger.cron conflicting_parameters, trigger.every conflicting_parameters"},
			{jobOf(`{"every":"1s","cron":"0 0 30 2 *"}`, batch), "trigger.cron conflicting_parameters, trigger.every conflicting_parameters, trigger.cron out_of_range, trigger.every out_of_range"},

			{cond(`{}`), ""},
			{cond(`null`), ""},
			{cond(`{"status_in":[]}`), "condition.status_in conflicting_parameters"},
			{cond(`{"status_in":["running","stopped"]}`), ""},
			{cond(`{"status_in":["error","provisioning"]}`), "condition.status_in conflicting_parameters"}, // which do not stop
			{cond(`{"status_in":["dead"]}`), "condition.status_in[0] unknown_value"},
			{cond(`{"status_in":["stopped"],"metric":{"name":"cpu","op":"<","value":5}}`), "condition.status_in conflicting_parameters"},
			{jobOf(every, `{"type":"resize","size":"standard-4","target":{"labels":{"a":"b"}}}`, `"condition":{"status_in":["running","stopped"],"metric":{"name":"cpu","op":"<","value":5}}`), "condition.status_in conflicting_parameters"},
			{jobOf(every, `{"type":"resize","size":"standard-4","target":{"labels":{"a":"b"}}}`, `"condition":{"metric":{"name":"cpu","op":"<","value":5}}`), "condition.metric conflicting_parameters"},
			{jobOf(every, `{"type":"rebuild","target":{"labels":{"a":"b"}}}`, `"condition":{"metric":{"name":"cpu","op":"<","value":5}}`), ""},
			{jobOf(`{"event":"instance.deleted"}`, `{"type":"start"}`), "action.target required"},
			{jobOf(`{"event":"instance.deleted"}`, `{"type":"start","target":{"labels":{"a":"b"}}}`), ""},
			{cond(`{"labels":{"tier":"web"}}`), "condition.labels.tier conflicting_parameters"},
			{cond(`{"labels":{"tier":"batch","a":"b"}}`), ""},
			{cond(`{"labels":{"Tier!":"x"}}`), "condition.labels.Tier! invalid_format"},
			{cond(`{"older_than":"2h"}`), ""},
			{cond(`{"older_than":"-2h"}`), "condition.older_than out_of_range"},
			{cond(`{"older_than":"two hours"}`), "condition.older_than invalid_format"},
			{cond(`{"metric":{"name":"cpu","op":"<","value":0}}`), "condition.metric.value conflicting_parameters"},
			{cond(`{"metric":{"name":"cpu","op":"<=","value":0}}`), ""},
			{cond(`{"metric":{"name":"memory","op":">","value":100}}`), "condition.metric.value conflicting_parameters"},
			{cond(`{"metric":{"name":"memory","op":">=","value":100}}`), ""},
			{cond(`{"metric":{"name":"net_in","op":">","value":100}}`), ""},
			{cond(`{"metric":{"name":"net_in","op":"<=","value":-1}}`), "condition.metric.value conflicting_parameters"},
			{cond(`{"metric":{"name":"cpu","op":"<","value":5,"for":"59s"}}`), "condition.metric.for out_of_range"},
			{cond(`{"metric":{"name":"cpu","op":"<","value":5,"for":"25h"}}`), "condition.metric.for out_of_range"},
			{cond(`{"metric":{"name":"cpu","op":"<"}}`), "condition.metric.value required"},
			{cond(`{"metric":{"name":"luck","op":"~","value":5}}`), "condition.metric.name unknown_value, condition.metric.op unknown_value"},

			{jobOf(every, `{"type":"explode","target":{"labels":{"a":"b"}}}`), "action.type unknown_value"},
			{jobOf(every, `{"type":"snapshot","target":{"labels":{"a":"b"}}}`), "action.type unknown_value"},
			{jobOf(every, `{"type":"stop"}`), "action.target required"},
			{jobOf(`{"event":"instance.failed"}`, `{"type":"stop"}`), ""},
			{jobOf(`{"event":"token.revoked"}`, `{"type":"stop"}`), "action.target required"},
			{jobOf(`{"event":"*"}`, `{"type":"stop"}`), "action.target required"},
			{jobOf(every, `{"type":"stop","target":{}}`), "action.target required"},
			{jobOf(every, `{"type":"stop","target":{"labels":{}}}`), "action.target required"},
			{jobOf(every, `{"type":"stop","target":{"instance_ids":["ins_a"],"labels":{"a":"b"}}}`), "action.target conflicting_parameters"},
			{jobOf(every, `{"type":"stop","target":{"instance_ids":["ins_a","ins_x"]}}`), "action.target.instance_ids[1] unknown_value"},
			{jobOf(every, `{"type":"stop","target":{"instance_ids":["ins_a"]}}`, `"project_id":"`+other+`"`), "action.target.instance_ids[0] unknown_value"},
			{jobOf(every, batch, `"project_id":"prj_no"`), "project_id unknown_value"},
			{jobOf(every, `{"type":"resize","target":{"instance_ids":["ins_a"]}}`), "action.size required"},
			{jobOf(every, `{"type":"resize","size":"standard-1","profile":"standard-2","target":{"instance_ids":["ins_a"]}}`), "action.size conflicting_parameters"},
			{jobOf(every, `{"type":"resize","size":"giant","target":{"instance_ids":["ins_a"]}}`), "action.size unknown_value"},
			{jobOf(every, `{"type":"rebuild","image":"dos","target":{"instance_ids":["ins_a"]}}`), "action.image unknown_value"},
			{jobOf(every, `{"type":"delete","max_targets":0,"target":{"labels":{"a":"b"}}}`), "action.max_targets out_of_range"},
			{jobOf(every, `{"type":"create"}`), "action.instance required"},
			{jobOf(every, `{"type":"create","target":{"labels":{"a":"b"}},"instance":{"name":"a","region":"mars","size":"standard-1"}}`), "action.target conflicting_parameters, action.instance.region unknown_value"},
			{jobOf(every, `{"type":"create","instance":{"name":"a b","size":"standard-1","profile":"standard-2"}}`), "action.instance.name invalid_format, action.instance.region required, action.instance.size conflicting_parameters"},
			{jobOf(every, `{"type":"create","instance":{"name":"a","region":"eu-central","size":"standard-1","project_id":"`+other+`"}}`), "action.instance.project_id conflicting_parameters"},
			{jobOf(every, `{"type":"create","instance":{"name":"a","region":"eu-central","size":"standard-1"}}`, `"condition":{"older_than":"1h"}`), "condition conflicting_parameters"},
			{`{"name":"","trigger":{"every":"1h"},"action":{"type":"stop","target":{"labels":{"a":"b"}}}}`, "name too_short"},
			{`{"concurrency":"never"}`, "concurrency unknown_value, name required, trigger required, action required"},
		} {
			r := s.Post("/v1/jobs", c.body)
			if c.want == "" {
				r.Wants(201)
				continue
			}
			if got := violationsOf(r.Wants(400)); got != c.want {
				t.Errorf("%s\ngot  %s\nwant %s\n%s", c.body, got, c.want, r.Body)
			}
			if message := r.Text("error.message"); !strings.HasSuffix(message, ".") || strings.Contains(message, "%!") {
				t.Errorf("%s: the message is %q", c.body, message)
			}
		}
		s.Post("/v1/jobs", jobOf(every, `{"type":"stop","target":{"instance_ids":["ins_a","ins_a"]}}`)).Refused(400, "invalid_parameter").
			Has("error.details.0.code", "repeated").Has("error.message", "action.target.instance_ids must not have an item more than once.")
		s.Post("/v1/jobs?project_id=prj_no", jobOf(every, batch)).Refused(404, "project_not_found")
	})
}

// A workspace has a thousand jobs at most.
func TestQuotaOfJobs(t *testing.T) {
	r := newLook(t, "empty", skystack.Settings{}, engine.Clock{})
	for range 1000 {
		jobOn(t, r, `{"event":"webhook.test"}`)
	}
	code, body := r.ask(http.MethodPost, "/v1/jobs", jobOf(`{"every":"1h"}`, stopBatch))
	if e, _ := body["error"].(map[string]any); code != http.StatusForbidden || e["code"] != "quota_exceeded" {
		t.Error(code, body)
	}
	if _, quota := r.ask(http.MethodGet, "/v1/quota", ""); fmt.Sprint(quota["jobs"]) != "map[limit:1000 used:1000]" {
		t.Error(quota["jobs"])
	}
}

// What a patch leaves, replaces and refuses (S7).
func TestUpdateJob(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances("id: ins_a, labels: {tier: batch}"))
	job := newJob(s, jobOf(`{"cron":"0 0 * * *"}`, stopBatch, `"condition":{"status_in":["running"],"older_than":"1h","labels":{"a":"b"}}`))
	s.Get(job).Header("ETag", `"1.2026-01-15"`).Has("next_run_at", "2026-03-20T00:00:00Z")
	s.Patch(job, `{"name":"a","trigger":{"cron":"0 0 * * *"}}`).Wants(200).Has("version", 1)
	advanceClock(s, time.Minute)
	s.Patch(job, `{"trigger":{"every":"10m"}}`).Wants(200).Has("trigger", map[string]any{"every": "10m"}).Has("version", 2).
		Has("next_run_at", "2026-03-19T10:33:44Z").Has("updated_at", "2026-03-19T10:23:44Z").Has("condition.older_than", "1h")
	s.Patch(job, `{"trigger":{"every":null,"cron":"0 * * * *"}}`).Wants(200).Has("trigger", map[string]any{"cron": "0 * * * *"})
	s.Patch(job, `{"condition":{"older_than":null,"labels":{"a":null,"c":"d"}}}`).Wants(200).
		Has("condition", map[string]any{"status_in": []any{"running"}, "labels": map[string]any{"c": "d"}})
	s.Patch(job, `{"condition":null}`).Wants(200).Has("condition", nil)
	s.Patch(job, `{"action":{"target":{"instance_ids":["ins_a"]}}}`).Wants(200).Has("action", map[string]any{"type": "stop", "force": false, "target": map[string]any{"instance_ids": []any{"ins_a"}}})
	s.Patch(job, `{"action":{"type":"resize","profile":"standard-4"}}`).Wants(200).Has("action.size", "standard-4")
	s.Patch(job, `{"action":{"type":"start","force":true}}`).Wants(200).Has("action", map[string]any{"type": "start", "force": false, "target": map[string]any{"instance_ids": []any{"ins_a"}}})
	r := s.Patch(job, `{"concurrency":"queue","enabled":false}`).Wants(200).Has("concurrency", "queue").Has("next_run_at", nil)
	s.Patch(job, `{"name":"b"}`, "If-Match", `"1.2026-01-15"`).Refused(412, "precondition_failed")
	s.Patch(job, `{"name":"b"}`, "If-Match", r.Head.Get("ETag")).Wants(200).Has("name", "b")
	s.Delete(job, "If-Match", r.Head.Get("ETag")).Refused(412, "precondition_failed")
	for _, c := range []struct{ body, want string }{
		{`{"trigger":{"cron":null}}`, "trigger required"},
		{`{"trigger":{"cron":"0 0 30 2 *"}}`, "trigger.cron out_of_range"},
		{`{"trigger":{"at":"2020-01-01T00:00:00Z"}}`, "trigger.at out_of_range"},
		{`{"condition":{"metric":{"op":"<"}}}`, "condition.metric.name required, condition.metric.value required"},
		{`{"condition":{"status_in":["error"]}}`, "condition.status_in conflicting_parameters"},
		{`{"action":{"type":"create"}}`, "action.target conflicting_parameters, action.instance required"},
		{`{"action":{"target":null}}`, "action.target required"},
		{`{"action":{"target":{"instance_ids":["ins_x"]}}}`, "action.target.instance_ids[0] unknown_value"},
		{`{"id":"job_x","version":7,"next_run_at":null,"last_run_at":"2026-01-01T00:00:00Z"}`, "id immutable, last_run_at immutable, version immutable"},
	} {
		if got := violationsOf(s.Patch(job, c.body).Wants(400)); got != c.want {
			t.Errorf("%s: got %s, want %s", c.body, got, c.want)
		}
	}
	many := func(key string) string {
		var out []string
		for n := range 64 {
			out = append(out, fmt.Sprintf(`"%s%d":"v"`, key, n))
		}
		return `{"labels":{` + strings.Join(out, ",") + `}}`
	}
	full := newJob(s, jobOf(`{"every":"1h"}`, `{"type":"stop","target":`+many("a")+`}`, `"condition":`+many("a")))
	s.Patch(full, `{"condition":`+many("b")+`}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "too_long").
		Has("error.message", "condition.labels must have at most 64 members; it would have 128.")
	s.Patch(full, `{"action":{"target":`+many("b")+`}}`).Refused(400, "invalid_parameter").Has("error.details.0.code", "too_long").
		Has("error.message", "action.target.labels must have at most 64 members; it would have 128.")
	s.Get(job).Has("name", "b")
	s.Patch(job, `{"enabled":true,"trigger":{"at":"2026-03-19T10:30:00Z"}}`).Wants(200).Has("next_run_at", "2026-03-19T10:30:00Z")
	advanceClock(s, time.Hour)
	s.Patch(job, `{"name":"c"}`).Wants(200).Has("next_run_at", nil) // a moment that has passed stays
	s.Patch("/v1/jobs/job_none", `{}`).Refused(404, "job_not_found")
	s.Delete("/v1/jobs/job_none").Refused(404, "job_not_found")
}

// Conditions, each for itself and together.
func TestConditionsOfJobs(t *testing.T) {
	s := wire.Start(t, frozen(), withInstances(
		"id: ins_old, age: 3h, labels: {tier: batch, a: b}", "id: ins_new, age: 1h, labels: {tier: batch}", "id: ins_off, age: 3h, status: stopped, labels: {tier: batch}"))
	if err := s.SetLoad("ins_old", emulator.Busy(90)); err != nil {
		t.Fatal(err)
	}
	job := newJob(s, jobOf(`{"every":"1h"}`, `{"type":"delete","target":{"labels":{"tier":"batch"}}}`))
	for _, c := range []struct{ condition, want string }{
		{`null`, "ins_old ins_off ins_new"},
		{`{"status_in":["running"]}`, "ins_old ins_new"},
		{`{"status_in":["stopped","error"]}`, "ins_off"},
		{`{"labels":{"a":"b"}}`, "ins_old"},
		{`{"labels":{"a":"c"}}`, ""},
		{`{"older_than":"2h"}`, "ins_old ins_off"},
		{`{"older_than":"3h"}`, ""},
		{`{"older_than":"2h","status_in":["running"]}`, "ins_old"},
		{`{"metric":{"name":"cpu","op":">","value":80}}`, "ins_old"},
		{`{"metric":{"name":"cpu","op":">=","value":90}}`, "ins_old"},
		{`{"metric":{"name":"cpu","op":"<=","value":25}}`, "ins_new"}, // what is stopped has no metrics
		{`{"metric":{"name":"cpu","op":"<","value":25}}`, ""},
		{`{"metric":{"name":"cpu","op":">","value":80,"for":"1m"}}`, ""}, // the load was set this instant
		{`{"metric":{"name":"cpu","op":"<","value":80,"for":"1h"}}`, "ins_new"},
		{`{"metric":{"name":"cpu","op":"<","value":80,"for":"61m"}}`, ""},
		{`{"metric":{"name":"memory","op":">","value":30,"for":"30m"}}`, "ins_old ins_new"},
		{`{"metric":{"name":"net_in","op":">","value":1000000}}`, ""},
	} {
		s.Patch(job, `{"condition":null}`).Wants(200)
		s.Patch(job, `{"condition":`+c.condition+`}`).Wants(200)
		var got []string
		targets, _ := s.Post(job+"/run?dry_run=true", "").Wants(200).Find("would.targets")
		for _, target := range targets.([]any) {
			got = append(got, target.(map[string]any)["instance_id"].(string))
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", c.condition, got, c.want)
		}
	}
}

// FuzzTriggers: whatever a trigger says, it is refused with a sentence or has a
// next instant that lies ahead, and never more than a run a minute.
func FuzzTriggers(f *testing.F) {
	for _, seed := range [][2]string{
		{"cron", "*/15 * * * *"}, {"cron", "0 0 30 2 *"}, {"cron", "0 0 29 2 *"}, {"cron", "5-1/2 22-2 1,15 jan-dec SUN-7"}, {"cron", "THU"}, {"cron", "TZ=x * * * * *"},
		{"cron", "@every 1s"}, {"cron", "* * * * 8"}, {"cron", "9999999999 * * * *"}, {"every", "1m"}, {"every", "1h1ns"}, {"every", "1e9h"}, {"every", "-1m"},
		{"at", "2026-03-19T10:22:45Z"}, {"at", "9999-12-31T23:59:59-12:00"}, {"at", "0000-01-01T00:00:00Z"}, {"event", "instance.*"}, {"event", "*.*"}, {"event", ""},
	} {
		f.Add(seed[0], seed[1])
	}
	r := newLook(f, "empty", skystack.Settings{}, engine.Clock{})
	clean := r.world.Snapshot()
	f.Fuzz(func(t *testing.T, kind, value string) {
		if kind != "cron" && kind != "every" && kind != "at" && kind != "event" {
			return
		}
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.world.Restore(clean); err != nil {
			t.Fatal(err)
		}
		code, body := r.ask(http.MethodPost, "/v1/jobs", jobOf(`{"`+kind+`":`+string(text)+`}`, stopBatch))
		if code == http.StatusBadRequest {
			return
		}
		if code != http.StatusCreated {
			t.Fatal(code, body)
		}
		if kind == "event" {
			if body["next_run_at"] != nil {
				t.Fatal(body)
			}
			return
		}
		next, err := time.Parse(time.RFC3339, body["next_run_at"].(string))
		if err != nil || next.Before(testTime().Truncate(time.Second)) {
			t.Fatal(err, body)
		}
		if !r.world.AdvanceToNext() {
			return // beyond the end of time
		}
		if code, body = r.ask(http.MethodGet, "/v1/jobs/"+body["id"].(string), ""); code == http.StatusInternalServerError {
			t.Fatal(code, body)
		}
	})
}
