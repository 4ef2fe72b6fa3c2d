package cli

import (
	"strings"
	"testing"
)

// A flag that names something that the sandbox does not have is a usage error: exit code
// 2, with the name that was probably meant.
func TestFlagsNameWhatExists(t *testing.T) {
	e := frozen(t)
	for args, want := range map[string]string{
		"requests --operation=deleteInstnace":                             "--operation: unknown operation \"deleteInstnace\" (did you mean deleteInstance?)",
		"requests --follow --operation=deleteInstnace":                    "--operation: unknown operation \"deleteInstnace\" (did you mean deleteInstance?)",
		"requests --path=v1/instances":                                    "--path: the path \"v1/instances\" does not begin with / (did you mean /v1/instances?)",
		"deliveries --event=instances.*":                                  "--event: unknown event type \"instances.*\" (did you mean instance.*?)",
		"deliveries --status=queud":                                       "--status: ",
		"deliveries --webhook=whk_none":                                   "--webhook: there is no webhook \"whk_none\"",
		"trigger instance.running --object=ins_none":                      "--object: There is no object \"ins_none\" here",
		"trigger instance.running --project=prj_none":                     "--project: ",
		"token create --name=x --expires-at=soon":                         "--expires-at: must be a date and time",
		"token create --name=x --api-version=2000-01-01":                  "--api-version: ",
		"token create --name=x --project=prj_none":                        "--project: ",
		"token rotate tok_default --expires-at=soon":                      "--expires-at: must be a date and time",
		"listen --forward-to=http://127.0.0.1:9 --project=prj_none":       "--project: ",
		"trigger instance.runing":                                         "(did you mean instance.running?)",
		"listen --forward-to=http://127.0.0.1:9 --events=instance.runing": "(did you mean instance.running?)",
	} {
		code, out, message := runAgainst(t, e, strings.Fields(args)...)
		if code != exitUsage || out != "" || !strings.Contains(message, want) {
			t.Errorf("%s: exit code %d, %q, %q, want %s", args, code, out, message, want)
		}
	}
}
