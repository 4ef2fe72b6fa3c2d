package skystack

import (
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/webhook"
	"skystack.dev/sandbox/emulator/sandbox"
)

// slowAnswer is after how long a response is slow: receivers should answer first
// and work afterwards (5.2).
const slowAnswer = 5 * time.Second

// auditReceiver looks at what a receiver answered and notes what it should not do.
// What it can know of are answers: a receiver that cannot be reached is in the log
// of deliveries, with why.
func (a *API) auditReceiver(tx *engine.Tx, w Webhook, v volley) {
	note := func(s shot, code, message string) {
		a.Findings.Recur(finding.Subject{Workspace: tx.World().ID(), Code: code, About: w.ID}, tx.Now(), sandbox.LevelError, "the receiver of webhook "+w.ID+" "+message, s.seen())
	}
	if v.out.Status != 0 && !v.out.OK() {
		note(v.shot, "receiver_error", "answered an event with something else than 2xx: it should answer 2xx as soon as it has verified and kept an event")
	}
	for _, s := range v.twins {
		if !s.out.OK() && s.out.Error != webhook.Canceled {
			note(s, "receiver_not_idempotent", "took an event and refused it when it came again: it should drop what it has seen by webhook-id and answer 2xx all the same")
		}
	}
	for _, s := range v.probes {
		if !s.out.OK() {
			continue
		}
		switch s.weather[0] {
		case wrongSignature:
			note(s, "receiver_accepts_wrong_signature", "took an event that was signed with another secret: it should verify X-Signature or webhook-signature over the raw body and answer 401 to what is not signed with its own")
		case oldTimestamp:
			note(s, "receiver_accepts_old_timestamp", "took an event that was signed ten minutes ago: it should refuse a webhook-timestamp more than five minutes away from its clock")
		}
	}
	for _, shots := range [][]shot{v.probes, {v.shot}, v.twins} {
		for _, s := range shots {
			if s.out.Latency > slowAnswer || s.out.Error == webhook.Timeout {
				note(s, "receiver_slow", "took more than 5 s to answer, or did not: it should answer 2xx at once and do the work afterwards")
			}
		}
	}
}

// seen is what of a request and its response stands in a finding.
func (s shot) seen() string {
	answer := s.out.Error
	if s.out.Status != 0 {
		answer = fmt.Sprintf("status %d", s.out.Status)
	}
	return fmt.Sprintf("%s to %s in attempt %s", answer, s.message.EventType, s.message.DeliveryID)
}
