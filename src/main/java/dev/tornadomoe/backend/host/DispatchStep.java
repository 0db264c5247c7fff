package dev.tornadomoe.backend.host;

import dev.tornadomoe.layer.ExpertMap;
import java.lang.foreign.MemorySegment;

/// Copies each token's row into its experts' batches.
final class DispatchStep implements HostStep {
  private final int hidden;
  private final int topK;
  private final int rowsPerExpert;
  private final ExpertMap map;
  private final BufferRef input;
  private final BufferRef ids;
  private final BufferRef batched;
  private final BufferRef counts;
  private final BufferRef rows;

  DispatchStep(
      int hidden,
      int topK,
      int rowsPerExpert,
      ExpertMap map,
      BufferRef input,
      BufferRef ids,
      BufferRef batched,
      BufferRef counts,
      BufferRef rows) {
    this.hidden = hidden;
    this.topK = topK;
    this.rowsPerExpert = rowsPerExpert;
    this.map = map;
    this.input = input;
    this.ids = ids;
    this.batched = batched;
    this.counts = counts;
    this.rows = rows;
  }

  @Override
  public void run(int tokens) {
    for (int e = 0; e < map.localExperts(); e++) {
      counts.setInt(e, 0);
    }
    for (int pair = 0; pair < tokens * topK; pair++) {
      int expert = map.localOf(ids.getInt(pair));
      if (expert < 0) {
        rows.setInt(pair, -1);
        continue;
      }
      int row = counts.getInt(expert);
      counts.setInt(expert, row + 1);
      rows.setInt(pair, row);
      MemorySegment.copy(
          input.segment(),
          input.offset(pair / topK),
          batched.segment(),
          batched.offset((long) expert * rowsPerExpert + row),
          (long) hidden * Float.BYTES);
    }
  }
}
