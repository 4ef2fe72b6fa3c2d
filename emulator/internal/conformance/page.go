package conformance

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode"
)

// How much of the tests and the code is named one by one.
const (
	mostTests = 5 // of a file
	mostFiles = 6 // of a rule
)

// introduction begins a page: with the name of the system, and the files of its rules and
// its document.
const introduction = `<!-- Generated from rules.yaml, openapi.yaml, killers.txt and the tests by: go generate ./emulator/internal/conformance -->

# Conformance

What every sentence of the %[1]s documentation became here. The rules stand in
[rules.yaml](%[2]s), the operations in [openapi.yaml](%[3]s); a
rule is cited by tests when a test or a story carries its number, which does not say yet that the
test fails when the rule is broken. It is **proved by mutation** when a test that cites it failed
in the recorded run of [mutate](../testdata/mutate/README.md), which switches off the checks of the
handlers one by one: that test notices when a refusal that occurs in it is missing, which is not yet
everything that the rule says. A test fails when a rule that is called done is cited by none, when an
operation cites no rule, and when this page is out of date.

**Source** says what the rule rests on: *documented*, the documentation prints what serves it;
*inferred*, it only describes it, and routes and members are ours; *partly*, some of both.
**Assumed** says that the sentence leaves something open, and how it was settled is told below.

`

// Page is the text of the page of the system. The same project always gives the same
// bytes. Its links lead from the folder emulator.
func (p *Project) Page() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, introduction, p.System.Name, strings.TrimPrefix(p.System.Rules, "emulator/"), fileTarget(p.System.Contract))
	p.summary(&b)
	p.notDone(&b)
	p.table(&b)
	for _, r := range p.Rules {
		p.section(&b, r)
	}
	return []byte(b.String())
}

// summary is the table of counts.
func (p *Project) summary(b *strings.Builder) {
	statuses, sources, assumed, cited, proved := map[string]int{}, map[string]int{}, 0, 0, 0
	for _, r := range p.Rules {
		statuses[r.Status]++
		sources[p.source(r)]++
		if r.Assumed != "" {
			assumed++
		}
		if r.Status == Done && p.cited(r.ID) {
			cited++
		}
		if r.Status == Done && p.proved(r.ID) {
			proved++
		}
	}
	operations, free := map[string]int{}, []string{}
	for _, o := range p.Operations {
		operations[o.Source]++
		if len(o.Rules) == 0 {
			free = append(free, code(o.ID))
		}
	}
	without := "none"
	if len(free) > 0 {
		without = strings.Join(free, ", ")
	}
	b.WriteString("## Summary\n\n| | |\n|---|---|\n")
	for _, row := range [][2]string{
		{"Rules", fmt.Sprint(len(p.Rules))},
		{"Done, cited by tests, proved by mutation", fmt.Sprintf("%d, %d, %d", statuses[Done], cited, proved)},
		{"Not done yet", fmt.Sprint(statuses[Planned])},
		{"Nothing to serve", fmt.Sprint(statuses[None])},
		{"Documented, partly, inferred", fmt.Sprintf("%d, %d, %d", sources[documented], sources["partly"], sources[inferred])},
		{"With something assumed", fmt.Sprint(assumed)},
		{"Operations, documented and inferred", fmt.Sprintf("%d, %d and %d", len(p.Operations), operations[documented], operations[inferred])},
		{"Operations that no rule stands behind", without},
	} {
		fmt.Fprintf(b, "| %s | %s |\n", row[0], row[1])
	}
	b.WriteString("\n")
}

// notDone is the table of the rules that are not done, and why.
func (p *Project) notDone(b *strings.Builder) {
	b.WriteString("| Not done | Why |\n|---|---|\n")
	for _, r := range p.Rules {
		if r.Status != Done {
			fmt.Fprintf(b, "| %s %s | %s: %s |\n", link(r), cell(r.Sentence), statusName(r.Status), cell(r.Why))
		}
	}
	b.WriteString("\n")
}

// table has a row for each rule.
func (p *Project) table(b *strings.Builder) {
	b.WriteString("## Rules\n\n| Rule | Sentence | Status | Source | Assumed | Cited by |\n|---|---|---|---|---|---|\n")
	for _, r := range p.Rules {
		assumed := ""
		if r.Assumed != "" {
			assumed = "yes"
		}
		tests, files := 0, 0
		for _, f := range p.Tests[r.ID] {
			if f.cites() {
				tests, files = tests+max(1, len(f.Tests)), files+1
			}
		}
		by := "–"
		if files > 0 {
			by = fmt.Sprintf("%s in %s", number(tests, "test"), number(files, "file"))
		}
		if p.proved(r.ID) {
			by += ", proved by mutation"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", link(r), cell(r.Sentence), statusName(r.Status), p.source(r), assumed, by)
	}
	b.WriteString("\n")
}

// section is all about a rule.
func (p *Project) section(b *strings.Builder, r Rule) {
	if r.Chapter != "" {
		fmt.Fprintf(b, "## %s\n\n", plain(r.Chapter))
	}
	fmt.Fprintf(b, "### %s\n\n> %s\n\n%s\n\n", r.ID, plain(r.Sentence), plain(r.Means))
	if r.Assumed != "" {
		fmt.Fprintf(b, "- **Assumed:** %s\n", plain(r.Assumed))
	}
	if r.Status != Done {
		fmt.Fprintf(b, "- **%s:** %s\n", capital(statusName(r.Status)), plain(r.Why))
	}
	if r.Status != None {
		fmt.Fprintf(b, "- **Source:** %s\n", p.source(r))
	}
	for _, kind := range []string{documented, inferred} {
		var names []string
		for _, o := range p.serving(r) {
			if o.Source == kind {
				names = append(names, code(o.ID))
			}
		}
		if len(names) > 0 {
			fmt.Fprintf(b, "- **Operations,** %s: %s\n", kind, strings.Join(names, ", "))
		}
	}
	if files := p.Sources[r.ID]; len(files) > 0 {
		var links []string
		for _, f := range firstN(files, mostFiles) {
			links = append(links, fileLink(f.Path))
		}
		fmt.Fprintf(b, "- **Code:** %s%s\n", strings.Join(links, ", "), more(len(files)-mostFiles, "file"))
	}
	p.citations(b, r)
	b.WriteString("\n")
}

// citations lists the tests that carry a rule, a line a file.
func (p *Project) citations(b *strings.Builder, r Rule) {
	files := slices.DeleteFunc(slices.Clone(p.Tests[r.ID]), func(f File) bool { return !f.cites() })
	if len(files) == 0 {
		return
	}
	if p.proved(r.ID) {
		b.WriteString("- **Proved by mutation,** and cited by:\n")
	} else {
		b.WriteString("- **Cited by:**\n")
	}
	for _, f := range firstN(files, mostFiles) {
		var names []string
		for _, name := range firstN(f.Tests, mostTests) {
			names = append(names, code(name))
		}
		line := fileLink(f.Path)
		if len(names) > 0 {
			line += ": " + strings.Join(names, ", ") + more(len(f.Tests)-mostTests, "")
		}
		fmt.Fprintf(b, "  - %s\n", line)
	}
	if rest := more(len(files)-mostFiles, "file"); rest != "" {
		fmt.Fprintf(b, "  - %s\n", strings.TrimPrefix(rest, ", "))
	}
}

// statusName is a status as the page names it.
func statusName(status string) string {
	switch status {
	case Planned:
		return "not done yet"
	case None:
		return "nothing to serve"
	}
	return status
}

func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// number is so many of a thing.
func number(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// more says that so many are left out; "" if none are.
func more(n int, thing string) string {
	switch {
	case n <= 0:
		return ""
	case thing == "":
		return fmt.Sprintf(", +%d more", n)
	case n > 1:
		thing += "s"
	}
	return fmt.Sprintf(", +%d more %s", n, thing)
}

func firstN[T any](all []T, most int) []T { return all[:min(len(all), most)] }

// link leads to the section of a rule.
func link(r Rule) string { return "[" + r.ID + "](#" + strings.ToLower(r.ID) + ")" }

// fileLink leads to a file below the root.
func fileLink(file string) string {
	dir, name := path.Split(file)
	return "[" + plain(path.Join(path.Base(dir), name)) + "](" + fileTarget(file) + ")"
}

// fileTarget is the path of a file below the root from the folder of the page.
func fileTarget(file string) string {
	if target, below := strings.CutPrefix(file, "emulator/"); below {
		return target
	}
	return "../" + file
}

// code shows a name as it is, whatever it holds.
func code(name string) string {
	name = strings.ReplaceAll(name, "\n", " ")
	if strings.Contains(name, "`") {
		return "`` " + name + " ``"
	}
	return "`" + name + "`"
}

// plain is a text as Markdown that shows it: text between backquotes stays
// code, and nothing else is taken for markup.
func plain(text string) string { return escaped(text, "") }

// cell is plain for a cell of a table, where a bar ends the cell even in code.
func cell(text string) string { return escaped(text, "|") }

func escaped(text, everywhere string) string {
	text = strings.Join(strings.Fields(text), " ")
	markup := everywhere + "\\*<>[]"
	// One of an odd number begins nothing, and a backslash, which code keeps as it
	// is, would take the one before a bar for itself.
	if strings.Count(text, "`")%2 != 0 || strings.Contains(text, `\|`) {
		markup += "`"
	}
	var b strings.Builder
	inCode, inWord := false, false
	for _, c := range text {
		switch {
		case c == '`' && !strings.Contains(markup, "`"):
			inCode = !inCode
		case strings.ContainsRune(everywhere, c), !inCode && strings.ContainsRune(markup, c),
			!inCode && c == '_' && !inWord: // within a word it is no markup
			b.WriteByte('\\')
		}
		b.WriteRune(c)
		inWord = unicode.IsLetter(c) || unicode.IsDigit(c)
	}
	return b.String()
}
