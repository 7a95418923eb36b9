// Command bench starts, watches, breaks and ends Kubernetes clusters on one machine.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"longhaul.io/controlplane/cluster"
	"longhaul.io/controlplane/kubelet"
	"longhaul.io/controlplane/sandbox"
)

const usage = `usage: longhaul cluster COMMAND [--dir DIR]
  up       start a Kubernetes cluster on this machine; its pods are processes of this machine
  down     end it; no process is left, its logs stay
  status   show its programs, memory, nodes and pods
  fault    break or mend something: see ` + "`longhaul cluster fault`" + `
--dir is where the cluster lives; several clusters may run side by side. --help after a command explains it.
`

const faultUsage = `usage: longhaul cluster fault FAULT [--dir DIR]
  kill POD [--signal 9] [--reason OOMKilled] [--container NAME]    freeze POD    thaw POD
  slow POD --share 0.5             the pod stands still for that share of its time
  stuck POD                        it does not react to its deletion, until: release POD
  node-lost NODE                   nothing is heard of it, its processes go on; node-dead NODE: they end
  node-back NODE                   it works again
  node-slow-start NODE --wait 20s  containers start that much later
  image-refused IMAGE              cannot be pulled; image-slow IMAGE --wait 20s; image-fine IMAGE (a final * matches the rest)
  xid NODE --code 79 [--text TEXT] a line of the GPU driver in the node's /var/log/kern.log
  component NAME ACTION            ACTION: stop, start, kill (it is started again), freeze, thaw
POD is NAMESPACE/NAME, or NAME in the namespace default.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage")

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return errUsage
	}
	switch command, args := args[0], args[1:]; command {
	case "up":
		return up(ctx, args, out)
	case "down":
		return down(args)
	case "status":
		return status(ctx, args, out)
	case "fault":
		return fault(ctx, args)
	case "help", "-h", "--help":
		fmt.Fprint(out, usage)
		return nil
	case "supervise":
		options := cluster.Options{}
		if err := json.Unmarshal([]byte(args[1]), &options); err != nil {
			return err
		}
		return cluster.Supervise(ctx, options, printTo(out))
	case "kubelet":
		return cluster.RunKubelet(ctx, args[0])
	case "isolate":
		return isolate(args)
	}
	fmt.Fprint(os.Stderr, usage)
	return errUsage
}

func printTo(out io.Writer) func(string, ...any) {
	return func(format string, values ...any) { fmt.Fprintf(out, format+"\n", values...) }
}

func flags(name string) (*flag.FlagSet, *string) {
	set := flag.NewFlagSet("longhaul cluster "+name, flag.ContinueOnError)
	directory := os.Getenv("LONGHAUL_CLUSTER")
	if directory == "" {
		directory = filepath.Join(os.Getenv("LONGHAUL_ROOT"), "target", "cluster")
	}
	return set, set.String("dir", directory, "`directory` of the cluster")
}

func parse(set *flag.FlagSet, args []string) error {
	if err := set.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	if set.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "%s: what is %q?\n", set.Name(), set.Arg(0))
		return errUsage
	}
	return nil
}

func up(ctx context.Context, args []string, out io.Writer) error {
	options := cluster.Options{Capacity: map[string]string{}, Flags: map[string][]string{}}
	set, directory := flags("up")
	set.IntVar(&options.Nodes, "nodes", 4, "`number` of nodes")
	set.IntVar(&options.NodesPerLeaf, "nodes-per-leaf", 16, "`number` of nodes behind one leaf switch")
	set.IntVar(&options.LeavesPerSpine, "leaves-per-spine", 8, "`number` of leaf switches behind one spine switch")
	set.BoolVar(&options.Simulate, "simulate", false, "run no processes: pods only change phase, by the annotation "+kubelet.SimulateAnnotation)
	set.Float64Var(&options.Speed, "speed", 1, "time of simulated pods passes that many `times` faster")
	set.BoolVar(&options.JobSet, "jobset", false, "run the JobSet controller")
	set.BoolVar(&options.Kueue, "kueue", false, "run the Kueue controller")
	set.DurationVar(&options.LeaseEvery, "lease-every", 10*time.Second, "`time` between signs of life of a node")
	set.DurationVar(&options.BackoffBase, "crash-backoff", 10*time.Second, "`time` before the first restart of a container")
	set.Func("capacity", "`NAME=AMOUNT` of each node, repeatable", func(text string) error {
		name, amount, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("want NAME=AMOUNT")
		}
		options.Capacity[name] = amount
		return nil
	})
	set.Func("flag", "`COMPONENT:--NAME=VALUE`, a further flag for a program of the control plane, repeatable", func(text string) error {
		component, value, ok := strings.Cut(text, ":")
		if !ok || !strings.HasPrefix(value, "--") {
			return fmt.Errorf("want for instance kube-controller-manager:--node-monitor-grace-period=20s")
		}
		options.Flags[component] = append(options.Flags[component], value)
		return nil
	})
	foreground := set.Bool("foreground", false, "keep the cluster until this command is ended, or its parent ends")
	if err := parse(set, args); err != nil {
		return err
	}
	switch {
	case options.Nodes < 1 || options.NodesPerLeaf < 1 || options.LeavesPerSpine < 1:
		return errors.New("--nodes, --nodes-per-leaf and --leaves-per-spine must be at least 1")
	case !(options.Speed > 0):
		return errors.New("--speed must be above 0")
	case options.LeaseEvery <= 0 || options.BackoffBase <= 0:
		return errors.New("--lease-every and --crash-backoff must be above 0")
	}
	var err error
	if options.Directory, err = filepath.Abs(*directory); err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	options.Binaries = filepath.Dir(program)
	if *foreground {
		syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0)
		return cluster.Supervise(ctx, options, printTo(out))
	}
	state, err := cluster.Up(options, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `Kubernetes %s with %d nodes. Use it:
  export KUBECONFIG=%s
  kubectl get nodes
Logs: %s/logs. End it: longhaul cluster down
`, state.Version, options.Nodes, state.Kubeconfig("admin"), options.Directory)
	return nil
}

func down(args []string) error {
	set, directory := flags("down")
	if err := parse(set, args); err != nil {
		return err
	}
	absolute, err := filepath.Abs(*directory)
	if err != nil {
		return err
	}
	return cluster.Down(absolute)
}

func status(ctx context.Context, args []string, out io.Writer) error {
	set, directory := flags("status")
	asJSON := set.Bool("json", false, "for programs")
	if err := parse(set, args); err != nil {
		return err
	}
	absolute, err := filepath.Abs(*directory)
	if err != nil {
		return err
	}
	s, err := cluster.Inspect(ctx, absolute)
	if err != nil {
		return err
	}
	if *asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(s)
	}
	fmt.Fprintf(out, "Kubernetes %s in %s, ready %.1f s after its start\n", s.State.Version, absolute, s.State.Ready)
	for _, c := range s.Components {
		state := map[bool]string{true: "healthy", false: "not healthy"}[c.Healthy]
		if c.Pid == 0 {
			state = "stopped"
		}
		fmt.Fprintf(out, "%-24s %-12s pid %-8d %4d MiB  %d restarts\n", c.Name, state, c.Pid, c.Memory>>20, c.Restarts)
	}
	fmt.Fprintf(out, "%d nodes (%d lost), %d pods, %d processes\n", s.Nodes.Nodes, len(s.Nodes.Lost), s.Nodes.Pods, s.Nodes.Processes)
	return nil
}

func fault(ctx context.Context, args []string) error {
	words := 0
	for words < len(args) && !strings.HasPrefix(args[words], "-") {
		words++
	}
	names := args[:words]
	f := kubelet.Fault{}
	set, directory := flags("fault")
	set.Usage = func() { fmt.Fprint(os.Stderr, faultUsage) }
	set.StringVar(&f.Container, "container", "", "")
	set.IntVar(&f.Signal, "signal", 9, "")
	set.StringVar(&f.Reason, "reason", "", "")
	set.Float64Var(&f.Share, "share", 0, "")
	set.DurationVar(&f.Wait, "wait", 0, "")
	set.IntVar(&f.Code, "code", 79, "")
	set.StringVar(&f.Text, "text", "", "")
	if err := parse(set, args[words:]); err != nil {
		return err
	}
	absolute, err := filepath.Abs(*directory)
	if err != nil {
		return err
	}
	if len(names) == 3 && names[0] == "component" {
		return cluster.Control(ctx, absolute, names[1], names[2])
	}
	if len(names) != 2 {
		set.Usage()
		return errUsage
	}
	f.Kind = names[0]
	switch {
	case strings.HasPrefix(f.Kind, "node-") || f.Kind == "xid":
		f.Node = names[1]
	case strings.HasPrefix(f.Kind, "image-"):
		f.Image = names[1]
	default:
		f.Pod = names[1]
	}
	return cluster.Break(ctx, absolute, f)
}

// isolate becomes a program that sees one directory at another place as well: isolate STATE SOURCE TARGET PROGRAM ARGS.
func isolate(args []string) error {
	root := filepath.Join(args[0], "isolated")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	return sandbox.Become(sandbox.Spec{
		Hostname: "bench", Root: root, Dir: "/", Args: args[3:], Env: os.Environ(),
		Mounts: []sandbox.Mount{
			{Source: args[0], Target: args[0]},
			{Source: args[1], Target: args[2], ReadOnly: true},
			{Source: filepath.Dir(args[3]), Target: filepath.Dir(args[3]), ReadOnly: true},
		},
	})
}
