package conformance

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const root = "../../.."

var project = sync.OnceValues(func() (all []*Project, err error) {
	for _, system := range Systems() {
		p, err := Read(root, system)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
})

// each runs a test for each system with the project as it is, which no test changes.
func each(t *testing.T, test func(t *testing.T, p *Project)) {
	t.Helper()
	all, err := project()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		t.Run(p.System.Name, func(t *testing.T) { test(t, p) })
	}
}

// Every rule that is called done is cited by a test, every operation cites a rule, and
// rules and contract name what there is.
func TestRulesAreWhole(t *testing.T) {
	each(t, func(t *testing.T, p *Project) {
		for _, fault := range p.Problems() {
			t.Error(fault)
		}
	})
}

// The page in the repository is the one that is made from it.
func TestPageIsUpToDate(t *testing.T) {
	each(t, func(t *testing.T, p *Project) {
		got, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(p.System.Page)))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, p.Page()) {
			t.Errorf("%s is out of date; run go generate ./emulator/internal/conformance", p.System.Page)
		}
	})
}

// Whatever the order in which maps are walked, the page is the same.
func TestPageIsStable(t *testing.T) {
	each(t, func(t *testing.T, p *Project) {
		again, err := Read(root, p.System)
		if err != nil || !bytes.Equal(again.Page(), p.Page()) {
			t.Fatalf("two readings gave two pages: %v", err)
		}
	})
}

// Every link leads somewhere: to a file, or to a heading that is there once.
func TestLinksLead(t *testing.T) { each(t, linksLead) }

func linksLead(t *testing.T, p *Project) {
	page := string(p.Page())
	links := regexp.MustCompile(`\]\(([^)\s]+)\)`).FindAllStringSubmatch(page, -1)
	if len(links) < 2*len(p.Rules) {
		t.Fatalf("%d links", len(links))
	}
	seen := map[string]bool{}
	for _, m := range links {
		target := m[1]
		if seen[target] {
			continue
		}
		seen[target] = true
		if id, ok := strings.CutPrefix(target, "#"); ok {
			if n := strings.Count(page, "\n### "+strings.ToUpper(id)+"\n"); n != 1 {
				t.Errorf("%s leads to %d headings", target, n)
			}
			continue
		}
		if _, err := os.Stat(filepath.Join(root, "emulator", target)); err != nil {
			t.Error(err)
		}
	}
}

// Each row of a table has as many cells as its head.
func TestTablesAreTables(t *testing.T) { each(t, tablesAreTables) }

func tablesAreTables(t *testing.T, of *Project) {
	p := *of
	p.Rules = slices.Clone(p.Rules)
	p.Rules[0].Sentence, p.Rules[0].Why = "a | b `|` \\| c", "x|y\n|\n|"
	columns := 0
	for line := range strings.Lines(string(p.Page())) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		n := bars(line)
		if columns == 0 {
			columns = n
		}
		if n != columns {
			t.Errorf("%d bars, want %d: %s", n, columns, line)
		}
	}
}

// bars counts those that end a cell.
func bars(line string) int {
	n := 0
	for i := range len(line) {
		if line[i] == '|' && (i == 0 || line[i-1] != '\\') {
			n++
		}
	}
	return n
}

func TestEscaped(t *testing.T) {
	for in, want := range map[string]string{
		"instance.* and *":          `instance.\* and \*`,
		"created_at, tok_ and _x":   `created_at, tok_ and \_x`,
		"a  b\n c":                  "a b c",
		"`key new` is [code] <b>":   "`key new` is \\[code\\] \\<b\\>",
		"`*_<` stays, a lone ` not": "\\`\\*\\_\\<\\` stays, a lone \\` not",
		`a\b`:                       `a\\b`,
		"a|b":                       "a|b",
		"größe_1":                   "größe_1",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
	if got := cell("a|`b|c`"); got != "a\\|`b\\|c`" {
		t.Errorf("got %s", got)
	}
}

// Whatever a rule says, it stays in its cell and on its line.
func FuzzCell(f *testing.F) {
	for _, s := range []string{"", "a|b", "`|`", "\\|", "\\", "`", "a\nb", "\xff|", "|\\"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := cell(s)
		if strings.ContainsAny(got, "\n\r") {
			t.Fatalf("%q: %q has two lines", s, got)
		}
		for i, c := range got {
			before := got[:i]
			if c == '|' && (len(before)-len(strings.TrimRight(before, `\`)))%2 == 0 {
				t.Fatalf("%q: %q has an open bar", s, got)
			}
		}
	})
}

// whole is a project without a fault.
func whole() *Project {
	p := &Project{System: System{Letter: "S", Count: 80}, Tests: map[string][]File{}}
	for n := range p.System.Count {
		id := fmt.Sprintf("S%d", n+1)
		p.Rules = append(p.Rules, Rule{ID: id, Sentence: "s", Means: "m", Status: Done})
		p.Tests[id] = []File{{Path: "a_test.go", Tests: []string{"TestA"}}}
	}
	p.Operations = []Operation{{ID: "get", Source: documented, Rules: []string{"S1"}}}
	return p
}

// The check itself must not be blind.
func TestFaultsAreFound(t *testing.T) {
	if got := whole().Problems(); got != nil {
		t.Fatalf("faults %q", got)
	}
	for _, tc := range []struct {
		change func(p *Project)
		want   string
	}{
		{func(p *Project) { delete(p.Tests, "S7") }, "S7: it is called done, and no test carries its number"},
		{func(p *Project) { p.Tests["S7"][0].Tests = nil }, "S7: it is called done"},
		{func(p *Project) { p.Rules = p.Rules[1:]; p.Operations[0].Rules[0] = "S2" }, "must hold S1 to S80"},
		{func(p *Project) { p.Rules[4], p.Rules[5] = p.Rules[5], p.Rules[4] }, "in order"},
		{func(p *Project) { p.Rules[2].Sentence = " " }, "S3: sentence is empty"},
		{func(p *Project) { p.Rules[2].Sentence = "a\nb" }, "S3: sentence is longer"},
		{func(p *Project) { p.Rules[2].Assumed = "a\nb" }, "S3: assumed is longer"},
		{func(p *Project) { p.Rules[2].Means = "" }, "S3: means is empty"},
		{func(p *Project) { p.Rules[2].Status = Planned }, "S3: why is empty"},
		{func(p *Project) { p.Rules[2].Status = None }, "S3: why is empty"},
		{func(p *Project) { p.Rules[2].Status = "soon" }, `S3: status is "soon"`},
		{func(p *Project) { p.Rules[2].Operations = []string{"put"} }, "S3 names operation put"},
		{func(p *Project) { p.Operations[0].Rules = nil }, "get cites no rule"},
		{func(p *Project) { p.Operations[0].Rules = []string{"S81"} }, "get cites rule S81"},
		{func(p *Project) { p.Operations[0].Source = "" }, "x-source of get"},
		{func(p *Project) { p.Operations = nil }, "no operations"},
	} {
		p := whole()
		tc.change(p)
		if got := p.Problems(); len(got) != 1 || !strings.Contains(got[0], tc.want) {
			t.Errorf("faults %q, want one with %q", got, tc.want)
		}
	}
	gaps := whole()
	gaps.System.Count, gaps.Rules = 0, slices.Delete(gaps.Rules, 40, 60)
	if got := gaps.Problems(); got != nil {
		t.Errorf("gaps are allowed: %q", got)
	}
	gaps.Rules[3], gaps.Rules[4] = gaps.Rules[4], gaps.Rules[3]
	if got := gaps.Problems(); len(got) != 1 || !strings.Contains(got[0], "in order") {
		t.Errorf("faults %q", got)
	}
	story := whole()
	story.Tests["S7"] = []File{{Path: "testdata/script/a.txtar"}}
	if got := story.Problems(); got != nil {
		t.Errorf("a story proves nothing: %q", got)
	}
}

func TestParseRules(t *testing.T) {
	rules, err := parseRules([]byte("# Head\n# of the file\n\n# One\n\n- id: S1\n  sentence: a\n- id: S2\n  assumed: >-\n    b\n    c\n\n# Two\n\n- id: S3\n"))
	if err != nil || len(rules) != 3 || rules[0].Chapter != "One" || rules[1].Chapter != "" || rules[2].Chapter != "Two" || rules[1].Assumed != "b c" {
		t.Errorf("%+v, %v", rules, err)
	}
	for _, wrong := range []string{"- id: S1\n  meaning: x\n", "id: S1\n", "- [", ""} {
		if rules, err := parseRules([]byte(wrong)); err == nil {
			t.Errorf("%q: %v", wrong, rules)
		}
	}
}

func TestParseContract(t *testing.T) {
	got, err := parseContract([]byte("paths:\n  /b:\n    parameters: []\n    post: {operationId: two, x-source: inferred}\n    get: {operationId: one, x-rules: [S1]}\n  /a:\n    delete: {operationId: zero}\n"))
	var ids []string
	for _, o := range got {
		ids = append(ids, o.Method+" "+o.Path+" "+o.ID)
	}
	if want := []string{"DELETE /a zero", "GET /b one", "POST /b two"}; err != nil || !slices.Equal(ids, want) {
		t.Errorf("got %q, %v, want %q", ids, err, want)
	}
	for _, wrong := range []string{"paths: 1", "paths: {/a: {get: {x-rules: 1}}}", "a: ["} {
		if _, err := parseContract([]byte(wrong)); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}

// What a rule rests on follows from the operations that serve it.
func TestSource(t *testing.T) {
	p := &Project{Operations: []Operation{
		{ID: "list", Source: documented, Rules: []string{"S1", "S3"}},
		{ID: "patch", Source: inferred, Rules: []string{"S2"}},
		{ID: "put", Source: inferred},
	}}
	for want, r := range map[string]Rule{
		documented: {ID: "S1", Status: Done},
		inferred:   {ID: "S2", Status: Done},
		"partly":   {ID: "S3", Status: Done, Operations: []string{"put"}},
		"–":        {ID: "S1", Status: None},
	} {
		if got := p.source(r); got != want {
			t.Errorf("%+v: got %s, want %s", r, got, want)
		}
	}
	if got := p.source(Rule{ID: "S9", Status: Done}); got != documented {
		t.Errorf("a rule about every request: got %s", got)
	}
}

// A rule is proved when a test that cites it is on record; its subtests count for it,
// and neither a test of the same name elsewhere nor a story does.
func TestProved(t *testing.T) {
	killers, err := parseKillers("# head\na/b TestX\tf: x == 1\nc TestY\tg: !ok\n")
	if err != nil {
		t.Fatal(err)
	}
	p := &Project{
		Killers: killers,
		Rules:   []Rule{{ID: "S1"}, {ID: "S2"}, {ID: "S3"}, {ID: "S4"}},
		Tests: map[string][]File{
			"S1": {{Path: "a/b/x_test.go", Tests: []string{"TestOther", "TestX/sub", "TestX"}}},
			"S2": {{Path: "a/x_test.go", Tests: []string{"TestX"}}},
			"S3": {{Path: "c/TestY.txtar"}},
		},
	}
	for id, want := range map[string]bool{"S1": true, "S2": false, "S3": false, "S4": false} {
		if got := p.proved(id); got != want {
			t.Errorf("%s: proved is %t", id, got)
		}
	}
	if got, want := string(p.Citations()), "S1\ta/b\tTestOther\nS1\ta/b\tTestX\nS2\ta\tTestX\n"; got != want {
		t.Errorf("citations %q, want %q", got, want)
	}
	for _, wrong := range []string{"TestX\tf: x", "a TestX", " TestX\tf", "a \tf", "a TestX\t"} {
		if killers, err := parseKillers(wrong); err == nil {
			t.Errorf("%q: %v", wrong, killers)
		}
	}
}
