package io.longhaul.orchestrator;

import io.longhaul.orchestrator.adapt.AdaptConfiguration;
import io.longhaul.orchestrator.adapt.AdaptPort;
import io.longhaul.orchestrator.launch.AgentTokens;
import io.longhaul.orchestrator.launch.WorkloadBackend;
import io.longhaul.orchestrator.launch.kubernetes.KubernetesBackend;
import io.longhaul.orchestrator.launch.kubernetes.NoCluster;
import io.longhaul.orchestrator.launch.local.LocalBackend;
import io.longhaul.orchestrator.node.NodeMemory;
import io.longhaul.orchestrator.plan.LaunchContext;
import io.longhaul.orchestrator.plan.PlanPort.RankProcess;
import io.longhaul.orchestrator.plan.PlanService;
import io.longhaul.orchestrator.plan.WorkerTools;
import io.longhaul.orchestrator.run.JdbcRunStore;
import io.longhaul.orchestrator.run.LaunchFactory;
import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RunEngine;
import io.longhaul.orchestrator.run.RunEvent;
import io.longhaul.orchestrator.run.RunState;
import io.longhaul.orchestrator.run.RunStore;
import io.longhaul.orchestrator.run.StepRange;
import io.longhaul.orchestrator.service.AgentIntake;
import io.longhaul.orchestrator.service.Leadership;
import io.longhaul.orchestrator.service.RunSupervisor;
import io.longhaul.orchestrator.service.ServiceHome;
import io.longhaul.orchestrator.service.Standby;
import io.longhaul.orchestrator.web.AgentController;
import io.longhaul.orchestrator.web.BodyLimit;
import io.longhaul.orchestrator.web.CapabilityController;
import io.longhaul.orchestrator.web.ForecastController;
import io.longhaul.orchestrator.web.LiveUpdates;
import io.longhaul.orchestrator.web.NodeController;
import io.longhaul.orchestrator.web.PageController;
import io.longhaul.orchestrator.web.ProblemAdvice;
import io.longhaul.orchestrator.web.RunController;
import io.longhaul.orchestrator.web.SameSite;
import io.longhaul.orchestrator.web.ServiceMetrics;
import io.micrometer.core.instrument.MeterRegistry;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import javax.sql.DataSource;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.SpringBootConfiguration;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.context.event.ApplicationReadyEvent;
import org.springframework.context.ApplicationListener;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.DependsOn;
import org.springframework.context.annotation.Import;
import org.springframework.context.event.ContextClosedEvent;
import org.springframework.web.servlet.config.annotation.InterceptorRegistry;
import org.springframework.web.servlet.config.annotation.WebMvcConfigurer;

/** Who gets what: the only place that knows every part. */
@SpringBootConfiguration(proxyBeanMethods = false)
@EnableAutoConfiguration
@Import({AdaptConfiguration.class, AgentController.class, RunController.class, NodeController.class,
        ForecastController.class,
        CapabilityController.class, PageController.class,
        ProblemAdvice.class})
class ServiceConfiguration {

    @Bean
    Clock clock() {
        return Clock.systemUTC();
    }

    @Bean
    AgentTokens agentTokens(ServiceHome home, @Value("${longhaul.agent-key}") String shared) {
        return new AgentTokens(shared.isEmpty() ? home.secret("agent.key") : shared);
    }

    @Bean
    WorkerTools workerTools(
            @Value("${longhaul.worker}") String worker, @Value("${longhaul.python}") String python) {
        return new WorkerTools(Path.of(worker).toAbsolutePath().normalize(), python);
    }

    @Bean
    LocalBackend localBackend(
            ServiceHome home, AgentTokens tokens, WorkerTools tools, @Value("${longhaul.url}") String url) {
        return new LocalBackend(home.runs(), tools.worker(), tools.python(), tokens, () -> url);
    }

    /** That of the pod that the service runs in, unless a kubeconfig file names another cluster. */
    @Bean
    WorkloadBackend kubernetesBackend(
            AgentTokens tokens, Leadership leadership, @Value("${longhaul.url}") String url,
            @Value("${longhaul.kubernetes.kubeconfig}") String kubeconfig,
            @Value("${longhaul.kubernetes.namespaces}") List<String> namespaces,
            @Value("${longhaul.kubernetes.agents-url}") String agentsUrl,
            @Value("${longhaul.kubernetes.lost-after}") Duration lostAfter) {
        if (kubeconfig.isEmpty() && System.getenv("KUBERNETES_SERVICE_HOST") == null) {
            return new NoCluster();
        }
        return new KubernetesBackend(Optional.of(kubeconfig).filter(file -> !file.isEmpty()).map(Path::of),
                namespaces, tokens, () -> agentsUrl.isEmpty() ? url : agentsUrl, lostAfter,
                leadership::holds);
    }

    @Bean
    PlanService planService(WorkerTools tools, ServiceHome home) {
        return new PlanService(tools, home.directory().resolve("corpus"));
    }

    @Bean
    LaunchFactory launchFactory(PlanService plans, ServiceHome home, NodeMemory nodes) {
        return new LaunchFactory() {
            @Override
            public RankProcess process(RunState state, Recipe recipe, long resumeStep,
                    List<StepRange> skipped) {
                String checkpoints = state.spec()
                        .kubernetes()
                        .map(pods -> pods.checkpoints() + "/" + state.id())
                        .orElseGet(() -> home.runs()
                                .resolve(state.id().toString())
                                .resolve("checkpoints")
                                .toString());
                return plans.rankProcess(state.spec(), state.plan().orElseThrow(), new LaunchContext(
                        recipe, resumeStep, skipped, plans.data(state.spec()), checkpoints));
            }

            @Override
            public List<String> avoid(Instant now, List<RunEvent.MachineBlamed> blamed) {
                return nodes.avoided(now, blamed.stream()
                        .map(e -> new NodeMemory.Blame(e.machine(), e.at(), e.weight(), e.reason()))
                        .toList());
            }
        };
    }

    @Bean
    @DependsOn("flywayInitializer")
    NodeMemory nodeMemory(DataSource source) {
        return new NodeMemory(source);
    }

    @Bean
    @DependsOn("flywayInitializer")
    RunStore runStore(DataSource source) {
        return new JdbcRunStore(source);
    }

    @Bean
    AgentIntake agentIntake(RunStore store, Clock clock) {
        return new AgentIntake(store, clock);
    }

    /** Is there once this service leads the runs; until then another one does, and this one stands by. */
    @Bean
    Leadership leadership(
            RunStore store, ServiceHome home, @Value("${longhaul.lease}") Duration lease,
            @Value("${server.address}") String address, @Value("${server.port}") int port) {
        Leadership leadership = new Leadership(store, home.secret("instance.id"), lease,
                () -> new Thread(() -> System.exit(1), "replaced").start());
        if (!leadership.tryLead()) {
            try (Standby standby = new Standby(new InetSocketAddress(address, port))) {
                leadership.lead();
            }
        }
        return leadership;
    }

    @Bean
    RunEngine runEngine(
            RunStore store, Leadership leadership, LocalBackend localBackend,
            WorkloadBackend kubernetesBackend, PlanService plans,
            AdaptPort adapt, LaunchFactory launches, Clock clock) {
        return new RunEngine(store, kind -> switch (kind) {
            case LOCAL -> localBackend;
            case KUBERNETES -> kubernetesBackend;
        }, plans, adapt, launches, leadership.epoch(), clock.instant());
    }

    @Bean
    RunSupervisor runSupervisor(RunEngine engine, Clock clock, Leadership leadership) {
        return new RunSupervisor(engine, clock, leadership::holds);
    }

    @Bean
    BodyLimit bodyLimit() {
        return new BodyLimit();
    }

    @Bean
    WebMvcConfigurer sameSite() {
        return new WebMvcConfigurer() {
            @Override
            public void addInterceptors(InterceptorRegistry registry) {
                registry.addInterceptor(new SameSite());
            }
        };
    }

    @Bean
    LiveUpdates liveUpdates(RunStore store, RunEngine engine, RunSupervisor supervisor, Clock clock) {
        LiveUpdates updates = new LiveUpdates(store, engine, clock);
        supervisor.onChange(updates::changed);
        return updates;
    }

    /** Before the server stops: it would wait for streams that never end by themselves. */
    @Bean
    ApplicationListener<ContextClosedEvent> endStreams(LiveUpdates updates) {
        return event -> updates.close();
    }

    @Bean
    ServiceMetrics serviceMetrics(
            MeterRegistry registry, RunStore store, RunEngine engine, RunSupervisor supervisor) {
        ServiceMetrics metrics = new ServiceMetrics(registry, store, engine);
        supervisor.onStep(metrics::stepped);
        return metrics;
    }

    /** Runs go on once agents can reach the service. */
    @Bean
    ApplicationListener<ApplicationReadyEvent> goOn(RunSupervisor supervisor, RunStore store) {
        return event -> supervisor.start(store);
    }
}
