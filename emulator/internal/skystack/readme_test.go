package skystack

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestReadmeListsTheOperations holds the table of the README against the
// contract. When it fails it prints the table to paste.
func TestReadmeListsTheOperations(t *testing.T) {
	doc, err := openapi3.NewLoader().LoadFromData(decompressed(t, contractJSON))
	if err != nil {
		t.Fatal(err)
	}
	c, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("| operation | scope | in the documents | what it does |\n|---|---|---|---|\n")
	for _, op := range c.Operations {
		if op.Canonical != op.ID {
			continue
		}
		documented := "implied"
		if op.Documented {
			documented = "printed"
		}
		scope := op.Scope
		if op.Public {
			scope, documented = "none", "implied"
		}
		fmt.Fprintf(&want, "| `%s %s` | %s | %s | %s |\n", op.Method, op.Path, scope, documented, doc.Paths.Value(op.Path).GetOperation(op.Method).Summary)
	}
	readme, err := os.ReadFile(filepath.Join("..", "..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(readme), want.String()) {
		t.Errorf("the README's table of operations is not that of the contract; it should be\n%s", want.String())
	}
}
