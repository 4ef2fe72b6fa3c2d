package remote

import (
	"net/http"
	"strings"

	"skystack.dev/sandbox/emulator/sandbox"
)

// SetRateLimit changes how many requests are served from the next one on.
func (w *Workspace) SetRateLimit(r sandbox.RateLimit) error {
	return w.do(w.life, put("/_sandbox/rate-limit", r, http.StatusNoContent, nil))
}

// Exhaust uses up what a key, given by its token or its id, may send in a window:
// in the minute unless others are named; "" is Key. It refuses a window that is not
// limited.
func (w *Workspace) Exhaust(key string, window ...sandbox.Window) error {
	if len(window) == 0 {
		window = []sandbox.Window{""} // the sandbox's default
	}
	own := w.keyID != "" // the server knows which key asks
	if key == "" {
		key = w.key
	}
	in := struct {
		Key    string         `json:"key"`
		Window sandbox.Window `json:"window,omitempty"`
	}{}
	if key != w.key || !own {
		var err error
		if in.Key, err = w.idOf(key); err != nil {
			return err
		}
	}
	for _, in.Window = range window {
		if err := w.do(w.life, post("/_sandbox/rate-limits/exhaust", in, http.StatusNoContent, nil)); err != nil {
			return err
		}
	}
	return nil
}

// Refill gives back everything that was used of all limits.
func (w *Workspace) Refill() error {
	return w.do(w.life, post("/_sandbox/rate-limits/reset", nil, http.StatusNoContent, nil))
}

// Limits lists the limits of each key that is limited and what is left of them.
func (w *Workspace) Limits() []sandbox.Limit {
	w.t.Helper()
	return fetch[list[sandbox.Limit]](w, "Limits", "/_sandbox/rate-limits").Data
}

// Keys lists the workspace's keys, oldest first, with masked tokens.
func (w *Workspace) Keys() []sandbox.Key {
	w.t.Helper()
	return fetch[list[sandbox.Key]](w, "Keys", "/_sandbox/keys").Data
}

// idOf is what a key is called on the way: its id if that can be found out, so
// that no URL holds a token; else what was given, which the server may know.
func (w *Workspace) idOf(key string) (string, error) {
	if key == "" {
		return "", nil
	}
	if key == w.key && w.keyID != "" {
		return w.keyID, nil
	}
	w.mu.Lock()
	id := w.ids[key]
	w.mu.Unlock()
	if id != "" {
		return id, nil
	}
	// Of the tokens of its own kind the server shows the ends.
	const prefix, shown = "sky_test_", 4
	if len(key) < len(prefix)+3*shown || !strings.HasPrefix(key, prefix) {
		return key, nil
	}
	var keys list[sandbox.Key]
	if err := w.do(w.life, get("/_sandbox/keys", &keys)); err != nil {
		return "", err
	}
	end, found := key[len(key)-shown:], 0
	for _, k := range keys.Data {
		if k.ID == key {
			return key, nil
		}
		if k.ID != "" && strings.HasPrefix(k.Token, prefix) && strings.HasSuffix(k.Token, end) {
			id = k.ID
			found++
		}
	}
	if found != 1 {
		return key, nil
	}
	return id, nil
}
