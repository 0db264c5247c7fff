package dev.tornadomoe.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// Tensors over byte arrays, from values that their type holds exactly.
public final class HeapTensors {
  private HeapTensors() {}

  public static TensorView f32(String name, Shape shape, float... values) {
    ByteBuffer bytes = littleEndian(4 * values.length);
    for (float value : values) {
      bytes.putFloat(value);
    }
    return of(name, DType.F32, shape, bytes.array());
  }

  public static TensorView f16(String name, Shape shape, float... values) {
    ByteBuffer bytes = littleEndian(2 * values.length);
    for (float value : values) {
      short bits = Float.floatToFloat16(value);
      requireExact(value, Float.float16ToFloat(bits));
      bytes.putShort(bits);
    }
    return of(name, DType.F16, shape, bytes.array());
  }

  public static TensorView bf16(String name, Shape shape, float... values) {
    ByteBuffer bytes = littleEndian(2 * values.length);
    for (float value : values) {
      int bits = Float.floatToRawIntBits(value);
      requireExact(value, Float.intBitsToFloat(bits & 0xFFFF_0000));
      bytes.putShort((short) (bits >>> 16));
    }
    return of(name, DType.BF16, shape, bytes.array());
  }

  /// F32, F16 or BF16.
  public static TensorView floats(String name, DType dtype, Shape shape, float... values) {
    return switch (dtype) {
      case F32 -> f32(name, shape, values);
      case F16 -> f16(name, shape, values);
      case BF16 -> bf16(name, shape, values);
      default -> throw new IllegalArgumentException(dtype.name());
    };
  }

  public static TensorView i32(String name, Shape shape, int... values) {
    ByteBuffer bytes = littleEndian(4 * values.length);
    for (int value : values) {
      bytes.putInt(value);
    }
    return of(name, DType.I32, shape, bytes.array());
  }

  public static TensorView i64(String name, Shape shape, long... values) {
    ByteBuffer bytes = littleEndian(8 * values.length);
    for (long value : values) {
      bytes.putLong(value);
    }
    return of(name, DType.I64, shape, bytes.array());
  }

  public static TensorView of(String name, DType dtype, Shape shape, byte... bytes) {
    return new TensorView(name, dtype, shape, MemorySegment.ofArray(bytes));
  }

  /// The same tensor one byte off any alignment, as files may have it.
  public static TensorView misaligned(TensorView tensor) {
    byte[] bytes = new byte[Math.toIntExact(tensor.data().byteSize()) + 1];
    MemorySegment.copy(tensor.data(), ValueLayout.JAVA_BYTE, 0, bytes, 1, bytes.length - 1);
    return new TensorView(
        tensor.name(), tensor.dtype(), tensor.shape(), MemorySegment.ofArray(bytes).asSlice(1));
  }

  private static ByteBuffer littleEndian(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void requireExact(float value, float stored) {
    if (Float.compare(value, stored) != 0) {
      throw new IllegalArgumentException(value + " would be stored as " + stored);
    }
  }
}
