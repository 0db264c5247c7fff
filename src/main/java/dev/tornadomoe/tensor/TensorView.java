package dev.tornadomoe.tensor;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;

/// A named, dense, row-major, little-endian tensor over memory that somebody else owns.
///
/// @param name what messages call it
/// @param dtype its element type
/// @param shape its dimensions
/// @param data exactly its bytes; no alignment is promised
public record TensorView(String name, DType dtype, Shape shape, MemorySegment data) {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /// Elements that are copied to an array at once.
  private static final int AT_ONCE = 2048;

  /// Checks the bytes' length.
  ///
  /// @throws IllegalArgumentException when the bytes are not those of the shape and type
  public TensorView {
    long bytes = Math.multiplyExact(shape.elements(), (long) dtype.bits()) / 8;
    if (data.byteSize() != bytes) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor \"%s\": %s %s has %d bytes, found %d",
              name,
              dtype,
              shape,
              bytes,
              data.byteSize()));
    }
  }

  /// {@return element `index` in row-major order, exactly}
  ///
  /// @param index from 0
  /// @throws IllegalStateException unless the type is F32, F16, BF16, F8_E4M3 or F8_E8M0
  public float getFloat(long index) {
    return switch (dtype) {
      case F32 -> data.get(FLOAT, index * 4);
      case F16 -> Float.float16ToFloat(data.get(SHORT, index * 2));
      case BF16 -> BFloat16.toFloat(data.get(SHORT, index * 2));
      case F8_E4M3 -> Float8E4M3.toFloat(data.get(JAVA_BYTE, index));
      case F8_E8M0 -> Float8E8M0.toFloat(data.get(JAVA_BYTE, index));
      default ->
          throw new IllegalStateException(
              String.format(Locale.ROOT, "tensor \"%s\" is %s", name, dtype));
    };
  }

  /// {@return element `index` in row-major order; U8 counts from 0 to 255}
  ///
  /// @param index from 0
  /// @throws IllegalStateException unless the type is I8, U8, I32 or I64
  public long getLong(long index) {
    return switch (dtype) {
      case I8 -> data.get(JAVA_BYTE, index);
      case U8 -> data.get(JAVA_BYTE, index) & 0xFF;
      case I32 -> data.get(INT, index * 4);
      case I64 -> data.get(LONG, index * 8);
      default ->
          throw new IllegalStateException(
              String.format(Locale.ROOT, "tensor \"%s\" is %s", name, dtype));
    };
  }

  /// {@return the bits of element `index`, in the lower half of the result where it has 16}
  ///
  /// @param index from 0, in row-major order
  /// @throws IllegalStateException when the elements have neither 16 nor 32 bits
  public int getBits(long index) {
    return switch (dtype.bits()) {
      case 16 -> data.get(SHORT, index * 2) & 0xFFFF;
      case 32 -> data.get(INT, index * 4);
      default ->
          throw new IllegalStateException(
              String.format(Locale.ROOT, "tensor \"%s\" is %s", name, dtype));
    };
  }

  /// Writes the bits of elements that follow each other, as [#getBits(long)] returns them.
  ///
  /// @param from the first one, in row-major order
  /// @param count how many
  /// @param target from its beginning on
  /// @throws IllegalStateException when the elements have neither 16 nor 32 bits
  public void getBits(long from, int count, int[] target) {
    switch (dtype.bits()) {
      case 16 -> {
        short[] part = new short[Math.min(count, AT_ONCE)];
        for (int done = 0; done < count; done += AT_ONCE) {
          int length = Math.min(AT_ONCE, count - done);
          MemorySegment.copy(data, SHORT, (from + done) * 2, part, 0, length);
          for (int i = 0; i < length; i++) {
            target[done + i] = part[i] & 0xFFFF;
          }
        }
      }
      case 32 -> MemorySegment.copy(data, INT, from * 4, target, 0, count);
      default ->
          throw new IllegalStateException(
              String.format(Locale.ROOT, "tensor \"%s\" is %s", name, dtype));
    }
  }

  /// {@return all elements as floats, in row-major order}
  ///
  /// @throws IllegalStateException when the type is no float, or there are too many for an array
  public float[] toFloats() {
    long count = shape.elements();
    if (count > Integer.MAX_VALUE - 8) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT, "tensor \"%s\" has %d elements, too many for an array", name, count));
    }
    float[] values = new float[(int) count];
    for (int i = 0; i < values.length; i++) {
      values[i] = getFloat(i);
    }
    return values;
  }

  /// {@return the part at `index` of the outermost dimension: the matrix of one expert, say} Shares
  /// memory.
  ///
  /// @param index from 0
  public TensorView at(long index) {
    Shape inner = shape.inner();
    long bytes = Math.multiplyExact(inner.elements(), (long) dtype.bits()) / 8;
    return new TensorView(
        name + "[" + index + "]", dtype, inner, data.asSlice(index * bytes, bytes));
  }

  /// {@return rows `from` to `to` (exclusive) of the outermost dimension} Shares memory.
  ///
  /// @param from the first row
  /// @param to the row after the last
  public TensorView rows(long from, long to) {
    long rowBytes = Math.multiplyExact(shape.inner().elements(), (long) dtype.bits()) / 8;
    long[] dimensions = new long[shape.rank()];
    dimensions[0] = to - from;
    for (int axis = 1; axis < dimensions.length; axis++) {
      dimensions[axis] = shape.dimension(axis);
    }
    return new TensorView(
        String.format(Locale.ROOT, "%s[%d:%d]", name, from, to),
        dtype,
        Shape.of(dimensions),
        data.asSlice(from * rowBytes, (to - from) * rowBytes));
  }

  /// A copy of a matrix with rows and columns exchanged, elements unchanged.
  ///
  /// @param arena where it is allocated
  /// @return `[columns, rows]` of this `[rows, columns]`, whose elements have 1, 2 or 4 bytes
  public TensorView transposed(Arena arena) {
    return transposed(Math.toIntExact(shape.dimension(1)), 0, 1, arena);
  }

  /// The same of every `step`-th column.
  ///
  /// @param count how many columns are taken
  /// @param first the first one taken
  /// @param step the distance to the next
  /// @param arena where it is allocated
  /// @return `[count, rows]` of this `[rows, columns]`, whose elements have 1, 2 or 4 bytes
  public TensorView transposed(int count, int first, int step, Arena arena) {
    return Transposition.of(this, count, first, step, arena);
  }
}
