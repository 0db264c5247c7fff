package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.KernelNeeds;
import dev.tornadomoe.backend.cpu.kernel.rows.RowForm;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedSize;
import java.util.Collection;
import java.util.Set;
import java.util.stream.Collectors;

/// How large one worker's [Scratch] is, in elements: as large as the largest step needs.
///
/// @param slots groups of rows that are staged side by side
/// @param first the first of them
/// @param others each of the others
/// @param results of the up projection, of any single one, or a row to be summed
/// @param gates results of the gate projection
/// @param work for the kernels
/// @param sums of a reduction
public record ScratchSize(
    int slots, Slot first, Slot others, int results, int gates, int work, int sums) {
  /// One group of rows.
  ///
  /// @param tokens how many rows
  /// @param forms in how many forms they are staged at once
  /// @param staged the largest of these
  record Slot(int tokens, int forms, StagedSize staged) {
    static final Slot NONE = new Slot(0, 0, StagedSize.NONE);

    Slot max(Slot other) {
      return new Slot(
          Math.max(tokens, other.tokens), Math.max(forms, other.forms), staged.max(other.staged));
    }

    long bytes() {
      return StagedSize.array(2 * tokens) + forms * staged.bytes();
    }

    private static Slot of(Collection<KernelNeeds> kernels, int tokens) {
      Set<RowForm> forms = kernels.stream().map(KernelNeeds::form).collect(Collectors.toSet());
      return new Slot(
          tokens,
          forms.size(),
          forms.stream()
              .map(form -> StagedSize.of(form, tokens))
              .reduce(StagedSize.NONE, StagedSize::max));
    }
  }

  static final ScratchSize NONE = new ScratchSize(1, Slot.NONE, Slot.NONE, 0, 0, 0, 0);

  /// For projections, of which each group of rows goes through one.
  ///
  /// @param kernels of all projections
  /// @param tokens the most that are staged together
  /// @param rowTile the most rows that are computed at once
  /// @param isGated whether there are two results
  static ScratchSize projection(
      Collection<KernelNeeds> kernels, int tokens, int rowTile, boolean isGated) {
    return new ScratchSize(
        1,
        Slot.of(kernels, tokens),
        Slot.NONE,
        tokens * rowTile,
        isGated ? tokens * rowTile : 0,
        workOf(kernels),
        0);
  }

  /// For single rows side by side that are projected and summed.
  ///
  /// @param slots how many
  static ScratchSize reducing(Collection<KernelNeeds> kernels, int slots, int rowTile) {
    Slot slot = Slot.of(kernels, 1);
    return new ScratchSize(slots, slot, slot, rowTile, 0, workOf(kernels), rowTile);
  }

  /// For sums of rows that are finished.
  static ScratchSize sum(int columns) {
    return new ScratchSize(1, Slot.NONE, Slot.NONE, columns, 0, 0, columns);
  }

  private static int workOf(Collection<KernelNeeds> kernels) {
    return kernels.stream().mapToInt(KernelNeeds::workSize).max().orElse(0);
  }

  /// Room for either.
  ScratchSize max(ScratchSize other) {
    return new ScratchSize(
        Math.max(slots, other.slots),
        first.max(other.first),
        others.max(other.others),
        Math.max(results, other.results),
        Math.max(gates, other.gates),
        Math.max(work, other.work),
        Math.max(sums, other.sums));
  }

  public long bytes() {
    return first.bytes()
        + (slots - 1) * others.bytes()
        + StagedSize.array(results)
        + StagedSize.array(gates)
        + StagedSize.array(work)
        + StagedSize.array(sums);
  }
}
