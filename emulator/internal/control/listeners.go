package control

import (
	"context"

	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// listenersHandlers lists the operations of this file.
func (a *API) listenersHandlers() []httpapi.Handler {
	return []httpapi.Handler{
		handle("createListener", a.createListener),
		handle("deleteListener", a.deleteListener),
		handle("nextMessage", a.nextMessage),
		handle("answerMessage", a.answerMessage),
	}
}

type createdListener struct{ sandbox.Listener }

// ResourceID implements httpapi.Identified.
func (b createdListener) ResourceID() string { return b.ID }

// createListener adds a webhook with a pull queue.
//
//	POST /_sandbox/listeners
func (a *API) createListener(c *call, in sandbox.Listener) (createdListener, error) {
	l, err := c.workspace.Listen(in)
	return createdListener{l}, err
}

type nextMessage struct {
	ID string `path:"id"`
	waitInput
}

// nextMessage returns the next message of a listener; none if there is none in time.
//
//	POST /_sandbox/listeners/{id}/next
func (a *API) nextMessage(c *call, in nextMessage) (list[sandbox.Message], error) {
	d, err := in.duration()
	if err != nil {
		return list[sandbox.Message]{}, err
	}
	var m sandbox.Message
	reached, err := a.wait(c, d, func(ctx context.Context) (err error) {
		m, err = c.workspace.NextMessage(ctx, in.ID)
		return err
	})
	if err != nil || !reached {
		return listOf[sandbox.Message](nil), err
	}
	return listOf([]sandbox.Message{m}), nil
}

type answerMessage struct {
	ID      string `path:"id" json:"-"`
	Attempt string `path:"attempt_id" json:"-"`
	sandbox.Answer
}

// answerMessage reports the receiver's response to a message.
//
//	POST /_sandbox/listeners/{id}/attempts/{attempt_id}
func (a *API) answerMessage(c *call, in answerMessage) (httpapi.Nothing, error) {
	return httpapi.Nothing{}, c.workspace.AnswerMessage(in.ID, in.Attempt, in.Answer)
}

type listenerID struct {
	ID string `path:"id"`
}

// deleteListener removes a listener.
//
//	DELETE /_sandbox/listeners/{id}
func (a *API) deleteListener(c *call, in listenerID) (httpapi.Nothing, error) {
	return httpapi.Nothing{}, c.workspace.StopListening(in.ID)
}
