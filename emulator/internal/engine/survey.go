package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// What Load reads at most. Save writes nothing that a file of this size could not
// hold within the other limits; they keep a file that is all brackets or commas
// from taking a hundred times its size.
const (
	maxSaved   = 64 << 20   // bytes
	maxDepth   = 64 + 5     // what a request may nest, in a row of a table
	maxItems   = 1_000_000  // of one list
	maxMembers = 250_000    // of one object
	maxHead    = 100        // members of the outermost object
	maxName    = 1 << 20    // bytes of a name
	maxTokens  = 10_000_000 // names, values and brackets in all
)

// savedHead is what must be known before the rest can be read.
type savedHead struct {
	format  string
	version uint64
	lastSeq uint64
}

// survey reads the whole file once without keeping it: its form is right and
// within the limits, or it is refused.
func survey(data []byte) (h savedHead, err error) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(data))
	for n := 0; ; n++ {
		begin := dec.InputOffset()
		token, err := dec.ReadToken()
		if errors.Is(err, io.EOF) && n > 0 {
			return h, nil
		}
		if err != nil {
			return h, located(data, err)
		}
		depth := dec.StackDepth()
		kind, items := dec.StackIndex(depth)
		name := kind == '{' && items%2 == 1
		fault := ""
		switch {
		case name && dec.InputOffset()-begin > maxName && len(token.String()) > maxName:
			fault = fmt.Sprintf("a name has more than %d bytes", maxName)
		case n == maxTokens:
			fault = fmt.Sprintf("there are more than %d names and values", maxTokens)
		case depth > maxDepth:
			fault = fmt.Sprintf("it nests more than %d deep", maxDepth)
		case kind == '[' && items > maxItems:
			fault = fmt.Sprintf("there are more than %d items in a list", maxItems)
		case kind == '{' && items/2 > maxMembers, depth == 1 && items/2 > maxHead:
			fault = "there are too many members in an object"
		case depth == 0 && items > 1:
			fault = "there is something behind the end of the world"
		case n == 0 && token.Kind() != '{':
			fault = "want an object, got " + kindName(token.Kind())
		}
		if fault != "" {
			return h, fmt.Errorf("line %d: %s", line(data, dec.InputOffset()), fault)
		}
		if depth == 1 && n > 0 && !name {
			if err := h.note(dec, token); err != nil {
				return h, fmt.Errorf("line %d: %w", line(data, dec.InputOffset()), err)
			}
		}
	}
}

// note takes the values of the head's own members.
func (h *savedHead) note(dec *jsontext.Decoder, token jsontext.Token) (err error) {
	pointer, want := dec.StackPointer(), jsontext.Kind('0')
	switch pointer {
	case "/format":
		if want = '"'; token.Kind() == want {
			h.format = token.String()
		}
	case "/version":
		h.version, err = number(token)
	case "/last_seq":
		h.lastSeq, err = number(token)
	default:
		return nil
	}
	if token.Kind() != want {
		return fmt.Errorf("%s: want %s, got %s", pointer, kindName(want), kindName(token.Kind()))
	}
	if err != nil {
		return fmt.Errorf("%s: %s is no whole number from 0 on", pointer, short(token.String()))
	}
	return nil
}

func number(token jsontext.Token) (uint64, error) {
	if token.Kind() != '0' {
		return 0, nil
	}
	return strconv.ParseUint(token.String(), 10, 64)
}

// check refuses what another program or a later version wrote, as such and not
// for the first member that is unknown here.
func (h savedHead) check() error {
	if h.format != savedFormat {
		return fmt.Errorf("/format is %s: this reads %q", quoted(h.format), savedFormat)
	}
	if h.version != savedVersion {
		return fmt.Errorf("/version is %d: this reads version %d", h.version, savedVersion)
	}
	return nil
}

// located says where in the data a JSON error lies, and why, without the name
// of the Go types behind it.
func located(data []byte, err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("line %d: %w", line(data, syntax.ByteOffset), reason(err))
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		return fmt.Errorf("line %d: %w", line(data, semantic.ByteOffset), reason(err))
	}
	if errors.Is(err, io.EOF) {
		return errors.New("line 1: the file is empty")
	}
	return err
}

// reason is why a value was refused, and its place within what was read.
func reason(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if errors.Is(syntax.Err, jsontext.ErrDuplicateName) {
			return fmt.Errorf("%s: %w", short(string(syntax.JSONPointer)), syntax.Err)
		}
		return syntax.Err
	}
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		why := semantic.Err
		switch value := semantic.JSONValue; {
		case why == nil:
			why = fmt.Errorf("%s does not belong here", kindName(semantic.JSONKind))
		case len(value) > 0:
			why = fmt.Errorf("%s: %w", short(string(value)), why)
		}
		return fmt.Errorf("%s: %w", short(string(semantic.JSONPointer)), why)
	}
	return err
}

func kindName(k jsontext.Kind) string {
	switch k {
	case '{':
		return "an object"
	case '[':
		return "a list"
	case '"':
		return "a string"
	case '0':
		return "a number"
	case 'n':
		return "null"
	case 't', 'f':
		return k.String()
	}
	return "something else"
}

// short is what fits in a message of what a file says.
func short(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func quoted(s string) string { return strconv.Quote(short(s)) }

func line(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(int(offset), len(data))], []byte{'\n'})
}
