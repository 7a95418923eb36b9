package io.longhaul.orchestrator.cli.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.SplittableRandom;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** A text corpus from this machine in which one shard is noise, as after a broken decompression. */
final class DemoCorpus {
    static final int SHARDS = 80;
    static final int SHARD_BYTES = 32 * 1024;
    static final int NOISE_SHARD = 10;

    private DemoCorpus() {}

    /** Builds the corpus in {@code directory} unless a complete one is there. */
    static void build(Path directory, Path worker, String python) {
        Path noiseMarker = directory.resolve("noise-shard");
        if (Files.exists(noiseMarker)) {
            return;
        }
        Tool.run(
                "building the corpus",
                worker,
                python,
                "-m",
                "longhaul_agent.corpus",
                "--out",
                directory.toString(),
                "--shards",
                Integer.toString(SHARDS),
                "--shard-bytes",
                Integer.toString(SHARD_BYTES));
        try {
            Files.writeString(noiseMarker, makeNoise(directory) + "\n");
        } catch (IOException e) {
            throw new DemoException("cannot write the corpus in " + directory + ": " + e.getMessage(), e);
        }
    }

    /** Overwrites the shard by uniform random bytes; its checksum is renewed, so that only the loss can tell. */
    private static String makeNoise(Path directory) throws IOException {
        Path manifest = directory.resolve("manifest.json");
        JsonMapper mapper = new JsonMapper();
        JsonNode tree = mapper.readTree(Files.readAllBytes(manifest));
        ObjectNode shard = (ObjectNode) tree.path("shards").path(NOISE_SHARD);
        byte[] noise = new byte[shard.path("bytes").asInt()];
        new SplittableRandom(10).nextBytes(noise);
        String name = shard.path("file").asString();
        Files.write(directory.resolve(name), noise);
        shard.put("sha256", sha256(noise));
        Files.write(manifest, mapper.writerWithDefaultPrettyPrinter().writeValueAsBytes(tree));
        return name;
    }

    private static String sha256(byte[] bytes) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every Java platform has SHA-256", e);
        }
    }
}
