package webhook

import (
	"fmt"
	"time"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/sandbox"
)

// slowResponse is from when on a response is slow: receivers should respond first and
// work afterwards (5.2).
const slowResponse = 5 * time.Second

// checkReceiver adds findings for responses that a receiver should not give. A receiver
// that cannot be reached is no finding: the log of deliveries says why.
func (o *Outbox) checkReceiver(tx *engine.Tx, to Endpoint, r requests) {
	report := func(r request, code, message string) {
		subject := finding.Subject{Workspace: tx.World().ID(), Code: code, About: to.ID}
		o.config.Findings.Recur(subject, tx.Now(), sandbox.LevelError, "the receiver of webhook "+to.ID+" "+message, r.describe())
	}
	if r.outcome.Status != 0 && !r.outcome.OK() {
		report(r.request, "receiver_error", "did not respond to an event with 2xx: it should respond with 2xx as soon as it has verified and stored an event")
	}
	for _, d := range r.duplicates {
		if !d.outcome.OK() && d.outcome.Error != Canceled {
			report(d, "receiver_not_idempotent", "accepted an event and refused its duplicate: it should drop an event whose webhook-id it knows and respond with 2xx all the same")
		}
	}
	for _, one := range r.invalid {
		if !one.outcome.OK() {
			continue
		}
		switch one.faults[0] {
		case wrongSignature:
			report(one, "receiver_accepts_wrong_signature", "accepted an event that was signed with another secret: it should verify X-Signature or webhook-signature over the raw body and respond with 401 to what is not signed with its own")
		case oldTimestamp:
			report(one, "receiver_accepts_old_timestamp", "accepted an event that was signed ten minutes ago: it should refuse a webhook-timestamp more than five minutes away from its clock")
		}
	}
	for _, one := range r.all() {
		if one.outcome.Latency > slowResponse || one.outcome.Error == Timeout {
			report(one, "receiver_slow", "took more than 5 s to respond, or did not: it should respond with 2xx at once and do the work afterwards")
		}
	}
}

// describe returns what a finding says of a request and its response.
func (r request) describe() string {
	response := r.outcome.Error
	if r.outcome.Status != 0 {
		response = fmt.Sprintf("status %d", r.outcome.Status)
	}
	return fmt.Sprintf("%s to %s in attempt %s", response, r.message.EventType, r.message.DeliveryID)
}
