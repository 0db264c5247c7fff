package dev.tornadomoe.plan;

import dev.tornadomoe.modular.Operand;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import java.util.Locale;

/// Memory that steps of a plan read and write.
///
/// @param id its index in the bucket's list
/// @param layer the layer's index in the plan
/// @param operand what it holds; operands that were merged into it have it as their buffer too
/// @param dtype element type
/// @param shape at the bucket's most tokens
/// @param rowStride elements from one row to the next
/// @param location where it is
public record Buffer(
    int id,
    int layer,
    Operand operand,
    DType dtype,
    Shape shape,
    long rowStride,
    Location location) {

  /// Where a buffer is.
  public sealed interface Location {}

  /// Memory the caller brings with each call. Buffers of one region are the same memory.
  ///
  /// @param region whose memory it is
  public record Caller(CallerRegion region) implements Location {}

  /// A part of the session's workspace.
  ///
  /// @param offset in bytes
  /// @param bytes without any guard behind it
  public record Slot(long offset, long bytes) implements Location {

    /// {@return the first byte after it, in bytes from the workspace's beginning}
    public long end() {
      return offset + bytes;
    }
  }

  /// {@return its size at the bucket's most tokens}
  public long bytes() {
    return Math.multiplyExact(shape.elements(), (long) dtype.bytes());
  }

  /// {@return how many elements each of its rows has}
  public int columns() {
    return Math.toIntExact(shape.dimension(shape.rank() - 1));
  }

  /// {@return whether the caller brings the memory}
  public boolean isCallers() {
    return location instanceof Caller;
  }

  /// As in `layer 3 fused_out`.
  @Override
  public String toString() {
    return String.format(Locale.ROOT, "layer %d %s", layer, operand);
  }
}
