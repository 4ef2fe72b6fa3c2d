package skystack

import "skystack.dev/sandbox/emulator/internal/engine"

// dropWebhook removes an endpoint and gives up what it has not got yet.
func (a *API) dropWebhook(tx *engine.Tx, w Webhook, why string) {
	a.abandon(tx, w.ID, why)
	a.webhooks.Delete(tx, w.ID)
	a.secrets.Delete(tx, w.ID)
	a.mailboxes.Delete(tx, w.ID)
	a.addTombstone(tx, w.ID, w.ProjectID)
}

// retireWebhooks removes the endpoints of a project that is gone, each as soon as
// nothing is left for it: that the project was deleted is told to them alone.
func (a *API) retireWebhooks(tx *engine.Tx, project string) {
	var retired []string
	for row := range a.webhooks.After(tx, 0) {
		if row.Value.ProjectID == project {
			retired = append(retired, row.ID)
		}
	}
	for _, id := range retired {
		a.retireWebhook(tx, id)
	}
}

// retireWebhook removes an endpoint if its project is gone and nothing more is delivered to it.
func (a *API) retireWebhook(tx *engine.Tx, id string) {
	w, ok := a.webhooks.Get(tx, id)
	if !ok || has(a.projects, tx, w.ProjectID) {
		return
	}
	if box, _ := a.mailboxes.Get(tx, id); box.Open == 0 || w.Disabled != "" {
		a.dropWebhook(tx, w, "the project was deleted")
	}
}
