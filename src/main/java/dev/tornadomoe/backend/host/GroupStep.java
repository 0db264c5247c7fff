package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.ExpertMap;

/// Sorts pairs by local expert: a counting sort, so that each expert's pairs stay in ascending
/// order.
final class GroupStep implements HostStep {
  private final int topK;
  private final ExpertMap map;
  private final BufferRef ids;
  private final BufferRef order;
  private final BufferRef offsets;

  GroupStep(int topK, ExpertMap map, BufferRef ids, BufferRef order, BufferRef offsets) {
    this.topK = topK;
    this.map = map;
    this.ids = ids;
    this.order = order;
    this.offsets = offsets;
  }

  @Override
  public void run(int tokens) {
    int experts = map.localExperts();
    int pairs = tokens * topK;
    for (int e = 0; e <= experts; e++) {
      offsets.setInt(e, 0);
    }
    for (int pair = 0; pair < pairs; pair++) {
      int expert = map.localOf(ids.getInt(pair));
      if (expert >= 0) {
        offsets.setInt(expert + 1L, offsets.getInt(expert + 1L) + 1);
      }
    }
    for (int e = 0; e < experts; e++) {
      offsets.setInt(e + 1L, offsets.getInt(e + 1L) + offsets.getInt(e));
    }
    for (int pair = 0; pair < pairs; pair++) {
      int expert = map.localOf(ids.getInt(pair));
      if (expert >= 0) {
        // The beginning of each expert's run moves up to its end while it is filled.
        int position = offsets.getInt(expert);
        order.setInt(position, pair);
        offsets.setInt(expert, position + 1);
      }
    }
    for (int e = experts; e > 0; e--) {
      offsets.setInt(e, offsets.getInt(e - 1L));
    }
    offsets.setInt(0, 0);
  }
}
