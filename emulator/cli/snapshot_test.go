package cli

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// A saved world is the world: loaded elsewhere it gives the same text, and what
// differs is told.
func TestSnapshotCommands(t *testing.T) {
	e := frozen(t)
	wire.In(t, e).Post("/v1/instances", newInstance).Wants(201)
	file := filepath.Join(t.TempDir(), "world.json")
	if code, out, message := runAgainst(t, e, "snapshot", "save", file); code != 0 || out+message != "" {
		t.Fatalf("exit code %d, %s%s", code, out, message)
	}
	saved, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if code, out, _ := runAgainst(t, e, "snapshot", "save", "-"); code != 0 || out != string(saved) {
		t.Errorf("exit code %d, and standard output is not the file", code)
	}
	dump := e.Dump()
	if code, out, message := runAgainst(t, e, "snapshot", "dump"); code != 0 || out != dump {
		t.Errorf("exit code %d, %s", code, message)
	}
	if code, out, message := runAgainst(t, e, "snapshot", "dump", file); code != 0 || out != dump {
		t.Errorf("exit code %d, %s, the file's text is not the world's:\n%s", code, message, out)
	}
	if code, out, message := runAgainst(t, e, "snapshot", "diff", file); code != 0 || out+message != "" {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	if err := e.AdvanceUntilIdle(); err != nil {
		t.Fatal(err)
	}
	code, out, message := runAgainst(t, e, "snapshot", "diff", file)
	if code != 0 || !strings.Contains(out, "\n-   status \"provisioning\"\n") || !strings.Contains(out, "\n+   status \"running\"\n") {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	later := filepath.Join(filepath.Dir(file), "later.json")
	if code, _, message := runAgainst(t, e, "snapshot", "save", later); code != 0 {
		t.Errorf("exit code %d, %s", code, message)
	}
	if code, between, message := runAgainst(t, e, "snapshot", "diff", file, later); code != 0 || between != out {
		t.Errorf("exit code %d, %s%s", code, between, message)
	}
	if code, out, message := runAgainst(t, e, "snapshot", "load", file); code != 0 || out+message != "" || e.Dump() != dump {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	other := emulator.Start(t, emulator.WithFixture("empty"))
	if code, _, message := runAgainst(t, other, "snapshot", "load", file); code != 0 || len(other.Instances()) != len(e.Instances()) {
		t.Errorf("exit code %d, %s", code, message)
	}
	if left, err := os.ReadDir(filepath.Dir(file)); err != nil || len(left) != 2 {
		t.Errorf("files %v, %v", left, err)
	}
}

// A file that is not a saved world changes nothing, and the message names it.
func TestWrongSnapshots(t *testing.T) {
	e := frozen(t)
	before, dir := e.Dump(), t.TempDir()
	for name, text := range map[string]string{
		"empty.json": "", "other.json": "{}", "list.json": "[]", "cut.json": `{"format":"skystack-sandbox-world","version":1,`, "binary.json": "\x00\xff",
	} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, command := range []string{"load", "dump", "diff"} {
			if code, out, message := runAgainst(t, e, "snapshot", command, file); code != exitFailure || out != "" || !strings.HasPrefix(message, program+": "+file+": ") {
				t.Errorf("%s %s: exit code %d, %s%s", command, name, code, out, message)
			}
		}
	}
	if e.Dump() != before {
		t.Error("the workspace has changed")
	}
}

// A file that cannot be written completely is not written at all.
func TestReplaceFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "world.json")
	if err := replaceFile(file, func(w io.Writer) error { _, err := io.WriteString(w, "old"); return err }); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the line broke")
	if err := replaceFile(file, func(w io.Writer) error { _, _ = io.WriteString(w, "half"); return broken }); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "old" {
		t.Errorf("%q, %v", text, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("files %v, %v", left, err)
	}
	link := filepath.Join(dir, "link.json")
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	var out, message bytes.Buffer
	if code := Run([]string{"snapshot", "save", link}, nil, &out, &message); code != exitUsage || !strings.Contains(message.String(), "a symbolic link, which is not followed") {
		t.Errorf("exit code %d, %s", code, &message)
	}
	if err := replaceable(filepath.Join(file, "below")); err == nil {
		t.Error("a file is no directory")
	}
}

// Secrets are in a file only when they are asked for.
func TestSnapshotSaveWithSecrets(t *testing.T) {
	e := frozen(t)
	secret := wire.In(t, e).Post("/v1/webhooks", `{"url":"http://127.0.0.1:3999/hook","event_types":["*"]}`).Wants(201).Text("secret")
	for _, flags := range [][]string{nil, {"--with-secrets"}} {
		code, out, message := runAgainst(t, e, append([]string{"snapshot", "save", "-"}, flags...)...)
		if code != 0 || message != "" || strings.Contains(out, secret) != (flags != nil) {
			t.Errorf("%v: exit code %d, %s, the secret is there: %v", flags, code, message, strings.Contains(out, secret))
		}
	}
}

// A file that cannot be made is named as the user named it.
func TestSaveNamesTheFile(t *testing.T) {
	code, out, message := runAgainst(t, emulator.Start(t), "snapshot", "save", "no-such-folder/x.json")
	if want := program + ": no-such-folder/x.json: cannot be written: no such file or directory\n"; code != 1 || out != "" || message != want {
		t.Errorf("exit code %d, %q, %q, want %q", code, out, message, want)
	}
}

// A file that was just saved does not differ from the workspace, although a webhook
// from a file is disabled once it is loaded (10.2, row 12).
func TestSavedWebhooksDoNotDiffer(t *testing.T) {
	e := frozen(t)
	wire.In(t, e).Post("/v1/webhooks", `{"url":"http://127.0.0.1:9999/","event_types":["instance.*"]}`).Wants(201)
	file := filepath.Join(t.TempDir(), "world.json")
	if code, out, message := runAgainst(t, e, "snapshot", "save", file); code != 0 || out+message != "" {
		t.Fatalf("exit code %d, %s%s", code, out, message)
	}
	if code, out, message := runAgainst(t, e, "snapshot", "diff", file); code != 0 || out+message != "" {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
	if code, out, message := runAgainst(t, e, "snapshot", "load", file); code != 0 || out+message != "" {
		t.Fatalf("exit code %d, %s%s", code, out, message)
	}
	code, out, message := runAgainst(t, e, "snapshot", "diff", file)
	if code != 0 || !strings.Contains(out, `+   disabled "imported"`) {
		t.Errorf("exit code %d, %s%s", code, out, message)
	}
}
