package httpapi

import (
	"bytes"
	"compress/gzip"
	"io"
)

// Packed is a document that is embedded compressed, by gzip: it is seldom read, and a
// binary full of text takes memory and time to load.
type Packed []byte

// Text is the document.
func (p Packed) Text() ([]byte, error) {
	from, err := gzip.NewReader(bytes.NewReader(p))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(from)
}
