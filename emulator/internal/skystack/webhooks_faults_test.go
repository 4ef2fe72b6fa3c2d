package skystack_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

const aSecret = "whsec_c2t5c3RhY2stc2FuZGJveC1leGFtcGxlLXNlY3JldA=="

// faultyHook creates an endpoint with a known secret and some delivery faults.
func faultyHook(s *wire.Server, faults string) (id string) {
	s.T.Helper()
	return hook(s, "http://127.0.0.1:3000/h", `"instance.created"`, `,"secret":"`+aSecret+`","sandbox":{`+faults+`}`)
}

// sendTestEvents sends test events to an endpoint and returns their deliveries.
func sendTestEvents(s *wire.Server, webhook string, times int) (deliveries []string) {
	s.T.Helper()
	for range times {
		deliveries = append(deliveries, s.Post("/v1/webhooks/"+webhook+"/test", "").Wants(202).Text("id"))
	}
	return deliveries
}

// logged is a delivery of the log.
type logged struct {
	ID, Status, Reason string
	EventID            string `json:"event_id"`
	EventType          string `json:"event_type"`
	ReplayOf           string `json:"replay_of"`
	CreatedAt          time.Time
	Attempts           []struct {
		ID      string
		Number  int
		At      time.Time
		Status  int
		Sandbox []string
	}
}

// delivered is the whole log of an endpoint in the order of the deliveries.
func delivered(s *wire.Server, webhook string) (all []logged) {
	s.T.Helper()
	for path := "/v1/webhooks/" + webhook + "/deliveries?limit=100"; ; {
		reply := s.Get(path).Wants(200)
		var page struct {
			Data       []logged
			NextCursor string `json:"next_cursor"`
		}
		if err := json.Unmarshal(reply.Body, &page); err != nil {
			s.T.Fatal(err)
		}
		all = append(all, page.Data...)
		if page.NextCursor == "" {
			return all
		}
		path = "/v1/webhooks/" + webhook + "/deliveries?limit=100&cursor=" + page.NextCursor
	}
}

// marks are the faults of the attempts of a delivery, "-" for none.
func (d logged) marks() string {
	var out []string
	for _, a := range d.Attempts {
		mark := strings.Join(a.Sandbox, "+")
		if mark == "" {
			mark = "-"
		}
		out = append(out, mark)
	}
	return strings.Join(out, " ")
}

// genuine reports whether an arrival is what a careful receiver accepts, by the
// Standard Webhooks library.
func (a arrival) genuine(secret string) error {
	w, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return err
	}
	return w.Verify([]byte(a.Body), a.Header)
}

// verifyingReceiver is a receiver that refuses what is not signed, or old, and accepts
// duplicates.
func verifyingReceiver() *inbox {
	in := &inbox{}
	in.answer = func(n int, _ *http.Request) int {
		if in.arrived()[n-1].genuine(aSecret) != nil {
			return http.StatusUnauthorized
		}
		return http.StatusOK
	}
	return in
}

// Each delivery fault does what it says, and counts for nothing.
func TestDeliveryFaults(t *testing.T) {
	for _, tc := range []struct {
		name, faults string
		marks        string
		genuine      []bool // of what arrives, in order
	}{
		{"none", ``, "-", []bool{true}},
		{"duplicates", `"duplicates":1`, "- duplicate", []bool{true, true}},
		{"reorder", `"reorder":1`, "reordered", []bool{true}},
		{"delay", `"delay_seconds":30`, "delayed", []bool{true}},
		{"wrong signature", `"wrong_signature":1`, "wrong_signature -", []bool{false, true}},
		{"old timestamp", `"old_timestamp":1`, "old_timestamp -", []bool{false, true}},
		{"rotation", `"rotation":1`, "rotation", []bool{true}},
		{
			"all", `"duplicates":1,"reorder":1,"delay_seconds":30,"wrong_signature":1,"old_timestamp":1,"rotation":1`,
			"wrong_signature old_timestamp delayed+reordered+rotation duplicate", []bool{false, false, true, true},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := verifyingReceiver()
			s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
			id := faultyHook(s, tc.faults)
			sendTestEvents(s, id, 1)
			advance(t, s, time.Minute)
			log := delivered(s, id)
			if len(log) != 1 || log[0].Status != "succeeded" || log[0].marks() != tc.marks {
				t.Fatalf("%+v, want %s", log, tc.marks)
			}
			var genuine []bool
			ids := map[string]bool{}
			for n, a := range in.arrived() {
				genuine = append(genuine, a.genuine(aSecret) == nil)
				if a.Header.Get("Webhook-Id") != log[0].EventID || a.Header.Get("X-Skystack-Attempt") != "1" {
					t.Errorf("request %d: %v, want the event %s and attempt 1", n+1, a.Header, log[0].EventID)
				}
				if a.Header.Get("X-Skystack-Delivery") != log[0].Attempts[n].ID {
					t.Errorf("request %d is %s, the log says %s", n+1, a.Header.Get("X-Skystack-Delivery"), log[0].Attempts[n].ID)
				}
				ids[log[0].Attempts[n].ID] = true
			}
			if !slices.Equal(genuine, tc.genuine) {
				t.Errorf("genuine: %v, want %v", genuine, tc.genuine)
			}
			if len(ids) != len(tc.genuine) {
				t.Errorf("attempts share ids: %v", ids)
			}
		})
	}
}

// An invalid probe with a wrong signature is wrong in every header, and one with an old
// timestamp is right but for its age.
func TestInvalidProbesOnTheWire(t *testing.T) {
	in := verifyingReceiver()
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	sendTestEvents(s, faultyHook(s, `"wrong_signature":1,"old_timestamp":1,"rotation":1`), 1)
	advance(t, s, time.Minute)
	got := in.arrived()
	if len(got) != 3 {
		t.Fatalf("%d requests", len(got))
	}
	wrong, old, good := got[0].Header, got[1].Header, got[2].Header
	if wrong.Get("X-Signature") == good.Get("X-Signature") || wrong.Get("X-Signature") == "" {
		t.Errorf("wrong X-Signature %q, the right one is %q", wrong.Get("X-Signature"), good.Get("X-Signature"))
	}
	w, err := standardwebhooks.NewWebhook(aSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.VerifyIgnoringTimestamp([]byte(got[0].Body), wrong); err == nil {
		t.Error("a wrong signature verifies")
	}
	if err := w.VerifyIgnoringTimestamp([]byte(got[1].Body), old); err != nil {
		t.Errorf("an old signature: %v", err)
	}
	// In the middle of a rotation the new secret, which the receiver does not know
	// yet, signs first; the one it knows signs second, and X-Signature.
	list := strings.Fields(good.Get("Webhook-Signature"))
	if len(list) != 2 || good.Get("X-Signature") != old.Get("X-Signature") {
		t.Fatalf("%v and %v", list, good.Get("X-Signature"))
	}
	for n, want := range []bool{false, true} {
		h := good.Clone()
		h.Set("Webhook-Signature", list[n])
		if err := w.Verify([]byte(got[2].Body), h); (err == nil) != want {
			t.Errorf("signature %d: %v", n+1, err)
		}
	}
}

// A delay keeps the order, also where it is made shorter; what is reordered comes
// 1 to 5 s later and is overtaken.
func TestHeldBack(t *testing.T) {
	in := &inbox{}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	id := faultyHook(s, `"delay_seconds":60`)
	first := sendTestEvents(s, id, 2)
	s.Get("/v1/webhooks/"+id+"/deliveries/"+first[0]).Wants(200).Has("status", "waiting").
		Has("next_attempt_at", testTime().Add(time.Minute).Format(time.RFC3339))
	s.Patch("/v1/webhooks/"+id, `{"sandbox":{"delay_seconds":0}}`).Wants(200)
	want := append(first, sendTestEvents(s, id, 2)...)
	advance(t, s, 59*time.Second)
	if got := in.arrived(); len(got) != 0 {
		t.Fatalf("%d came too early", len(got))
	}
	advance(t, s, time.Second)
	checkOrder(t, in, want)

	in2 := &inbox{}
	s = wire.Start(t, frozen(), emulator.WithWebhookTransport(in2))
	id = faultyHook(s, `"reorder":0.5`)
	const events = 40
	sendTestEvents(s, id, events)
	advance(t, s, time.Minute)
	got := arrivals(in2)
	held := 0
	for _, d := range delivered(s, id) {
		after := d.Attempts[0].At.Sub(testTime())
		switch d.marks() {
		case "-":
			if after != 0 {
				t.Errorf("%s waited %v for nothing", d.ID, after)
			}
		case "reordered":
			held++
			if after < time.Second || after > 5*time.Second {
				t.Errorf("%s was held back %v", d.ID, after)
			}
		default:
			t.Errorf("%s: %s", d.ID, d.marks())
		}
	}
	if len(got) != events || held < events/4 || held > events*3/4 || slices.IsSorted(got) {
		t.Errorf("%d of %d were held back; in order: %v", held, len(got), slices.IsSorted(got))
	}
}

// arrivals are the deliveries that arrived, as the first attempts name them.
func arrivals(in *inbox) (out []string) {
	for _, a := range in.arrived() {
		out = append(out, strings.TrimSuffix(a.Header.Get("X-Skystack-Delivery"), "_1"))
	}
	return out
}

func checkOrder(t *testing.T, in *inbox, want []string) {
	t.Helper()
	if got := arrivals(in); !slices.Equal(got, want) {
		t.Errorf("arrived %v, want %v", got, want)
	}
}

// The faults follow from the seed, whatever else happens.
func TestDeliveryFaultsFollowFromTheSeed(t *testing.T) {
	faults := func(seed uint64) string {
		in := verifyingReceiver()
		s := wire.Start(t, frozen(), emulator.WithSeed(seed), emulator.WithWebhookTransport(in))
		id := faultyHook(s, `"duplicates":0.5,"reorder":0.5,"delay_seconds":1,"wrong_signature":0.5,"old_timestamp":0.5,"rotation":0.5`)
		sendTestEvents(s, id, 20)
		advance(t, s, time.Minute)
		var out strings.Builder
		for n, d := range delivered(s, id) {
			fmt.Fprintln(&out, n, d.Status, d.marks(), d.Attempts[0].At)
		}
		return out.String()
	}
	first := faults(1)
	if again := faults(1); again != first {
		t.Errorf("the same seed:\n%s\nand\n%s", first, again)
	}
	if other := faults(2); other == first {
		t.Errorf("another seed gives the same faults:\n%s", first)
	}
}

// Whatever the faults, every event arrives genuinely and its delivery succeeds, also
// where the receiver fails now and then.
func TestDeliveryFaultsLoseNothing(t *testing.T) {
	in := &inbox{}
	in.answer = func(n int, _ *http.Request) int {
		switch {
		case in.arrived()[n-1].genuine(aSecret) != nil:
			return http.StatusUnauthorized
		case n%3 == 0:
			return http.StatusServiceUnavailable
		}
		return http.StatusOK
	}
	s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
	id := faultyHook(s, `"duplicates":1,"reorder":1,"delay_seconds":7,"wrong_signature":1,"old_timestamp":1,"rotation":1`)
	const events = 30
	sendTestEvents(s, id, events)
	advance(t, s, 25*time.Hour)
	genuine := map[string]int{}
	for _, a := range in.arrived() {
		if a.genuine(aSecret) == nil {
			genuine[a.Header.Get("Webhook-Id")]++
		}
	}
	log := delivered(s, id)
	for _, d := range log {
		if d.Status != "succeeded" || genuine[d.EventID] < 1 {
			t.Errorf("%s is %s after %d genuine requests", d.ID, d.Status, genuine[d.EventID])
		}
		tries := 0
		for _, a := range d.Attempts {
			if !slices.ContainsFunc(a.Sandbox, func(k string) bool { return k == "duplicate" || k == "wrong_signature" || k == "old_timestamp" }) {
				tries++
				if a.Number != tries {
					t.Errorf("%s: attempt %s has number %d, want %d", d.ID, a.ID, a.Number, tries)
				}
			}
		}
	}
	if len(log) != events {
		t.Errorf("%d deliveries, want %d", len(log), events)
	}
}

// What a receiver does wrong is a finding, once for each violation.
func TestReceiverFindings(t *testing.T) {
	const lenient = `"wrong_signature":1,"old_timestamp":1,"duplicates":1`
	for _, tc := range []struct {
		name, faults string
		receiver     func(in *inbox)
		want         string
	}{
		{"careful", lenient, nil, ""},
		{"accepts all", lenient, func(*inbox) {}, "receiver_accepts_old_timestamp receiver_accepts_wrong_signature"},
		{"fails", "", func(in *inbox) { in.answer = func(int, *http.Request) int { return 500 } }, "receiver_error"},
		{"redirects", "", func(in *inbox) { in.answer = func(int, *http.Request) int { return 301 } }, "receiver_error"},
		{"refuses what it has", `"duplicates":1`, func(in *inbox) {
			in.answer = func(n int, _ *http.Request) int { return map[bool]int{true: 200, false: 409}[n%2 == 1] }
		}, "receiver_not_idempotent"},
		{"slow", "", func(in *inbox) {
			in.answer = func(int, *http.Request) int { <-time.After(6 * time.Second); return 200 }
		}, "receiver_slow"},
		{"hangs", "", func(in *inbox) { in.slow = make(chan struct{}) }, "receiver_slow"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := verifyingReceiver()
				if tc.receiver != nil {
					in.answer = nil
					tc.receiver(in)
				}
				s := wire.Start(t, frozen(), emulator.WithWebhookTransport(in))
				id := faultyHook(s, tc.faults)
				sendTestEvents(s, id, 3)
				advance(t, s, time.Second)
				var codes []string
				for _, f := range s.Findings() {
					codes = append(codes, f.Code)
					if !strings.Contains(f.Message, id) || !strings.Contains(f.Message, "(3 times, the last at 2026-03-19T10:22:44Z") {
						t.Errorf("%s does not name %s and three times", f.Message, id)
					}
					if !f.At.Equal(testTime()) {
						t.Errorf("at %v, want the world's time", f.At)
					}
				}
				slices.Sort(codes)
				if got := strings.Join(codes, " "); got != tc.want {
					t.Errorf("%q, want %q", got, tc.want)
				}
			})
		})
	}
}
