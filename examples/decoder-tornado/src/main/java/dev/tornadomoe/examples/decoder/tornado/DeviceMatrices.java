package dev.tornadomoe.examples.decoder.tornado;

import dev.tornadomoe.examples.decoder.Matrix;
import dev.tornadomoe.examples.decoder.Norm;
import uk.ac.manchester.tornado.api.types.arrays.FloatArray;

/// Brings weights into arrays for the device, as F32: in kernels TornadoVM's OpenCL has no way to
/// make a float of the bits of a BF16.
final class DeviceMatrices {
  private DeviceMatrices() {}

  /// The rows of some matrices, one matrix after the other.
  static FloatArray of(Matrix... matrices) {
    int elements = 0;
    for (Matrix matrix : matrices) {
      elements = Math.addExact(elements, Math.multiplyExact(matrix.rows(), matrix.columns()));
    }
    FloatArray all = new FloatArray(elements);
    int at = 0;
    for (Matrix matrix : matrices) {
      int size = matrix.rows() * matrix.columns();
      for (int i = 0; i < size; i++) {
        all.set(at + i, matrix.values().getFloat(i));
      }
      at += size;
    }
    return all;
  }

  /// The weights of some norms, one after the other.
  static FloatArray of(Norm... norms) {
    int elements = 0;
    for (Norm norm : norms) {
      elements += norm.weight().length;
    }
    FloatArray all = new FloatArray(elements);
    int at = 0;
    for (Norm norm : norms) {
      for (float weight : norm.weight()) {
        all.set(at++, weight);
      }
    }
    return all;
  }
}
