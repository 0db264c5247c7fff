package com.example;

import com.github.tjake.jlama.tensor.AbstractTensor;
import com.github.tjake.jlama.tensor.Q4ByteBufferTensor;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Int4Matrix;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Jlama's tensors as the library's weights: F32 and BF16 where they lie, Q4 as 4-bit integers.
@SuppressWarnings("rawtypes") // Jlama's tensors
final class JlamaWeights {
  private JlamaWeights() {}

  static Weight of(String name, AbstractTensor tensor) {
    if (tensor instanceof Q4ByteBufferTensor q4) {
      return new Q4(name, q4);
    }
    return Weight.dense(view(name, type(name, tensor.dType()), tensor));
  }

  static DType type(String name, com.github.tjake.jlama.safetensors.DType type) {
    return switch (type) {
      case F32 -> DType.F32;
      case BF16 -> DType.BF16;
      default ->
          throw new IllegalArgumentException(name + ": " + type + ", expected F32, BF16 or Q4");
    };
  }

  private static TensorView view(String name, DType type, AbstractTensor tensor) {
    return new TensorView(
        name,
        type,
        Shape.of(tensor.shape().first(), tensor.shape().last()),
        tensor.getMemorySegment());
  }

  /// `value = (nibble - 8) * scale`, an F32 scale for 32 columns. Of the 16 bytes of 32 columns
  /// byte i has column i in its lower nibble and column i + 16 in its upper one. It is rearranged
  /// when it is loaded, into memory that is given back once the backend has its own form of it.
  private record Q4(String name, Q4ByteBufferTensor tensor) implements Weight {
    private static final int GROUP = Q4ByteBufferTensor.BLOCK_SIZE;
    private static final int LOW = 0x0F0F0F0F;
    private static final ValueLayout.OfInt WORD =
        ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    @Override
    public int rows() {
      return tensor.shape().first();
    }

    @Override
    public int columns() {
      return tensor.shape().last();
    }

    @Override
    public WeightFormat format() {
      return WeightFormat.int4(DType.F32, GROUP, false, false);
    }

    @Override
    public long bytesToLoad() {
      return (long) rows() * columns() / 2;
    }

    @Override
    public Int4Matrix load(Arena arena) {
      MemorySegment stored = tensor.getMemorySegment();
      MemorySegment words = arena.allocate(bytesToLoad(), Integer.BYTES);
      for (long block = 0; block < words.byteSize(); block += GROUP / 2) {
        for (int i = 0; i < 2; i++) {
          int low = stored.get(WORD, block + i * 8);
          int high = stored.get(WORD, block + i * 8 + 4);
          words.set(WORD, block + i * 4, pair(low & LOW) | pair(high & LOW) << 16);
          words.set(WORD, block + 8 + i * 4, pair(low >>> 4 & LOW) | pair(high >>> 4 & LOW) << 16);
        }
      }
      TensorView scales = view(name + " scales", DType.F32, tensor.getBlockF());
      return new Int4Matrix(rows(), columns(), GROUP, words, scales, null, null);
    }

    /// The nibbles of four bytes, next to each other.
    private static int pair(int bytes) {
      return Integer.compress(bytes, LOW);
    }
  }
}
