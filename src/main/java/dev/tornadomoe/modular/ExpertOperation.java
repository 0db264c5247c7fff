package dev.tornadomoe.modular;

import java.util.List;

/// Products with the matrices of the routed experts, a row for each pair.
public sealed interface ExpertOperation extends WeightOperation {

  /// Gate, up and activation of every pair on its own: `activated[P, I]` in pair order. Rows of
  /// experts that are not here are left as they are.
  ///
  /// @param input rows `[M, H]`
  /// @param ids I32 `[M, k]`
  /// @param activated rows `[P, I]`
  record GateUp(Operand input, Operand ids, Operand activated) implements ExpertOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(input), Access.read(ids), Access.overwrite(activated));
    }

    @Override
    public String name() {
      return "gate/up";
    }
  }

  /// Gate, up and activation, all tokens of an expert together: `activated[P, I]` in the order of
  /// `order`.
  ///
  /// @param input rows `[M, H]`
  /// @param order I32 `[P]`, pairs sorted by expert
  /// @param offsets I32 `[E+1]`, where each expert's pairs begin
  /// @param activated rows `[P, I]`
  record GroupedGateUp(Operand input, Operand order, Operand offsets, Operand activated)
      implements ExpertOperation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(input),
          Access.read(order),
          Access.read(offsets),
          Access.overwrite(activated));
    }

    @Override
    public String name() {
      return "grouped gate/up";
    }
  }

  /// Down projection, all tokens of an expert together, from the order of `order` back to pair
  /// order: `target[P, H]`. Rows of experts that are not here are left as they are.
  ///
  /// @param activated rows `[P, I]`
  /// @param order I32 `[P]`, pairs sorted by expert
  /// @param offsets I32 `[E+1]`, where each expert's pairs begin
  /// @param target rows `[P, H]`
  record GroupedDown(Operand activated, Operand order, Operand offsets, Operand target)
      implements ExpertOperation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(activated),
          Access.read(order),
          Access.read(offsets),
          Access.overwrite(target));
    }

    @Override
    public String name() {
      return "grouped down";
    }
  }

  /// Gate, up and activation of dispatched rows: `activated[E, T, I]`, valid rows only.
  ///
  /// @param batched rows `[E, T, H]`
  /// @param counts I32 `[E]`, valid rows of each expert
  /// @param activated rows `[E, T, I]`
  record BatchedGateUp(Operand batched, Operand counts, Operand activated)
      implements ExpertOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(batched), Access.read(counts), Access.overwrite(activated));
    }

    @Override
    public String name() {
      return "batched gate/up";
    }
  }

  /// Down projection of dispatched rows: `target[E, T, H]`, valid rows only.
  ///
  /// @param activated rows `[E, T, I]`
  /// @param counts I32 `[E]`, valid rows of each expert
  /// @param target rows `[E, T, H]`
  record BatchedDown(Operand activated, Operand counts, Operand target) implements ExpertOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(activated), Access.read(counts), Access.overwrite(target));
    }

    @Override
    public String name() {
      return "batched down";
    }
  }
}
