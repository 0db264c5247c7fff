package dev.tornadomoe.modular;

import java.util.List;
import org.jspecify.annotations.Nullable;

/// What is left to do between what the experts wrote (`fused_out`) and the layer's rows `[M, H]`.
/// Experts say which it is, finalize carries it out.
///
/// Two of the same type (and rank) are equal, so plans can be compared.
public sealed interface TopKWeightAndReduce {

  /// The operations that turn `fused_out` into rows `[M, H]`.
  ///
  /// @param fusedOut what the experts wrote
  /// @param weights the router's weights, or null where they went on the input and must not be
  ///   applied again
  /// @param target the rows, all of which are written
  /// @return operations in the order in which they run
  List<Operation> operations(Operand fusedOut, @Nullable Operand weights, Operand target);

  /// Nothing is left: `fused_out` is `[M, H]`, weighted and summed. A copy, unless `fused_out` and
  /// the target are the same memory. The only case in which they can be.
  record NoOp() implements TopKWeightAndReduce {
    @Override
    public List<Operation> operations(Operand fusedOut, @Nullable Operand weights, Operand target) {
      return List.of(new RowOperation.Copy(fusedOut, target));
    }
  }

  /// `fused_out` is `[M*k, H]` in pair order: weight each row and sum a token's k rows.
  record Contiguous() implements TopKWeightAndReduce {
    @Override
    public List<Operation> operations(Operand fusedOut, @Nullable Operand weights, Operand target) {
      return List.of(
          new ReduceOperation.Reduce(fusedOut, Operand.TOPK_IDS, weights, List.of(), target));
    }
  }

  /// `fused_out` is `[E, T, H]`: zero the target, then add each expert's valid rows, weighted.
  record NaiveBatched() implements TopKWeightAndReduce {
    @Override
    public List<Operation> operations(Operand fusedOut, @Nullable Operand weights, Operand target) {
      return List.of(
          new ReduceOperation.BatchedReduce(
              fusedOut, Operand.TOPK_IDS, Operand.DISPATCH_ROWS, weights, target));
    }
  }

  /// The experts leave it to prepare/finalize, which must put one of the others in its place.
  record Delegate() implements TopKWeightAndReduce {
    @Override
    public List<Operation> operations(Operand fusedOut, @Nullable Operand weights, Operand target) {
      throw new ModularException(
          "TopKWeightAndReduce.Delegate can't be carried out: prepare/finalize must resolve it");
    }
  }
}
