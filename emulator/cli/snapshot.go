package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/remote"
	"skystack.dev/sandbox/emulator/sandbox"
)

type snapshotCommand struct {
	withSecrets bool
	connection
}

const (
	snapshotSaveHelp = "Writes the present state of the workspace, clock and agenda included, to a JSON file, or to standard output when FILE is -. The same state gives the same bytes. An existing file is replaced only when everything is written; only the owner may read it. A symbolic link is not followed. The file contains hashes of keys, and no secrets of webhooks unless --with-secrets is given: without them a loaded webhook needs a new secret."
	snapshotLoadHelp = "Replaces the state of the workspace, its time included, with that of a file written by save; - is standard input. The workspace keeps its own keys. The file may be from another workspace, another sandbox, or a Go test. A damaged or unknown file changes nothing."
	snapshotDumpHelp = "Prints the present state of the workspace, or a file written by save, as readable text; - is standard input."
	snapshotDiffHelp = "Prints removed lines with - and added lines with +, grouped by object; nothing when both states are equal. FILE was written by save; - is standard input. OTHER is a file written later; without it FILE is compared with the present state of the workspace. With two files no sandbox is needed."
)

func (p *process) snapshotCommand() *cobra.Command {
	var c snapshotCommand
	return group("snapshot", "Save and load a workspace.", c.flags(),
		p.leaf("save FILE", "Write the present state of the workspace to a file.", snapshotSaveHelp, []flag{
			{name: "with-secrets", value: truthFlag(&c.withSecrets), help: "Include the secrets of webhooks in plain text."},
		}, func(words []string) error {
			return untilSignal(func(ctx context.Context) error { return c.save(ctx, words[0], p.environ, p.stdout) })
		}),
		p.leaf("load FILE", "Replace the state of the workspace, its time included, with that of a file.", snapshotLoadHelp, nil, func(words []string) error {
			return untilSignal(func(ctx context.Context) error { return c.load(ctx, words[0], p.environ, os.Stdin) })
		}),
		p.leaf("dump [FILE]", "Print the present state of the workspace, or a file, as readable text.", snapshotDumpHelp, nil, func(words []string) error {
			return untilSignal(func(ctx context.Context) error {
				return c.dump(ctx, "snapshot dump", argument(words, 0), p.environ, os.Stdin, p.stdout)
			})
		}),
		p.leaf("diff FILE [OTHER]", "Print the differences between a file and the present state, or a second file.", snapshotDiffHelp, nil, func(words []string) error {
			return untilSignal(func(ctx context.Context) error {
				return c.diff(ctx, words[0], argument(words, 1), p.environ, os.Stdin, p.stdout)
			})
		}),
	)
}

// argument returns the n-th argument; "" when it is missing.
func argument(words []string, n int) string {
	if n < len(words) {
		return words[n]
	}
	return ""
}

// diff prints the differences between a file and another, or the present state.
func (c snapshotCommand) diff(ctx context.Context, file, other string, environ []string, stdin io.Reader, stdout io.Writer) error {
	const command = "snapshot diff"
	if file == "-" && other == "-" {
		return &usageError{command, errors.New("only one of the files can be standard input: name the other")}
	}
	var before, after strings.Builder
	if err := c.dump(ctx, command, file, environ, stdin, &before); err != nil {
		return err
	}
	if err := c.dump(ctx, command, other, environ, stdin, &after); err != nil {
		return err
	}
	_, err := io.WriteString(stdout, sandbox.Diff(dumped(before.String()), dumped(after.String())))
	return err
}

func (c snapshotCommand) save(ctx context.Context, name string, environ []string, stdout io.Writer) error {
	if name != "-" {
		if err := replaceable(name); err != nil {
			return &usageError{"snapshot save", err}
		}
	}
	return c.use(ctx, "snapshot save", environ, func(w *remote.Workspace) error {
		s := w.Snapshot()
		if err := w.Err(); err != nil {
			return err
		}
		write := s.Save
		if c.withSecrets {
			write = s.SaveSecrets
		}
		if name == "-" {
			if !isTerminal(stdout) {
				stdout = unescaped(stdout) // the exact bytes
			}
			return write(stdout)
		}
		return replaceFile(name, write)
	})
}

func (c snapshotCommand) load(ctx context.Context, name string, environ []string, stdin io.Reader) error {
	file, err := openSnapshot(name, stdin)
	if err != nil {
		return &usageError{"snapshot load", err}
	}
	defer func() { _ = file.Close() }()
	return c.use(ctx, "snapshot load", environ, func(w *remote.Workspace) error {
		if err := w.Import(file); err != nil {
			return fmt.Errorf("%s: %w", shownFile(name), err)
		}
		return nil
	})
}

// dump writes the text of a file; without a name, of the present state.
func (c snapshotCommand) dump(ctx context.Context, command, name string, environ []string, stdin io.Reader, to io.Writer) error {
	if name == "" {
		return c.use(ctx, command, environ, func(w *remote.Workspace) error {
			s := w.Snapshot()
			if err := w.Err(); err != nil {
				return err
			}
			return s.WriteDump(to)
		})
	}
	file, err := openSnapshot(name, stdin)
	if err != nil {
		return &usageError{command, err}
	}
	defer func() { _ = file.Close() }()
	if err := dumpOf(file, to); err != nil {
		return fmt.Errorf("%s: %w", shownFile(name), err)
	}
	return nil
}

// dumpOf writes the text of a saved world as it was saved.
func dumpOf(saved io.Reader, to io.Writer) error {
	e, err := emulator.New(emulator.WithFixture("empty"))
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	s, err := e.ReadSnapshot(saved)
	if err != nil {
		return err
	}
	return s.WriteDump(to)
}

// dumped is a snapshot of which only the text is needed.
type dumped string

// Dump implements sandbox.Snapshot.
func (d dumped) Dump() string { return string(d) }

// Save implements sandbox.Snapshot.
func (dumped) Save(io.Writer) error { return errors.ErrUnsupported }

// WriteDump implements sandbox.Snapshot.
func (d dumped) WriteDump(w io.Writer) error {
	_, err := io.WriteString(w, string(d))
	return err
}

// SaveSecrets implements sandbox.Snapshot.
func (dumped) SaveSecrets(io.Writer) error { return errors.ErrUnsupported }

// openSnapshot opens a file written by save. It is read piece by piece.
func openSnapshot(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	if info, err := file.Stat(); err != nil || info.IsDir() {
		_ = file.Close()
		return nil, errors.Join(err, fmt.Errorf("%s: not a file", name))
	}
	return file, nil
}

// shownFile returns a file's name for messages.
func shownFile(name string) string {
	if name == "-" {
		return "standard input"
	}
	return name
}

// replaceable reports why a file of that name cannot be written. Only a regular
// file is replaced: a link may point anywhere.
func replaceable(name string) error {
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s: a symbolic link, which is not followed: name the file itself, or - for standard output", name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s: not a file: name one, or - for standard output", name)
	}
	return nil
}

// cause returns the error of the operating system without its path.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// replaceFile writes a file beside the one of that name and puts it in its
// place when it is complete. Only its owner may read it.
func replaceFile(name string, write func(io.Writer) error) (err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		// The temporary name would mean nothing to the user.
		return fmt.Errorf("%s: cannot be written: %w", name, cause(err))
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	if err := errors.Join(write(file), file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}
