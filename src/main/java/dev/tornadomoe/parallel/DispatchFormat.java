package dev.tornadomoe.parallel;

import dev.tornadomoe.tensor.Float8E4M3;

/// How a token's row travels to its experts. Results come back in F32.
///
/// The short forms have a scale for each group of 128 columns, as DeepSeek-V3 sends its rows
/// ([report](https://arxiv.org/abs/2412.19437), section 3.2.2). A finite value is off by at most
/// the part of its group's largest magnitude that each says; a group with an infinity becomes NaN.
/// All rows are rounded, those that stay on their rank too, so that results don't depend on the
/// ranks' number.
public enum DispatchFormat {
  /// As it is.
  F32,
  /// 8-bit integers: off by 1/254 of the group's largest magnitude, half a step.
  INT8,
  /// FP8 E4M3: off by 1/16 of the value itself (half a step of its 3 bits), or 1/458752 of the
  /// group's largest magnitude where that is more.
  FP8;

  /// Columns that share a scale.
  static final int GROUP = 128;

  /// The scale of a group.
  ///
  /// @param most its largest magnitude
  float scale(float most) {
    return most / (this == INT8 ? 127 : Float8E4M3.MAX);
  }

  /// A value in 8 bits.
  ///
  /// @param scaled by its group's scale
  byte code(float scaled) {
    return this == INT8 ? (byte) Math.rint(scaled) : Float8E4M3.fromFloat(scaled);
  }

  /// What a code stands for, before it is scaled.
  float value(byte code) {
    return this == INT8 ? code : Float8E4M3.toFloat(code);
  }

  /// {@return the bytes of a row on its way}
  ///
  /// @param hidden H
  public int rowBytes(int hidden) {
    return this == F32
        ? Math.multiplyExact(hidden, Float.BYTES)
        : Math.addExact(hidden, Math.ceilDiv(hidden, GROUP) * Float.BYTES);
  }
}
