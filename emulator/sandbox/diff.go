package sandbox

import (
	"slices"
	"strings"
)

// part is a heading of a dump and the lines below it.
type part struct {
	heading string
	lines   []string
}

// parts takes a dump apart: a line without indent is a heading.
func parts(dump string) []part {
	var out []part
	for line := range strings.Lines(dump) {
		line = strings.TrimSuffix(line, "\n")
		if rest, below := strings.CutPrefix(line, "  "); below && len(out) > 0 {
			out[len(out)-1].lines = append(out[len(out)-1].lines, rest)
		} else {
			out = append(out, part{heading: line})
		}
	}
	return out
}

func diff(before, after string) string {
	old, now := parts(before), parts(after)
	later := map[string]part{}
	for _, p := range now {
		later[p.heading] = p
	}
	var b strings.Builder
	there := map[string]bool{}
	for _, p := range old {
		there[p.heading] = true
		q, kept := later[p.heading]
		if !kept {
			write(&b, "- ", p)
			continue
		}
		if slices.Equal(p.lines, q.lines) {
			continue
		}
		b.WriteString("  " + p.heading + "\n")
		only(&b, "-   ", p.lines, q.lines)
		only(&b, "+   ", q.lines, p.lines)
	}
	for _, p := range now {
		if !there[p.heading] {
			write(&b, "+ ", p)
		}
	}
	return b.String()
}

func write(b *strings.Builder, sign string, p part) {
	b.WriteString(sign + p.heading + "\n")
	for _, line := range p.lines {
		b.WriteString(sign + "  " + line + "\n")
	}
}

// only writes the lines that the other list lacks.
func only(b *strings.Builder, sign string, lines, other []string) {
	there := map[string]bool{}
	for _, line := range other {
		there[line] = true
	}
	for _, line := range lines {
		if !there[line] {
			b.WriteString(sign + line + "\n")
		}
	}
}
