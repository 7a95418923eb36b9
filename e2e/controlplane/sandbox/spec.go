// Package sandbox is what a container of the bench is: one process in its own mount, process, host name and IPC
// namespaces, whose root file system is this machine's, read-only, with the pod's volumes mounted where it asks.
package sandbox

// Spec is handed from the kubelet to podinit, which turns itself into the container's process.
type Spec struct {
	Hostname string  `json:"hostname"`
	Root     string  `json:"root"` // an empty directory, where the container's root is assembled
	Mounts   []Mount `json:"mounts"`
	Dir      string  `json:"dir"` // working directory inside the container
	Args     []string
	Env      []string
	User     int   `json:"user"`
	Group    int   `json:"group"`
	Groups   []int `json:"groups"`
	// NoNewPrivileges and DropCapabilities follow the container's security context.
	NoNewPrivileges  bool `json:"noNewPrivileges"`
	DropCapabilities bool `json:"dropCapabilities"`
}

// Mount shows Source, a path of this machine, at Target inside the container. An empty source is an empty tmpfs.
type Mount struct {
	Source   string `json:"source,omitempty"`
	Target   string `json:"target"`
	ReadOnly bool   `json:"readOnly,omitempty"`
}

// SpecFD is where podinit reads its Spec, ErrorFD where it says why the container could not be started. ErrorFD
// closes without a word when the container's program has taken over.
const (
	SpecFD  = 3
	ErrorFD = 4
)
