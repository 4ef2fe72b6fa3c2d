package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"

	"skystack.dev/sandbox/emulator"
	"skystack.dev/sandbox/emulator/sandbox"
)

const (
	firstID    = "ins_1"
	oldID      = "ins_old" // one that has run for long
	orderBody  = `{"order":{"project_name":"bench","containers":[{"image_id":4,"name":"cache","product_id":1}]}}`
	createBody = `{"name":"worker-b","region":"us-east-1","size":"standard-2","labels":{"env":"bench"},"metadata":{"owner":"ci"}}`
)

// serve serves until its standard input ends: the sandbox with as many instances
// as the argument says, or Echo with the bodies of the sandbox whose URL it is,
// bare or dressed in as many headers as the sandbox sends.
func serve(kind string, args []string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	var handler http.Handler
	if kind == "sandbox" {
		e, err := newSandbox(args[0])
		if err != nil {
			return err
		}
		fmt.Println("http://" + l.Addr().String())
		go untilEOF()
		return e.Serve(l)
	}
	if handler, err = echoServer(args[0], kind == "dressed"); err != nil {
		return err
	}
	fmt.Println("http://" + l.Addr().String())
	go untilEOF()
	return http.Serve(l, handler)
}

// newSandbox returns a sandbox with so many instances, limiter on.
func newSandbox(instances string) (*emulator.Emulator, error) {
	e, err := emulator.New(
		emulator.WithFixtureData("bench.yaml", []byte("{format: skystack-sandbox/1, next_ids: {ins: 1}, quota: off, instances: [{id: "+oldID+", name: old, age: 48h}], computestacks: "+thirtyServices()+"}")),
		emulator.WithRateLimit(emulator.RateLimit{PerMinute: 1 << 30, PerDay: 1 << 30}),
	)
	if err != nil {
		return nil, err
	}
	return e, fill(e.Handler(), instances)
}

// thirtyServices is the section of a fixture with thirty services of one user.
func thirtyServices() string {
	services := strings.TrimSuffix(strings.Repeat("{image: nginx, product: Small}, ", 30), ", ")
	return "{users: [{email: dana@example.test, fname: Dana, lname: Whitlock, container_quota: 1000000000}], projects: [{name: bench, services: [" + services + "]}]}"
}

func untilEOF() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(0)
}

// The bodies as Echo's user would declare them.
type instance struct {
	ID              string            `json:"id"`
	Name            string            `json:"name"`
	Status          string            `json:"status"`
	StatusReason    *string           `json:"status_reason"`
	ProjectID       string            `json:"project_id"`
	Region          string            `json:"region"`
	Size            string            `json:"size"`
	Profile         string            `json:"profile"`
	Image           string            `json:"image"`
	IP              *string           `json:"ip"`
	Autoscale       bool              `json:"autoscale"`
	AutoscalePolicy *string           `json:"autoscale_policy"`
	Network         network           `json:"network"`
	Storage         []string          `json:"storage"`
	Labels          map[string]string `json:"labels"`
	Metadata        map[string]any    `json:"metadata"`
	PendingAction   *string           `json:"pending_action"`
	Version         int               `json:"version"`
	CreatedAt       string            `json:"created_at"`
	UpdatedAt       string            `json:"updated_at"`
}

type network struct {
	State       string   `json:"state"`
	PrivateIP   *string  `json:"private_ip"`
	PublicIP    *string  `json:"public_ip"`
	Subnet      *string  `json:"subnet"`
	FirewallIDs []string `json:"firewall_ids"`
}

type list struct {
	Data       []instance     `json:"data"`
	Pagination map[string]any `json:"pagination"`
	NextCursor *string        `json:"next_cursor"`
}

// echoServer decodes and encodes the same bodies and does nothing else.
func echoServer(base string, dressed bool) (http.Handler, error) {
	var one instance
	var page list
	header, err := fetch(base+"/v1/instances/"+firstID, &one)
	if err != nil {
		return nil, err
	}
	if _, err := fetch(base+"/v1/instances?limit=20", &page); err != nil {
		return nil, err
	}
	service, services, err := stackBodies(base)
	if err != nil {
		return nil, err
	}
	e := echo.New()
	if dressed {
		header.Del("Content-Length")
		e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
			return func(c echo.Context) error {
				maps.Copy(c.Response().Header(), header)
				return next(c)
			}
		})
	}
	e.GET("/v1/instances/:id", func(c echo.Context) error { return c.JSON(http.StatusOK, one) })
	e.GET("/v1/instances", func(c echo.Context) error { return c.JSON(http.StatusOK, page) })
	var metrics sync.Map // by URI: copies of what the sandbox returns, since Echo has nothing to compute them from
	e.GET("/v1/instances/:id/metrics", func(c echo.Context) error {
		uri := c.Request().RequestURI
		body, ok := metrics.Load(uri)
		if !ok {
			var fetched json.RawMessage
			if _, err := fetch(base+uri, &fetched); err != nil {
				return err
			}
			body, _ = metrics.LoadOrStore(uri, fetched)
		}
		return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body.(json.RawMessage))
	})
	e.POST("/v1/instances", func(c echo.Context) error {
		var in instance
		if err := c.Bind(&in); err != nil {
			return err
		}
		out := one
		out.Name, out.Region, out.Size, out.Labels, out.Metadata = in.Name, in.Region, in.Size, in.Labels, in.Metadata
		return c.JSON(http.StatusCreated, out)
	})
	e.GET("/api/container_services/:id", func(c echo.Context) error { return c.JSON(http.StatusOK, service) })
	e.GET("/api/container_services", func(c echo.Context) error { return c.JSON(http.StatusOK, services) })
	e.POST("/api/orders", func(c echo.Context) error {
		var in struct {
			Order struct {
				ProjectName string           `json:"project_name"`
				Containers  []map[string]any `json:"containers"`
			} `json:"order"`
		}
		if err := c.Bind(&in); err != nil {
			return err
		}
		return c.JSON(http.StatusCreated, map[string]any{"order": map[string]any{"id": "0c6f2f0e-6c55-4f0b-9d1e-6a2b7a1f4c11", "redirect_url": nil, "load_balancer_ip": "198.51.100.20"}})
	})
	return e, nil
}

// stackService is the body of a service as Echo's user would declare it, as far as it
// costs: members that are alike are one map.
type stackService struct {
	ID        int            `json:"id"`
	Name      string         `json:"name"`
	Label     string         `json:"label"`
	Domain    *string        `json:"default_domain"`
	PublicIP  []string       `json:"public_ip"`
	ImageID   int            `json:"container_image_id"`
	State     string         `json:"current_state"`
	CreatedAt string         `json:"created_at"`
	UpdatedAt string         `json:"updated_at"`
	Project   map[string]any `json:"project"`
	Package   map[string]any `json:"package"`
	Rules     []int          `json:"ingress_rules"`
	Domains   []int          `json:"domains"`
	Help      map[string]any `json:"help"`
	Links     map[string]any `json:"links"`
}

type stackServices struct {
	Services []stackService `json:"container_services"`
}

type stackOne struct {
	Service stackService   `json:"container_service"`
	Image   map[string]any `json:"container_image"`
}

// stackBodies returns the bodies of the sandbox's ComputeStacks API.
func stackBodies(base string) (one stackOne, all stackServices, err error) {
	c := sandbox.ComputeStacksCredentialsOf(emulator.DefaultKey, 1)
	for path, to := range map[string]any{"/api/container_services/1": &one, "/api/container_services": &all} {
		r, err := http.NewRequest(http.MethodGet, base+path, nil)
		if err != nil {
			return one, all, err
		}
		r.SetBasicAuth(c.Username, c.Password)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			return one, all, err
		}
		err = json.NewDecoder(resp.Body).Decode(to)
		_ = resp.Body.Close()
		if err != nil {
			return one, all, err
		}
	}
	return one, all, nil
}

func fetch(url string, v any) (http.Header, error) {
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+emulator.DefaultKey)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return resp.Header, json.NewDecoder(resp.Body).Decode(v)
}
