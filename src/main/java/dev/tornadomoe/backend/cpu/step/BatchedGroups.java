package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.host.BufferRef;

/// The valid rows of each expert's batch.
public final class BatchedGroups implements TokenGroups {
  private final int experts;
  private final BufferRef counts;
  private final int rowsPerExpert;
  private final RowBlocks blocks;

  /// @param indices room for [RowBlocks#indices], which others use before and after
  public BatchedGroups(int experts, BufferRef counts, int rowsPerExpert, int[] indices) {
    this.experts = experts;
    this.counts = counts;
    this.rowsPerExpert = rowsPerExpert;
    this.blocks = new RowBlocks(rowsPerExpert, indices);
  }

  @Override
  public int begin(int tokens) {
    blocks.clear();
    for (int e = 0; e < experts; e++) {
      blocks.add(e, counts.getInt(e));
    }
    return blocks.count();
  }

  @Override
  public int projection(int group) {
    return blocks.expert(group);
  }

  @Override
  public int size(int group) {
    return blocks.size(group);
  }

  @Override
  public long input(int group, int i) {
    return (long) blocks.expert(group) * rowsPerExpert + blocks.first(group) + i;
  }

  @Override
  public long output(int group, int i) {
    return input(group, i);
  }
}
