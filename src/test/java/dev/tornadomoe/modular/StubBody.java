package dev.tornadomoe.modular;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What [StubExperts] do: `fused_out[t] = factor(t) * input[t]`, in several orders of reading and
/// writing. The factor is made from the token's ids and weights, so that a value from a wrong place
/// shows.
public interface StubBody {
  Operand SCRATCH = new Operand("stub_scratch");

  List<Operation> operations(Problem problem, Operand input, @Nullable Operand weights);

  default Shape outputShape(Problem problem) {
    return Shape.of(problem.tokens(), problem.hidden());
  }

  default List<Workspace> workspaces(Problem problem) {
    return List.of();
  }

  /// One operation, which has read all of its input before it writes.
  static StubBody oneStep() {
    return (problem, input, weights) ->
        List.of(step("one step", problem, input, weights, Operand.FUSED_OUT, false));
  }

  /// Rows with unused elements behind them.
  static StubBody padded(int elements) {
    return new StubBody() {
      @Override
      public Shape outputShape(Problem problem) {
        return Shape.of(problem.tokens(), problem.hidden() + elements);
      }

      @Override
      public List<Operation> operations(Problem problem, Operand input, @Nullable Operand weights) {
        return oneStep().operations(problem, input, weights);
      }
    };
  }

  /// One operation that adds to the rows.
  static StubBody accumulating() {
    return (problem, input, weights) ->
        List.of(step("accumulate", problem, input, weights, Operand.FUSED_OUT, true));
  }

  /// Goes through scratch memory, so that the input is not needed any more when rows are written.
  static StubBody twoSteps() {
    return throughScratch(false);
  }

  /// Reads the input again when it has begun to write.
  static StubBody lateReader() {
    return throughScratch(true);
  }

  private static StubBody throughScratch(boolean readsAgain) {
    return new StubBody() {
      @Override
      public List<Workspace> workspaces(Problem problem) {
        return List.of(new Workspace(SCRATCH, DType.F32, outputShape(problem)));
      }

      @Override
      public List<Operation> operations(Problem problem, Operand input, @Nullable Operand weights) {
        List<Operation> operations = new ArrayList<>();
        operations.add(step("to scratch", problem, input, weights, SCRATCH, false));
        operations.add(step("from scratch", problem, SCRATCH, null, Operand.FUSED_OUT, false));
        if (readsAgain) {
          operations.add(step("input again", problem, input, weights, Operand.FUSED_OUT, true));
        }
        return operations;
      }
    };
  }

  /// One way for few tokens, another for more.
  static StubBody byTokens(int few, StubBody upTo, StubBody above) {
    return new StubBody() {
      @Override
      public List<Workspace> workspaces(Problem problem) {
        return path(problem).workspaces(problem);
      }

      @Override
      public List<Operation> operations(Problem problem, Operand input, @Nullable Operand weights) {
        return path(problem).operations(problem, input, weights);
      }

      private StubBody path(Problem problem) {
        return problem.tokens() <= few ? upTo : above;
      }
    };
  }

  private static Operation step(
      String name,
      Problem problem,
      Operand input,
      @Nullable Operand weights,
      Operand target,
      boolean add) {
    List<Access> accesses = new ArrayList<>();
    accesses.add(Access.read(input));
    accesses.add(Access.read(Operand.TOPK_IDS));
    if (weights != null) {
      accesses.add(Access.read(weights));
    }
    accesses.add(add ? Access.accumulate(target) : Access.overwrite(target));
    return new CustomOperation(
        name,
        accesses,
        (memory, tokens) -> {
          int count = tokens * problem.hidden();
          float[] rows = new float[count];
          MemorySegment.copy(memory.of(input), JAVA_FLOAT_UNALIGNED, 0, rows, 0, count);
          MemorySegment out = memory.of(target);
          for (int i = 0; i < count; i++) {
            float value = rows[i] * factor(memory, problem, weights, i / problem.hidden());
            out.setAtIndex(
                JAVA_FLOAT_UNALIGNED,
                i,
                add ? out.getAtIndex(JAVA_FLOAT_UNALIGNED, i) + value : value);
          }
        });
  }

  private static float factor(
      CustomOperation.OperandMemory memory, Problem problem, @Nullable Operand weights, int token) {
    float factor = 0;
    for (int s = 0; s < problem.topK(); s++) {
      long pair = (long) token * problem.topK() + s;
      int id = memory.of(Operand.TOPK_IDS).getAtIndex(JAVA_INT_UNALIGNED, pair);
      float weight =
          weights == null ? 1 : memory.of(weights).getAtIndex(JAVA_FLOAT_UNALIGNED, pair);
      factor += weight * (id + 1);
    }
    return factor;
  }
}
