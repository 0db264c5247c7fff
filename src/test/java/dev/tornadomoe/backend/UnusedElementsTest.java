package dev.tornadomoe.backend;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.contract.Rows;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.modular.ExpertInput;
import dev.tornadomoe.modular.Experts;
import dev.tornadomoe.modular.FusedExperts;
import dev.tornadomoe.modular.LocalPrepareAndFinalize;
import dev.tornadomoe.modular.ModularMoe;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.SeededLayers;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.StubExperts;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.plan.Planner;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A user's own experts may have unused elements behind each of their rows, also where a sum is
/// made of such rows.
class UnusedElementsTest {
  private static final int HIDDEN = 8;
  private static final int TOKENS = 7;

  /// More than vectors and tiles are rounded up by.
  private static final int UNUSED = 2000;

  private static final MoeLayer LAYER = SeededLayers.of(HIDDEN, 6, 4, 2).layer();

  /// What fused experts do, in wider rows.
  private static final class Padded implements StubBody {
    private final Experts fused = new FusedExperts();

    @Override
    public List<Operation> operations(Problem problem, Operand input, @Nullable Operand weights) {
      return fused.operations(problem, new ExpertInput(input, Operand.TOPK_IDS, weights));
    }

    @Override
    public Shape outputShape(Problem problem) {
      return Shape.of(problem.tokens(), HIDDEN + UNUSED);
    }

    @Override
    public List<Workspace> workspaces(Problem problem) {
      return fused.workspaces(problem).stream().map(Padded::widen).toList();
    }

    private static Workspace widen(Workspace workspace) {
      Shape shape = workspace.shape();
      return shape.rank() == 2 && shape.dimension(1) == HIDDEN
          ? new Workspace(
              workspace.operand(), workspace.dtype(), Shape.of(shape.dimension(0), HIDDEN + UNUSED))
          : workspace;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"reference", "cpu"})
  void theyChangeNothing(String backend) {
    assertThat(run(backend, StubExperts.of(new Padded())))
        .isEqualTo(run(backend, new FusedExperts()));
  }

  private static float[] run(String backend, Experts experts) {
    Planner planner =
        Planner.builder()
            .maxTokens(TOKENS)
            .sanitize(true)
            .modularMoe(new ModularMoe(new LocalPrepareAndFinalize(), experts))
            .build();
    float[] output = new float[TOKENS * HIDDEN];
    try (Session session = Backends.require(backend).prepare(planner.plan(LAYER))) {
      session.run(Rows.of(Rows.random(TOKENS * HIDDEN, 7)), TOKENS, Rows.of(output));
    }
    return output;
  }
}
