package dev.tornadomoe.tensor;

import java.util.Optional;

/// Element types by the names that safetensors uses for them
/// ([format](https://github.com/huggingface/safetensors#format), `Dtype` in its tensor.rs).
///
/// All of them can stand in a header; [TensorView] decodes some of them.
public enum DType {
  BOOL(8),
  F4(4),
  F6_E2M3(6),
  F6_E3M2(6),
  U8(8),
  I8(8),
  F8_E5M2(8),
  F8_E4M3(8),
  F8_E8M0(8),
  F8_E4M3FNUZ(8),
  F8_E5M2FNUZ(8),
  I16(16),
  U16(16),
  F16(16),
  BF16(16),
  I32(32),
  U32(32),
  F32(32),
  C64(64),
  F64(64),
  I64(64),
  U64(64);

  private final int bits;

  DType(int bits) {
    this.bits = bits;
  }

  /// The type with this safetensors name, or empty for a name the format does not know.
  public static Optional<DType> named(String name) {
    for (DType dtype : values()) {
      if (dtype.name().equals(name)) {
        return Optional.of(dtype);
      }
    }
    return Optional.empty();
  }

  /// Size of one element in bits: 4, 6, 8, 16, 32 or 64.
  public int bits() {
    return bits;
  }

  /// Size of one element in bytes.
  ///
  /// @throws IllegalStateException for the types smaller than a byte
  public int bytes() {
    if (bits % 8 != 0) {
      throw new IllegalStateException(name() + " has " + bits + " bits per element");
    }
    return bits / 8;
  }

  /// The types that unquantised weights, scales and biases may have: F32, F16 and BF16.
  public boolean isFloat() {
    return this == F32 || this == F16 || this == BF16;
  }
}
