package httpapi

import (
	"bytes"
	"compress/gzip"
	"io"
)

// Packed is a document that is embedded with gzip compression: it is seldom read, and
// text makes a binary larger and slower to load.
type Packed []byte

// Text returns the decompressed document.
func (p Packed) Text() ([]byte, error) {
	from, err := gzip.NewReader(bytes.NewReader(p))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(from)
}
