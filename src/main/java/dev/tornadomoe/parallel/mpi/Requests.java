package dev.tornadomoe.parallel.mpi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// What is being sent, in the order in which it was begun. Used again and again: it allocates
/// nothing once it is as long as it ever gets.
final class Requests {
  /// As long as the longest handle.
  private static final long HANDLE = Long.BYTES;

  private MemorySegment[] handles = new MemorySegment[0];
  private int[] ranks = new int[0];
  private int count;

  /// A place for another one's handle, which [#begun] then counts.
  MemorySegment next() {
    if (count == handles.length) {
      int longer = Math.max(8, 2 * count);
      // Never given back, since MPI may write to it at any time; there are as many as ranks.
      MemorySegment more = Arena.global().allocate((longer - count) * HANDLE, HANDLE);
      handles = Arrays.copyOf(handles, longer);
      for (int i = count; i < longer; i++) {
        handles[i] = more.asSlice((i - count) * HANDLE, HANDLE);
      }
      ranks = Arrays.copyOf(ranks, longer);
    }
    return handles[count];
  }

  void begun(int rank) {
    ranks[count++] = rank;
  }

  int count() {
    return count;
  }

  MemorySegment handle(int request) {
    return handles[request];
  }

  /// The other side.
  int rank(int request) {
    return ranks[request];
  }

  void clear() {
    count = 0;
  }
}
