package skystack_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"skystack.dev/sandbox/emulator/internal/engine"
)

// Whatever job the API takes, a world that has it can be saved and loaded.
func TestSavedJobs(t *testing.T) {
	r := newRig(t, "docs")
	create := func(more string) string {
		return `{"type":"create","instance":{"name":"x","region":"eu-central","size":"standard-2"` + more + `}}`
	}
	for _, body := range []string{
		jobOf(`{"at":"2026-03-20T10:30:00.123456789+14:00"}`, stopBatch),
		jobOf(`{"at":"2201-01-01T00:30:00+01:00"}`, stopBatch),
		jobOf(`{"every":"1h0m0.000000001s"}`, stopBatch, `"enabled":false`),
		jobOf(`{"cron":"\u00a00 0 29 2 SUN"}`, stopBatch, `"concurrency":"queue"`),
		jobOf(`{"event":"*"}`, stopBatch, `"condition":{"older_than":"0s","labels":{"a":""},"metric":{"name":"net_in","op":">","value":-1e12,"for":"24h"}}`),
		jobOf(`{"event":"instance.*"}`, `{"type":"delete"}`, `"condition":{"status_in":["deleting","error"]}`),
		jobOf(`{"every":"1h"}`, `{"type":"delete","max_targets":10000,"target":{"instance_ids":["ins_123"]}}`),
		jobOf(`{"every":"1h"}`, `{"type":"resize","machine_type":"standard-4","target":{"labels":{"a":""}}}`),
		jobOf(`{"every":"1h"}`, create(``)),
		jobOf(`{"every":"1h"}`, create(`,"autoscale":true`)),
		jobOf(`{"every":"1h"}`, create(`,"autoscale":{"enabled":false,"max":1000,"target_cpu":1}`)),
		jobOf(`{"every":"1h"}`, create(`,"labels":{"a":"b"},"metadata":{"a":{"b":[1,null]}},"network":{"subnet":"é","public_ip":true,"firewall_ids":["f"]},"storage":[{"size_gb":16384}]`)),
		strings.Replace(jobOf(`{"every":"1h"}`, stopBatch), `"a"`, `"\u0000"`, 1),
	} {
		if code, made := r.ask(http.MethodPost, "/v1/jobs", body); code != http.StatusCreated {
			t.Fatal(body, code, made)
		}
		if _, err := engine.Load(r.schema, bytes.NewBufferString(r.saved(t))); err != nil {
			t.Fatal(body, err)
		}
	}
}
