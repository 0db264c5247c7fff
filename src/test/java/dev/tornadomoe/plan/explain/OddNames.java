package dev.tornadomoe.plan.explain;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.Problem;
import dev.tornadomoe.modular.StubBody;
import dev.tornadomoe.modular.Workspace;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Experts whose step and buffer have names that every output format must quote.
final class OddNames {
  static final String STEP = "a \"b\" <c> & d \\ {e";
  static final String BUFFER = "x <y> & \"z\"";

  private OddNames() {}

  static StubBody body() {
    Operand odd = new Operand(BUFFER);
    return new StubBody() {
      @Override
      public List<Workspace> workspaces(Problem problem) {
        return List.of(new Workspace(odd, DType.F32, Shape.of(problem.tokens(), 64)));
      }

      @Override
      public List<Operation> operations(Problem problem, Operand input, @Nullable Operand weights) {
        return List.of(
            new CustomOperation(
                STEP,
                List.of(
                    new Access(input, Access.Mode.READ),
                    new Access(odd, Access.Mode.OVERWRITE),
                    new Access(Operand.FUSED_OUT, Access.Mode.OVERWRITE)),
                (memory, tokens) -> {}));
      }
    };
  }
}
