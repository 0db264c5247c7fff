package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.host.BufferRef;

/// All pairs of an expert together, as `order` and `offsets` list them.
public final class SortedGroups implements TokenGroups {
  private final int experts;
  private final BufferRef order;
  private final BufferRef offsets;
  private final int topK;
  private final boolean down;
  private final int[] active;

  /// Groups for one of the two halves.
  ///
  /// @param down whether rows come sorted and go to their pairs; otherwise they come from their
  ///   tokens and go sorted
  /// @param indices room for one for each expert, which others use before and after
  public SortedGroups(
      int experts, BufferRef order, BufferRef offsets, int topK, boolean down, int[] indices) {
    this.experts = experts;
    this.order = order;
    this.offsets = offsets;
    this.topK = topK;
    this.down = down;
    this.active = indices;
  }

  @Override
  public int begin(int tokens) {
    int groups = 0;
    for (int e = 0; e < experts; e++) {
      if (offsets.getInt(e + 1L) > offsets.getInt(e)) {
        active[groups++] = e;
      }
    }
    return groups;
  }

  @Override
  public int projection(int group) {
    return active[group];
  }

  @Override
  public int size(int group) {
    int expert = active[group];
    return offsets.getInt(expert + 1L) - offsets.getInt(expert);
  }

  @Override
  public long input(int group, int i) {
    int position = offsets.getInt(active[group]) + i;
    return down ? position : order.getInt(position) / topK;
  }

  @Override
  public long output(int group, int i) {
    int position = offsets.getInt(active[group]) + i;
    return down ? order.getInt(position) : position;
  }
}
