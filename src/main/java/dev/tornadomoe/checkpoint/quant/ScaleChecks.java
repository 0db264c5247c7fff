package dev.tornadomoe.checkpoint.quant;

import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.tensor.TensorView;
import java.util.Locale;

/// Refuses scales that can't be right, when a weight is loaded.
final class ScaleChecks {
  private ScaleChecks() {}

  /// Scales of floats and of symmetric integers come from a largest magnitude: a zero loses its
  /// block, a negative one, an infinity or a NaN never comes of it.
  static void requirePositive(String file, TensorView scales) {
    require(file, scales, false, "a finite number above 0");
  }

  /// NVFP4's scales are so short that those of small groups become 0.
  static void requireNotNegative(String file, TensorView scales) {
    require(file, scales, true, "a finite number from 0");
  }

  private static void require(String file, TensorView scales, boolean zero, String expected) {
    long count = scales.shape().elements();
    for (long i = 0; i < count; i++) {
      float scale = scales.getFloat(i);
      if (!Float.isFinite(scale) || scale < 0 || (scale == 0 && !zero)) {
        throw new CheckpointException(
            String.format(
                Locale.ROOT,
                "%s: tensor \"%s\" has scale %s at element %d, expected %s",
                file,
                scales.name(),
                scale,
                i,
                expected));
      }
    }
  }
}
