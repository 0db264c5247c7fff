package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Access;
import dev.tornadomoe.modular.CustomOperation;
import dev.tornadomoe.modular.DenseOperation;
import dev.tornadomoe.modular.ExpertOperation;
import dev.tornadomoe.modular.OffloadOperation;
import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.modular.Operation;
import dev.tornadomoe.modular.ReduceOperation;
import dev.tornadomoe.modular.RouteOperation;
import dev.tornadomoe.modular.RowOperation;
import dev.tornadomoe.tensor.DType;
import java.util.Locale;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Whether the step that finishes rows can round them to the output's shorter type on the way, so
/// that no F32 rows lie anywhere. It can where it writes each element once and nobody uses the rows
/// afterwards: a sum that went on in BF16 would be rounded at each step, and a norm would be of
/// rounded rows.
final class Rounding {
  private static final String NEEDS_F32 = "\"%s\" still needs the rows in F32, output is %s";

  private Rounding() {}

  /// What keeps rows from being rounded as they are written.
  ///
  /// @param draft the layer
  /// @param rows the names of these rows
  /// @param type what they would be rounded to
  /// @return null for nothing
  static @Nullable String refusal(LayerDraft draft, Set<Operand> rows, DType type) {
    for (LayerDraft.Stage stage : draft.stages()) {
      for (Access access : stage.operation().accesses()) {
        if (rows.contains(access.operand())) {
          String refusal = refusal(stage.operation(), access, type);
          if (refusal != null) {
            return refusal;
          }
        }
      }
    }
    return null;
  }

  private static @Nullable String refusal(Operation operation, Access access, DType type) {
    String refusal =
        switch (access.mode()) {
          case ACCUMULATE ->
              operation instanceof RowOperation.OwnNorm
                  ? NEEDS_F32
                  : "\"%s\" adds to the rows, and %s would round their partial sums";
          case READ, READ_ELEMENTWISE -> NEEDS_F32;
          case OVERWRITE -> rounds(operation) ? null : "\"%s\" writes F32, output is %s";
        };
    return refusal == null ? null : String.format(Locale.ROOT, refusal, operation.name(), type);
  }

  /// Whether every backend's step writes each element of its rows once, in their own type.
  private static boolean rounds(Operation operation) {
    return switch (operation) {
      case RowOperation.Copy op -> true;
      case ReduceOperation.Finishing op -> true;
      case ReduceOperation.ReduceNorm op -> true;
      case ExpertOperation.GroupedDown op -> true;
      case ReduceOperation.BatchedReduce op -> false;
      case ExpertOperation op -> false;
      case DenseOperation op -> false;
      case OffloadOperation op -> false;
      case RowOperation op -> false;
      case RouteOperation op -> false;
      case CustomOperation op -> false;
    };
  }
}
