package dev.tornadomoe.cli.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Availability;
import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.Progress;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.SessionMemory;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/// What is seen of loading and compiling: bars on a terminal, and elsewhere lines, if it is much.
class LoadingBarTest {
  private static final long MUCH = 256L << 20;

  /// The process on a "terminal".
  static void main(String[] args) {
    StringWriter unseen = new StringWriter(); // bars go to stderr by themselves
    if (args[0].equals("much")) {
      prepare(LoadingBarTest::loadAndCompile, unseen);
    } else {
      prepare(LoadingBarTest::loadLittle, unseen);
    }
  }

  private static void loadLittle(Progress progress) {
    progress.update(MUCH - 1, MUCH - 1);
    progress.compiled(0, 19);
    progress.compiled(19, 19);
  }

  private static void loadAndCompile(Progress progress) {
    progress.update(MUCH / 2, MUCH);
    progress.update(MUCH, MUCH);
    progress.compiled(0, 40);
    progress.compiled(40, 40);
  }

  @Test
  void littleIsNotWorthALine() {
    assertThat(prepare(LoadingBarTest::loadLittle)).isEmpty();
  }

  @Test
  void muchIsALineWhenItBeginsAndOneWhenItEnds() {
    assertThat(prepare(LoadingBarTest::loadAndCompile).lines())
        .hasSize(4)
        .satisfiesExactly(
            line -> assertThat(line).isEqualTo("making weights: 256 MiB"),
            line -> assertThat(line).matches("making weights: done in \\d+\\.\\d s"),
            line -> assertThat(line).isEqualTo("compiling kernels: 40 graphs"),
            line -> assertThat(line).matches("compiling kernels: done in \\d+\\.\\d s"));
  }

  @Test
  void eachIsJudgedByItself() {
    assertThat(
            prepare(progress -> {
              progress.update(1, 1);
              progress.compiled(0, 20);
            }))
        .startsWith("compiling kernels: 20 graphs")
        .doesNotContain("making");
    assertThat(
            prepare(progress -> {
              progress.update(MUCH, MUCH);
              progress.compiled(0, 1);
            }))
        .startsWith("making weights: 256 MiB")
        .contains("making weights: done")
        .doesNotContain("compiling");
  }

  @Test
  void measuringFollowsLoading() {
    assertThat(
            prepare(
                    progress -> {
                      progress.update(MUCH, MUCH);
                      progress.measured(0, 7);
                      progress.measured(7, 7);
                    })
                .lines())
        .hasSize(4)
        .satisfiesExactly(
            line -> assertThat(line).isEqualTo("making weights: 256 MiB"),
            line -> assertThat(line).matches("making weights: done in \\d+\\.\\d s"),
            line -> assertThat(line).isEqualTo("measuring: 7 variants"),
            line -> assertThat(line).matches("measuring: done in \\d+\\.\\d s"));
  }

  @Test
  void whatFailsIsNotCalledDone() {
    StringWriter err = new StringWriter();
    assertThatThrownBy(() ->
            prepare(
                progress -> {
                  loadAndCompile(progress);
                  throw new BackendException("no");
                },
                err))
        .hasMessage("no");
    assertThat(err.toString())
        .contains("making weights: done", "compiling kernels: 40 graphs")
        .doesNotContain("compiling kernels: done");
  }

  @Test
  void onATerminalLittleIsNotWorthABar() throws Exception {
    assertThat(onATerminal("little")).isEmpty();
  }

  private static String onATerminal(String amount) throws Exception {
    ProcessBuilder builder =
        new ProcessBuilder(
            ProcessHandle.current().info().command().orElseThrow(),
            "-Dtornadomoe.terminal=true",
            "-cp",
            System.getProperty("java.class.path"),
            LoadingBarTest.class.getName(),
            amount);
    Process process = builder.redirectErrorStream(true).start();
    String text = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return text;
  }

  @Test
  void onATerminalBothAreBars() throws Exception {
    String text = onATerminal("much");
    List<String> shown = text.lines().flatMap(line -> List.of(line.split("\r")).stream()).toList();
    assertThat(shown)
        .anySatisfy(line -> assertThat(line).contains("making weights", "100%", "256/256 MiB"))
        .anySatisfy(line -> assertThat(line).contains("compiling kernels", "100%", "40/40"))
        .noneSatisfy(line -> assertThat(line).contains("done in"));
  }

  /// What stands on stderr when preparing goes like this.
  private static String prepare(Consumer<Progress> work) {
    StringWriter err = new StringWriter();
    prepare(work, err);
    return err.toString();
  }

  private static void prepare(Consumer<Progress> work, StringWriter err) {
    MoePlan plan = Planner.builder().build().plan(RandomLayer.of(LayerSpec.odd(), 1));
    LoadingBar.prepare(new Slow(work), plan, "making weights", new PrintWriter(err, true)).close();
  }

  /// A backend that reports progress.
  private record Slow(Consumer<Progress> work) implements Backend {
    @Override
    public String name() {
      return "slow";
    }

    @Override
    public Availability availability() {
      return Availability.yes();
    }

    @Override
    public List<String> devices() {
      return List.of("one");
    }

    @Override
    public SessionMemory memory(MoePlan plan) {
      return Backends.require("reference").memory(plan);
    }

    @Override
    public Session prepare(MoePlan plan, Progress progress) {
      work.accept(progress);
      return Backends.require("reference").prepare(plan);
    }
  }
}
