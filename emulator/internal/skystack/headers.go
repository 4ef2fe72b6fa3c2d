package skystack

import "skystack.dev/sandbox/emulator/internal/httpapi"

// Hosts are the names under which the real API is served.
func Hosts() []string { return []string{"sandbox.api.skystack.dev", ".skystack.dev"} }

// Headers are the names of headers as SkyStack has them.
func Headers() httpapi.Headers {
	h := httpapi.Headers{Scope: []string{"Skystack-Project"}, Warning: "Skystack-Sandbox-Warning"}
	h.Pages.Request = []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "SkyStack-Version", "SkyStack-Project"}
	h.Pages.Response = []string{
		"X-Request-Id", "Retry-After", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
		"X-RateLimit-Limit-Day", "X-RateLimit-Remaining-Day", "X-RateLimit-Reset-Day", "RateLimit", "RateLimit-Policy",
		"SkyStack-Version", "Link", "Location", "ETag", "Idempotent-Replayed",
	}
	return h
}
