package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load sends a request over and over on each of some connections and returns how
// many answers came in a second.
func load(host, request string, conns int, span time.Duration) (float64, error) {
	var count atomic.Int64
	var stop atomic.Bool
	faults := make(chan error, conns)
	var wg sync.WaitGroup
	began := time.Now()
	for range conns {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := fire(host, []byte(request), &count, &stop); err != nil {
				faults <- err
				stop.Store(true)
			}
		}()
	}
	time.Sleep(span)
	rate := float64(count.Load()) / time.Since(began).Seconds()
	stop.Store(true)
	wg.Wait()
	select {
	case err := <-faults:
		return 0, err
	default:
		return rate, nil
	}
}

func fire(host string, request []byte, count *atomic.Int64, stop *atomic.Bool) error {
	conn, err := net.Dial("tcp", host)
	if err != nil {
		return err
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 32<<10)
	for !stop.Load() {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if err := answer(in); err != nil {
			return err
		}
		count.Add(1)
	}
	return nil
}

// answer reads one answer and checks that it is a success.
func answer(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(status) < 12 || status[9] != '2' {
		return fmt.Errorf("the server answers %q", bytes.TrimSpace(status))
	}
	length := -1
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if line = bytes.TrimSpace(line); len(line) == 0 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return err
			}
		}
	}
	if length >= 0 {
		_, err := in.Discard(length)
		return err
	}
	return chunks(in) // Echo sends more than 2 KB in chunks
}

func chunks(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(io.Discard, in, n+2); err != nil {
			return err
		}
		if n == 0 {
			return nil
		}
	}
}
