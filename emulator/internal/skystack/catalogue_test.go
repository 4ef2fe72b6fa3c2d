package skystack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/internal/testing/wire"
)

// The built-in catalogue holds what the documents name, and instances can be made
// of all of it (S9, S49).
func TestCatalogue(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), emulator.WithFixture("empty"))
		for list, want := range map[string]string{
			"/v1/regions":  "us-east-1 us-west-2 eu-central eu-west-1 ap-southeast-1",
			"/v1/profiles": "standard-1 standard-2 standard-4 standard-8 c4-standard c8-standard m4-highmem",
			"/v1/sizes":    "standard-1 standard-2 standard-4 standard-8 c4-standard c8-standard m4-highmem",
			"/v1/images":   "ubuntu-24.04 ubuntu-22.04 debian-13 debian-12 fedora-43 rocky-10",
		} {
			slugs := s.Get(list+"?limit=200").Wants(200).Strings("data", "slug")
			words := strings.Fields(want)
			slices.Sort(words)
			sorted := slices.Clone(slugs)
			slices.Sort(sorted)
			if !slices.Equal(sorted, words) {
				t.Errorf("%s has %v", list, slugs)
			}
			for _, slug := range slugs {
				s.Get(list+"/"+slug).Wants(200).Has("slug", slug)
			}
			noun := map[string]string{"/v1/regions": "region", "/v1/profiles": "profile", "/v1/sizes": "profile", "/v1/images": "image"}[list]
			s.Get(list+"/nothing").Refused(404, noun+"_not_found")
		}
		for _, region := range s.Get("/v1/regions?limit=200").Strings("data", "slug") {
			for _, size := range s.Get("/v1/sizes?limit=200").Strings("data", "slug") {
				s.Post("/v1/instances", fmt.Sprintf(`{"name":"a","region":%q,"size":%q}`, region, size)).Wants(201).Has("region", region).Has("size", size)
			}
		}
		for _, image := range s.Get("/v1/images?limit=200").Strings("data", "slug") {
			s.Post("/v1/instances", fmt.Sprintf(`{"name":"a","region":"eu-central","size":"standard-1","image":%q}`, image)).Wants(201).Has("image", image)
		}
		for path, want := range map[string]string{
			"/v1/regions/eu-central":   `{"slug":"eu-central","name":"EU Central","country":"DE","available":true}`,
			"/v1/profiles/standard-2":  `{"slug":"standard-2","name":"Standard 2","vcpus":2,"memory_mb":4096,"disk_gb":50,"custom":false}`,
			"/v1/images/ubuntu-24.04":  `{"slug":"ubuntu-24.04","name":"Ubuntu 24.04 LTS","distribution":"ubuntu","custom":false,"source_instance_id":null,"size_gb":1,"min_disk_gb":1,"created_at":"2026-03-19T10:22:44Z"}`,
			"/v1/sizes/standard-2":     string(s.Get("/v1/profiles/standard-2").Body),
			"/v1/sizes?limit=2&page=2": strings.ReplaceAll(string(s.Get("/v1/profiles?limit=2&page=2").Body), "profiles", "sizes"),
		} {
			if got := string(s.Get(path).Wants(200).Body); got != want {
				t.Errorf("%s gives\n%s, want\n%s", path, got, want)
			}
		}
		s.Send("POST", "/v1/regions", `{}`).Refused(405, "method_not_allowed")
	})
}

// A fixture adds to the catalogue (S49).
func TestCatalogueOfAFixture(t *testing.T) {
	s := wire.Start(t, emulator.WithFixtureData("more.yaml", []byte(`
format: skystack-sandbox/1
regions: [{slug: mars-1, name: Mars, country: XM}]
profiles: [{slug: nano, name: Nano, vcpus: 1, memory_mb: 128, disk_gb: 1}]
images: [{slug: beos-5, name: BeOS 5, distribution: beos}]
`)))
	s.Get("/v1/regions/mars-1").Has("country", "XM").Has("available", true)
	s.Get("/v1/profiles/nano").Has("custom", true).Has("memory_mb", 128)
	s.Get("/v1/images/beos-5").Has("custom", true).Has("source_instance_id", nil)
	s.Get("/v1/regions").Has("pagination.total", 6)
	s.Post("/v1/instances", `{"name":"a","region":"mars-1","size":"nano","image":"beos-5"}`).Wants(201)
}

// A snapshot becomes an image when it is done, and instances can be made from it,
// also when its source is gone.
func TestImageOfASnapshot(t *testing.T) {
	wire.Doors(t, func(t *testing.T, start func(...emulator.Option) *wire.Server) {
		s := start(frozen(), withInstances("id: ins_a, status: running, image: debian-12", "id: ins_b, status: stopped"))
		r := s.Post("/v1/instances/ins_a/actions", `{"type":"snapshot","name":"before upgrade"}`).Wants(202).Header("Retry-After", "4")
		s.Get("/v1/images").Has("pagination.total", 6)
		advanceClock(s, 4*time.Second)
		s.Get("/v1/actions/"+r.Text("id")).Has("status", "completed")
		list := s.Get("/v1/images").Has("pagination.total", 7)
		slug := list.Strings("data", "slug")[6]
		list.Has("data.6.name", "before upgrade").Has("data.6.distribution", "debian").Has("data.6.custom", true).
			Has("data.6.source_instance_id", "ins_a").Has("data.6.created_at", "2026-03-19T10:22:48Z")
		s.Get("/v1/images/"+slug).Wants(200).Has("name", "before upgrade")

		act(s, "ins_b", `{"type":"snapshot"}`) // named after the instance and the moment
		advanceClock(s, 4*time.Second)
		s.Get("/v1/images").Has("data.7.name", "ins-b 2026-03-19T10:22:48Z")

		s.Delete("/v1/instances/ins_a").Wants(204)
		s.Get("/v1/images/"+slug).Has("source_instance_id", "ins_a")
		id := s.Post("/v1/instances", `{"name":"copy","region":"eu-central","size":"standard-1","image":"`+slug+`"}`).Wants(201).Has("image", slug).Text("id")
		advanceClock(s, 3*time.Second)
		act(s, id, `{"type":"rebuild","image":"`+slug+`"}`)

		act(s, "ins_b", `{"type":"snapshot","name":"lost"}`)
		if err := s.Fail("ins_b", ""); err != nil {
			t.Fatal(err)
		}
		act(s, "ins_b", `{"type":"snapshot","name":"lost"}`)
		s.Delete("/v1/instances/ins_b").Wants(204)
		advanceClock(s, time.Hour)
		s.Get("/v1/images").Has("pagination.total", 8) // neither became an image
	})
}
