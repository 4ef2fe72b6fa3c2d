package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/semaphore"

	"skystack.dev/sandbox/emulator/internal/fail"
)

const (
	// smallBody is what a body may hold, in bytes, before it counts as large. Small
	// ones never wait for others.
	smallBody = 64 << 10
	// largeBodies is how many bytes the large bodies of all requests that are being
	// served may hold together. One that may be larger is read alone.
	largeBodies = 16 << 20
	// largeBodyWait is how long a large body may wait until others are done.
	largeBodyWait = 5 * time.Second
	// firstRead is the room for the first bytes of a body, doubled as they come.
	firstRead = 4 << 10
)

// LargeBodies bounds the memory that large request bodies take on all servers
// that share it.
type LargeBodies struct{ room *semaphore.Weighted }

// NewLargeBodies returns a bound that nothing counts against yet.
func NewLargeBodies() *LargeBodies { return &LargeBodies{semaphore.NewWeighted(largeBodies)} }

// reserve takes room for a body of up to so many bytes, and waits for it if need
// be. What it returns is to be given back.
func (l *LargeBodies) reserve(ctx context.Context, bytes int64) (int64, error) {
	bytes = min(bytes, largeBodies)
	ctx, cancel := context.WithTimeout(ctx, largeBodyWait)
	defer cancel()
	if l.room.Acquire(ctx, bytes) == nil {
		return bytes, nil
	}
	return 0, &fail.Error{
		Kind: fail.Unavailable, Code: "service_unavailable", RetryAfter: time.Second,
		Message: "Other requests with large bodies are being served; send this one again when they are done.",
	}
}

// releaseBody gives back the room that the body of the request takes.
func (x *RequestContext) releaseBody() {
	if x.bodyReserved > 0 {
		x.server.LargeBodies.room.Release(x.bodyReserved)
		x.bodyReserved = 0
	}
}

// readBody reads the body once, under the server's limit. Memory for it grows
// with the bytes that come, whatever length was announced.
func (x *RequestContext) readBody() error {
	if x.read {
		return nil
	}
	limit := cmp.Or(x.Op.maxBody, x.server.MaxBody)
	if x.Request.ContentLength > limit {
		return tooLarge(limit)
	}
	most := limit
	if x.Request.ContentLength >= 0 {
		most = x.Request.ContentLength
	}
	from, buf := http.MaxBytesReader(x.w, x.Request.Body, limit), x.body[:0]
	for {
		if len(buf) == cap(buf) {
			if len(buf) >= smallBody && x.bodyReserved == 0 {
				n, err := x.server.LargeBodies.reserve(x.Request.Context(), most)
				if err != nil {
					return err
				}
				x.bodyReserved = n
			}
			buf = slices.Grow(buf, int(min(max(firstRead, int64(len(buf))), most-int64(len(buf))+1)))
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err != nil {
			x.body = buf
			return x.bodyEnds(err, limit)
		}
	}
}
