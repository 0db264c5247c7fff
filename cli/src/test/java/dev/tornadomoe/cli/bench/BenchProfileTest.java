package dev.tornadomoe.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import dev.tornadomoe.backend.Backends;
import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Profile;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.plan.Precision;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/// What `bench` makes of a profile, and of layers that differ.
class BenchProfileTest {
  /// They differ in size and in the number of their operations, but take the same arguments.
  private static final List<MoeLayer> LAYERS =
      List.of(
          RandomLayer.of(LayerSpec.odd().withShared(24, false), 1),
          RandomLayer.of(LayerSpec.odd().sized(96, 56, 7, TopKGating.softmax(3, false)), 2),
          RandomLayer.of(LayerSpec.odd(), 3));

  private static final Profile TIMED =
      new Profile(
          List.of(
              new Profile.Task(0, "down", 45.75, false), new Profile.Task(2, "copy", 0.75, true)),
          0,
          0);

  @Test
  void withoutAProfilerThereAreNoTimesAndCopiesAreThoseThatRan() {
    BenchResult result = bench(null, false);

    assertThat(result.taskMicros()).isEmpty();
    assertThat(result.copiesPerStep()).isZero();
    assertThat(result.json()).containsEntry("kernel_us_per_layer", null);
    assertThat(table(result)).doesNotContain("min   us/layer").doesNotContain("M = 1, us/layer");
    assertThat(page(result)).doesNotContain("tasks us/layer");
  }

  @Test
  void theProfilersTimesAreSharedOutAndItsCopiesCount() {
    BenchResult result = bench(TIMED, false);

    assertThat(result.taskMicros()).containsOnly(entry("down", 15.25), entry("copy", 0.25));
    assertThat(result.copiesPerStep()).isEqualTo(1);
    assertThat(result.json())
        .containsEntry("kernel_us_per_layer", 15.5)
        .containsEntry("kernel_us_per_layer_by_task", Map.of("down", 15.25, "copy", 0.25))
        .containsEntry("copies_per_step", 1L);
    assertThat(table(result)).contains("min   us/layer    layer").contains("  15.5  ");
    assertThat(table(result)).contains("M = 1, us/layer: down 15.3, copy 0.3\n");
    assertThat(table(result).lines().limit(3)).allMatch(line -> line.length() <= 100);
    assertThat(page(result)).contains("<th scope=\"col\">tasks us/layer</th>", "<td>15.5</td>");
  }

  @Test
  void saysWhatADeviceTookMeanwhile() {
    BenchResult result = bench(new Profile(TIMED.tasks(), 0, 0, 18.75), false);

    assertThat(result.json()).containsEntry("device_us_per_layer", 6.25);
    assertThat(table(result)).contains("down 15.3, copy 0.3; on the device meanwhile 6.3\n");
  }

  @Test
  void aProfilerWithoutTimesStillCountsCopies() {
    BenchResult result =
        bench(new Profile(List.of(new Profile.Task(0, "copy", Double.NaN, true)), 0, 0), false);

    assertThat(result.copiesPerStep()).isEqualTo(1);
    assertThat(result.json()).containsEntry("kernel_us_per_layer", null);
    assertThat(table(result)).doesNotContain("min   us/layer");
  }

  @Test
  void figuresThatWereNeverSteadySaySo() {
    BenchResult result =
        new BenchResult(3, true, false, 4, 2, Map.of(), Double.NaN, 3, 1, 10, 7, 20, false);

    assertThat(result.json()).containsEntry("steady", false);
    assertThat(table(result)).contains("M = 3 was never steady: ");
    assertThat(page(result)).contains("<p class=\"note\">M = 3 was never steady: ");
    BenchResult steady =
        new BenchResult(3, true, false, 4, 2, Map.of(), Double.NaN, 3, 1, 10, 7, 20, true);
    assertThat(table(steady) + page(steady)).doesNotContain("never steady");
  }

  @Test
  void tasksAreCountedAsTheyRanAndRoundedUp() {
    // Router, top-k, gate/up, down; the first layer has the shared expert's two beside: 14 in all.
    assertThat(bench(null, false).tasksPerLayer()).isEqualTo(5);
    assertThat(bench(null, true).tasksPerLayer()).isEqualTo(2);
  }

  /// One token through all layers.
  ///
  /// @param profile what the session's profiler says, or null where there is none
  private static BenchResult bench(@Nullable Profile profile, boolean expertsOnly) {
    try (Session session = Backends.require("cpu").prepare(plan(expertsOnly))) {
      return new BenchRunner(
              List.of(new Profiled(session, profile)),
              session.plan().layers(),
              expertsOnly,
              0.01,
              new PrintWriter(Writer.nullWriter()))
          .run(1)
          .getFirst();
    }
  }

  private static MoePlan plan(boolean expertsOnly) {
    Planner.Builder planner = Planner.builder().wholeStep(true);
    if (!expertsOnly) {
      return planner.build().plan(LAYERS);
    }
    return planner
        .callerRoutes(true)
        .build()
        .plan(
            LAYERS.stream()
                .map(layer ->
                    new MoeLayer(layer.index(), layer.topK(), null, layer.experts(), null, false))
                .toList());
  }

  private static String table(BenchResult result) {
    StringWriter text = new StringWriter();
    PrintWriter out = new PrintWriter(text, true);
    BenchTable table = new BenchTable("odd", LAYERS, "a device", Precision.EXACT, false);
    table.printColumns(out, List.of(result));
    table.print(out, List.of(result));
    BenchTable.printParts(out, List.of(result));
    return text.toString();
  }

  private static String page(BenchResult result) {
    return BenchReport.render(
        new BenchTable("odd", LAYERS, "a device", Precision.EXACT, false),
        plan(false),
        List.of(result),
        null,
        "replayed",
        "moe bench",
        result.json());
  }

  /// A session with a profiler.
  private record Profiled(Session session, @Nullable Profile answer) implements Session {
    @Override
    public MoePlan plan() {
      return session.plan();
    }

    @Override
    public void run(MoeCall call) {
      session.run(call);
    }

    @Override
    public void warmUp() {
      session.warmUp();
    }

    @Override
    public Session fork(MoePlan other) {
      return session.fork(other);
    }

    @Override
    public long copies() {
      return session.copies();
    }

    @Override
    public long tasks() {
      return session.tasks();
    }

    @Override
    public Optional<Profile> profile(MoeCall call) {
      return Optional.ofNullable(answer);
    }

    @Override
    public void close() {
      session.close();
    }
  }
}
