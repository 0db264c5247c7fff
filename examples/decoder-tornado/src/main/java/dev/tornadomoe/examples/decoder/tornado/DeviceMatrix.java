package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.DecoderException;
import dev.tornadomoe.examples.decoder.Matrix;
import dev.tornadomoe.tensor.DType;
import java.util.Arrays;
import java.util.stream.IntStream;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;
import uk.ac.manchester.tornado.api.types.arrays.IntArray;

/// Matrices as they go to the device, one below the other. BF16 becomes integers of 16 bits, two
/// neighbours of a row in a word, with [ProjectionKernels#SCALES] powers of two for a row in
/// `floats`: in a kernel they are numbers at once, whereas TornadoVM's OpenCL has no way to make a
/// float of a BF16's bits. What is at least a 128th of the largest that has the same scale stays as
/// it is, and what is less loses at most 2^-15 of that. All else is F32 in `floats`.
///
/// @param flags of the kernels that read it
record DeviceMatrix(IntArray words, FloatArray floats, int rows, int columns, int flags) {

  /// @param matrices with the same number of columns, an even one
  static DeviceMatrix of(Matrix... matrices) {
    int columns = matrices[0].columns();
    int rows = Arrays.stream(matrices).mapToInt(Matrix::rows).sum();
    boolean integers =
        Arrays.stream(matrices).allMatch(matrix -> matrix.values().dtype() == DType.BF16);
    int elements = Math.multiplyExact(rows, columns);
    DeviceMatrix all =
        integers
            ? new DeviceMatrix(
                new IntArray(elements / 2),
                new FloatArray(rows * ProjectionKernels.SCALES),
                rows,
                columns,
                ProjectionKernels.INT16)
            : new DeviceMatrix(new IntArray(1), new FloatArray(elements), rows, columns, 0);
    int first = 0;
    for (Matrix matrix : matrices) {
      int above = first;
      IntStream.range(0, matrix.rows())
          .parallel()
          .forEach(row -> {
            float[] values = new float[columns];
            matrix.row(row, values, 0);
            if (integers) {
              requireFinite(matrix, row, values);
            }
            all.set(above + row, values);
          });
      first += matrix.rows();
    }
    return all;
  }

  /// Integers have no other numbers.
  private static void requireFinite(Matrix matrix, int row, float... values) {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new DecoderException(
            "tensor \"%s\" has %s in row %d, column %d, expected a finite number",
            matrix.values().name(), values[i], row, i);
      }
    }
  }

  private void set(int row, float... values) {
    if (flags == 0) {
      for (int i = 0; i < columns; i++) {
        floats.set(row * columns + i, values[i]);
      }
      return;
    }
    float[] largest = new float[ProjectionKernels.SCALES];
    for (int i = 0; i < columns; i++) {
      int place = ProjectionKernels.scale(i);
      largest[place] = Math.max(largest[place], Math.abs(values[i]));
    }
    int[] exponents = new int[ProjectionKernels.SCALES];
    for (int place = 0; place < exponents.length; place++) {
      exponents[place] = Math.getExponent(largest[place]) - 14; // up to 255 * 2^7 then
      floats.set(row * exponents.length + place, Math.scalb(1f, exponents[place]));
    }
    for (int i = 0; i < columns; i += 2) {
      int exponent = exponents[ProjectionKernels.scale(i)];
      int even = Math.round(Math.scalb(values[i], -exponent));
      int odd = Math.round(Math.scalb(values[i + 1], -exponent));
      words.set((row * columns + i) / 2, (even & 0xFFFF) | (odd << 16));
    }
  }
}
