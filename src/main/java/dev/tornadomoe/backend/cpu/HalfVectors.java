package dev.tornadomoe.backend.cpu;

import static dev.tornadomoe.backend.cpu.Species.FLOAT;
import static dev.tornadomoe.backend.cpu.Species.HALF;
import static dev.tornadomoe.backend.cpu.Species.INT;
import static dev.tornadomoe.backend.cpu.Species.ORDER;

import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// Loads F32, BF16 and F16 as vectors of F32, exactly.
final class HalfVectors {
  /// 2^(127 - 15): what is left between the exponents once an F16's fields are in an F32's places.
  private static final float F16_REBIAS = 0x1p112f;

  /// An F16's infinity, shifted to an F32's places: from here on the exponent is all ones.
  private static final int F16_INFINITY = 0x7C00 << 13;

  private static final int F32_INFINITY = 0x7F800000;

  private HalfVectors() {}

  /// One vector of floats.
  ///
  /// @param element index of its first element
  static FloatVector load(MemorySegment segment, long element, DType type) {
    return switch (type) {
      case F32 -> FloatVector.fromMemorySegment(FLOAT, segment, element * 4, ORDER);
      case BF16 -> bf16(segment, element * 2);
      case F16 -> f16(segment, element * 2);
      default -> throw new IllegalArgumentException("no vector of " + type);
    };
  }

  static FloatVector bf16(MemorySegment segment, long offset) {
    return bits(segment, offset).lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats();
  }

  static FloatVector f16(MemorySegment segment, long offset) {
    IntVector bits = bits(segment, offset);
    IntVector magnitude = bits.and(0x7FFF).lanewise(VectorOperators.LSHL, 13);
    IntVector sign = bits.and(0x8000).lanewise(VectorOperators.LSHL, 16);
    // The multiplication also normalises subnormals.
    IntVector value = magnitude.reinterpretAsFloats().mul(F16_REBIAS).reinterpretAsInts();
    IntVector special = value.or(F32_INFINITY);
    return value
        .blend(special, magnitude.compare(VectorOperators.GE, F16_INFINITY))
        .or(sign)
        .reinterpretAsFloats();
  }

  private static IntVector bits(MemorySegment segment, long offset) {
    return (IntVector)
        ShortVector.fromMemorySegment(HALF, segment, offset, ORDER)
            .convertShape(VectorOperators.ZERO_EXTEND_S2I, INT, 0);
  }
}
