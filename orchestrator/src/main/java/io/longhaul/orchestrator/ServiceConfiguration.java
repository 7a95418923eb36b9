package io.longhaul.orchestrator;

import io.longhaul.orchestrator.launch.local.AgentTokens;
import io.longhaul.orchestrator.launch.local.LocalBackend;
import io.longhaul.orchestrator.service.ServiceHome;
import java.nio.file.Path;
import java.time.Clock;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.context.annotation.Bean;

/** Who gets what: the only place that knows every part. */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
class ServiceConfiguration {

    @Bean
    Clock clock() {
        return Clock.systemUTC();
    }

    @Bean
    AgentTokens agentTokens(ServiceHome home) {
        return new AgentTokens(home.secret("agent.key"));
    }

    @Bean
    LocalBackend localBackend(
            ServiceHome home,
            AgentTokens tokens,
            @Value("${longhaul.url}") String url,
            @Value("${longhaul.worker}") String worker,
            @Value("${longhaul.python}") String python) {
        return new LocalBackend(home.runs(), Path.of(worker).toAbsolutePath(), python, tokens, () -> url);
    }
}
