package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.DecoderException;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.DenseMatrix;
import dev.tornadomoe.tensor.WeightFormat;
import dev.tornadomoe.tensor.WeightMatrix;
import java.util.Arrays;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Matrices as they go to the device, one below the other. BF16 becomes integers of 16 bits, two
/// neighbours of a row in a word, with a power of two for a row in `floats`: in a kernel they are
/// numbers at once, whereas TornadoVM's OpenCL has no way to make a float of a BF16's bits. What is
/// at least a 128th of the row's largest stays as it is, and what is less loses at most 2^-15 of
/// that. All else is F32 in `floats`.
///
/// @param flags of the kernels that read it
record DeviceMatrix(IntArray words, FloatArray floats, int rows, int columns, int flags) {

  /// @param matrices with the same number of columns, an even one
  static DeviceMatrix of(WeightMatrix... matrices) {
    WeightFormat bf16 = WeightFormat.dense(DType.BF16);
    boolean integers = Arrays.stream(matrices).allMatch(w -> w.format().equals(bf16));
    int columns = matrices[0].columns();
    int rows = Arrays.stream(matrices).mapToInt(WeightMatrix::rows).sum();
    int elements = Math.multiplyExact(rows, columns);
    IntArray words = new IntArray(integers ? elements / 2 : 1);
    FloatArray floats = new FloatArray(integers ? rows : elements);
    int above = 0;
    for (WeightMatrix matrix : matrices) {
      int first = above;
      IntStream.range(0, matrix.rows())
          .parallel()
          .forEach(r -> {
            float[] row = new float[columns];
            matrix.decodeRow(r, row);
            if (integers) {
              String name = ((DenseMatrix) matrix).values().name();
              floats.set(first + r, setIntegers(name, words, first + r, row));
            } else {
              for (int i = 0; i < columns; i++) {
                floats.set((first + r) * columns + i, row[i]);
              }
            }
          });
      above += matrix.rows();
    }
    return new DeviceMatrix(words, floats, rows, columns, integers ? Kernels.INT16 : 0);
  }

  /// Returns the scale.
  private static float setIntegers(String tensor, IntArray words, int r, float... row) {
    float largest = 0;
    for (float value : row) {
      largest = Math.max(largest, Math.abs(value));
    }
    if (!Float.isFinite(largest)) { // integers have no such number
      throw new DecoderException(
          "tensor \"" + tensor + "\" has " + largest + " in it, expected finite numbers");
    }
    int exponent = Math.getExponent(largest) - 14; // up to 255 * 2^7 then
    for (int i = 0; i < row.length; i += 2) {
      int even = Math.round(Math.scalb(row[i], -exponent));
      int odd = Math.round(Math.scalb(row[i + 1], -exponent));
      words.set((r * row.length + i) / 2, (even & 0xFFFF) | (odd << 16));
    }
    return Math.scalb(1f, exponent);
  }
}
