// Package kubelet runs the pods of many simulated nodes as processes of this machine, and fails as real nodes do when
// it is told to.
package kubelet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	corelisters "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
)

// hostIP is every node's address: they all share this machine.
const hostIP = "127.0.0.1"

// Options are fixed for a kubelet's life.
type Options struct {
	Directory      string // of pods, logs and nodes
	Podinit        string // the program that becomes a container
	Nodes          int
	NodesPerLeaf   int
	LeavesPerSpine int
	Capacity       v1.ResourceList // of each node
	Block          byte            // pods have the addresses 127.Block.0.0/16
	APIPort        int             // where pods find the API server, on hostIP
	Version        string
	Simulate       bool    // no pod runs a process
	Speed          float64 // of the time that simulated pods pass
	LeaseEvery     time.Duration
	StatusEvery    time.Duration
	BackoffBase    time.Duration // wait before the first restart of a container
	Certificate    tls.Certificate
	ClientCA       *x509.CertPool // signs the API server's client certificate
}

// Kubelet is the kubelet of all nodes.
type Kubelet struct {
	options   Options
	client    kubernetes.Interface
	launcher  launcher
	addresses *addresses
	events    record.EventRecorder
	nodes     map[string]*node
	port      int32
	statuses  workqueue.TypedRateLimitingInterface[types.UID]
	images    images

	podLister  corelisters.PodLister
	nodeLister corelisters.NodeLister
	services   corelisters.ServiceLister

	mu   sync.Mutex
	pods map[types.UID]*pod
	name map[string]*pod // by namespace/name: the newest pod of that name
}

// New prepares a kubelet; Run starts it.
func New(config *rest.Config, options Options) (*Kubelet, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	config.UserAgent = "longhaul-bench-kubelet"
	// Protobuf spares the API server most of the work of a thousand pods.
	config.ContentType = "application/vnd.kubernetes.protobuf"
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	k := &Kubelet{
		options:   options,
		client:    client,
		launcher:  newLauncher(),
		addresses: newAddresses(options.Block),
		nodes:     map[string]*node{},
		pods:      map[types.UID]*pod{},
		name:      map[string]*pod{},
		statuses: workqueue.NewTypedRateLimitingQueue(
			workqueue.NewTypedItemExponentialFailureRateLimiter[types.UID](50*time.Millisecond, 5*time.Second)),
	}
	working := make(chan struct{})
	close(working)
	for i := range options.Nodes {
		n := &node{name: nodeName(i), index: i, back: working, directory: filepath.Join(options.Directory, "nodes", nodeName(i))}
		if err := os.MkdirAll(filepath.Join(n.directory, "var/log"), 0o755); err != nil {
			return nil, err
		}
		k.nodes[n.name] = n
	}
	return k, nil
}

// Run works until the context ends. Then every container ends with the kubelet.
func (k *Kubelet) Run(ctx context.Context) error {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: k.client.CoreV1().Events("")})
	k.events = broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet"})
	listener, err := net.Listen("tcp", net.JoinHostPort(hostIP, "0"))
	if err != nil {
		return err
	}
	k.port = int32(listener.Addr().(*net.TCPAddr).Port)
	factory := informers.NewSharedInformerFactory(k.client, 0)
	pods := informers.NewSharedInformerFactoryWithOptions(k.client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermNotEqualSelector("spec.nodeName", "").String()
	}))
	k.podLister = pods.Core().V1().Pods().Lister()
	k.nodeLister = factory.Core().V1().Nodes().Lister()
	k.services = factory.Core().V1().Services().Lister()
	factory.Core().V1().Nodes().Informer()
	factory.Core().V1().Services().Informer()
	informer := pods.Core().V1().Pods().Informer()
	if _, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { k.seen(ctx, object.(*v1.Pod)) },
		UpdateFunc: func(_, object any) { k.seen(ctx, object.(*v1.Pod)) },
		DeleteFunc: func(object any) {
			if gone, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = gone.Obj
			}
			k.gone(object.(*v1.Pod))
		},
	}); err != nil {
		return err
	}
	resolver, err := k.startResolver(ctx, fmt.Sprintf("127.%d.0.53", k.options.Block))
	if err != nil {
		return err
	}
	for range 32 {
		go k.writeStatuses(ctx)
	}
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	var registered sync.WaitGroup
	for _, n := range k.nodes {
		registered.Go(func() {
			for ctx.Err() == nil {
				if err := k.writeNode(ctx, n); err == nil {
					return
				}
				time.Sleep(200 * time.Millisecond)
			}
		})
		go k.keepNode(ctx, n)
	}
	registered.Wait()
	pods.Start(ctx.Done())
	server := &http.Server{
		Handler:   k.handler(),
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{k.options.Certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: k.options.ClientCA},
	}
	failed := make(chan error, 2)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	go func() { failed <- k.serveControl(ctx, filepath.Join(k.options.Directory, "kubelet.sock")) }()
	defer resolver()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		server.Close()
		k.statuses.ShutDown()
		k.killAll()
		return nil
	}
}

func (k *Kubelet) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", k.serveLogs)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	return mux
}

// seen takes news of a pod from the API server. A node that is lost hears nothing.
func (k *Kubelet) seen(ctx context.Context, object *v1.Pod) {
	n := k.nodes[object.Spec.NodeName]
	if n == nil || n.unreachable() {
		return
	}
	k.mu.Lock()
	p := k.pods[object.UID]
	if p == nil {
		if ended(object) {
			k.mu.Unlock()
			if object.DeletionTimestamp != nil {
				k.remove(ctx, object)
			}
			return
		}
		p = newPod(k, object)
		k.pods[object.UID] = p
		k.name[object.Namespace+"/"+object.Name] = p
		k.mu.Unlock()
		go p.run(ctx)
		return
	}
	k.mu.Unlock()
	p.update(object)
}

// gone takes the news that a pod is no longer known to the API server: what is left of it must end.
func (k *Kubelet) gone(object *v1.Pod) {
	if n := k.nodes[object.Spec.NodeName]; n == nil || n.unreachable() {
		return
	}
	k.mu.Lock()
	p := k.pods[object.UID]
	k.mu.Unlock()
	if p != nil {
		p.vanish()
	}
}

// resync tells a node that is back everything it missed.
func (k *Kubelet) resync(ctx context.Context, n *node) {
	k.mu.Lock()
	var here []*pod
	for _, p := range k.pods {
		if p.object().Spec.NodeName == n.name {
			here = append(here, p)
		}
	}
	k.mu.Unlock()
	for _, p := range here {
		old := p.object()
		object, err := k.podLister.Pods(old.Namespace).Get(old.Name)
		if err != nil || object.UID != old.UID {
			p.vanish()
			continue
		}
		p.update(object)
		k.statuses.Add(old.UID)
	}
	all, _ := k.podLister.List(everything)
	for _, object := range all {
		if object.Spec.NodeName == n.name {
			k.seen(ctx, object)
		}
	}
}

func (k *Kubelet) forget(p *pod) {
	object := p.object()
	k.mu.Lock()
	delete(k.pods, object.UID)
	if key := object.Namespace + "/" + object.Name; k.name[key] == p {
		delete(k.name, key)
	}
	k.mu.Unlock()
	k.addresses.give(p.address())
	os.RemoveAll(p.directory)
}

func (k *Kubelet) podNamed(namespace, name string) *pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.name[namespace+"/"+name]
}

func (k *Kubelet) nodeOf(p *pod) *node { return k.nodes[p.object().Spec.NodeName] }

func (k *Kubelet) all() []*pod {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := make([]*pod, 0, len(k.pods))
	for _, p := range k.pods {
		list = append(list, p)
	}
	return list
}

func (k *Kubelet) killAll() {
	for _, p := range k.all() {
		p.eachProcess(func(_ string, running process) { kill(running) })
	}
}

// writeStatuses sends what changed to the API server, one pod at a time, until it is accepted.
func (k *Kubelet) writeStatuses(ctx context.Context) {
	for {
		uid, shut := k.statuses.Get()
		if shut {
			return
		}
		if err := k.writeStatus(ctx, uid); err != nil {
			klog.ErrorS(err, "Status was not written", "pod", uid)
			k.statuses.AddRateLimited(uid)
		} else {
			k.statuses.Forget(uid)
		}
		k.statuses.Done(uid)
	}
}

func (k *Kubelet) writeStatus(ctx context.Context, uid types.UID) error {
	k.mu.Lock()
	p := k.pods[uid]
	k.mu.Unlock()
	if p == nil || k.nodeOf(p).unreachable() {
		return nil
	}
	patch, status, final, err := p.statusPatch()
	if err != nil {
		return err
	}
	object := p.object()
	if patch != nil {
		_, err = k.client.CoreV1().Pods(object.Namespace).
			Patch(ctx, object.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
			return nil // another pod of that name, or none: the informer says so soon
		}
		if err != nil {
			return err
		}
		p.written(status)
	}
	if final && p.removable() {
		return k.remove(ctx, object)
	}
	return nil
}

// remove tells the API server that nothing of a deleted pod is left.
func (k *Kubelet) remove(ctx context.Context, object *v1.Pod) error {
	now := int64(0)
	err := k.client.CoreV1().Pods(object.Namespace).Delete(ctx, object.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &object.UID},
	})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return err
}

func (k *Kubelet) configMap(namespace, name string) (*v1.ConfigMap, error) {
	object, err := k.client.CoreV1().ConfigMaps(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return object, err
}

func (k *Kubelet) secret(namespace, name string) (*v1.Secret, error) {
	object, err := k.client.CoreV1().Secrets(namespace).Get(context.Background(), name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return object, err
}

func ended(object *v1.Pod) bool {
	return object.Status.Phase == v1.PodSucceeded || object.Status.Phase == v1.PodFailed
}

var errStopped = errors.New("the pod is being stopped")
