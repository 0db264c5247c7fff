package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.cpu.kernel.rows.Rounding;
import dev.tornadomoe.backend.cpu.kernel.rows.StagedRows;
import dev.tornadomoe.backend.host.BufferRef;

/// One worker's arrays: activations staged as kernels want them, and a tile of results. All steps
/// use the same one after the other, so there is as much of it as the largest needs, and running a
/// step allocates nothing.
final class Scratch {
  /// The most tokens that are staged together. Of more a group is divided, so that each is staged
  /// once and not for each tile of rows anew.
  static final int TOKENS = 128;

  private final InputRows[] slots;
  private InputRows current;

  /// Results of the up projection, of the down projection, or of any single one; or a row on its
  /// way into a sum.
  final float[] result;

  /// Results of the gate projection.
  final float[] gate;

  /// For the kernels.
  final float[] work;

  /// A tile of sums.
  final float[] sum;

  /// @param rounding what rounds activations
  Scratch(ScratchSize size, Rounding rounding) {
    slots = new InputRows[size.slots()];
    for (int i = 0; i < slots.length; i++) {
      slots[i] = new InputRows(i == 0 ? size.first() : size.others(), rounding);
    }
    current = slots[0];
    result = new float[size.results()];
    gate = new float[size.gates()];
    work = new float[size.work()];
    sum = new float[size.sums()];
  }

  /// Takes the rows of a group; what is applied next is applied to them.
  ///
  /// @param run of the step: in another one rows have other values
  void take(long run, BufferRef input, TokenGroups groups, int group, int columns) {
    current = slots[0];
    current.take(run, input, groups, group, columns);
  }

  /// Takes a single row into a slot; what is applied next is applied to it.
  void take(long run, BufferRef input, int slot, long row, int columns) {
    current = slots[slot];
    current.take(run, input, row, columns);
  }

  /// How many rows have been taken.
  int tokens() {
    return current.tokens();
  }

  /// The rows as a linear layer wants them.
  StagedRows staged(CpuLinear linear) {
    return current.staged(linear);
  }
}
