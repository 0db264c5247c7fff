package dev.tornadomoe.backend.cpu.step;

import dev.tornadomoe.backend.host.BufferRef;

/// The valid rows of each expert's batch.
public final class BatchedGroups implements TokenGroups {
  private final int experts;
  private final BufferRef counts;
  private final int rowsPerExpert;
  private final int[] active;

  /// @param indices room for one for each expert, which others use before and after
  public BatchedGroups(int experts, BufferRef counts, int rowsPerExpert, int[] indices) {
    this.experts = experts;
    this.counts = counts;
    this.rowsPerExpert = rowsPerExpert;
    this.active = indices;
  }

  @Override
  public int begin(int tokens) {
    int groups = 0;
    for (int e = 0; e < experts; e++) {
      if (counts.getInt(e) > 0) {
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
    return counts.getInt(active[group]);
  }

  @Override
  public long input(int group, int i) {
    return (long) active[group] * rowsPerExpert + i;
  }

  @Override
  public long output(int group, int i) {
    return input(group, i);
  }
}
