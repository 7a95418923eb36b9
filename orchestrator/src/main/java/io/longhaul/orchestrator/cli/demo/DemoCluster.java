package io.longhaul.orchestrator.cli.demo;

import io.kubernetes.client.custom.Quantity;
import io.kubernetes.client.openapi.ApiException;
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.openapi.models.V1HostPathVolumeSource;
import io.kubernetes.client.openapi.models.V1ObjectMeta;
import io.kubernetes.client.openapi.models.V1PersistentVolume;
import io.kubernetes.client.openapi.models.V1PersistentVolumeClaim;
import io.kubernetes.client.openapi.models.V1PersistentVolumeClaimSpec;
import io.kubernetes.client.openapi.models.V1PersistentVolumeSpec;
import io.kubernetes.client.openapi.models.V1VolumeResourceRequirements;
import io.kubernetes.client.util.Config;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A Kubernetes cluster of the test bench with one volume, which all pods share; ends with the demonstration. */
final class DemoCluster implements AutoCloseable {
    private static final String CLAIM = "demo";
    private static final String MOUNT = "/demo";
    private static final long STOP_SECONDS = 30;

    private final Path directory;
    private final Process process;

    private DemoCluster(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
    }

    /**
     * Starts it, which builds Kubernetes the first time; {@link #awaitUp} waits for it.
     *
     * @param root directory of the source tree
     */
    static DemoCluster start(Path root, Path directory) {
        try {
            return new DemoCluster(directory,
                    new ProcessBuilder(root.resolve("longhaul").toString(), "cluster", "up",
                            "--foreground", "--nodes", "2", "--dir", directory.toString())
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start());
        } catch (IOException e) {
            throw new DemoException("cannot start a cluster: " + e.getMessage(), e);
        }
    }

    /** @param shared directory of this machine that the pods see as {@value #MOUNT} */
    void awaitUp(Path shared) {
        try {
            BufferedReader output = process.inputReader();
            String line;
            do {
                line = output.readLine();
                if (line == null) {
                    throw new DemoException("the cluster did not start, see " + directory + "/logs");
                }
            } while (!line.startsWith("ready after"));
            Thread.ofVirtual().start(() -> output.lines().forEach(rest -> {
            }));
            // Its pods are not root.
            Path checkpoints = Files.createDirectories(shared.resolve("checkpoints"));
            Files.setPosixFilePermissions(checkpoints, PosixFilePermissions.fromString("rwxrwxrwx"));
            share(shared);
        } catch (IOException | ApiException e) {
            throw new DemoException("the cluster in " + directory + " cannot be used: " + e.getMessage(), e);
        }
    }

    private void share(Path shared) throws IOException, ApiException {
        CoreV1Api api = new CoreV1Api(Config.fromConfig(kubeconfig().toString()));
        Map<String, Quantity> size = Map.of("storage", Quantity.fromString("10Gi"));
        List<String> modes = List.of("ReadWriteMany");
        api.createPersistentVolume(new V1PersistentVolume().metadata(new V1ObjectMeta().name(CLAIM))
                .spec(new V1PersistentVolumeSpec().capacity(size)
                        .accessModes(modes)
                        .storageClassName("")
                        .hostPath(new V1HostPathVolumeSource().path(shared.toString()))))
                .execute();
        api.createNamespacedPersistentVolumeClaim("default",
                new V1PersistentVolumeClaim().metadata(new V1ObjectMeta().name(CLAIM))
                        .spec(new V1PersistentVolumeClaimSpec().accessModes(modes)
                                .storageClassName("")
                                .volumeName(CLAIM)
                                .resources(new V1VolumeResourceRequirements().requests(size))))
                .execute();
    }

    Path kubeconfig() {
        return directory.resolve("admin.kubeconfig");
    }

    /** The RunSpec of the demonstration for pods: one for each rank, with the worker of this machine. */
    String spec(String local, Path worker, String python) {
        return local.replaceFirst("(?m)^training:$", "training:\n  data: " + MOUNT + "/corpus") + """
                backend: kubernetes
                kubernetes:
                  image: longhaul/worker
                  python: '%s'
                  ranks: 1
                  volumes: [{ claim: %s, mountPath: %s }]
                  checkpoints: %s/checkpoints
                  environment: { PYTHONPATH: '%s' }
                """.formatted(python, CLAIM, MOUNT, MOUNT, worker);
    }

    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
    }
}
