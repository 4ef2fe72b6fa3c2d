// Package near finds the names that a misspelt one was probably meant to be.
package near

import "strings"

// longest is the length of a word beyond which nothing is near: the comparison
// costs the product of both lengths.
const longest = 64

// Names is the names that what was written differs from by a slip or two, all
// that are equally near, or else those that it begins; nil for none. Upper and
// lower case do not count, and two swapped neighbors are one slip.
func Names(written string, names ...string) []string {
	if written == "" || len(written) > longest {
		return nil
	}
	word := strings.ToLower(written)
	var found []string
	least := max(2, len(word)/4)
	for _, name := range names {
		d := distance(word, strings.ToLower(name))
		if d < least {
			found, least = nil, d
		}
		if d == least {
			found = append(found, name)
		}
	}
	if found == nil {
		for _, name := range names {
			rest, ok := strings.CutPrefix(strings.ToLower(name), word)
			if ok && rest != "" && strings.ContainsAny(rest[:1], "-._") {
				found = append(found, name)
			}
		}
	}
	return found
}

// Hint is DidYouMean of what is near to what was written.
func Hint(written string, names ...string) string { return DidYouMean(Names(written, names...)) }

// DidYouMean is " (did you mean a or b?)", to follow what was written; "" for no words.
func DidYouMean(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(words, " or ") + "?)"
}

// distance is the number of bytes to insert, delete, replace or swap with their
// neighbor to make b of a.
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row
		row = make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before = last
	}
	return row[len(b)]
}

// Members is Names for members and parameters of requests: underscores, hyphens and
// spaces do not count either, and a short word allows one slip alone, for most short
// words are near each other.
func Members(written string, names ...string) []string {
	word := bare(written)
	if len(word) < 2 || len(written) > longest {
		return nil
	}
	var found []string
	least := max(2, len(word)/4)
	if len(word) < 5 {
		least = 1
	}
	for _, name := range names {
		d := distance(word, bare(name))
		if d < least {
			found, least = nil, d
		}
		if d == least {
			found = append(found, name)
		}
	}
	return found
}

func bare(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}
