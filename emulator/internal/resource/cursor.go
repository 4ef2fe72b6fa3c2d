package resource

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"math"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

const cursorFormat = 2

// NewCursor returns a cursor that continues a list after a row of a generation. It is
// signed with a key of the world, so a cursor of another workspace, or a forged one, is
// refused, and so is one of another generation.
func NewCursor(tx *engine.Tx, g engine.Generation, list string, last uint64) string {
	b := make([]byte, 0, cursorBytes)
	b = append(b, cursorFormat)
	b = binary.BigEndian.AppendUint64(b, last)
	b = binary.BigEndian.AppendUint64(b, listHash(list))
	b = binary.BigEndian.AppendUint32(b, g.ID)
	return base64.RawURLEncoding.EncodeToString(append(b, seal(tx, b)...))
}

// The length of a cursor: bytes before the signature, all bytes, characters.
const (
	sealed      = 1 + 8 + 8 + 4
	cursorBytes = sealed + 8
	cursorText  = (cursorBytes*8 + 5) / 6
)

// OldestRow is the row of a cursor that continues with the oldest row.
const OldestRow = math.MaxUint64

// foreignCursor is the message for a cursor whose signature is wrong.
const foreignCursor = "The cursor was not made here, or before the sandbox was reset; begin again without one."

// ErrOtherGeneration refuses a cursor from before the world was reset or restored.
var ErrOtherGeneration = cursorRefused(foreignCursor)

// OpenCursor returns the row after which a cursor continues a list.
func OpenCursor(tx *engine.Tx, list, cursor string) (uint64, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	switch {
	case err != nil || len(b) != cursorBytes || len(cursor) != cursorText /* line breaks would be skipped */ || b[0] != cursorFormat || !hmac.Equal(b[sealed:], seal(tx, b[:sealed])):
		return 0, cursorRefused(foreignCursor)
	case binary.BigEndian.Uint32(b[17:]) != tx.Generation().ID:
		return 0, ErrOtherGeneration
	case binary.BigEndian.Uint64(b[9:]) != listHash(list):
		return 0, cursorRefused("The cursor belongs to a list with another path, filters or order, or is from before the sandbox was restored; begin again without one.")
	}
	return binary.BigEndian.Uint64(b[1:]), nil
}

func cursorRefused(message string) error {
	return &fail.Error{Kind: fail.Invalid, Code: "invalid_cursor", Message: message, Details: []fail.Detail{
		{Field: "cursor", Location: fail.Query, Code: "invalid_cursor", Message: message},
	}}
}

func seal(tx *engine.Tx, b []byte) []byte {
	key := tx.Secret("cursor")
	m := hmac.New(sha256.New, key[:])
	m.Write(b)
	return m.Sum(nil)[:8]
}

func listHash(name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64()
}
