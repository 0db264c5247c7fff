package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.Matrix;
import dev.tornadomoe.tensor.DType;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Matrices as they go to the device, one below the other. BF16 stays as it is, two neighbours of a
/// row in a word, and `floats` is a table of what sign and exponent say for a mantissa as a whole
/// number: TornadoVM's OpenCL has no way to make a float of its bits. All else is F32 in `floats`.
///
/// @param flags of the kernels that read it
record DeviceMatrix(IntArray words, FloatArray floats, int rows, int columns, int flags) {

  /// @param matrices with the same number of columns, an even one
  static DeviceMatrix of(Matrix... matrices) {
    int columns = matrices[0].columns();
    int rows = Arrays.stream(matrices).mapToInt(Matrix::rows).sum();
    int elements = Math.multiplyExact(rows, columns);
    if (Arrays.stream(matrices).allMatch(matrix -> matrix.values().dtype() == DType.BF16)) {
      IntArray words = new IntArray(elements / 2);
      long at = 0;
      for (Matrix matrix : matrices) {
        MemorySegment bits = matrix.values().data();
        words.getSegment().asSlice(at, bits.byteSize()).copyFrom(bits);
        at += bits.byteSize();
      }
      return new DeviceMatrix(words, powers(), rows, columns, ProjectionKernels.BFLOAT16);
    }
    FloatArray floats = new FloatArray(elements);
    int at = 0;
    for (Matrix matrix : matrices) {
      for (int i = 0; i < matrix.rows() * columns; i++) {
        floats.set(at++, matrix.values().getFloat(i));
      }
    }
    return new DeviceMatrix(new IntArray(1), floats, rows, columns, 0);
  }

  /// Numbers below 2^-126 are zero.
  private static FloatArray powers() {
    FloatArray powers = new FloatArray(512);
    for (int exponent = 1; exponent < 256; exponent++) {
      float power = (float) Math.scalb(1.0, exponent - 134);
      powers.set(exponent, power);
      powers.set(256 + exponent, -power);
    }
    return powers;
  }
}
