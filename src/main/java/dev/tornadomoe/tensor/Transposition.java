package dev.tornadomoe.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Copies a matrix into memory with rows and columns exchanged, elements unchanged.
final class Transposition {
  /// Rows written together, so that each line of the source that is read is used at once.
  private static final int BLOCK = 64;

  private Transposition() {}

  /// Transposes every `step`-th column of a matrix.
  ///
  /// @param source `[columns, stored rows]` of elements of 1, 2 or 4 bytes
  /// @param rows how many of the stored rows are taken
  /// @param first the first one taken
  /// @param step the distance to the next
  /// @param arena where the copy is allocated
  /// @return `[rows, columns]`
  static TensorView of(TensorView source, int rows, int first, int step, Arena arena) {
    int columns = Math.toIntExact(source.shape().dimension(0));
    long stored = source.shape().dimension(1);
    int bytes = source.dtype().bytes();
    MemorySegment target = arena.allocate((long) rows * columns * bytes, 64);
    for (int block = 0; block < rows; block += BLOCK) {
      int end = Math.min(rows, block + BLOCK);
      for (int column = 0; column < columns; column++) {
        long from = column * stored + first;
        switch (bytes) {
          case 1 -> {
            for (int row = block; row < end; row++) {
              byte element = source.data().get(ValueLayout.JAVA_BYTE, from + (long) row * step);
              target.set(ValueLayout.JAVA_BYTE, (long) row * columns + column, element);
            }
          }
          case 2 -> {
            for (int row = block; row < end; row++) {
              short element =
                  source
                      .data()
                      .get(ValueLayout.JAVA_SHORT_UNALIGNED, (from + (long) row * step) * 2);
              target.set(ValueLayout.JAVA_SHORT, ((long) row * columns + column) * 2, element);
            }
          }
          case 4 -> {
            for (int row = block; row < end; row++) {
              int element =
                  source.data().get(ValueLayout.JAVA_INT_UNALIGNED, (from + (long) row * step) * 4);
              target.set(ValueLayout.JAVA_INT, ((long) row * columns + column) * 4, element);
            }
          }
          default -> throw new IllegalArgumentException("elements of " + bytes + " bytes");
        }
      }
    }
    return new TensorView(source.name(), source.dtype(), Shape.of(rows, columns), target);
  }
}
