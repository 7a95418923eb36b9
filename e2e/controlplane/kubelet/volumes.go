package kubelet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"longhaul.io/controlplane/sandbox"
)

// tmpfs as a volume's place means memory, which every mount of it gets for itself.
const tmpfs = ""

// volumes makes the pod's volumes on disk and says where each is.
func (k *Kubelet) volumes(ctx context.Context, pod *v1.Pod, o outcome, directory string) (map[string]string, error) {
	places := map[string]string{}
	for _, volume := range pod.Spec.Volumes {
		place, err := k.volume(ctx, pod, o, volume, filepath.Join(directory, volume.Name))
		if err != nil {
			return nil, fmt.Errorf("volume %q: %w", volume.Name, err)
		}
		places[volume.Name] = place
	}
	return places, nil
}

func (k *Kubelet) volume(ctx context.Context, pod *v1.Pod, o outcome, volume v1.Volume, place string) (string, error) {
	switch source := volume.VolumeSource; {
	case source.EmptyDir != nil:
		if source.EmptyDir.Medium == v1.StorageMediumMemory && !shared(pod, volume.Name) {
			return tmpfs, nil
		}
		return place, makeDirectory(place, 0o777, pod)
	case source.HostPath != nil:
		return k.hostPath(pod.Spec.NodeName, *source.HostPath)
	case source.PersistentVolumeClaim != nil:
		return k.claim(ctx, pod, source.PersistentVolumeClaim.ClaimName)
	case source.Ephemeral != nil:
		return k.claim(ctx, pod, pod.Name+"-"+volume.Name)
	}
	files, mode, err := k.files(ctx, pod, o, volume.VolumeSource)
	if err != nil {
		return "", err
	}
	return place, writeFiles(place, files, mode, pod)
}

// shared says whether the volume is mounted more than once or in part, which memory of each mount's own does not allow.
func shared(pod *v1.Pod, volume string) bool {
	mounts := 0
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for _, mount := range c.VolumeMounts {
			if mount.Name == volume && mount.SubPath != "" {
				return true
			}
			if mount.Name == volume {
				mounts++
			}
		}
	}
	return mounts > 1
}

// hostPath is the path itself, but a node has its own /var/log: there the bench writes the node's kernel log.
func (k *Kubelet) hostPath(node string, source v1.HostPathVolumeSource) (string, error) {
	path := filepath.Clean(source.Path)
	if path == "/var/log" || strings.HasPrefix(path, "/var/log/") {
		path = filepath.Join(k.nodes[node].directory, path)
	}
	kind := v1.HostPathUnset
	if source.Type != nil {
		kind = *source.Type
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && (kind == v1.HostPathDirectory || kind == v1.HostPathDirectoryOrCreate) && !info.IsDir():
		return "", fmt.Errorf("hostPath %s is not a directory", path)
	case err == nil:
		return path, nil
	case !errors.Is(err, os.ErrNotExist):
		return "", err
	case kind == v1.HostPathDirectoryOrCreate || kind == v1.HostPathUnset:
		return path, os.MkdirAll(path, 0o755)
	case kind == v1.HostPathFileOrCreate:
		return path, os.WriteFile(path, nil, 0o644)
	}
	return "", fmt.Errorf("hostPath %s does not exist", path)
}

// claim follows a bound claim to its volume, which must be a path of this machine.
func (k *Kubelet) claim(ctx context.Context, pod *v1.Pod, name string) (string, error) {
	claim, err := k.client.CoreV1().PersistentVolumeClaims(pod.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	if claim.Status.Phase != v1.ClaimBound {
		return "", fmt.Errorf("claim %q is not bound", name)
	}
	volume, err := k.client.CoreV1().PersistentVolumes().Get(ctx, claim.Spec.VolumeName, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	switch source := volume.Spec.PersistentVolumeSource; {
	case source.HostPath != nil:
		return k.hostPath(pod.Spec.NodeName, *source.HostPath)
	case source.Local != nil:
		return source.Local.Path, nil
	}
	return "", fmt.Errorf("persistent volume %q: the bench knows hostPath and local", volume.Name)
}

type files map[string]file

type file struct {
	content []byte
	mode    *int32
}

// files are what a volume of generated content shows, with the mode of those that have none of their own.
func (k *Kubelet) files(ctx context.Context, pod *v1.Pod, o outcome, source v1.VolumeSource) (files, *int32, error) {
	into := files{}
	switch {
	case source.ConfigMap != nil:
		s := source.ConfigMap
		return into, s.DefaultMode, k.addConfigMap(into, pod.Namespace, s.Name, s.Items, s.Optional)
	case source.Secret != nil:
		s := source.Secret
		return into, s.DefaultMode, k.addSecret(into, pod.Namespace, s.SecretName, s.Items, s.Optional)
	case source.DownwardAPI != nil:
		return into, source.DownwardAPI.DefaultMode, k.addFields(into, pod, o, source.DownwardAPI.Items)
	case source.Projected != nil:
		for _, s := range source.Projected.Sources {
			if err := k.addProjection(ctx, into, pod, o, s); err != nil {
				return nil, nil, err
			}
		}
		return into, source.Projected.DefaultMode, nil
	}
	return nil, nil, errors.New("the bench knows emptyDir, hostPath, configMap, secret, downwardAPI, projected and persistentVolumeClaim")
}

func (k *Kubelet) addProjection(ctx context.Context, into files, pod *v1.Pod, o outcome, s v1.VolumeProjection) error {
	switch {
	case s.ConfigMap != nil:
		return k.addConfigMap(into, pod.Namespace, s.ConfigMap.Name, s.ConfigMap.Items, s.ConfigMap.Optional)
	case s.Secret != nil:
		return k.addSecret(into, pod.Namespace, s.Secret.Name, s.Secret.Items, s.Secret.Optional)
	case s.DownwardAPI != nil:
		return k.addFields(into, pod, o, s.DownwardAPI.Items)
	case s.ServiceAccountToken != nil:
		return k.addToken(ctx, into, pod, *s.ServiceAccountToken)
	}
	return errors.New("projected: the bench knows configMap, secret, downwardAPI and serviceAccountToken")
}

func (k *Kubelet) addConfigMap(into files, namespace, name string, items []v1.KeyToPath, optional *bool) error {
	object, err := k.configMap(namespace, name)
	if err != nil {
		return err
	}
	if object == nil {
		return absent("configmap", name, optional)
	}
	content := make(map[string][]byte, len(object.Data)+len(object.BinaryData))
	for key, value := range object.Data {
		content[key] = []byte(value)
	}
	for key, value := range object.BinaryData {
		content[key] = value
	}
	return into.add(content, items, optional)
}

func (k *Kubelet) addSecret(into files, namespace, name string, items []v1.KeyToPath, optional *bool) error {
	object, err := k.secret(namespace, name)
	if err != nil {
		return err
	}
	if object == nil {
		return absent("secret", name, optional)
	}
	return into.add(object.Data, items, optional)
}

func (into files) add(content map[string][]byte, items []v1.KeyToPath, optional *bool) error {
	if len(items) == 0 {
		for key, value := range content {
			into[key] = file{content: value}
		}
	}
	for _, item := range items {
		value, ok := content[item.Key]
		if !ok {
			if err := absent("key", item.Key, optional); err != nil {
				return err
			}
			continue
		}
		into[item.Path] = file{content: value, mode: item.Mode}
	}
	return nil
}

func (k *Kubelet) addFields(into files, pod *v1.Pod, o outcome, items []v1.DownwardAPIVolumeFile) error {
	for _, item := range items {
		var value string
		var err error
		switch {
		case item.FieldRef != nil:
			value, err = field(pod, o, item.FieldRef.FieldPath)
		case item.ResourceFieldRef != nil:
			value, err = resourceField(pod, v1.Container{}, k.options.Capacity, item.ResourceFieldRef)
		}
		if err != nil {
			return err
		}
		into[item.Path] = file{content: []byte(value), mode: item.Mode}
	}
	return nil
}

func (k *Kubelet) addToken(ctx context.Context, into files, pod *v1.Pod, projection v1.ServiceAccountTokenProjection) error {
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: projection.ExpirationSeconds,
		BoundObjectRef: &authenticationv1.BoundObjectReference{
			APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: types.UID(pod.UID),
		},
	}}
	if projection.Audience != "" {
		request.Spec.Audiences = []string{projection.Audience}
	}
	token, err := k.client.CoreV1().ServiceAccounts(pod.Namespace).
		CreateToken(ctx, pod.Spec.ServiceAccountName, request, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	into[projection.Path] = file{content: []byte(token.Status.Token)}
	return nil
}

func makeDirectory(path string, mode os.FileMode, pod *v1.Pod) error {
	if err := os.MkdirAll(path, mode); err != nil {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	return own(path, pod)
}

// own gives a volume's file to the pod's group, as fsGroup asks.
func own(path string, pod *v1.Pod) error {
	if context := pod.Spec.SecurityContext; context != nil && context.FSGroup != nil {
		return os.Chown(path, -1, int(*context.FSGroup))
	}
	return nil
}

func writeFiles(place string, content files, mode *int32, pod *v1.Pod) error {
	if err := makeDirectory(place, 0o755, pod); err != nil {
		return err
	}
	for name, f := range content {
		path := filepath.Join(place, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		permissions := os.FileMode(0o644)
		if f.mode != nil {
			permissions = os.FileMode(*f.mode)
		} else if mode != nil {
			permissions = os.FileMode(*mode)
		}
		if err := os.WriteFile(path, f.content, 0o600); err != nil {
			return err
		}
		if err := own(path, pod); err != nil {
			return err
		}
		if err := os.Chmod(path, permissions); err != nil {
			return err
		}
	}
	return nil
}

// mounts are what a container sees beside this machine's file system, outer paths before inner ones. Every container
// has its own /tmp and /dev/shm unless it mounts a volume there.
func mounts(c v1.Container, places map[string]string, directory string) ([]sandbox.Mount, error) {
	list := []sandbox.Mount{
		{Source: filepath.Join(directory, "tmp"), Target: "/tmp"},
		{Target: "/dev/shm"},
		{Source: filepath.Join(directory, "hosts"), Target: "/etc/hosts", ReadOnly: true},
		{Source: filepath.Join(directory, "resolv.conf"), Target: "/etc/resolv.conf", ReadOnly: true},
	}
	for _, mount := range c.VolumeMounts {
		place, ok := places[mount.Name]
		if !ok {
			return nil, fmt.Errorf("no volume %q", mount.Name)
		}
		if mount.SubPath != "" {
			place = filepath.Join(place, filepath.Clean("/"+mount.SubPath))
			if _, err := os.Stat(place); errors.Is(err, os.ErrNotExist) {
				if err := os.MkdirAll(place, 0o777); err != nil {
					return nil, err
				}
			}
		}
		target := filepath.Clean(mount.MountPath)
		list = slices.DeleteFunc(list, func(m sandbox.Mount) bool { return m.Target == target })
		list = append(list, sandbox.Mount{Source: place, Target: target, ReadOnly: mount.ReadOnly})
	}
	slices.SortStableFunc(list, func(a, b sandbox.Mount) int {
		return strings.Count(a.Target, "/") - strings.Count(b.Target, "/")
	})
	return list, nil
}
