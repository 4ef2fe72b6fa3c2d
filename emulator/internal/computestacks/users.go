package computestacks

// userOperations lists the operations of the group.
func (a *API) userOperations() []operation { return nil }
