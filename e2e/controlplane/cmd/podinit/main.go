// Command podinit prepares the namespaces it was started in for one container and then becomes the container's
// program. It is a program of its own because it starts once per container: it must be small.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"longhaul.io/controlplane/sandbox"
)

func main() {
	spec := sandbox.Spec{}
	from := os.NewFile(sandbox.SpecFD, "spec")
	err := json.NewDecoder(from).Decode(&spec)
	from.Close()
	if err == nil {
		err = sandbox.Become(spec)
	}
	fmt.Fprint(os.NewFile(sandbox.ErrorFD, "error"), err)
	os.Exit(128)
}
