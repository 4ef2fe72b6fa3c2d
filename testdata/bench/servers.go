package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"sync"

	"github.com/labstack/echo/v4"

	"skystack.dev/sandbox/emulator"
)

const (
	firstID    = "ins_1"
	oldID      = "ins_old" // one that has run for long
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
		emulator.WithFixtureData("bench.yaml", []byte("{format: skystack-sandbox/1, next_ids: {ins: 1}, quota: off, instances: [{id: "+oldID+", name: old, age: 48h}]}")),
		emulator.WithRateLimit(emulator.RateLimit{PerMinute: 1 << 30, PerDay: 1 << 30}),
	)
	if err != nil {
		return nil, err
	}
	return e, fill(e.Handler(), instances)
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
func echoServer(sandbox string, dressed bool) (http.Handler, error) {
	var one instance
	var page list
	header, err := fetch(sandbox+"/v1/instances/"+firstID, &one)
	if err != nil {
		return nil, err
	}
	if _, err := fetch(sandbox+"/v1/instances?limit=20", &page); err != nil {
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
			if _, err := fetch(sandbox+uri, &fetched); err != nil {
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
	return e, nil
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
