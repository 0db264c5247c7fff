package dev.tornadomoe.tensor;

import java.util.Optional;

/// Element types by the names that safetensors uses for them
/// ([format](https://github.com/huggingface/safetensors#format), `Dtype` in its tensor.rs).
///
/// All of them can stand in a header; [TensorView] decodes some of them.
public enum DType {
  /// Truth values, a byte each.
  BOOL(8),
  /// E2M1, two to a byte.
  F4(4),
  /// Floats of 6 bits with 2 of exponent.
  F6_E2M3(6),
  /// Floats of 6 bits with 3 of exponent.
  F6_E3M2(6),
  /// Whole numbers from 0 to 255; also how packed bits are stored.
  U8(8),
  /// Whole numbers from -128 to 127.
  I8(8),
  /// Floats of 8 bits with 5 of exponent.
  F8_E5M2(8),
  /// Floats of 8 bits with 4 of exponent, without infinities ([Float8E4M3]).
  F8_E4M3(8),
  /// Powers of two, the scales of the MX formats ([Float8E8M0]).
  F8_E8M0(8),
  /// E4M3 as AMD's CDNA 3 has it, without a negative zero.
  F8_E4M3FNUZ(8),
  /// E5M2 as AMD's CDNA 3 has it, without a negative zero.
  F8_E5M2FNUZ(8),
  /// Whole numbers of 16 bits.
  I16(16),
  /// Whole numbers of 16 bits, without a sign.
  U16(16),
  /// IEEE 754 binary16.
  F16(16),
  /// bfloat16, the upper half of an F32 ([BFloat16]).
  BF16(16),
  /// Whole numbers of 32 bits.
  I32(32),
  /// Whole numbers of 32 bits, without a sign.
  U32(32),
  /// IEEE 754 binary32.
  F32(32),
  /// Complex numbers of two F32.
  C64(64),
  /// IEEE 754 binary64.
  F64(64),
  /// Whole numbers of 64 bits.
  I64(64),
  /// Whole numbers of 64 bits, without a sign.
  U64(64);

  private final int bits;

  DType(int bits) {
    this.bits = bits;
  }

  /// {@return the type with this safetensors name, or empty for a name the format does not know}
  ///
  /// @param name as a safetensors header has it
  public static Optional<DType> named(String name) {
    for (DType dtype : values()) {
      if (dtype.name().equals(name)) {
        return Optional.of(dtype);
      }
    }
    return Optional.empty();
  }

  /// {@return the size of one element in bits: 4, 6, 8, 16, 32 or 64}
  public int bits() {
    return bits;
  }

  /// {@return the size of one element in bytes}
  ///
  /// @throws IllegalStateException for the types smaller than a byte
  public int bytes() {
    if (bits % 8 != 0) {
      throw new IllegalStateException(name() + " has " + bits + " bits per element");
    }
    return bits / 8;
  }

  /// {@return whether unquantised weights, scales and biases may have this type: F32, F16 and BF16}
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }
}
