package skystack

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"skystack.dev/sandbox/emulator/internal/engine"
	"skystack.dev/sandbox/emulator/internal/fail"
)

// address is a leased IP address and its holder.
type address struct {
	InstanceID string `json:"instance_id"`
}

// pool is a range of addresses: those of 2^bits numbers after first.
type pool struct {
	name  string
	first uint32
	bits  uint
	start uint64 // where leasing begins within the pool
}

// The private addresses are 10.0.0.0/8, from 10.24.8.32 on, the neighbourhood of
// the documents' example. The public ones are 198.18.0.0/15, which no host on
// the internet has, and when those are out 240.0.0.0/4, likewise.
func privatePools() []pool { return []pool{{"private", 10 << 24, 24, 0x18_08_20}} }

func publicPools() []pool {
	return []pool{{"public", 198<<24 | 18<<16, 17, 0x08_20}, {"public-more", 240 << 24, 28, 0x20}}
}

// String is the pool as a network.
func (p pool) String() string { return dottedQuad(p.first) + "/" + strconv.Itoa(32-int(p.bits)) }

// holds reports whether the pool can lease an address.
func (p pool) holds(addr netip.Addr) bool {
	b := addr.As4()
	n := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	return n>>p.bits == p.first>>p.bits && b[3] != 0 && b[3] != 255
}

// wrongAddress returns why the sandbox cannot have assigned an address; "" if it could.
func wrongAddress(address string, pools []pool) string {
	addr, err := netip.ParseAddr(address)
	if err != nil || !addr.Is4() {
		return fmt.Sprintf("%q is not an IPv4 address; write it as %s", fail.Clip(address), dottedQuad(pools[0].first|uint32(pools[0].start)))
	}
	var networks []string
	for _, p := range pools {
		if p.holds(addr) {
			return ""
		}
		networks = append(networks, p.String())
	}
	return fmt.Sprintf("%s is no address that the sandbox gives; use one of %s whose last number is 1 to 254", address, strings.Join(networks, " or "))
}

// assignAddresses assigns an instance its addresses, once (S54).
func (a *API) assignAddresses(tx *engine.Tx, i *Instance) {
	if i.PrivateIP == "" {
		i.PrivateIP = a.lease(tx, i.ID, privatePools())
	}
	if i.WantsPublicIP && i.PublicIP == "" {
		i.PublicIP = a.lease(tx, i.ID, publicPools())
	}
}

// lease returns the next free address; "" when all are leased. An address
// that was given back comes up again after all others.
func (a *API) lease(tx *engine.Tx, holder string, pools []pool) string {
	for _, p := range pools {
		size := uint64(1) << p.bits
		if uint64(a.addresses.Len(tx)) >= size && tx.Peek("address/"+p.name) >= size {
			continue // it may well be full, and looking would take long
		}
		for range size {
			n := (p.start + tx.Count("address/"+p.name)) % size
			if host := n & 255; host == 0 || host == 255 {
				continue
			}
			addr := dottedQuad(p.first | uint32(n))
			if _, held := a.addresses.Get(tx, addr); !held {
				a.addresses.Put(tx, addr, address{holder})
				return addr
			}
		}
	}
	return ""
}

func dottedQuad(addr uint32) string {
	b := make([]byte, 0, 15)
	for shift := 24; shift >= 0; shift -= 8 {
		b = strconv.AppendUint(b, uint64(addr>>shift&255), 10)
		b = append(b, '.')
	}
	return string(b[:len(b)-1])
}
