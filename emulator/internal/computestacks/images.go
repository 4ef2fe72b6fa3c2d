package computestacks

// imageOperations lists the operations of the group.
func (a *API) imageOperations() []operation { return nil }
