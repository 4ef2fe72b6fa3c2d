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
	// smallBody is the size in bytes up to which a body never waits for others.
	smallBody = 64 << 10
	// largeBodies bounds the bytes that the large bodies of all running requests may
	// take together. A body that may be larger is read alone.
	largeBodies = 16 << 20
	// largeBodyWait bounds how long a large body waits for others.
	largeBodyWait = 5 * time.Second
	// firstRead is the first size of a body buffer. It doubles as bytes arrive.
	firstRead = 4 << 10
)

// LargeBodies bounds the memory of large request bodies on all servers that share it.
type LargeBodies struct{ room *semaphore.Weighted }

// NewLargeBodies returns an unused bound.
func NewLargeBodies() *LargeBodies { return &LargeBodies{semaphore.NewWeighted(largeBodies)} }

// reserve reserves memory for a body of up to so many bytes, waiting if necessary. It
// returns the number of bytes to release.
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

// releaseBody releases the reserved memory of the body.
func (x *RequestContext) releaseBody() {
	if x.bodyReserved > 0 {
		x.server.LargeBodies.room.Release(x.bodyReserved)
		x.bodyReserved = 0
	}
}

// readBody reads the body once, up to the limit. Its buffer grows with the bytes that
// arrive, whatever length was announced.
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
