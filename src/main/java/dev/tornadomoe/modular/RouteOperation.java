package dev.tornadomoe.modular;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What decides which token's row goes to which expert, and brings it there.
public sealed interface RouteOperation extends Operation {

  /// Router logits `[M, E]` to ids and weights `[M, k]`, by the layer's gating.
  ///
  /// @param logits F32 `[M, E]`
  /// @param key I32 `[M]`, what the gating asks of each token beside its logits
  ///   ([dev.tornadomoe.layer.Gating#key]), or null
  /// @param ids I32 `[M, k]`
  /// @param weights F32 `[M, k]`
  record SelectExperts(Operand logits, @Nullable Operand key, Operand ids, Operand weights)
      implements RouteOperation {
    @Override
    public List<Access> accesses() {
      List<Access> accesses = new ArrayList<>();
      accesses.add(Access.read(logits));
      if (key != null) {
        accesses.add(Access.read(key));
      }
      accesses.add(Access.overwrite(ids));
      accesses.add(Access.overwrite(weights));
      return List.copyOf(accesses);
    }

    @Override
    public String name() {
      return key == null ? "select top-k" : "select by " + key;
    }
  }

  /// Sorts the pairs by local expert: `order[P]` lists pairs, those of expert e from `offsets[e]`
  /// to `offsets[e+1]` (`[E+1]`), in ascending order. Pairs of experts that are not here are left
  /// out.
  ///
  /// @param ids I32 `[M, k]`
  /// @param order I32 `[P]`
  /// @param offsets I32 `[E+1]`
  record GroupByExpert(Operand ids, Operand order, Operand offsets) implements RouteOperation {
    @Override
    public List<Access> accesses() {
      return List.of(Access.read(ids), Access.overwrite(order), Access.overwrite(offsets));
    }

    @Override
    public String name() {
      return "group by expert";
    }
  }

  /// Copies each token's row to its experts: `batched[E, T, H]`, rows 0 to `counts[e]` valid; pair
  /// p goes to row `rows[p]` of its expert.
  ///
  /// @param input rows `[M, H]`
  /// @param ids I32 `[M, k]`
  /// @param batched rows `[E, T, H]`
  /// @param counts I32 `[E]`
  /// @param rows I32 `[P]`
  record Dispatch(Operand input, Operand ids, Operand batched, Operand counts, Operand rows)
      implements RouteOperation {
    @Override
    public List<Access> accesses() {
      return List.of(
          Access.read(input),
          Access.read(ids),
          Access.overwrite(batched),
          Access.overwrite(counts),
          Access.overwrite(rows));
    }

    @Override
    public String name() {
      return "dispatch";
    }
  }
}
