package job

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/httpapi"
)

// found writes the fields and codes of violations.
func found(details []fail.Detail) (text string) {
	for _, d := range details {
		text += d.Field + " " + d.Code + ";"
	}
	return text
}

// A definition has what its action needs, and nothing that contradicts it.
func TestCheckDefinition(t *testing.T) {
	r := newRig(t)
	for definition, want := range map[string]string{
		`{"trigger":{"every":"1s"}}`:                                                                               "trigger.every out_of_range;",
		`{"action":{"type":"stop","target":{"labels":{"a":"b"}}}}`:                                                 "",
		`{"action":{"type":"stop","target":{"labels":{"a":"b"},"instance_ids":["ins_1"]}}}`:                        "action.target conflicting_parameters;",
		`{"action":{"type":"stop","target":{}}}`:                                                                   "action.target required;",
		`{"action":{"type":"stop","target":{"instance_ids":[]}}}`:                                                  "action.target required;",
		`{"action":{"type":"stop"}}`:                                                                               "action.target required;",
		`{"action":{"type":"stop"},"trigger":{"event":"instance.running"}}`:                                        "",
		`{"action":{"type":"stop"},"trigger":{"event":"*"}}`:                                                       "action.target required;", // some are about no instance
		`{"action":{"type":"resize","target":{"labels":{"a":"b"}}}}`:                                               "action.size required;",
		`{"action":{"type":"resize","size":"x","profile":"x","target":{"labels":{"a":"b"}}}}`:                      "",
		`{"action":{"type":"resize","size":"x","profile":"y","target":{"labels":{"a":"b"}}}}`:                      "action.size conflicting_parameters;",
		`{"action":{"type":"update","target":{"labels":{"a":"b"}},"changes":{"name":"x"}}}`:                        "action.changes required;",
		`{"action":{"type":"update","target":{"labels":{"a":"b"}},"changes":{"labels":{"a":null}}}}`:               "",
		`{"action":{"type":"stop","target":{"instance_ids":7}}}`:                                                   "",
		`{"action":{"type":"stop","target":7}}`:                                                                    "action.target required;",
		`{"action":{"type":"resize","size":"","target":{"labels":{"a":"b"}}}}`:                                     "",
		`{"action":{"type":"resize","size":"","profile":"x","target":{"labels":{"a":"b"}}}}`:                       "action.size conflicting_parameters;",
		`{"action":{"type":"resize","size":7,"target":{"labels":{"a":"b"}}}}`:                                      "action.size required;",
		`{"action":{"type":"update","target":{"labels":{"a":"b"}},"changes":7}}`:                                   "action.changes required;",
		`{"action":{"type":"stop","target":{"labels":{"a":{}}}},"condition":{"labels":{"a":{}}}}`:                  "", // the contract reports them
		`{"action":7,"trigger":7,"condition":7}`:                                                                   "",
		`{"action":{"type":"create","instance":7}}`:                                                                "action.instance required;",
		`{"action":{"type":"create"}}`:                                                                             "action.instance required;",
		`{"action":{"type":"create","instance":{"size":"x"}}}`:                                                     "",
		`{"action":{"type":"create","instance":{"size":"x"},"target":{"labels":{"a":"b"}}}}`:                       "action.target conflicting_parameters;",
		`{"action":{"type":"create","instance":{"size":"x"}},"condition":{}}`:                                      "condition conflicting_parameters;",
		`{"action":{"type":"stop","target":{"labels":{"a":"b"}}},"condition":{"older_than":"x"}}`:                  "condition.older_than invalid_format;",
		`{"action":{"type":"stop","size":"none","target":{"labels":{"a":"b"}}}}`:                                   "action.size unknown_value;",
		`{"action":{"type":"create","instance":{"size":"none"}}}`:                                                  "action.instance.size unknown_value;",
		`{"action":{"type":"stop","target":{"labels":{"a":"b"}}},"condition":{"status_in":[]},"trigger":{"x":""}}`: "trigger required;condition.status_in conflicting_parameters;",
	} {
		d, body := read(definition)
		r.do(func(tx *engine.Tx) {
			if got := found(r.store.CheckDefinition(&httpapi.Call{Tx: tx}, d, body, tx.Now())); got != want {
				t.Errorf("%s: %q, want %q", definition, got, want)
			}
		})
	}
}

// A target names instances of the project of the job.
func TestCheckTargets(t *testing.T) {
	r := newRig(t)
	r.do(func(tx *engine.Tx) {
		ids := &Target{InstanceIDs: []string{"ins_1", "ins_2"}}
		if got, want := found(r.store.CheckTargets(tx, "prj_1", ids)), "action.target.instance_ids[1] unknown_value;"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if got := r.store.CheckTargets(tx, "prj_2", ids); len(got) != 2 {
			t.Errorf("%d violations in another project, want 2", len(got))
		}
		if got := r.store.CheckTargets(tx, "prj_1", nil); got != nil {
			t.Error(got)
		}
	})
}

// A patch is merged member by member; an alternative that is set replaces the others, and
// the result is checked like a new definition.
func TestPatched(t *testing.T) {
	for _, tc := range []struct{ definition, patch, want string }{ // want is a definition, a violation, or "" for no difference
		{`{"trigger":{"every":"1h"}}`, `{}`, ""},
		{`{"trigger":{"every":"1h"}}`, `{"name":"j","enabled":true,"concurrency":"skip","condition":{}}`, ""},
		{`{"action":{"type":"resize","size":"none","target":{"labels":{"a":"b"}}}}`, `{"name":"j"}`, ""}, // the size has gone since
		{`{"trigger":{"every":"1h"}}`, `{"trigger":{"cron":"0 0 * * *"}}`, `{"trigger":{"cron":"0 0 * * *"}}`},
		{`{"trigger":{"every":"1h"}}`, `{"trigger":{"every":"1s"}}`, "trigger.every out_of_range"},
		{`{"trigger":{"at":"2020-01-01T00:00:00Z"}}`, `{"name":"k"}`, `{"name":"k","trigger":{"at":"2020-01-01T00:00:00Z"}}`}, // it has passed, and stays
		{`{"trigger":{"every":"1h"}}`, `{"trigger":{"at":"2020-01-01T00:00:00Z"}}`, "trigger.at out_of_range"},
		{`{"condition":{"older_than":"1h","labels":{"a":"b","c":"d"}}}`, `{"condition":{"older_than":null,"labels":{"a":null}}}`, `{"condition":{"labels":{"c":"d"}}}`},
		{`{"condition":{"older_than":"1h"}}`, `{"condition":null}`, `{}`},
		{`{"condition":{"labels":{"a":"b","c":"d"}}}`, `{"condition":{"labels":{"e":"f"}}}`, "condition.labels too_long"},
		{`{"condition":{"metric":{"name":"cpu","op":">","value":1}}}`, `{"condition":{"metric":{"op":null}}}`, "condition.metric.op required"},
		{`{"action":{"type":"stop","target":{"labels":{"a":"b"}}}}`, `{"action":{"target":{"instance_ids":["ins_1"]}}}`, `{"action":{"type":"stop","target":{"instance_ids":["ins_1"]}}}`},
		{`{"action":{"type":"stop","target":{"labels":{"a":"b","c":"d"}}}}`, `{"action":{"target":{"labels":{"e":"f"}}}}`, "action.target.labels too_long"},
		{`{"action":{"type":"create","instance":{"size":"x","name":"y"}}}`, `{"action":{"instance":{"size":"z"}}}`, `{"action":{"type":"create","instance":{"size":"z"}}}`},
		{`{"action":{"type":"resize","size":"x","target":{"labels":{"a":"b"}}}}`, `{"action":{"machine_type":"y"}}`, `{"action":{"type":"resize","size":"y","target":{"labels":{"a":"b"}}}}`},
		{`{"action":{"type":"update","changes":{"labels":{"a":"b"}},"target":{"labels":{"a":"b"}}}}`, `{"action":{"changes":{"labels":{"a":null}}}}`,
			`{"action":{"type":"update","changes":{"labels":{"a":null}},"target":{"labels":{"a":"b"}}}}`},
	} {
		r := newRig(t)
		defined := func(text string) (j Job) {
			d := Definition{Name: "j", Trigger: Trigger{Every: "1h"}, Action: ActionInput{Action: Action{Type: Stop, Target: &Target{InstanceIDs: []string{"ins_1"}}}}}
			members := map[string]jsontext.Value{}
			err := json.Unmarshal([]byte(text), &members)
			if members["trigger"] != nil {
				d.Trigger = Trigger{}
			}
			if members["action"] != nil {
				d.Action = ActionInput{}
			}
			if err == nil {
				err = json.Unmarshal([]byte(text), &d)
			}
			if err != nil {
				t.Fatal(text, err)
			}
			j.Define(d)
			return j
		}
		before := defined(tc.definition)
		var p Patch
		if err := json.Unmarshal([]byte(tc.patch), &p); err != nil {
			t.Fatal(err)
		}
		r.do(func(tx *engine.Tx) {
			after, differs, err := r.store.Patched(&httpapi.Call{Tx: tx}, before, p)
			var refused *fail.Error
			switch {
			case err != nil:
				if !errors.As(err, &refused) || found(refused.Details) != tc.want+";" {
					t.Errorf("%s: %+v, want %s", tc.patch, err, tc.want)
				}
			case differs != (tc.want != ""):
				t.Errorf("%s: differs is %t", tc.patch, differs)
			case differs && (tc.want[0] != '{' || string(after.definition()) != string(defined(tc.want).definition())):
				t.Errorf("%s: %s, want %s", tc.patch, after.definition(), tc.want)
			}
		})
	}
}
