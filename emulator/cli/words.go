package cli

import "strings"

// meant is a hint at what was probably meant, or nothing.
func meant(written string, names ...string) string {
	if near := nearest(written, names...); near != nil {
		return " (did you mean " + strings.Join(near, " or ") + "?)"
	}
	return ""
}

// joined lists words in a sentence.
func joined(words []string, last string) string {
	n := len(words) - 1
	if n < 1 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
}

// nearest is the names that what was written differs from by a slip or two, all
// that are equally near, or else the names it begins.
func nearest(written string, names ...string) []string {
	if len(written) > 64 {
		return nil
	}
	var near []string
	least := max(2, len(written)/4)
	for _, name := range names {
		d := distance(strings.ToLower(written), strings.ToLower(name))
		if d < least {
			near, least = nil, d
		}
		if d == least {
			near = append(near, name)
		}
	}
	if near == nil {
		for _, name := range names {
			if strings.HasPrefix(name, strings.ToLower(written)+"-") {
				near = append(near, name)
			}
		}
	}
	return near
}

// distance is the number of bytes to insert, delete or replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(diagonal+cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// shellWord is s as a POSIX shell reads it back, whatever is in it.
func shellWord(s string) string {
	const plain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-./:@%+"
	if s != "" && strings.Trim(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
