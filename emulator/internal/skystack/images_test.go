package skystack_test

import (
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// ownImages is a workspace with snapshots of two instances; the first is of a
// standard-4 (100 GB), the second of a standard-1 (25 GB).
func ownImages(t *testing.T, start func(...emulator.Option) *wire.Server) (s *wire.Server, large, small string) {
	t.Helper()
	s = start(frozen(), withInstances("id: ins_a, status: running, size: standard-4, image: debian-12", "id: ins_b, status: stopped"))
	for _, id := range []string{"ins_a", "ins_b"} {
		act(s, id, `{"type":"snapshot","name":"of `+id+`"}`)
	}
	advanceClock(s, 4*time.Second)
	slugs := s.Get("/v1/images?custom=true").Wants(200).Has("pagination.total", 2).Strings("data", "slug")
	return s, slugs[0], slugs[1]
}

// Images are listed by whose they are and by where they come from, in both ways
// to walk (S9, S64).
func TestImageFilters(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s, large, small := ownImages(t, start)
		for query, want := range map[string]string{
			"custom=true": large + " " + small, "custom=true&source_instance_id=ins_b": small, "source_instance_id=ins_a": large,
			"source_instance_id=ins_nothing": "", "custom=false&source_instance_id=ins_a": "",
			"custom=false": "ubuntu-24.04 ubuntu-22.04 debian-13 debian-12 fedora-43 rocky-10",
		} {
			if got := strings.Join(s.Get("/v1/images?"+query).Wants(200).Has("pagination.total", len(strings.Fields(want))).Strings("data", "slug"), " "); got != want {
				t.Errorf("%s: got %s, want %s", query, got, want)
			}
		}
		first := s.Get("/v1/images?custom=true&limit=1").Has("data.0.slug", large)
		cursor := first.Text("next_cursor")
		s.Get("/v1/images?custom=true&limit=1&cursor="+cursor).Wants(200).Has("data.0.slug", small).Has("next_cursor", nil)
		s.Get("/v1/images?custom=false&limit=1&cursor="+cursor).Refused(400, "invalid_cursor")
		s.Get("/v1/images?custom=perhaps").Refused(400, "invalid_parameter").Has("error.details.0.field", "custom")
		s.Get("/v1/images?source_instance_id=").Refused(400, "invalid_parameter").Has("error.details.0.field", "source_instance_id")
		s.Get("/v1/images/"+large).Has("source_instance_id", "ins_a").Has("size_gb", 100).Has("min_disk_gb", 100).Has("distribution", "debian")
	})
}

// An image does not fit on a disk smaller than the one it is a copy of (S9).
func TestImagesThatDoNotFit(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s, large, small := ownImages(t, start)
		say := "The image " + large + " needs a disk of at least 100 GB, and standard-2 has 50; choose a larger size"
		for _, name := range []string{"size", "profile", "machine_type"} {
			r := s.Post("/v1/compute/instances", `{"name":"-","region":"us-east-1","`+name+`":"standard-2","image":"`+large+`"}`).Refused(400, "invalid_parameter")
			if got := r.Strings("error.details", "field"); !sameWords(got, []string{"name", name}) {
				t.Errorf("violations of %v", got)
			}
			s.Post("/v1/instances", `{"name":"a","region":"us-east-1","`+name+`":"standard-2","image":"`+large+`"}`).Refused(400, "invalid_parameter").
				Has("error.details.0.field", name).Has("error.details.0.code", "out_of_range").Has("error.details.0.message", say+".")
		}
		id := s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"m4-highmem","image":"`+large+`"}`).Wants(201).Text("id") // 100 GB
		advanceClock(s, 3*time.Second)
		s.Post("/v1/instances/"+id+"/actions", `{"type":"resize","size":"standard-2"}`).Refused(409, "instance_not_stopped")
		act(s, id, `{"type":"stop"}`)
		advanceClock(s, 2*time.Second)
		before := s.Get("/v1/instances/" + id)
		for _, name := range []string{"size", "profile", "machine_type"} {
			s.Post("/v1/instances/"+id+"/actions", `{"type":"resize","`+name+`":"standard-2"}`).Refused(400, "invalid_parameter").
				Has("error.details.0.field", name).Has("error.details.0.code", "out_of_range").Has("error.details.0.message", say+".")
		}
		s.Post("/v1/instances/ins_b/actions", `{"type":"rebuild","image":"`+large+`"}`).Refused(400, "invalid_parameter").
			Has("error.details.0.field", "image").Has("error.details.0.code", "out_of_range")
		if after := s.Get("/v1/instances/" + id); string(after.Body) != string(before.Body) {
			t.Errorf("a refusal changed\n%s to\n%s", before.Body, after.Body)
		}
		act(s, id, `{"type":"resize","size":"standard-8"}`)
		act(s, "ins_b", `{"type":"rebuild","image":"`+small+`"}`)
		if _, err := s.CreateInstance(emulator.Instance{Name: "c", Size: "standard-2", Image: large}); err == nil || !strings.Contains(err.Error(), "size: "+say) {
			t.Errorf("got %v, want %s", err, say)
		}
	})
}

// A snapshot can be deleted unless an instance is being made from it right now;
// those that were made from it stay (S9, S57).
func TestDeleteImage(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s, large, small := ownImages(t, start)
		s.Delete("/v1/images/debian-13").Refused(409, "image_is_builtin")
		s.Delete("/v1/images/ubuntu-24.04").Refused(409, "image_is_builtin")
		s.Delete("/v1/images/nothing").Refused(404, "image_not_found")

		id := s.Post("/v1/instances", `{"name":"copy","region":"us-east-1","size":"standard-4","image":"`+large+`"}`).Wants(201).Text("id")
		s.Delete("/v1/images/"+large).Refused(409, "image_in_use")
		advanceClock(s, 3*time.Second)
		act(s, id, `{"type":"rebuild"}`)
		s.Delete("/v1/images/"+large).Refused(409, "image_in_use")
		if err := s.Fail(id, ""); err != nil { // then nothing reads it any more
			t.Fatal(err)
		}
		act(s, id, `{"type":"rebuild","image":"`+small+`"}`)
		s.Delete("/v1/images/"+small).Refused(409, "image_in_use")
		s.Delete("/v1/images/" + large).Wants(204)
		s.Delete("/v1/images/" + large).Wants(204)
		s.Get("/v1/images/"+large).Refused(404, "image_not_found")
		s.Get("/v1/images?custom=true").Has("pagination.total", 1)
		s.Post("/v1/instances", `{"name":"a","region":"us-east-1","size":"standard-4","image":"`+large+`"}`).Refused(400, "invalid_parameter")

		advanceClock(s, 5*time.Second)
		s.Delete("/v1/images/" + small).Wants(204)
		s.Get("/v1/instances/"+id).Has("status", "running").Has("image", small)
		s.Post("/v1/instances/"+id+"/actions", `{"type":"rebuild"}`).Refused(400, "invalid_parameter").
			Has("error.details.0.field", "image").Has("error.details.0.code", "required")
		act(s, id, `{"type":"snapshot","name":"of a copy"}`)
		advanceClock(s, 4*time.Second)
		copied := s.Get("/v1/images?source_instance_id="+id).Has("pagination.total", 1).Has("data.0.distribution", "").Text("data.0.slug")
		if copied == large || copied == small {
			t.Errorf("the slug %s is given twice", copied)
		}
		act(s, id, `{"type":"rebuild","image":"debian-13"}`)
		advanceClock(s, 24*time.Hour)
		s.Delete("/v1/images/"+large).Refused(404, "image_not_found")
	})
}

// The default image stays, also when a fixture has put its own in its place.
func TestDeleteDefaultImage(t *testing.T) {
	s := wire.Start(t, frozen(), emulator.WithFixtureData("own.yaml", []byte(`
format: skystack-sandbox/1
images: [{slug: ubuntu-24.04, name: Our Ubuntu}, {slug: beos-5, name: BeOS 5}]
instances: [{id: ins_a, name: a, image: beos-5, status: rebuilding}]
`)))
	s.Get("/v1/images?custom=true").Has("pagination.total", 2).Has("data.1.size_gb", 1).Has("data.1.min_disk_gb", 1)
	s.Delete("/v1/images/ubuntu-24.04").Refused(409, "image_is_default")
	s.Delete("/v1/images/beos-5").Refused(409, "image_in_use")
	s.Delete("/v1/instances/ins_a").Wants(204)
	s.Delete("/v1/images/beos-5").Wants(204)
}
