// Package near suggests names for a misspelt one.
package near

import "strings"

// longest is the length of the longest word that is compared: the cost is the product
// of both lengths.
const longest = 64

// Names returns the names that differ from the written one by a slip or two, all that
// are equally near, or else those that begin with it; nil for none. Case does not
// count, and two swapped neighbors are one slip.
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

// Hint returns DidYouMean of the names that are near to the written one.
func Hint(written string, names ...string) string { return DidYouMean(Names(written, names...)) }

// DidYouMean returns " (did you mean a or b?)", which follows the written word; "" for
// no words.
func DidYouMean(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return " (did you mean " + strings.Join(words, " or ") + "?)"
}

// distance returns the number of bytes to insert, delete, replace or swap with their
// neighbor to turn a into b.
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
