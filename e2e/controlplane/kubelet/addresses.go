package kubelet

import (
	"fmt"
	"net/netip"
	"sync"
)

// addresses hands out loopback addresses of one block 127.X.0.0/16 to pods. The first 256 belong to the bench itself.
type addresses struct {
	mu   sync.Mutex
	x    byte
	next uint16
	used map[uint16]bool
}

func newAddresses(x byte) *addresses { return &addresses{x: x, next: 256, used: map[uint16]bool{}} }

// take prefers addresses that were not used for longest, as a cluster network does.
func (a *addresses) take() (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range 1 << 16 {
		candidate := a.next
		a.next++
		if a.next < 256 {
			a.next = 256
		}
		if last := byte(candidate); last == 0 || last == 255 || a.used[candidate] {
			continue
		}
		a.used[candidate] = true
		return netip.AddrFrom4([4]byte{127, a.x, byte(candidate >> 8), byte(candidate)}).String(), nil
	}
	return "", fmt.Errorf("all addresses of 127.%d.0.0/16 are in use", a.x)
}

func (a *addresses) give(address string) {
	ip, err := netip.ParseAddr(address)
	if err != nil || !ip.Is4() {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	b := ip.As4()
	delete(a.used, uint16(b[2])<<8|uint16(b[3]))
}
