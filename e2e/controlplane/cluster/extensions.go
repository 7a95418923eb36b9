package cluster

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var (
	definitionResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	webhookResources   = map[string]schema.GroupVersionResource{
		"MutatingWebhookConfiguration":   {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"},
		"ValidatingWebhookConfiguration": {Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"},
	}
	// webhookGroups are the API groups whose objects go through an extension's webhooks; those of frameworks that the
	// bench does not have are left out.
	webhookGroups = map[string][]string{
		jobSet: {"jobset.x-k8s.io", ""},
		kueue:  {"kueue.x-k8s.io", "batch", "jobset.x-k8s.io"},
	}
)

// endpoint is where an extension serves its webhooks: a URL, because the bench does not forward service addresses.
type endpoint struct {
	url       string
	authority string // base64 of PEM
}

func endpointOf(s State, extension string) (endpoint, error) {
	authority, err := os.ReadFile(s.path("pki", "ca.crt"))
	return endpoint{
		url:       fmt.Sprintf("https://%s:%d", address, s.Ports[extension]),
		authority: base64.StdEncoding.EncodeToString(authority),
	}, err
}

// clientConfig replaces a reference to a service by the endpoint.
func (e endpoint) clientConfig(config map[string]any) {
	path, _, _ := unstructured.NestedString(config, "service", "path")
	delete(config, "service")
	config["url"], config["caBundle"] = e.url+path, e.authority
}

// installer makes what an extension needs in the API server, from its published manifests.
type installer struct {
	extension string
	manifests string
	client    *dynamic.DynamicClient
	endpoint  endpoint
}

func newInstaller(config *rest.Config, s State, extension string) (installer, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return installer{}, err
	}
	e, err := endpointOf(s, extension)
	return installer{extension, filepath.Join(s.Options.Binaries, "manifests", extension), client, e}, err
}

// definitions creates the extension's own kinds and waits until they can be used. Kinds of several versions are
// converted by the extension.
func (i installer) definitions(ctx context.Context) error {
	files, err := filepath.Glob(filepath.Join(i.manifests, "crd", "*.yaml"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, fmt.Errorf("no definitions of %s in %s", i.extension, i.manifests))
	}
	var names []string
	for _, file := range files {
		objects, err := readObjects(file)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if versions, _, _ := unstructured.NestedSlice(object.Object, "spec", "versions"); len(versions) > 1 {
				unstructured.SetNestedMap(object.Object, map[string]any{
					"strategy": "Webhook",
					"webhook": map[string]any{
						"clientConfig":             map[string]any{"url": i.endpoint.url + "/convert", "caBundle": i.endpoint.authority},
						"conversionReviewVersions": []any{"v1"},
					},
				}, "spec", "conversion")
			}
			if _, err := i.client.Resource(definitionResource).Create(ctx, object, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
			names = append(names, object.GetName())
		}
	}
	for _, name := range names {
		for {
			object, err := i.client.Resource(definitionResource).Get(ctx, name, metav1.GetOptions{})
			if err == nil && established(object) {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("definition %s is not established: %w", name, err)
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

func established(definition *unstructured.Unstructured) bool {
	conditions, _, _ := unstructured.NestedSlice(definition.Object, "status", "conditions")
	return slices.ContainsFunc(conditions, func(c any) bool {
		condition, ok := c.(map[string]any)
		return ok && condition["type"] == "Established" && condition["status"] == "True"
	})
}

func (i installer) webhooks(ctx context.Context) error {
	objects, err := readObjects(filepath.Join(i.manifests, "webhooks.yaml"))
	if err != nil {
		return err
	}
	for _, object := range objects {
		adaptWebhooks(object, i.extension, i.endpoint)
		resource := i.client.Resource(webhookResources[object.GetKind()])
		if _, err := resource.Create(ctx, object, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
	return nil
}

// adaptWebhooks makes a configuration as it is published fit the bench: names, endpoint, and the same limits to the
// objects concerned as the published installation sets.
func adaptWebhooks(object *unstructured.Unstructured, extension string, e endpoint) {
	object.SetName(extension + "-" + object.GetName())
	hooks, _, _ := unstructured.NestedSlice(object.Object, "webhooks")
	var kept []any
	for _, each := range hooks {
		hook := each.(map[string]any)
		rule := hook["rules"].([]any)[0].(map[string]any)
		group := rule["apiGroups"].([]any)[0].(string)
		if !slices.Contains(webhookGroups[extension], group) {
			continue
		}
		e.clientConfig(hook["clientConfig"].(map[string]any))
		if extension == jobSet && group == "" {
			hook["objectSelector"] = map[string]any{"matchExpressions": []any{
				map[string]any{"key": "jobset.sigs.k8s.io/jobset-name", "operator": "Exists"},
			}}
		}
		if extension == kueue && group != "kueue.x-k8s.io" {
			hook["namespaceSelector"] = map[string]any{"matchExpressions": []any{
				map[string]any{"key": v1.LabelMetadataName, "operator": "NotIn", "values": []any{"kube-system", "kueue-system"}},
			}}
		}
		kept = append(kept, hook)
	}
	unstructured.SetNestedSlice(object.Object, kept, "webhooks")
}

func readObjects(file string) ([]*unstructured.Unstructured, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
