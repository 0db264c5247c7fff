package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.f32;
import static dev.tornadomoe.tensor.HeapTensors.of;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.file.ExpertStack;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// NVFP4 experts in one tensor: 3 of them, 8 outputs, 32 inputs.
class Nvfp4StackTest {
  private static final String CONFIG =
      "{\"quantization_config\": {\"quant_method\": \"modelopt\", \"quant_algo\": \"NVFP4\"}}";
  private static final float[] FACTORS = {0.5f, 3, 0.25f, 7, 2, 5};

  @TempDir Path directory;

  private final byte[] values = ByteValues.seeded(71).bytes(3 * 8 * 16);
  private final byte[] scales = positive(ByteValues.seeded(72).fp8(3 * 8 * 2));

  private static byte[] positive(byte[] scales) {
    for (int i = 0; i < scales.length; i++) {
      scales[i] &= 0x7F;
    }
    return scales;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aFactorForEachExpertOrForEachHalf(int each) {
    TensorView factors =
        each == 1
            ? f32("e_scale_2", Shape.of(3), FACTORS[0], FACTORS[1], FACTORS[2])
            : f32("e_scale_2", Shape.of(3, 2), FACTORS);
    try (Checkpoint checkpoint = open(factors)) {
      ExpertStack stack = checkpoint.stack("e", 3, 8, 32, false);
      for (int expert = 0; expert < 3; expert++) {
        for (int half = 0; half < 2; half++) {
          int first = expert * 8 + half * 4;
          float factor = FACTORS[each == 1 ? expert : 2 * expert + half];
          ByteValues.assertDecoded(
              stack.part(expert, 4, 4 * half, 1),
              4,
              32,
              (row, column) ->
                  ByteValues.e2m1(values[(first + row) * 16 + column / 2], column)
                      * ByteValues.e4m3(scales[(first + row) * 2 + column / 16])
                      * factor);
        }
      }
    }
  }

  @Test
  void refusesOtherFactorsAndTurns() {
    try (Checkpoint checkpoint = open(f32("e_scale_2", Shape.of(3, 3), new float[9]))) {
      assertThatThrownBy(() -> checkpoint.stack("e", 3, 8, 32, false))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("model.safetensors", "\"e_scale_2\"", "[3, 3]", "3 experts");
    }
    try (Checkpoint checkpoint = open(f32("e_scale_2", Shape.of(3), 1, 1, 1))) {
      ExpertStack stack = checkpoint.stack("e", 3, 8, 32, false);
      assertThatThrownBy(() -> stack.part(0, 4, 0, 2))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"e\"", "in turns");
    }
    try (Checkpoint checkpoint = open(f32("other", Shape.of(1), 1))) {
      assertThatThrownBy(() -> checkpoint.stack("e", 3, 8, 32, false))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"e_scale_2\"", "missing");
    }
  }

  private Checkpoint open(TensorView factors) {
    return ModelDirectory.open(
        directory,
        CONFIG,
        TensorSet.of(
                of("e", DType.U8, Shape.of(3, 8, 16), values),
                of("e_scale", DType.F8_E4M3, Shape.of(3, 8, 2), scales),
                factors)
            .tensors());
  }
}
