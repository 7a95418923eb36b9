package kubelet

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/kubernetes/pkg/fieldpath"
	"k8s.io/kubernetes/third_party/forked/golang/expansion"
)

// lookup finds the objects that a pod's environment and volumes refer to. An absent object is nil without an error.
type lookup interface {
	configMap(namespace, name string) (*v1.ConfigMap, error)
	secret(namespace, name string) (*v1.Secret, error)
}

// environment is a container's environment in the order in which later variables may refer to earlier ones.
func environment(pod *v1.Pod, c v1.Container, o outcome, node v1.ResourceList, objects lookup, base map[string]string) (map[string]string, error) {
	env := maps.Clone(base)
	for _, from := range c.EnvFrom {
		values, err := envFrom(pod.Namespace, from, objects)
		if err != nil {
			return nil, err
		}
		for key, value := range values {
			env[from.Prefix+key] = value
		}
	}
	for _, variable := range c.Env {
		if variable.ValueFrom == nil {
			env[variable.Name] = expansion.Expand(variable.Value, expansion.MappingFuncFor(env))
			continue
		}
		value, found, err := valueFrom(pod, c, o, node, variable.ValueFrom, objects)
		if err != nil {
			return nil, fmt.Errorf("environment variable %s: %w", variable.Name, err)
		}
		if found {
			env[variable.Name] = value
		}
	}
	return env, nil
}

// flatten is the environment as a process takes it, in a fixed order.
func flatten(env map[string]string) []string {
	list := make([]string, 0, len(env))
	for _, key := range slices.Sorted(maps.Keys(env)) {
		list = append(list, key+"="+env[key])
	}
	return list
}

// command is what a container runs. The bench has no images, so the pod must say it.
func command(c v1.Container, env map[string]string) ([]string, error) {
	if len(c.Command) == 0 {
		return nil, fmt.Errorf("no command: the bench has no images, so container %s must name its command", c.Name)
	}
	mapping := expansion.MappingFuncFor(env)
	args := make([]string, 0, len(c.Command)+len(c.Args))
	for _, word := range slices.Concat(c.Command, c.Args) {
		args = append(args, expansion.Expand(word, mapping))
	}
	return args, nil
}

func envFrom(namespace string, from v1.EnvFromSource, objects lookup) (map[string]string, error) {
	switch {
	case from.ConfigMapRef != nil:
		object, err := objects.configMap(namespace, from.ConfigMapRef.Name)
		if err != nil {
			return nil, err
		}
		if object == nil {
			return nil, absent("configmap", from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
		}
		return object.Data, nil
	case from.SecretRef != nil:
		object, err := objects.secret(namespace, from.SecretRef.Name)
		if err != nil {
			return nil, err
		}
		if object == nil {
			return nil, absent("secret", from.SecretRef.Name, from.SecretRef.Optional)
		}
		return texts(object.Data), nil
	}
	return nil, nil
}

func valueFrom(pod *v1.Pod, c v1.Container, o outcome, node v1.ResourceList, from *v1.EnvVarSource, objects lookup) (string, bool, error) {
	switch {
	case from.FieldRef != nil:
		value, err := field(pod, o, from.FieldRef.FieldPath)
		return value, err == nil, err
	case from.ResourceFieldRef != nil:
		value, err := resourceField(pod, c, node, from.ResourceFieldRef)
		return value, err == nil, err
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		object, err := objects.configMap(pod.Namespace, ref.Name)
		if err != nil {
			return "", false, err
		}
		if object != nil {
			if value, ok := object.Data[ref.Key]; ok {
				return value, true, nil
			}
			return "", false, absent("key "+ref.Key+" in configmap", ref.Name, ref.Optional)
		}
		return "", false, absent("configmap", ref.Name, ref.Optional)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		object, err := objects.secret(pod.Namespace, ref.Name)
		if err != nil {
			return "", false, err
		}
		if object != nil {
			if value, ok := object.Data[ref.Key]; ok {
				return string(value), true, nil
			}
			return "", false, absent("key "+ref.Key+" in secret", ref.Name, ref.Optional)
		}
		return "", false, absent("secret", ref.Name, ref.Optional)
	}
	return "", false, fmt.Errorf("the bench knows fieldRef, resourceFieldRef, configMapKeyRef and secretKeyRef")
}

func absent(kind, name string, optional *bool) error {
	if optional != nil && *optional {
		return nil
	}
	return fmt.Errorf("%s %q not found", kind, name)
}

func field(pod *v1.Pod, o outcome, path string) (string, error) {
	switch path {
	case "spec.nodeName":
		return pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return pod.Spec.ServiceAccountName, nil
	case "status.hostIP", "status.hostIPs":
		return o.hostIP, nil
	case "status.podIP", "status.podIPs":
		return o.ip, nil
	}
	return fieldpath.ExtractFieldPathAsString(pod, path)
}

// resourceField is a request or limit divided by the divisor and rounded up; a limit that is not set is the node's.
func resourceField(pod *v1.Pod, own v1.Container, node v1.ResourceList, ref *v1.ResourceFieldSelector) (string, error) {
	c := own
	if ref.ContainerName != "" && ref.ContainerName != own.Name {
		i := slices.IndexFunc(pod.Spec.Containers, func(c v1.Container) bool { return c.Name == ref.ContainerName })
		if i < 0 {
			return "", fmt.Errorf("no container %q", ref.ContainerName)
		}
		c = pod.Spec.Containers[i]
	}
	kind, name, _ := strings.Cut(ref.Resource, ".")
	list := c.Resources.Requests
	if kind == "limits" {
		list = c.Resources.Limits
	}
	amount, ok := list[v1.ResourceName(name)]
	if !ok && kind == "limits" {
		amount = node[v1.ResourceName(name)]
	}
	return divide(amount, ref.Divisor), nil
}

func divide(amount, divisor resource.Quantity) string {
	unit := divisor.AsApproximateFloat64()
	if unit == 0 {
		unit = 1
	}
	return strconv.FormatInt(int64(math.Ceil(amount.AsApproximateFloat64()/unit)), 10)
}

func texts(data map[string][]byte) map[string]string {
	values := make(map[string]string, len(data))
	for key, value := range data {
		values[key] = string(value)
	}
	return values
}
