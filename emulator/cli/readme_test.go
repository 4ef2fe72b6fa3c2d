package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// readme is the README with what its code blocks hold taken out.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile("(?ms)^```.*?^```").ReplaceAllString(string(text), "")
}

// The table of contents of the README is its headings.
func TestContentsOfREADME(t *testing.T) {
	text := readme(t)
	_, rest, ok := strings.Cut(text, "\n## Contents\n\n")
	if !ok {
		t.Fatal("there is no table of contents")
	}
	contents, rest, _ := strings.Cut(rest, "\n\n")
	var want strings.Builder
	unlinked := regexp.MustCompile(`[^a-z0-9 _-]`)
	for _, h := range regexp.MustCompile(`(?m)^(##+) (.+)$`).FindAllStringSubmatch(rest, -1) {
		anchor := strings.ReplaceAll(unlinked.ReplaceAllString(strings.ToLower(h[2]), ""), " ", "-")
		want.WriteString(strings.Repeat("  ", len(h[1])-2) + "- [" + h[2] + "](#" + anchor + ")\n")
	}
	if contents+"\n" != want.String() {
		t.Errorf("the table of contents is\n%s\nand should be\n%s", contents, want.String())
	}
	for _, link := range regexp.MustCompile(`\]\(#([^)]*)\)`).FindAllStringSubmatch(text, -1) {
		if !strings.Contains(want.String(), "](#"+link[1]+")") {
			t.Errorf("a link leads to #%s, which is no heading", link[1])
		}
	}
}

// The README has a row for each command.
func TestCommandsOfREADME(t *testing.T) {
	_, section, _ := strings.Cut(readme(t), "\n## Commands\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var rows string
	for line := range strings.Lines(section) {
		if row, ok := strings.CutPrefix(line, "| "); ok {
			first, _, _ := strings.Cut(row, " | ")
			rows += first + "\n"
		}
	}
	names := append([]string{"--version", "--help"}, childrenOf((&process{}).program())...)
	for _, name := range names {
		if !regexp.MustCompile("`" + regexp.QuoteMeta(name) + "[` ]").MatchString(rows) {
			t.Errorf("there is no row for %s in\n%s", name, rows)
		}
	}
}

// What users read names no rule by its number, which they could not look up: the
// README, the help of each command, and the doc comments of the packages they import.
func TestNoRuleNumbers(t *testing.T) {
	texts := map[string]string{"README.md": readme(t)}
	for _, c := range commandsBelow((&process{}).program()) {
		var out, message strings.Builder
		if code := Run(append(strings.Fields(pathOf(c)), "--help"), nil, &out, &message); code != exitOK {
			t.Fatal(pathOf(c), code, &message)
		}
		texts[pathOf(c)+" --help"] = out.String()
	}
	for _, dir := range []string{"..", "../remote", "../sandbox", "../testcontainer", "../../fixtures"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatal(dir, files, err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			texts[name] = strings.Join(regexp.MustCompile(`(?m)//.*$`).FindAllString(string(text), -1), "\n")
		}
	}
	number := regexp.MustCompile(`\bS[0-9]{1,2}\b|\b[Ss]ections? [0-9]|\([0-9]+\.[0-9]+(, row [0-9]+)?\)`)
	for name, text := range texts {
		for _, found := range number.FindAllString(text, -1) {
			t.Errorf("%s names the rule %s; say what it is, or refer to emulator/CONFORMANCE.md", name, found)
		}
	}
}
