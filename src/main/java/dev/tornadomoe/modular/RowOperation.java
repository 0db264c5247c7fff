package dev.tornadomoe.modular;

import dev.tornadomoe.layer.OwnNorms;
import dev.tornadomoe.layer.RmsNorm;
import java.util.List;

/// Work on rows `[M, H]` alone: no weight matrix, and no table of routes but to look into.
public sealed interface RowOperation extends Operation {

  /// Copies rows `[M, H]`, or those of pairs `[M*k, H]`, converting between element types and row
  /// strides where they differ.
  ///
  /// @param source rows of both kinds
  /// @param target as many rows, overwritten
  record Copy(Operand source, Operand target) implements RowOperation {
    @Override
    public List<Access> accesses() {
      return List.of(new Access(source, Access.Mode.READ_ELEMENTWISE), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "copy";
    }
  }

  /// `target[t] += addend[t]`, rows `[M, H]`.
  ///
  /// @param target rows `[M, H]`, read and written
  /// @param addend rows `[M, H]`
  record Add(Operand target, Operand addend) implements RowOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.accumulate(target), Access.read(addend));
    }

    @Override
    public String name() {
      return "add " + addend;
    }
  }

  /// `target[t] = 0`, rows `[M, H]`, for experts that accumulate.
  ///
  /// @param target rows `[M, H]`, overwritten
  record Zero(Operand target) implements RowOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.overwrite(target));
    }

    @Override
    public String name() {
      return "zero";
    }
  }

  /// The norm that follows a layer: `target[t] = norm(source[t]) * weights`.
  ///
  /// @param source rows `[M, H]`
  /// @param weights F32 `[H]`
  /// @param norm what it computes
  /// @param target rows `[M, H]`, overwritten
  record Norm(Operand source, Operand weights, RmsNorm norm, Operand target)
      implements RowOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(source), Access.read(weights), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "rms norm";
    }
  }

  /// A norm of the layer's own: `target[t] = norm(source[t])`, with the layer's own weights. Source
  /// and target may be the same rows: each row is read whole before it is written.
  ///
  /// @param place which of the layer's norms
  /// @param source rows `[M, H]`
  /// @param target rows `[M, H]`, overwritten
  record OwnNorm(OwnNorms.Place place, Operand source, Operand target) implements RowOperation {
    @Override
    public List<Access> accesses() {
      return isInPlace()
          ? List.of(Access.accumulate(target))
          : List.of(Access.read(source), Access.overwrite(target));
    }

    /// {@return whether the rows are normed where they are}
    public boolean isInPlace() {
      return source.equals(target);
    }

    @Override
    public String name() {
      return place + " norm";
    }
  }

  /// A router goes on from the states of the layer before, and leaves its own in their place:
  /// `states[t] = rows[t] + scale * states[t]`, or `rows[t]` where it needs none, and then `rows[t]
  /// = norm(states[t])`.
  ///
  /// @param rows F32 `[M, R]`, read and written
  /// @param states F32 `[M, R]`, written, and read where it goes on from them
  /// @param goesOn whether it does
  record RouterStates(Operand rows, Operand states, boolean goesOn) implements RowOperation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.accumulate(rows), goesOn ? Access.accumulate(states) : Access.overwrite(states));
    }

    @Override
    public String name() {
      return "router states";
    }
  }

  /// `target[t] = weights[t] * input[t]`, for layers with one expert per token.
  ///
  /// @param input rows `[M, H]`
  /// @param weights F32 `[M, 1]`
  /// @param target rows `[M, H]`, overwritten
  record WeightInput(Operand input, Operand weights, Operand target) implements RowOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.read(weights), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "weight input";
    }
  }

  /// What experts without weights contribute, which return their input: `target[t] = input[t] * sum
  /// over s of weights[t,s]`, where `ids[t,s]` is one of them.
  ///
  /// @param input rows `[M, H]`
  /// @param ids I32 `[M, k]`
  /// @param weights F32 `[M, k]`
  /// @param target rows `[M, H]`, overwritten
  record IdentityExperts(Operand input, Operand ids, Operand weights, Operand target)
      implements RowOperation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(input), Access.read(ids), Access.read(weights), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "identity experts";
    }
  }
}
