package kubelet

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
)

const clusterDomain = "cluster.local"

var everything = labels.Everything()

// endpoint is a pod as its services see it.
type endpoint struct {
	labels              labels.Set
	hostname, subdomain string
	ip                  string
	ready               bool
}

// resolve answers a name as the cluster's DNS does: known says that the name exists, even without an address. Services
// with an address of their own have none here, where nothing forwards it; their names lead to their pods as well.
func resolve(name string, service func(namespace, name string) *v1.Service, endpoints func(namespace string) []endpoint) (ips []string, known bool) {
	name, ok := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(name, ".")), ".svc."+clusterDomain)
	if !ok {
		return nil, false
	}
	parts := strings.Split(name, ".")
	if len(parts) != 2 && len(parts) != 3 {
		return nil, false
	}
	namespace, serviceName := parts[len(parts)-1], parts[len(parts)-2]
	s := service(namespace, serviceName)
	if s == nil || len(s.Spec.Selector) == 0 {
		return nil, s != nil && len(parts) == 2
	}
	selector := labels.SelectorFromSet(s.Spec.Selector)
	for _, e := range endpoints(namespace) {
		if e.ip == "" || !selector.Matches(e.labels) || !(e.ready || s.Spec.PublishNotReadyAddresses) {
			continue
		}
		if len(parts) == 3 && (e.subdomain != serviceName || e.hostname != parts[0]) {
			continue
		}
		ips = append(ips, e.ip)
	}
	slices.Sort(ips)
	return ips, len(parts) == 2 || len(ips) > 0
}

func (k *Kubelet) service(namespace, name string) *v1.Service {
	s, err := k.services.Services(namespace).Get(name)
	if err != nil {
		return nil
	}
	return s
}

func (k *Kubelet) endpoints(namespace string) []endpoint {
	var list []endpoint
	for _, p := range k.all() {
		p.mu.Lock()
		if p.spec.Namespace == namespace && !p.outcome.finished {
			list = append(list, endpoint{
				labels: p.spec.Labels, hostname: p.spec.Spec.Hostname, subdomain: p.spec.Spec.Subdomain, ip: p.outcome.ip,
				ready: conditionTrue(p.last.Conditions, v1.PodReady) && p.spec.DeletionTimestamp == nil,
			})
		}
		p.mu.Unlock()
	}
	return list
}

// startResolver serves the cluster's names on the address that pods find in resolv.conf; only port 53 can be named
// there. Names outside the cluster are answered as this machine resolves them.
func (k *Kubelet) startResolver(ctx context.Context, address string) (stop func(), err error) {
	at := net.JoinHostPort(address, "53")
	packets, err := net.ListenPacket("udp", at)
	if err != nil {
		return nil, err
	}
	streams, err := net.Listen("tcp", at)
	if err != nil {
		packets.Close()
		return nil, err
	}
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			query := slices.Clone(buffer[:n])
			go func() {
				if reply := k.reply(ctx, query, 512); reply != nil {
					packets.WriteTo(reply, from)
				}
			}()
		}
	}()
	go func() {
		for {
			connection, err := streams.Accept()
			if err != nil {
				return
			}
			go k.serveStream(ctx, connection)
		}
	}()
	return func() { packets.Close(); streams.Close() }, nil
}

func (k *Kubelet) serveStream(ctx context.Context, connection net.Conn) {
	defer connection.Close()
	connection.SetDeadline(time.Now().Add(10 * time.Second))
	for {
		var length uint16
		if binary.Read(connection, binary.BigEndian, &length) != nil {
			return
		}
		query := make([]byte, length)
		if _, err := io.ReadFull(connection, query); err != nil {
			return
		}
		reply := k.reply(ctx, query, 1<<16-1)
		if reply == nil {
			return
		}
		connection.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...))
	}
}

func (k *Kubelet) reply(ctx context.Context, query []byte, limit int) []byte {
	var parser dnsmessage.Parser
	header, err := parser.Start(query)
	if err != nil {
		return nil
	}
	question, err := parser.Question()
	if err != nil {
		return nil
	}
	name := question.Name.String()
	ips, known := resolve(name, k.service, k.endpoints)
	if !known && !strings.HasSuffix(strings.ToLower(name), clusterDomain+".") && question.Type == dnsmessage.TypeA {
		ips, known = outside(ctx, name)
	}
	if question.Type != dnsmessage.TypeA {
		ips = nil
	}
	reply, err := answer(header, question, ips, known, limit)
	if err != nil {
		klog.ErrorS(err, "No answer", "name", name)
		return nil
	}
	return reply
}

func outside(ctx context.Context, name string) ([]string, bool) {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", name)
	if err != nil {
		return nil, false
	}
	var ips []string
	for _, address := range addresses {
		ips = append(ips, address.Unmap().String())
	}
	return ips, true
}

// answer packs the addresses. Where they do not fit it says that the answer is cut short, so that the asker comes
// back over TCP. Answers are not to be kept: pods move.
func answer(asked dnsmessage.Header, question dnsmessage.Question, ips []string, known bool, limit int) ([]byte, error) {
	header := dnsmessage.Header{
		ID: asked.ID, Response: true, Authoritative: true, RecursionDesired: asked.RecursionDesired, RecursionAvailable: true,
	}
	if !known {
		header.RCode = dnsmessage.RCodeNameError
	}
	message := dnsmessage.Message{Header: header, Questions: []dnsmessage.Question{question}}
	for _, ip := range ips {
		address, err := netip.ParseAddr(ip)
		if err != nil {
			return nil, err
		}
		message.Answers = append(message.Answers, dnsmessage.Resource{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET},
			Body:   &dnsmessage.AResource{A: address.As4()},
		})
	}
	packed, err := message.Pack()
	if err != nil || len(packed) <= limit {
		return packed, err
	}
	message.Answers, message.Truncated = nil, true
	return message.Pack()
}
