package dev.tornadomoe.backend.host;

import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// What a sanitised run fills memory with: NaNs that no arithmetic makes.
public final class Poison {
  private static final int WORD = 0x7FC0DEAD;

  /// A NaN in BF16 and in F16.
  private static final short HALF = 0x7FDE;

  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfShort SHORT = ValueLayout.JAVA_SHORT_UNALIGNED;

  private Poison() {}

  /// The NaN that F32 memory is filled with.
  public static float nan() {
    return Float.intBitsToFloat(WORD);
  }

  /// Poisons one element.
  static void set(MemorySegment segment, long at, DType type) {
    if (type.bytes() == 2) {
      segment.set(SHORT, at, HALF);
    } else {
      segment.set(INT, at, WORD);
    }
  }

  static boolean isSet(MemorySegment segment, long at, DType type) {
    return type.bytes() == 2 ? segment.get(SHORT, at) == HALF : segment.get(INT, at) == WORD;
  }

  /// Poisons whole words.
  static void fill(MemorySegment segment, long from, long to) {
    for (long at = from; at + 4 <= to; at += 4) {
      segment.set(INT, at, WORD);
    }
  }

  /// The first word that is not poisoned, or -1.
  static long firstClean(MemorySegment segment, long from, long to) {
    for (long at = from; at + 4 <= to; at += 4) {
      if (segment.get(INT, at) != WORD) {
        return at;
      }
    }
    return -1;
  }
}
