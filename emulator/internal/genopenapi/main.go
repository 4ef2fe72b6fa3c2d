// Command genopenapi makes the copies of a contract that the sandbox embeds.
//
//	genopenapi <openapi.yaml> <copy>...
//
// It reads the OpenAPI document it is given, written as YAML, and writes the
// copies asked for into the current folder. openapi.yaml is the document as it
// is, openapi.json the same as JSON. answers.json lacks what only people read, and
// contract.json besides what answers look like: all that is left is what requests
// are checked against, which takes the least time to load. The JSON keeps the order
// of the members and the spelling of the numbers, so that the same document always
// gives the same bytes. With .gz behind its name a copy is compressed; one that
// holds the text already stays as it is, since versions of Go compress differently.
//
// Whatever YAML can say and JSON cannot, or would say differently, is an error
// that names the line.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: genopenapi <openapi.yaml> <copy>...")
		os.Exit(2)
	}
	if err := generate(os.Args[1], ".", os.Args[2:]...); err != nil {
		fmt.Fprintln(os.Stderr, "genopenapi:", err)
		os.Exit(1)
	}
}

// generate writes copies of the document at source into dir. When the document
// or the name of a copy is refused it writes nothing.
func generate(source, dir string, names ...string) error {
	text, err := os.ReadFile(source)
	if err != nil {
		return err
	}
	document, err := read(text)
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	copies := map[string][]byte{"openapi.yaml": text}
	if copies["openapi.json"], err = toJSON(document); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	strip(document, false)
	prune(document)
	if copies["answers.json"], err = toJSON(document); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	hush(document)
	prune(document)
	if copies["contract.json"], err = toJSON(document); err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	for _, name := range names {
		if copies[strings.TrimSuffix(name, packed)] == nil {
			return fmt.Errorf("no copy is called %q: use openapi.yaml, openapi.json, answers.json or contract.json", name)
		}
	}
	var faults []error
	for _, name := range names {
		faults = append(faults, write(filepath.Join(dir, name), copies[strings.TrimSuffix(name, packed)]))
	}
	return errors.Join(faults...)
}

// packed is the end of the names of copies that are compressed.
const packed = ".gz"

// write writes a copy, compressed if its name says so.
func write(path string, text []byte) error {
	if strings.HasSuffix(path, packed) {
		if old, err := unpacked(path); err == nil && bytes.Equal(old, text) {
			return nil
		}
		var b bytes.Buffer
		to, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return err
		}
		if _, err := to.Write(text); err != nil {
			return err
		}
		if err := to.Close(); err != nil {
			return err
		}
		text = b.Bytes()
	}
	return os.WriteFile(path, text, 0o644)
}

// unpacked is the text of a compressed copy.
func unpacked(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	from, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(from)
}

// read returns the one YAML document in text.
func read(text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, rest yaml.Node
	if err := decoder.Decode(&document); err != nil {
		return nil, err
	}
	if err := decoder.Decode(&rest); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file must hold one YAML document and nothing after it")
	}
	return document.Content[0], nil
}

// toJSON returns a document as JSON, ending in a newline.
func toJSON(document *yaml.Node) ([]byte, error) {
	w := new(writer)
	if err := w.value(document, 0); err != nil {
		return nil, err
	}
	w.out.WriteByte('\n')
	return w.out.Bytes(), nil
}

// brokenLevels is the depth down to which each member has its own line. It puts
// one operation, schema or example on a line: a change is easy to see, and
// there is little white space to read past when the sandbox starts.
const brokenLevels = 3

type writer struct{ out bytes.Buffer }

func (w *writer) value(n *yaml.Node, depth int) error {
	if n.Anchor != "" {
		return refuse(n, "anchors are not used here; put what is shared into components")
	}
	switch n.Kind {
	case yaml.MappingNode:
		return w.mapping(n, depth)
	case yaml.SequenceNode:
		return w.sequence(n, depth)
	case yaml.ScalarNode:
		return w.scalar(n)
	default:
		return refuse(n, "aliases are not used here; put what is shared into components")
	}
}

func (w *writer) mapping(n *yaml.Node, depth int) error {
	seen := map[string]bool{}
	w.out.WriteByte('{')
	for i := 0; i < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch {
		case name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str":
			return refuse(name, "a member's name must be a string; quote it")
		case seen[name.Value]:
			return refuse(name, fmt.Sprintf("the member %q is there twice", name.Value))
		}
		seen[name.Value] = true
		if i > 0 {
			w.out.WriteByte(',')
		}
		w.breakLine(depth + 1)
		if err := w.value(name, depth+1); err != nil {
			return err
		}
		w.out.WriteByte(':')
		if depth < brokenLevels {
			w.out.WriteByte(' ')
		}
		if err := w.value(value, depth+1); err != nil {
			return err
		}
	}
	if len(n.Content) > 0 && depth < brokenLevels {
		w.breakLine(depth)
	}
	w.out.WriteByte('}')
	return nil
}

func (w *writer) sequence(n *yaml.Node, depth int) error {
	w.out.WriteByte('[')
	for i, item := range n.Content {
		if i > 0 {
			w.out.WriteByte(',')
		}
		// A list stays on one line, and so does all that is inside it.
		if err := w.value(item, max(depth, brokenLevels)); err != nil {
			return err
		}
	}
	w.out.WriteByte(']')
	return nil
}

func (w *writer) scalar(n *yaml.Node) error {
	switch n.ShortTag() {
	case "!!str":
		encoder := json.NewEncoder(&w.out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(n.Value); err != nil {
			return err
		}
		w.out.Truncate(w.out.Len() - 1) // Encode ends its value with a newline.
		return nil
	case "!!null":
		w.out.WriteString("null")
		return nil
	case "!!bool":
		w.out.WriteString(strings.ToLower(n.Value))
		return nil
	case "!!int", "!!float":
		// YAML also writes numbers in ways JSON cannot, such as 0x1F, 1_000 and .inf.
		if !json.Valid([]byte(n.Value)) {
			return refuse(n, fmt.Sprintf("%s is not a number of JSON; write it in decimal, or quote it", n.Value))
		}
		w.out.WriteString(n.Value)
		return nil
	default:
		return refuse(n, fmt.Sprintf("%s is read as %s; quote it", n.Value, n.ShortTag()))
	}
}

func (w *writer) breakLine(depth int) {
	if depth > brokenLevels {
		return
	}
	w.out.WriteByte('\n')
	for range depth {
		w.out.WriteByte(' ')
	}
}

func refuse(n *yaml.Node, why string) error {
	return fmt.Errorf("line %d: %s", n.Line, why)
}
