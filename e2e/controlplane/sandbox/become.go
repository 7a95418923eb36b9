package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownMounts are the entries of the root that every container gets fresh.
var ownMounts = map[string]bool{"proc": true, "tmp": true}

// Become turns this process into the container's. It returns only if that fails.
func Become(spec Spec) error {
	runtime.LockOSThread()
	unix.CloseOnExec(ErrorFD)
	if err := unix.Sethostname([]byte(spec.Hostname)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	sources, err := open(spec.Mounts)
	if err != nil {
		return err
	}
	if err := enterRoot(spec.Root); err != nil {
		return err
	}
	for i, mount := range spec.Mounts {
		if err := attach(mount, sources[i]); err != nil {
			return fmt.Errorf("mount %s: %w", mount.Target, err)
		}
	}
	return execute(spec)
}

// open takes hold of the sources while this machine's file system is still in sight.
func open(mounts []Mount) ([]int, error) {
	sources := make([]int, len(mounts))
	for i, mount := range mounts {
		sources[i] = -1
		if mount.Source == "" {
			continue
		}
		fd, err := unix.Open(mount.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return nil, fmt.Errorf("open %s: %w", mount.Source, err)
		}
		sources[i] = fd
	}
	return sources, nil
}

// enterRoot assembles a root from the entries of this machine's and moves into it.
func enterRoot(root string) error {
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount root: %w", err)
	}
	// Otherwise the root would show up inside itself, below the directory it is assembled in.
	if err := unix.Mount("", root, "", unix.MS_UNBINDABLE, ""); err != nil {
		return fmt.Errorf("make root unbindable: %w", err)
	}
	if err := mirror("/", root); err != nil {
		return err
	}
	for name := range ownMounts {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("proc", filepath.Join(root, "proc"), "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("enter root: %w", err)
	}
	return os.Chdir("/")
}

// mirror shows every entry of the directory from, read-only, in the empty directory to.
func mirror(from, to string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		source, target := filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name())
		if from == "/" && ownMounts[entry.Name()] {
			continue
		}
		if source == "/dev" {
			// Containers may make entries here, such as the termination log.
			if err := copyListing(source, target); err != nil {
				return err
			}
			continue
		}
		switch {
		case entry.Type()&os.ModeSymlink != 0:
			aim, err := os.Readlink(source)
			if err != nil {
				return err
			}
			if err := os.Symlink(aim, target); err != nil {
				return err
			}
			continue
		case entry.IsDir():
			err = os.Mkdir(target, 0o755)
		default:
			err = os.WriteFile(target, nil, 0o644)
		}
		if err != nil {
			return err
		}
		if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("show %s: %w", source, err)
		}
		readOnly := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
		if err := unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, readOnly); err != nil {
			return fmt.Errorf("make %s read-only: %w", target, err)
		}
	}
	return nil
}

func copyListing(from, to string) error {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", to, "tmpfs", 0, "mode=755"); err != nil {
		return err
	}
	return mirror(from, to)
}

func attach(mount Mount, source int) error {
	directory := true
	if source >= 0 {
		var stat unix.Stat_t
		if err := unix.Fstat(source, &stat); err != nil {
			return err
		}
		directory = stat.Mode&unix.S_IFMT == unix.S_IFDIR
	}
	if err := ensure(mount.Target, directory); err != nil {
		return err
	}
	if source < 0 {
		return unix.Mount("tmpfs", mount.Target, "tmpfs", 0, "mode=1777")
	}
	defer unix.Close(source)
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", source), mount.Target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	attributes := &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY}
	if mount.ReadOnly {
		attributes = &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	}
	return unix.MountSetattr(unix.AT_FDCWD, mount.Target, 0, attributes)
}

// ensure makes the place for a mount. Where the machine's own directory is in the way because it is read-only, a
// writable copy of that directory's listing takes its place first.
func ensure(target string, directory bool) error {
	err := create(target, directory)
	if !errors.Is(err, syscall.EROFS) {
		return err
	}
	above := filepath.Dir(target)
	for {
		if info, err := os.Stat(above); err == nil && info.IsDir() {
			break
		}
		above = filepath.Dir(above)
	}
	fd, err := unix.Open(above, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := copyListing(fmt.Sprintf("/proc/self/fd/%d", fd), above); err != nil {
		return err
	}
	return create(target, directory)
}

func create(target string, directory bool) error {
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	if directory {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.WriteFile(target, nil, 0o644)
}

func execute(spec Spec) error {
	if err := ensure(spec.Dir, true); err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	if err := os.Chdir(spec.Dir); err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	program, err := lookUp(spec.Args[0], spec.Env)
	if err != nil {
		return err
	}
	if spec.DropCapabilities {
		for capability := uintptr(0); capability <= unix.CAP_LAST_CAP; capability++ {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
				return fmt.Errorf("drop capability %d: %w", capability, err)
			}
		}
	}
	if err := syscall.Setgroups(spec.Groups); err != nil {
		return fmt.Errorf("set groups: %w", err)
	}
	if err := syscall.Setresgid(spec.Group, spec.Group, spec.Group); err != nil {
		return fmt.Errorf("set group: %w", err)
	}
	if err := syscall.Setresuid(spec.User, spec.User, spec.User); err != nil {
		return fmt.Errorf("set user: %w", err)
	}
	if spec.NoNewPrivileges {
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			return err
		}
	}
	// A change of user clears the signal that ends this process with the kubelet.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return err
	}
	return fmt.Errorf("exec %q: %w", program, syscall.Exec(program, spec.Args, spec.Env))
}

// lookUp finds a program as a shell would, with the container's PATH.
func lookUp(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, variable := range env {
		if path, ok := strings.CutPrefix(variable, "PATH="); ok {
			for _, directory := range filepath.SplitList(path) {
				candidate := filepath.Join(directory, name)
				if info, err := os.Stat(candidate); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
					return candidate, nil
				}
			}
		}
	}
	return "", fmt.Errorf("exec: %q: executable file not found in $PATH", name)
}
