package conformance

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

func TestCited(t *testing.T) {
	for text, want := range map[string][]string{
		"S4 in a comment, but not NAS5 or S6x.": {"S4"},
		"(S50 to S53, S7)":                      {"S50", "S51", "S52", "S53", "S7"},
		"S9 to S2":                              {"S9"},
		"S1 to S99999":                          {"S1"},
		"S1 to S999999999999999999999":          {"S1"},
		"S1 toS2, S3-S5":                        {"S1", "S3", "S5"},
		"TLS13 s4 SS5":                          nil,
	} {
		if got := notationOf("S").cited(text); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// A rule belongs to the test whose name, comment or string carries it.
func TestInTests(t *testing.T) {
	got, err := notationOf("S").inTests("x_test.go", []byte(`package x

// S1 stands alone.

// S2 is said of a table.
var table = []string{"S3"}

// TestOne says S4 (S5 to S6).
func TestOne(t *testing.T) {
	t.Run("S7: refuses | it", func(t *testing.T) {}) // S8
	got := "S4"
}

func TestPagingS9S10AndS11(t *testing.T) {}

func TestTLS13(t *testing.T) { var S12 int; _ = S12 }

// S13 is said of what helps.
func help() { _ = "S14" }

func (r rig) TestNothing() { _ = "S15" }

func FuzzS16(f *testing.F) {}

func Example_s17() { /* S18 */ }
`))
	want := citations{
		"S1": nil, "S2": nil, "S3": nil, "S4": {"TestOne"}, "S5": {"TestOne"}, "S6": {"TestOne"}, "S7": {"TestOne/S7:_refuses_|_it"}, "S8": {"TestOne"},
		"S9": {"TestPagingS9S10AndS11"}, "S10": {"TestPagingS9S10AndS11"}, "S11": {"TestPagingS9S10AndS11"},
		"S13": nil, "S14": nil, "S15": nil, "S16": {"FuzzS16"}, "S18": {"Example_s17"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v\nwant %v", got, err, want)
	}
	if _, err := notationOf("S").inTests("x_test.go", []byte("package")); err == nil {
		t.Error("what is no Go was read")
	}
}

func TestInSource(t *testing.T) {
	got, err := notationOf("S").inSource("x.go", []byte("package x\n\n// S1 here.\nfunc f() string { return \"S2\" /* S3 */ }\n"))
	if want := (citations{"S1": nil, "S3": nil}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	if _, err := notationOf("S").inSource("x.go", nil); err == nil {
		t.Error("an empty file was read")
	}
}

func TestInStory(t *testing.T) {
	got, err := notationOf("S").inStory("x.txtar", []byte("# S57 again\nexec x S58 # and S59\n-- S60.txt --\n# S61\n"))
	if want := (citations{"S57": nil, "S59": nil}); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// Files are read by their kind, and in the order of their paths.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"b/b_test.go":             "package b\n\n// S1\nfunc TestB() {}\n",
		"a/a_test.go":             "package a\n\n// S1\nfunc TestA() {}\n",
		"a/a.go":                  "package a // S1\n",
		"a/a.gen.go":              "package a // S2\n",
		"testdata/script/s.txtar": "# S1\n",
		"testdata/other/s.txtar":  "# S2\n",
		"README.md":               "S2\n",
		".git/x.go":               "none",
		"emulator/internal/conformance/x_test.go":    "none",
		"emulator/internal/genconformance/x_test.go": "package x // S1\n",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests, sources, err := notationOf("S").scan(dir)
	want := map[string][]File{"S1": {
		{"a/a_test.go", []string{"TestA"}}, {"b/b_test.go", []string{"TestB"}},
		{"emulator/internal/genconformance/x_test.go", nil}, {"testdata/script/s.txtar", nil},
	}}
	if err != nil || !reflect.DeepEqual(tests, want) {
		t.Errorf("got %v, %v\nwant %v", tests, err, want)
	}
	if want := map[string][]File{"S1": {{"a/a.go", nil}}}; !reflect.DeepEqual(sources, want) {
		t.Errorf("sources %v, want %v", sources, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "bad_test.go"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := notationOf("S").scan(dir); err == nil {
		t.Error("what is no Go was read")
	}
	if _, err := Read(dir, Systems()[0]); err == nil {
		t.Error("a folder without rules was read")
	}
}

// Whatever stands in a test file, it is read or refused.
func FuzzInTests(f *testing.F) {
	f.Add("package x\n// S1\nfunc TestS2(t *testing.T) { t.Run(\"S3\", nil); x.Run(`S4`) }\n")
	f.Add("package x\nfunc Test")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := notationOf("S").inTests("x_test.go", []byte(text))
		if (got == nil) == (err == nil) {
			t.Fatalf("%v, %v", got, err)
		}
	})
}
