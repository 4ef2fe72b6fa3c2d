package skystack

import (
	"context"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/webhook"
)

// carrier takes a message to its receiver and says what became of it.
type carrier func(ctx context.Context, m webhook.Message) webhook.Outcome

// carrier is that of an endpoint: a listener fetches its messages, to any other
// they are sent.
func (a *API) carrier(tx *engine.Tx, w Webhook, o webhook.Options) carrier {
	if w.Listener {
		desk := relayDesk{tx.World(), w.ID}
		return func(ctx context.Context, m webhook.Message) webhook.Outcome {
			return a.relay.send(ctx, desk, m, o.Timeout)
		}
	}
	return func(ctx context.Context, m webhook.Message) webhook.Outcome {
		if a.Courier == nil {
			return webhook.Outcome{Error: webhook.ConnectionFailed, Message: "This sandbox sends nothing."}
		}
		return a.Courier.Send(ctx, m, o)
	}
}

// checkedCarrier sends only what keeps the contract. What breaks it fails as if no
// connection could be made, and the log and the delivery say why.
func checkedCarrier(send carrier) carrier {
	return func(ctx context.Context, m webhook.Message) webhook.Outcome {
		c, err := contract()
		if err == nil {
			err = c.CheckEvent("getEvent", m.Body)
		}
		if err != nil {
			return webhook.Outcome{Error: webhook.ConnectionFailed, Message: "The event breaks the contract: " + err.Error()}
		}
		return send(ctx, m)
	}
}
