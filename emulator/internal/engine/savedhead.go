package engine

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// The limits of one value, such as a row, that Load reads. Save writes nothing above
// them. They keep a value of many brackets or commas from taking a hundred times its
// size. The budget bounds the number of rows and events.
const (
	maxValue   = 64 << 20   // bytes, white space before it included
	maxDepth   = 64 + 5     // what a request may nest, in a row of a table
	maxItems   = 1_000_000  // of one list
	maxMembers = 250_000    // of one object
	maxHead    = 100        // members of an object that Save names
	maxName    = 1 << 20    // bytes of a name
	maxTokens  = 10_000_000 // names, values and brackets in all
	maxCount   = 1 << 62    // a counter that starts here never wraps around
)

// savedHead holds the members that identify a file.
type savedHead struct {
	format     string
	version    uint64
	lastSeq    uint64
	hasFormat  bool
	hasVersion bool
	hasSeq     bool
}

func isHead(name string) bool { return name == "format" || name == "version" || name == "last_seq" }

// complete reports whether format and version are known.
func (h *savedHead) complete() bool { return h.hasFormat && h.hasVersion }

// read reads the value of one of the head's members.
func (h *savedHead) read(in *reader, name string) error {
	raw, err := in.value()
	if err != nil {
		return err
	}
	want := jsontext.Kind('0')
	switch name {
	case "format":
		want, h.hasFormat = '"', true
	case "version":
		h.hasVersion = true
	default:
		h.hasSeq = true
	}
	if raw.Kind() != want {
		return fmt.Errorf("line %d: /%s: want %s, got %s", in.lineOf(raw), name, kindName(want), kindName(raw.Kind()))
	}
	if name == "format" {
		return json.Unmarshal(raw, &h.format)
	}
	n, err := strconv.ParseUint(string(raw), 10, 64)
	if err != nil {
		return fmt.Errorf("line %d: /%s: %s is no whole number from 0 on", in.lineOf(raw), name, short(string(raw)))
	}
	if name == "version" {
		h.version = n
	} else {
		h.lastSeq = n
	}
	return nil
}

// check returns an error for a file of another program or of a later version.
func (h *savedHead) check() error {
	if h.format != savedFormat {
		return fmt.Errorf("/format is %s: this reads %q", quoted(h.format), savedFormat)
	}
	if h.version != savedVersion {
		return fmt.Errorf("/version is %d: this reads version %d", h.version, savedVersion)
	}
	return nil
}

// wrong is check for the members that were read so far.
func (h *savedHead) wrong() error {
	if h.hasFormat && h.format != savedFormat || h.complete() {
		return h.check()
	}
	return nil
}

// reason returns why a value is invalid, with its position in what was read.
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

// short truncates a text of a file for a message.
func short(s string) string {
	const most = 80
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

func quoted(s string) string { return strconv.Quote(short(s)) }
