package computestacks

// userOperations lists the operations of users and what is theirs: profile, SSH keys,
// collaborations, subscriptions and events.
func (a *API) userOperations() []operation {
	return []operation{
		{"getEventLog", a.getEventLog},
	}
}
