package resource

import (
	"skystack.dev/sandbox/emulator/internal/fail"
	"skystack.dev/sandbox/emulator/internal/finding"
	"skystack.dev/sandbox/emulator/internal/httpapi"
	"skystack.dev/sandbox/emulator/sandbox"
)

// ReportMisspelt adds a finding for each parameter or member of an accepted request that
// was ignored and looks misspelt: once for an operation.
func ReportMisspelt(findings *finding.Log, x *httpapi.RequestContext) {
	for _, d := range x.Misspelt() {
		what := string(d.Location) + " parameter"
		if d.Location == fail.Body {
			what = "member of the body"
		}
		findings.Report(finding.Subject{Workspace: x.World.ID(), Code: d.Code, About: x.Op.ID + " " + string(d.Location) + " " + d.Field},
			x.Now, sandbox.LevelWarning, x.Op.ID+" was sent a misspelt "+what+", which is ignored: "+d.Message)
	}
}
