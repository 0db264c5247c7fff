package dev.tornadomoe.modular;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What a host has a device do for the experts that are there, while it does its own part.
public sealed interface OffloadOperation extends WeightOperation {

  /// Gives the device its pairs and goes on.
  ///
  /// @param input rows `[M, H]` of the experts
  /// @param ids I32 `[M, k]`
  /// @param weights `[M, k]`, or null where the input was weighted
  record Begin(Operand input, Operand ids, @Nullable Operand weights) implements OffloadOperation {
    @Override
    public List<Access> accesses() {
      return read(input, ids, weights);
    }

    @Override
    public String name() {
      return "begin on device";
    }
  }

  /// Waits for what [Begin] has begun: `target[t]` is the weighted sum over those of the token's
  /// experts that are on the device, or zeros where none is.
  ///
  /// @param input as the device was given it
  /// @param ids as the device was given them
  /// @param weights as the device was given them, or null
  /// @param target rows `[M, H]`
  record Await(Operand input, Operand ids, @Nullable Operand weights, Operand target)
      implements OffloadOperation {
    @Override
    public List<Access> accesses() {
      List<Access> accesses = new ArrayList<>(read(input, ids, weights));
      accesses.add(Access.overwrite(target));
      return List.copyOf(accesses);
    }

    @Override
    public String name() {
      return "await device";
    }
  }

  /// Has the device compute the host's own experts: their weights go through it, some at a time.
  /// `target[t]` is the weighted sum over those of the token's experts that are on the host, zeros
  /// where none is.
  ///
  /// @param input rows `[M, H]` of the experts
  /// @param ids I32 `[M, k]`
  /// @param weights `[M, k]`, or null where the input was weighted
  /// @param target rows `[M, H]`
  /// @param targetIds I32 `[M, 1]`, for each of these rows one of the host's experts, for the
  ///   [ReduceOperation.Reduce] that adds them
  record Stream(
      Operand input, Operand ids, @Nullable Operand weights, Operand target, Operand targetIds)
      implements OffloadOperation {
    @Override
    public List<Access> accesses() {
      List<Access> accesses = new ArrayList<>(read(input, ids, weights));
      accesses.add(Access.overwrite(target));
      accesses.add(Access.overwrite(targetIds));
      return List.copyOf(accesses);
    }

    @Override
    public String name() {
      return "stream through device";
    }
  }

  private static List<Access> read(Operand input, Operand ids, @Nullable Operand weights) {
    return weights == null
        ? List.of(Access.read(input), Access.read(ids))
        : List.of(Access.read(input), Access.read(ids), Access.read(weights));
  }
}
