package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.host.BufferRef;

/// The pairs of an expert together, as `order` and `offsets` list them.
public final class SortedGroups implements TokenGroups {
  private final int experts;
  private final BufferRef order;
  private final BufferRef offsets;
  private final int topK;
  private final boolean down;
  private final RowBlocks blocks;

  /// Groups for one of the two halves.
  ///
  /// @param down whether rows come sorted and go to their pairs; otherwise they come from their
  ///   tokens and go sorted
  /// @param maxTokens the most that the step is run for
  /// @param indices room for [RowBlocks#indices], which others use before and after
  public SortedGroups(
      int experts,
      BufferRef order,
      BufferRef offsets,
      int topK,
      boolean down,
      int maxTokens,
      int[] indices) {
    this.experts = experts;
    this.order = order;
    this.offsets = offsets;
    this.topK = topK;
    this.down = down;
    this.blocks = new RowBlocks(maxTokens, indices);
  }

  @Override
  public int begin(int tokens) {
    blocks.clear();
    for (int e = 0; e < experts; e++) {
      blocks.add(e, offsets.getInt(e + 1L) - offsets.getInt(e));
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
    int position = position(group, i);
    return down ? position : order.getInt(position) / topK;
  }

  @Override
  public long output(int group, int i) {
    int position = position(group, i);
    return down ? order.getInt(position) : position;
  }

  private int position(int group, int i) {
    return offsets.getInt(blocks.expert(group)) + blocks.first(group) + i;
  }
}
