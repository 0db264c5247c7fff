package dev.tornadomoe.tornado.weights;

import dev.tornadomoe.tornado.device.DeviceArrays;
import dev.tornadomoe.tornado.kernel.Chunks;
import java.util.List;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Matrices of the same shape and storage, one below the other, in the arrays that kernels take.
///
/// @param storage how
/// @param words of weights of up to 16 bits, or one element that nobody reads
/// @param scales of codes, powers of two for 16-bit weights, values of 32-bit ones
/// @param order of the columns, `[matrices, columns]`, or one element
/// @param bias `[matrices, rows in blocks of 8]`, or one element
/// @param flags `Flags` of storage and bias, and of what a kernel does with them
public record DeviceMatrix(
    Storage storage,
    IntArray words,
    FloatArray scales,
    IntArray order,
    FloatArray bias,
    int flags) {

  public int rows() {
    return storage.rows();
  }

  public int columns() {
    return storage.columns();
  }

  /// Spans of a row, where it has them.
  public int spans() {
    return Chunks.spans(columns());
  }

  public int groupSize() {
    return storage.groupSize();
  }

  /// The same arrays for a kernel that takes more flags.
  public DeviceMatrix withFlags(int more) {
    return new DeviceMatrix(storage, words, scales, order, bias, flags | more);
  }

  /// Other arrays of the same sizes.
  DeviceMatrix room() {
    return new DeviceMatrix(
        storage,
        DeviceArrays.ints(words.getSize()),
        DeviceArrays.floats(scales.getSize()),
        DeviceArrays.ints(order.getSize()),
        DeviceArrays.floats(bias.getSize()),
        flags);
  }

  List<Object> arrays() {
    return List.of(words, scales, order, bias);
  }
}
