package dev.tornadomoe.modular;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Sums of a token's pairs by their router weights; one of them has the down projection in it.
public sealed interface ReduceOperation extends WeightOperation {

  /// Operations that write finished rows and can add further rows to them on the way.
  sealed interface Finishing extends ReduceOperation permits DownReduce, Reduce {

    /// {@return each token's experts, I32 `[M, k]`}
    Operand ids();

    /// {@return their weights `[M, k]`, or null where the input was weighted}
    @Nullable Operand weights();

    /// {@return rows `[M, H]` added to the result in this order, each read at the place it is added
    /// to}
    List<Operand> addends();

    /// {@return the finished rows `[M, H]`}
    Operand target();

    /// {@return this operation with one more addend}
    ///
    /// @param addend rows `[M, H]`, added last
    Finishing adding(Operand addend);
  }

  /// Down projection, weighting and sum over a token's experts at once: `target[t] = sum over s of
  /// weights[t,s] * down(activated[t*k+s]) + addends`. A token without local experts gets zeros.
  ///
  /// @param activated rows `[P, I]`
  /// @param ids I32 `[M, k]`
  /// @param weights null where the input was weighted
  /// @param addends rows `[M, H]`
  /// @param target rows `[M, H]`
  record DownReduce(
      Operand activated,
      Operand ids,
      @Nullable Operand weights,
      List<Operand> addends,
      Operand target)
      implements Finishing {
    @Override
    public List<Access> accesses() {
      return finishing(List.of(activated, ids), weights, addends, target);
    }

    @Override
    public DownReduce adding(Operand addend) {
      return new DownReduce(activated, ids, weights, with(addends, addend), target);
    }

    @Override
    public String name() {
      return "down + weight + reduce" + plus(addends);
    }
  }

  /// Weighting and sum over a token's experts: `target[t] = sum over s of weights[t,s] *
  /// pairs[t*k+s] + addends`. Pairs of experts that are not here count as zero. Ids of another
  /// width than k say how many rows a token has instead.
  ///
  /// @param pairs rows `[P, H]`
  /// @param ids I32 `[M, k]`
  /// @param weights null where the input was weighted
  /// @param addends rows `[M, H]`
  /// @param target rows `[M, H]`
  record Reduce(
      Operand pairs, Operand ids, @Nullable Operand weights, List<Operand> addends, Operand target)
      implements Finishing {
    @Override
    public List<Access> accesses() {
      return finishing(List.of(pairs, ids), weights, addends, target);
    }

    @Override
    public Reduce adding(Operand addend) {
      return new Reduce(pairs, ids, weights, with(addends, addend), target);
    }

    @Override
    public String name() {
      return "weight + reduce" + plus(addends);
    }
  }

  /// A sum over a token's experts and the norm of what comes out, at once: each row is normed while
  /// it is at hand.
  ///
  /// @param reduce what finishes the rows
  /// @param norm of these rows: its source is the target of the sum
  record ReduceNorm(Reduce reduce, RowOperation.Norm norm) implements ReduceOperation {

    /// Checked.
    ///
    /// @throws IllegalArgumentException for a norm of other rows
    public ReduceNorm {
      if (!norm.source().equals(reduce.target())) {
        throw new IllegalArgumentException(norm.source() + " is not what the sum writes");
      }
    }

    @Override
    public List<Access> accesses() {
      List<Access> accesses = new ArrayList<>(reduce.accesses());
      accesses.add(Access.read(norm.weights()));
      accesses.add(Access.overwrite(norm.target()));
      return List.copyOf(accesses);
    }

    @Override
    public String name() {
      return reduce.name() + ", " + norm.name();
    }
  }

  /// Zeroes `target[M, H]`, then adds each valid row of `batched[E, T, H]`, weighted, to its
  /// token's row, expert after expert.
  ///
  /// @param batched rows `[E, T, H]`
  /// @param ids I32 `[M, k]`
  /// @param rows I32 `[P]`, the row of each pair in its expert's batch
  /// @param weights null where the input was weighted
  /// @param target rows `[M, H]`
  record BatchedReduce(
      Operand batched, Operand ids, Operand rows, @Nullable Operand weights, Operand target)
      implements ReduceOperation {
    @Override
    public List<Access> accesses() {
      return finishing(List.of(batched, ids, rows), weights, List.of(), target);
    }

    @Override
    public String name() {
      return "batched weight + reduce";
    }
  }

  private static List<Access> finishing(
      List<Operand> read, @Nullable Operand weights, List<Operand> addends, Operand target) {
    List<Access> accesses = new ArrayList<>();
    read.forEach(operand -> accesses.add(Access.read(operand)));
    if (weights != null) {
      accesses.add(Access.read(weights));
    }
    addends.forEach(operand -> accesses.add(new Access(operand, Access.Mode.READ_ELEMENTWISE)));
    accesses.add(Access.overwrite(target));
    return List.copyOf(accesses);
  }

  private static List<Operand> with(List<Operand> addends, Operand addend) {
    List<Operand> all = new ArrayList<>(addends);
    all.add(addend);
    return List.copyOf(all);
  }

  private static String plus(List<Operand> addends) {
    StringBuilder text = new StringBuilder();
    addends.forEach(addend -> text.append(" + ").append(addend));
    return text.toString();
  }
}
