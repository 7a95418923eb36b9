package kubelet

import (
	"fmt"
	"strings"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
)

// images says which images cannot be pulled or come slowly. The bench pulls nothing: every image is this machine.
type images struct {
	mu    sync.Mutex
	rules []imageRule
}

type imageRule struct {
	pattern string // an image, or the beginning of its name and a star
	refused bool
	delay   time.Duration
}

func (i *images) set(rule imageRule) {
	i.mu.Lock()
	defer i.mu.Unlock()
	kept := []imageRule{rule}
	for _, other := range i.rules {
		if other.pattern != rule.pattern {
			kept = append(kept, other)
		}
	}
	i.rules = kept
}

// find is the newest rule for an image; without one it comes at once.
func (i *images) find(image string) imageRule {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, rule := range i.rules {
		if prefix, star := strings.CutSuffix(rule.pattern, "*"); rule.pattern == image || star && strings.HasPrefix(image, prefix) {
			return rule
		}
	}
	return imageRule{}
}

// pull waits as long as the image is refused, with the states that a kubelet shows, and then as long as it is slow.
func (p *pod) pull(u *unit) error {
	for tries := 1; ; tries++ {
		rule := p.kubelet.images.find(u.spec.Image)
		if !rule.refused {
			p.node.mu.Lock()
			wait := rule.delay + p.node.startWait
			p.node.mu.Unlock()
			if wait > 0 && !p.pause(wait) {
				return errStopped
			}
			return nil
		}
		why := fmt.Sprintf("failed to pull and unpack image %q: not found", u.spec.Image)
		p.event(v1.EventTypeWarning, "Failed", "Failed to pull image %q: %s", u.spec.Image, why)
		p.wait(u, "ErrImagePull", why)
		if !p.pause(time.Second) {
			return errStopped
		}
		p.event(v1.EventTypeNormal, "BackOff", "Back-off pulling image %q", u.spec.Image)
		p.wait(u, "ImagePullBackOff", fmt.Sprintf("Back-off pulling image %q: %s", u.spec.Image, why))
		if !p.pause(backoff(p.kubelet.options.BackoffBase, tries)) {
			return errStopped
		}
	}
}
