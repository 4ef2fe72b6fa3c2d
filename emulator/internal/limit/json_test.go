package limit

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestJSON(t *testing.T) {
	var u Usage
	if got := string(encode(t, u)); got != "{}" {
		t.Errorf("unused: %s", got)
	}
	take(t, &u, noon, limits(9, 9), 2)
	take(t, &u, noon.Add(1500*time.Millisecond), limits(9, 9), 1)
	want := `{"minute":[{"at":"2026-03-19T12:00:30Z","n":2},{"at":"2026-03-19T12:00:31.5Z","n":1}],` +
		`"day":3,"last":"2026-03-19T12:00:31.5Z"}`
	if got := string(encode(t, u)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	reload(t, u)
}

func TestJSONRefused(t *testing.T) {
	for _, tc := range []struct{ name, in, want string }{
		{"empty", ``, "not an object"},
		{"null", `null`, "not an object"},
		{"list", `[]`, "not an object"},
		{"cut off", `{"day":3`, "EOF"},
		{"two values", `{} {}`, "more than one"},
		{"unknown member", `{"hour":1}`, "hour"},
		{"no instant", `{"minute":[{"at":"noon","n":1}]}`, "noon"},
		{"no requests", `{"minute":[{"at":"2026-03-19T12:00:30Z","n":0}]}`, "minute[0].n"},
		{"too many", `{"minute":[{"at":"2026-03-19T12:00:30Z","n":9223372036854775807},{"at":"2026-03-19T12:00:31Z","n":1}]}`, "minute[1].n"},
		{"out of order", `{"minute":[{"at":"2026-03-19T12:00:30Z","n":1},{"at":"2026-03-19T12:00:30Z","n":1}]}`, "minute[1].at"},
		{"out of range", `{"minute":[{"at":"9999-12-31T23:59:59-01:00","n":1}]}`, "minute[0].at"},
		{"negative day", `{"day":-1,"last":"2026-03-19T12:00:30Z"}`, "day is -1"},
		{"day alone", `{"day":1}`, "belong together"},
		{"last alone", `{"last":"2026-03-19T12:00:30Z"}`, "belong together"},
		{"last out of range", `{"day":1,"last":"0000-01-01T00:00:00+01:00"}`, "belong together"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u := Usage{today: 7}
			err := u.UnmarshalJSON([]byte(tc.in))
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if u.today != 7 {
				t.Error("a refused input changed the usage")
			}
		})
	}
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"minute":[{"at":"2026-03-19T12:00:30Z","n":2},{"at":"2026-03-19T12:00:31.5Z","n":1}],"day":3,"last":"2026-03-19T12:00:31.5Z"}`))
	f.Add([]byte(`{"minute":[{"at":"9999-12-31T23:59:59Z","n":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var u Usage
		if json.Unmarshal(data, &u) != nil {
			return
		}
		reload(t, u)
		for _, p := range []Policy{limits(2, 2), fixed(limits(2, 2)), {}} {
			for _, now := range []time.Time{noon, u.last, noon.Add(-time.Second)} {
				c := u.Clone()
				if d := c.Take(now, p); d.Minute.Remaining < 0 || d.Day.Remaining < 0 {
					t.Fatalf("%+v", d)
				}
			}
		}
	})
}
