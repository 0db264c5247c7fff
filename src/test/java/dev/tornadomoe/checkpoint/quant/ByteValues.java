package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import dev.tornadomoe.tensor.WeightMatrix;
import java.lang.foreign.Arena;
import java.util.Random;

/// Random bytes of a matrix, random scales, and what they mean by the formats' definitions,
/// computed in double the naive way.
public final class ByteValues {
  private final Random random;

  private ByteValues(long seed) {
    this.random = new Random(seed);
  }

  public static ByteValues seeded(long seed) {
    return new ByteValues(seed);
  }

  /// Any bytes.
  public byte[] bytes(int count) {
    byte[] bytes = new byte[count];
    random.nextBytes(bytes);
    return bytes;
  }

  /// Bytes that are numbers in E4M3.
  public byte[] fp8(int count) {
    byte[] bytes = bytes(count);
    for (int i = 0; i < count; i++) {
      if ((bytes[i] & 0x7F) == 0x7F) {
        bytes[i] = 0;
      }
    }
    return bytes;
  }

  /// Positive numbers that BF16 and F16 hold exactly.
  public float[] scales(int count) {
    float[] scales = new float[count];
    for (int i = 0; i < count; i++) {
      scales[i] = (1 + random.nextInt(255)) / 1024f;
    }
    return scales;
  }

  public static TensorView fp8(String name, byte[] bytes, long... shape) {
    return HeapTensors.of(name, DType.F8_E4M3, Shape.of(shape), bytes);
  }

  /// A sign, four bits of exponent with bias 7, three of mantissa.
  public static double e4m3(byte bits) {
    int exponent = (bits >> 3) & 15;
    double mantissa = (bits & 7) / 8.0;
    double magnitude =
        exponent == 0 ? mantissa * Math.pow(2, -6) : (1 + mantissa) * Math.pow(2, exponent - 7);
    return bits < 0 ? -magnitude : magnitude;
  }

  /// A sign, two bits of exponent with bias 1, one of mantissa; two to a byte, the lower first.
  public static double e2m1(byte pair, int column) {
    int bits = column % 2 == 0 ? pair & 15 : (pair >> 4) & 15;
    int exponent = (bits >> 1) & 3;
    double mantissa = (bits & 1) / 2.0;
    double magnitude = exponent == 0 ? mantissa : (1 + mantissa) * Math.pow(2, exponent - 1);
    return bits >= 8 ? -magnitude : magnitude;
  }

  /// An element as the definition has it.
  @FunctionalInterface
  public interface Definition {
    double at(int row, int column);
  }

  /// Loads a weight and compares every element, to the accuracy of a product in F32.
  public static void assertDecoded(Weight weight, int rows, int columns, Definition definition) {
    assertThat(weight.rows()).isEqualTo(rows);
    assertThat(weight.columns()).isEqualTo(columns);
    try (Arena arena = Arena.ofConfined()) {
      WeightMatrix matrix = weight.load(arena);
      assertThat(matrix.rows()).isEqualTo(rows);
      assertThat(matrix.columns()).isEqualTo(columns);
      assertThat(matrix.format()).isEqualTo(weight.format());
      float[] found = new float[columns + 2];
      for (int row = 0; row < rows; row++) {
        found[0] = 17;
        found[columns + 1] = 18;
        matrix.decodeRow(row, found, 1);
        assertThat(found[0]).isEqualTo(17);
        assertThat(found[columns + 1]).isEqualTo(18);
        for (int column = 0; column < columns; column++) {
          double expected = definition.at(row, column);
          assertThat(Math.abs(found[column + 1] - expected))
              .as(
                  "%s [%d, %d]: %s, expected %s",
                  weight.name(), row, column, found[column + 1], expected)
              .isLessThanOrEqualTo(3e-7 * Math.abs(expected));
        }
      }
    }
  }
}
