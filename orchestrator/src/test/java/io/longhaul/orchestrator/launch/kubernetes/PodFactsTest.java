package io.longhaul.orchestrator.launch.kubernetes;

import static org.assertj.core.api.Assertions.assertThat;

import io.longhaul.orchestrator.launch.WorkloadObservation.Presence;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.dataformat.yaml.YAMLMapper;

final class PodFactsTest {
    private static PodFacts facts(String status, boolean deleted) {
        return PodFacts.of(pod(status, deleted));
    }

    private static JsonNode pod(String status, boolean deleted) {
        return new YAMLMapper().readTree("""
                {metadata: {name: p-0%s}, spec: {nodeName: node-3}, status: %s}
                """.formatted(deleted ? ", deletionTimestamp: x" : "", status));
    }

    @ParameterizedTest(name = "{0} of a pod that is deleted: {1}")
    @CsvSource(delimiter = '|', textBlock = """
            {phase: Pending}                                                        | false | PENDING
            {phase: Running, conditions: [{type: Ready, status: 'True'}]}            | false | RUNNING
            {phase: Running, conditions: [{type: Ready, status: 'True'}]}            | true  | UNKNOWN
            {phase: Running, conditions: [{type: Ready, status: 'False'}]}           | false | UNKNOWN
            {phase: Running, conditions: [{type: Ready, status: 'False'}]}           | true  | LOST
            {phase: Running, containerStatuses: [{state: {terminated: {exitCode: 1}}}]} | false | GONE
            {phase: Succeeded}                                                      | false | GONE
            {phase: Failed}                                                         | true  | GONE
            """)
    void aPodIsGoneOnlyWhenItsNodeSaysSo(String status, boolean deleted, Presence presence) {
        assertThat(facts(status, deleted).presence()).isEqualTo(presence);
    }

    @Test
    void theEndOfAPodIsToldWithItsReasons() {
        assertThat(facts("""
                {phase: Failed, reason: Evicted, message: The node was low on memory,
                 containerStatuses: [{state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}
                """, false).detail())
                .isEqualTo(
                        "pod p-0 has ended with exit code 137 (OOMKilled): Evicted, The node was low on memory");
    }

    @Test
    void startingUpIsNoCause() {
        assertThat(facts(
                "{phase: Pending, containerStatuses: [{state: {waiting: {reason: ContainerCreating}}}]}",
                false).detail()).isEmpty();
    }

    @ParameterizedTest
    @CsvSource({"ErrImagePull", "ImagePullBackOff"})
    void aPullThatFailsHasOneTextHoweverOftenItIsTried(String reason) {
        assertThat(
                facts("{phase: Pending, containerStatuses: [{image: i:1, state: {waiting: {reason: " + reason
                        + ", message: try}}}]}", false).detail())
                .isEqualTo(
                        "the image i:1 cannot be pulled; check its name, that it exists, and imagePullSecrets");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            0   | timeout                                            | goes on by itself
            500 | failed calling webhook "kueue": connection refused | admission webhook
            403 | exceeded quota: small, requested: pods=2           | raise it
            403 | jobs is forbidden                                  | bind the chart's Role
            404 | namespaces "ml" not found                          | create it
            422 | Job is invalid: spec                               | submit it with that changed
            503 | etcd is down                                       | when it recovers
            """)
    void everyRefusalHasARemedy(int status, String message, String remedy) {
        assertThat(Causes.of(new ApiFailure(status, "", message), "ml")).contains(message).contains(remedy);
    }

    @Test
    void aJobsRefusedPodsHaveOneTextHoweverOftenTheyAreTried() {
        JsonNode job = new YAMLMapper().readTree("{spec: {suspend: false}}");
        JsonNode event = new YAMLMapper().readTree(
                """
                        {reason: FailedCreate, message: 'Error creating: pods "run-a1-0-x7k2p" is forbidden: exceeded quota: q'}
                        """);
        assertThat(Causes.ofJob(job, java.util.List.of(event)).orElseThrow())
                .contains("its pods is forbidden: exceeded quota: q")
                .doesNotContain("x7k2p");
    }
}
