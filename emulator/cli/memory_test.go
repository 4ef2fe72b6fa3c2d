package cli

import (
	"io/fs"
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1048576": 1 << 20, "1048576B": 1 << 20, "64MiB": 64 << 20, "64M": 64 << 20, "64MB": 64_000_000, "1GiB": 1 << 30, "2K": 2 << 10, "1TiB": 1 << 40, "0": 0,
	} {
		if got, err := size(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1.5GiB", "64 MiB", "64mib", "64MiBs", "0x10", "9999999999999999", "999999999999999TiB", "1e6"} {
		if got, err := size(text); err == nil || !strings.Contains(err.Error(), "as in 256MiB") {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

func FuzzSize(f *testing.F) {
	f.Add("64MiB")
	f.Add("1TB")
	f.Fuzz(func(t *testing.T, text string) {
		if n, err := size(text); err == nil && n < 0 {
			t.Errorf("%q is %d", text, n)
		}
	})
}

// The limit is that of the innermost control group that has one, whatever version
// they are of.
func TestMemoryLimit(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"none":          {nil, 0},
		"a container":   {map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "67108864\n"}, 64 << 20},
		"no limit":      {map[string]string{"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"}, 0},
		"a service":     {map[string]string{"/proc/self/cgroup": "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/a.service/memory.max": "max\n", "/sys/fs/cgroup/system.slice/memory.max": "1073741824\n"}, 1 << 30},
		"the least":     {map[string]string{"/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "4096000\n", "/sys/fs/cgroup/a/memory.max": "8192000\n"}, 4096000},
		"version 1":     {map[string]string{"/proc/self/cgroup": "5:memory:/docker/x\n", "/sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728\n"}, 128 << 20},
		"none of 1":     {map[string]string{"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		"out of a root": {map[string]string{"/proc/self/cgroup": "0::/../../x\n", "/sys/fs/cgroup/memory.max": "1048576\n"}, 1 << 20},
		"nonsense":      {map[string]string{"/sys/fs/cgroup/memory.max": "a lot"}, 0},
	} {
		got := memoryLimit(func(file string) ([]byte, error) {
			if text, ok := c.files[file]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		})
		if got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
