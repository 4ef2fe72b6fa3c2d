package emulator

import "skystack.dev/sandbox/emulator/internal/skystack"

// Names lists the words that matches, triggers and keys of the SkyStack API may use.
type Names struct {
	// Operations are operationIds, as createInstance, and ErrorCodes the codes of
	// refused requests, as rate_limited; both are sorted.
	Operations, ErrorCodes []string
	// EventTypes are the types of events, as instance.running, and EventPatterns these
	// and their families, as instance.*.
	EventTypes, EventPatterns []string
	// Scopes are the scopes of keys, and DeliveryStatuses the states of a Delivery.
	Scopes, DeliveryStatuses []string
}

// SkyStackNames returns the words that the SkyStack API knows. The error is that of an
// unreadable contract, which no released build has.
func SkyStackNames() (Names, error) {
	operations, err := skystack.Operations()
	if err != nil {
		return Names{}, err
	}
	return Names{
		Operations: operations, ErrorCodes: skystack.ErrorCodes(), EventTypes: skystack.EventTypes(), EventPatterns: skystack.EventPatterns(),
		Scopes: skystack.Scopes(), DeliveryStatuses: skystack.DeliveryStatuses(),
	}, nil
}
