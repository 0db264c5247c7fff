package dev.tornadomoe.plan;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/// Places scratch buffers in one workspace: those whose values are never needed at the same time
/// may share bytes. Largest first, each at the lowest place that is free during its whole life;
/// within one layer and across layers alike.
final class WorkspaceLayout {
  /// A cache line, and the widest vector.
  private static final long ALIGNMENT = 64;

  /// Something to place.
  ///
  /// @param bytes its size
  /// @param range its life
  record Request(long bytes, Liveness.Range range) {}

  private final long[] offsets;
  private final long bytes;

  private WorkspaceLayout(long[] offsets, long bytes) {
    this.offsets = offsets;
    this.bytes = bytes;
  }

  /// Places every request.
  ///
  /// @param guardBytes left free behind each
  /// @param reuse whether any bytes may be shared at all
  static WorkspaceLayout of(List<Request> requests, long guardBytes, boolean reuse) {
    List<Integer> largestFirst = new ArrayList<>();
    for (int i = 0; i < requests.size(); i++) {
      largestFirst.add(i);
    }
    largestFirst.sort(
        Comparator.comparingLong((Integer i) -> -requests.get(i).bytes())
            .thenComparingInt(i -> requests.get(i).range().first())
            .thenComparingInt(i -> i));
    long[] offsets = new long[requests.size()];
    long[] ends = new long[requests.size()];
    List<Integer> placed = new ArrayList<>(); // by offset
    long total = 0;
    for (int i : largestFirst) {
      Request request = requests.get(i);
      long size = align(request.bytes() + guardBytes);
      long offset = 0;
      for (int other : placed) {
        boolean conflict = !reuse || request.range().meets(requests.get(other).range());
        if (conflict && offset < ends[other] && offsets[other] < offset + size) {
          offset = ends[other];
        }
      }
      offsets[i] = offset;
      ends[i] = offset + size;
      total = Math.max(total, ends[i]);
      int position = 0;
      while (position < placed.size() && offsets[placed.get(position)] <= offset) {
        position++;
      }
      placed.add(position, i);
    }
    return new WorkspaceLayout(offsets, total);
  }

  private static long align(long bytes) {
    return Math.ceilDiv(bytes, ALIGNMENT) * ALIGNMENT;
  }

  long offset(int request) {
    return offsets[request];
  }

  /// The whole workspace.
  long bytes() {
    return bytes;
  }
}
