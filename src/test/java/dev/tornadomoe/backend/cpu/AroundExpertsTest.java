package dev.tornadomoe.backend.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.backend.Session;
import dev.tornadomoe.backend.host.Arithmetic;
import dev.tornadomoe.backend.host.GuardedSession;
import dev.tornadomoe.backend.host.HostStep;
import dev.tornadomoe.backend.host.StepCompiler;
import dev.tornadomoe.backend.host.StepContext;
import dev.tornadomoe.backend.host.WeightMemory;
import dev.tornadomoe.contract.LayerSpec;
import dev.tornadomoe.contract.RandomLayer;
import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.ExpertsCatalog;
import dev.tornadomoe.modular.WeightOperation;
import dev.tornadomoe.plan.MoePlan;
import dev.tornadomoe.plan.Planner;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.junit.jupiter.api.Test;

/// A session whose routed experts another backend has.
class AroundExpertsTest {
  private static final MoeLayer LAYER = RandomLayer.of(LayerSpec.odd().withShared(24, true), 5);

  private static final MoePlan PLAN =
      Planner.builder().modularMoe(ExpertsCatalog.named("unreduced")).build().plan(LAYER);

  /// Experts that return zeros.
  private static final class Elsewhere implements Arithmetic {
    private final Arithmetic host;
    private final List<String> closed;

    private Elsewhere(Arithmetic host, List<String> closed) {
      this.host = host;
      this.closed = closed;
    }

    @Override
    public StepCompiler compiler(MoePlan plan) {
      StepCompiler others = host.compiler(plan);
      return new StepCompiler() {
        @Override
        public HostStep compile(WeightOperation operation, StepContext context) {
          return switch (operation) {
            case ExpertOperation.GroupedGateUp op -> tokens -> {};
            case ExpertOperation.GroupedDown op ->
                tokens ->
                    context
                        .buffer(op.target())
                        .segment()
                        .asSlice(
                            context.buffer(op.target()).offset(),
                            (long) tokens * LAYER.topK() * LAYER.hidden() * 4)
                        .fill((byte) 0);
            default -> others.compile(operation, context);
          };
        }

        @Override
        public void close() {
          closed.add("session");
        }
      };
    }

    @Override
    public WeightMemory weightMemory() {
      return host.weightMemory();
    }

    @Override
    public void close() {
      closed.add("weights");
      host.close();
    }
  }

  @Test
  void loadsTheRestAndRunsIt() {
    List<String> closed = new ArrayList<>();
    long[] loaded = new long[1];
    float[] output = new float[2 * LAYER.hidden()];
    try (Session session =
            open(() ->
                new Elsewhere(
                    CpuBackend.aroundExperts(PLAN, (done, all) -> loaded[0] = all), closed));
        Session fork = session.fork()) {
      fork.run(Rows.of(Rows.random(output.length, 6)), 2, Rows.of(output));
    }
    assertThat(output).doesNotContain(0f); // the shared expert's
    assertThat(closed).containsExactly("session", "session", "weights");
    int hidden = LAYER.hidden();
    assertThat(loaded[0]).isEqualTo(2L * (5 * hidden + 3 * 24 * hidden + hidden));
  }

  private static Session open(Supplier<Arithmetic> loading) {
    return GuardedSession.open(new CpuBackend(), PLAN, loading);
  }

  @Test
  void failuresOfTheOtherBackendEndIt() {
    assertThatThrownBy(() ->
            open(() -> {
              throw new BackendException("no device");
            }))
        .hasMessage("no device");
  }
}
