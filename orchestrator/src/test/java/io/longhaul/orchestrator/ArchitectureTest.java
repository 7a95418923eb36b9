package io.longhaul.orchestrator;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import io.longhaul.orchestrator.run.Planning;
import io.longhaul.orchestrator.run.Recipe;
import io.longhaul.orchestrator.run.RecipeChange;
import io.longhaul.orchestrator.run.RunSpec;
import io.longhaul.orchestrator.run.StepRange;
import java.util.Timer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;

/** The direction of the arrows between modules and packages. */
@AnalyzeClasses(packages = "io.longhaul", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule THE_MONITOR_KNOWS_THE_JDK_ONLY = classes().that()
            .resideInAPackage("io.longhaul.monitor..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("io.longhaul.monitor..", "java..", "org.jspecify..");

    @ArchTest
    static final ArchRule THE_PLANNER_KNOWS_THE_JDK_ONLY = classes().that()
            .resideInAPackage("io.longhaul.planner..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("io.longhaul.planner..", "java..", "org.jspecify..")
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule THE_LAWS_KNOW_THE_JDK_AND_HIPPARCHUS_ONLY = classes().that()
            .resideInAPackage("io.longhaul.laws..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage("io.longhaul.laws..", "java..", "org.jspecify..", "org.hipparchus..")
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule A_RUNS_LIFE_KNOWS_NO_FRAMEWORK = noClasses().that()
            .resideInAnyPackage("io.longhaul.orchestrator.run..", "io.longhaul.orchestrator.attempt..")
            .and()
            .haveSimpleNameNotStartingWith("Jdbc")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("org.springframework..", "io.kubernetes..", "jakarta..", "java.sql..",
                    "javax.sql..", "java.net..");

    @ArchTest
    static final ArchRule A_RUNS_LIFE_HAS_NO_THREADS = noClasses().that()
            .resideInAnyPackage("io.longhaul.orchestrator.run..", "io.longhaul.orchestrator.attempt..")
            .and()
            .haveSimpleNameNotStartingWith("Jdbc")
            .should()
            .dependOnClassesThat()
            .belongToAnyOf(
                    Thread.class, ThreadFactory.class, Executors.class, ExecutorService.class,
                    CompletableFuture.class,
                    Timer.class);

    @ArchTest
    static final ArchRule A_RUNS_LIFE_READS_NO_CLOCK = noClasses().that()
            .resideInAnyPackage("io.longhaul.monitor..", "io.longhaul.orchestrator.run..",
                    "io.longhaul.orchestrator.attempt..")
            .should()
            .callMethod(System.class, "currentTimeMillis")
            .orShould()
            .callMethod(System.class, "nanoTime")
            .orShould()
            .callMethod(java.time.Instant.class, "now");

    @ArchTest
    static final ArchRule FEATURES_DO_NOT_KNOW_THEIR_FACES = noClasses().that()
            .resideInAnyPackage(
                    "io.longhaul.orchestrator.run..", "io.longhaul.orchestrator.attempt..",
                    "io.longhaul.orchestrator.plan..", "io.longhaul.orchestrator.adapt..",
                    "io.longhaul.orchestrator.launch..", "io.longhaul.orchestrator.telemetry..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.longhaul.orchestrator.web..", "io.longhaul.orchestrator.cli..");

    /** Planning and advice are ports of the run; they speak of its values, and of nothing else in it. */
    @ArchTest
    static final ArchRule PACKAGES_HAVE_NO_CYCLES = slices().matching("io.longhaul.orchestrator.(*)..")
            .should()
            .beFreeOfCycles()
            .ignoreDependency(
                    resideInAnyPackage("io.longhaul.orchestrator.plan..", "io.longhaul.orchestrator.adapt.."),
                    belongToAnyOf(RunSpec.class, Planning.class, Recipe.class, RecipeChange.class,
                            StepRange.class));
}
