package kubelet

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
)

func TestResolve(t *testing.T) {
	service := func(namespace, name string) *v1.Service {
		s := &v1.Service{}
		s.Spec.Selector = map[string]string{"run": "r"}
		switch namespace + "/" + name {
		case "team/early":
			s.Spec.PublishNotReadyAddresses = true
		case "team/ready":
		default:
			return nil
		}
		return s
	}
	r := labels.Set{"run": "r"}
	endpoints := func(string) []endpoint {
		return []endpoint{
			{r, "r-1", "early", "127.64.1.2", false},
			{r, "r-0", "early", "127.64.1.1", true},
			{r, "r-2", "early", "", false},
			{labels.Set{"run": "other"}, "r-0", "early", "127.64.9.9", true},
		}
	}
	for name, want := range map[string]string{
		"early.team.svc.cluster.local.":     "[127.64.1.1 127.64.1.2] true",
		"ready.team.svc.cluster.local.":     "[127.64.1.1] true",
		"R-1.Early.team.svc.cluster.local.": "[127.64.1.2] true",
		"r-0.ready.team.svc.cluster.local.": "[] false", // not its subdomain
		"r-2.early.team.svc.cluster.local.": "[] false", // no address yet
		"none.team.svc.cluster.local.":      "[] false",
		"early.other.svc.cluster.local.":    "[] false",
		"early.team.svc.example.com.":       "[] false",
		"svc.cluster.local.":                "[] false",
	} {
		ips, known := resolve(name, service, endpoints)
		if got := fmt.Sprint(ips, " ", known); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestAnswerThatDoesNotFitIsCutShort(t *testing.T) {
	question := dnsmessage.Question{Name: dnsmessage.MustNewName("a.b.svc.cluster.local."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	var ips []string
	for i := range 100 {
		ips = append(ips, fmt.Sprintf("127.64.1.%d", i))
	}
	for limit, want := range map[int]int{512: 0, 1<<16 - 1: 100} {
		packed, err := answer(dnsmessage.Header{ID: 7}, question, ips, true, limit)
		if err != nil {
			t.Fatal(err)
		}
		var message dnsmessage.Message
		if err := message.Unpack(packed); err != nil {
			t.Fatal(err)
		}
		if len(packed) > limit || len(message.Answers) != want || message.Truncated != (want == 0) || message.ID != 7 {
			t.Errorf("limit %d: %d bytes, %d answers, truncated %t", limit, len(packed), len(message.Answers), message.Truncated)
		}
	}
	packed, _ := answer(dnsmessage.Header{}, question, nil, false, 512)
	var message dnsmessage.Message
	if message.Unpack(packed); message.RCode != dnsmessage.RCodeNameError {
		t.Errorf("unknown name: %v", message.RCode)
	}
}

func TestAddressesAreUniqueAndComeBack(t *testing.T) {
	a := newAddresses(64)
	seen := map[string]bool{}
	var last string
	for {
		ip, err := a.take()
		if err != nil {
			break
		}
		if seen[ip] || !strings.HasPrefix(ip, "127.64.") || strings.HasSuffix(ip, ".0") || strings.HasSuffix(ip, ".255") || strings.HasPrefix(ip, "127.64.0.") {
			t.Fatalf("address %s", ip)
		}
		seen[ip], last = true, ip
	}
	if len(seen) != 255*254 {
		t.Errorf("%d addresses", len(seen))
	}
	a.give(last)
	a.give("nonsense")
	if ip, err := a.take(); err != nil || ip != last {
		t.Errorf("%s, %v: want %s", ip, err, last)
	}
}

func TestSchedule(t *testing.T) {
	got, err := parseSchedule("start=2s, run=10m,exit=3,stop=500ms", 10)
	if want := (schedule{200 * time.Millisecond, time.Minute, 50 * time.Millisecond, 3}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseSchedule("", 1); err != nil || got != (schedule{}) {
		t.Errorf("empty: %+v, %v", got, err)
	}
	for _, bad := range []string{"run", "run=-1s", "run=x", "exit=256", "exit=-1", "walk=1s", "=1s"} {
		if got, err := parseSchedule(bad, 1); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

func TestSimulatedContainerObeysSignals(t *testing.T) {
	c := simulate(schedule{})
	c.signal(syscall.SIGTERM)
	<-c.done()
	c.signal(syscall.SIGKILL)
	if c.exitCode() != 143 {
		t.Errorf("exit code %d", c.exitCode())
	}
	frozen := simulate(schedule{Run: time.Hour})
	frozen.freeze()
	frozen.signal(syscall.SIGKILL)
	<-frozen.done()
	frozen.thaw()
	if frozen.exitCode() != 137 {
		t.Errorf("exit code %d", frozen.exitCode())
	}
	ends := simulate(schedule{Run: time.Nanosecond, Exit: 3})
	if <-ends.done(); ends.exitCode() != 3 {
		t.Errorf("exit code %d", ends.exitCode())
	}
}

func TestExitCode(t *testing.T) {
	if got := exitCode(syscall.WaitStatus(7 << 8)); got != 7 {
		t.Errorf("exit 7: %d", got)
	}
	if got := exitCode(syscall.WaitStatus(syscall.SIGKILL)); got != 137 {
		t.Errorf("killed: %d", got)
	}
}

func TestLogLine(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	for text, want := range map[string]string{
		"whole\n": "2026-01-02T03:04:05.000000006Z stdout F whole\n",
		"part":    "2026-01-02T03:04:05.000000006Z stdout P part\n",
		"\n":      "2026-01-02T03:04:05.000000006Z stdout F \n",
	} {
		if got := string(logLine(at, "stdout", []byte(text))); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestLogOptions(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	query := url.Values{"follow": {"true"}, "tailLines": {"3"}, "sinceSeconds": {"5"}}
	o, err := logOptions(query, now)
	if err != nil || !o.Follow || *o.TailLines != 3 || !o.Since.Equal(now.Add(-5*time.Second)) || o.LimitBytes != nil {
		t.Errorf("%+v, %v", o, err)
	}
	for name, value := range map[string]string{"tailLines": "-1", "limitBytes": "x", "sinceTime": "yesterday"} {
		if _, err := logOptions(url.Values{name: {value}}, now); err == nil {
			t.Errorf("%s=%s was accepted", name, value)
		}
	}
}

func TestImageRules(t *testing.T) {
	var i images
	i.set(imageRule{pattern: "registry/*", refused: true})
	i.set(imageRule{pattern: "registry/good:1", delay: time.Second})
	if !i.find("registry/bad:1").refused || i.find("registry/good:1").refused || i.find("other").refused {
		t.Errorf("%+v", i.rules)
	}
	i.set(imageRule{pattern: "registry/*"})
	if i.find("registry/bad:1").refused || len(i.rules) != 2 {
		t.Errorf("a newer rule does not replace the older one: %+v", i.rules)
	}
}

func TestNodesLieInAFabric(t *testing.T) {
	o := Options{NodesPerLeaf: 4, LeavesPerSpine: 2}
	var places []string
	for _, i := range []int{0, 3, 4, 7, 8} {
		l := o.labels(i)
		places = append(places, l["network.topology.nvidia.com/spine"]+"/"+l["network.topology.nvidia.com/leaf"])
	}
	want := []string{"spine-0/leaf-0", "spine-0/leaf-0", "spine-0/leaf-1", "spine-0/leaf-1", "spine-1/leaf-2"}
	if !slices.Equal(places, want) {
		t.Errorf("%v, want %v", places, want)
	}
}

func TestNodeStatusKeepsForeignConditions(t *testing.T) {
	before := []v1.NodeCondition{
		{Type: v1.NodeReady, Status: v1.ConditionUnknown},
		{Type: "GPUHealthy", Status: v1.ConditionFalse},
	}
	status := nodeStatus("node-0", Options{}, before, 1, time.Now())
	found := map[v1.NodeConditionType]v1.ConditionStatus{}
	for _, c := range status.Conditions {
		found[c.Type] = c.Status
	}
	if len(status.Conditions) != 5 || found[v1.NodeReady] != v1.ConditionTrue || found["GPUHealthy"] != v1.ConditionFalse {
		t.Errorf("%v", found)
	}
}

func TestXidLineReadsAsTheDriverWritesIt(t *testing.T) {
	if got := xidLine(79, ""); got != "NVRM: Xid (PCI:0000:3b:00): 79, pid=4242, name=python3, GPU has fallen off the bus." {
		t.Error(got)
	}
	if got := xidLine(119, "own words"); !strings.HasSuffix(got, "119, own words") {
		t.Error(got)
	}
}
