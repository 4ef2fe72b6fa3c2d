package cli

import (
	"fmt"
	"math"
	"os"
	"path"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator"
)

// defaultBudget is the memory that one workspace may take, in bytes, without a setting and
// without a limit of the container.
const defaultBudget = 256 << 20

// workspaceBudget returns the memory that one workspace may take: the setting, else for a
// server a quarter of the container's memory or the default.
func (p *plan) workspaceBudget(served bool) emulator.Option {
	bytes := p.budget
	switch {
	case bytes == 0 && !served:
		bytes = emulator.Unlimited
	case bytes == 0:
		bytes = defaultBudget
		if limit := memoryLimit(os.ReadFile); limit > 0 {
			bytes = max(limit/4, leastBudget)
		}
	}
	return emulator.WithWorkspaceBudget(bytes)
}

// leastBudget is the smallest allowed budget, in bytes.
const leastBudget = 1 << 20

// applyMemoryLimit makes the garbage collector run more often before the container's
// memory is used up, unless GOMEMLIMIT is set.
func applyMemoryLimit() {
	if limit := memoryLimit(os.ReadFile); limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 10 * 9)
	}
}

// memoryLimit returns how many bytes the control groups of the process allow, 0 for no
// limit: the smallest one of version 2 up to the root, else that of version 1.
func memoryLimit(read func(name string) ([]byte, error)) int64 {
	least := int64(math.MaxInt64)
	lower := func(name string) {
		text, err := read(name)
		if err != nil {
			return
		}
		// Without a limit the file contains max, or a huge number.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			least = min(least, n)
		}
	}
	const root = "/sys/fs/cgroup"
	own := "/"
	if groups, err := read("/proc/self/cgroup"); err == nil {
		for line := range strings.Lines(string(groups)) {
			if group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				own = path.Join("/", group)
			}
		}
	}
	for at := own; ; at = path.Dir(at) {
		lower(path.Join(root, at, "memory.max"))
		if at == "/" {
			break
		}
	}
	lower(root + "/memory/memory.limit_in_bytes")
	if least > 1<<50 {
		return 0
	}
	return least
}

var sizeText = regexp.MustCompile(`^([0-9]{1,15})(B|[KMGT](?:i?B)?|)$`)

// size parses a number of bytes with one of the usual suffixes: K, KiB, M, MiB, G,
// GiB, T and TiB count in 1024, KB, MB, GB and TB in 1000.
func size(s string) (int64, error) {
	const want = "use bytes or a number with KiB, MiB or GiB, as in 256MiB"
	m := sizeText.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size: %s", s, want)
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size: %s", s, want)
	}
	base := int64(1024)
	if len(m[2]) == 2 { // KB
		base = 1000
	}
	if m[2] != "" && m[2] != "B" {
		for range 1 + strings.Index("KMGT", m[2][:1]) {
			if n > math.MaxInt64/base {
				return 0, fmt.Errorf("%q is too large: %s", s, want)
			}
			n *= base
		}
	}
	return n, nil
}

func takeBudget(p *plan, s string) (err error) {
	if s == "off" {
		p.budget = emulator.Unlimited
		return nil
	}
	if p.budget, err = size(s); err != nil {
		return fmt.Errorf("%w, or off", err)
	}
	if p.budget < leastBudget {
		return fmt.Errorf("%q is too small: use at least 1MiB, or off", s)
	}
	return nil
}
