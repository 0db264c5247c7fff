package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.f16;
import static dev.tornadomoe.tensor.HeapTensors.i32;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// GPTQ with 8 bits, element by element: four inputs of one output to a word, lowest first.
class GptqEightBitsTest {
  private static final String MODULE = "m.down_proj";

  @TempDir Path directory;

  /// A weight made up by `(q - zero) * scale`, and the words that the format has for it.
  private static final class Made {
    final int[][] q;
    final int[][] zero;
    final float[][] scale;
    final int[] groupOf;

    Made(int rows, int columns, int group, boolean symmetric, boolean shuffled) {
      Random random = new Random(41);
      int groups = (columns + group - 1) / group;
      q = new int[rows][columns];
      zero = new int[rows][groups];
      scale = new float[rows][groups];
      groupOf = new int[columns];
      for (int c = 0; c < columns; c++) {
        groupOf[c] = shuffled ? random.nextInt(groups) : c / group;
      }
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          q[r][c] = random.nextInt(256);
        }
        for (int g = 0; g < groups; g++) {
          zero[r][g] = symmetric ? 128 : random.nextInt(256);
          scale[r][g] = (1 + random.nextInt(255)) / 1024f;
        }
      }
    }

    TensorSet tensors(int minus) {
      int rows = q.length;
      int columns = groupOf.length;
      int groups = zero[0].length;
      int perGroup = (rows + 3) / 4;
      int[] weights = new int[(columns + 3) / 4 * rows];
      int[] zeros = new int[groups * perGroup];
      float[] scales = new float[groups * rows];
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < columns; c++) {
          weights[c / 4 * rows + r] |= q[r][c] << c % 4 * 8;
        }
        for (int g = 0; g < groups; g++) {
          zeros[g * perGroup + r / 4] |= (zero[r][g] - minus & 255) << r % 4 * 8;
          scales[g * rows + r] = scale[r][g];
        }
      }
      return TensorSet.of(
          i32(MODULE + ".qweight", Shape.of((columns + 3) / 4, rows), weights),
          i32(MODULE + ".qzeros", Shape.of(groups, perGroup), zeros),
          f16(MODULE + ".scales", Shape.of(groups, rows), scales),
          i32(MODULE + ".g_idx", Shape.of(columns), groupOf));
    }

    double at(int row, int column) {
      int group = groupOf[column];
      return (q[row][column] - zero[row][group]) * (double) scale[row][group];
    }
  }

  @ParameterizedTest
  @CsvSource({
    "8, 64, 32, false, gptq, false",
    "8, 64, 32, true, gptq, false",
    "13, 38, 16, false, gptq_v2, false", // words that rows and columns end inside
    "8, 64, 32, false, gptq, true"
  })
  void isDecodedAsDefined(
      int rows, int columns, int group, boolean symmetric, String format, boolean shuffled) {
    Made made = new Made(rows, columns, group, symmetric, shuffled);
    String fields =
        String.format(
            Locale.ROOT,
            "\"bits\": 8, \"group_size\": %d, \"sym\": %s, \"desc_act\": %s, \"checkpoint_format\":"
                + " \"%s\"",
            group,
            symmetric,
            shuffled,
            format);
    try (Checkpoint checkpoint = open(fields, made.tensors(format.equals("gptq") ? 1 : 0))) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format().coding().name()).isEqualTo("int8");
      ByteValues.assertDecoded(weight, rows, columns, made::at);
    }
  }

  /// All members of a model have 4 bits, this one 8 by a rule.
  @Test
  void aRuleOfTheModuleSaysIt() {
    Made made = new Made(8, 64, 16, false, false);
    String fields =
        "\"bits\": 4, \"group_size\": 32, \"sym\": false,"
            + " \"dynamic\": {\"+:.*down_proj\": {\"bits\": 8, \"group_size\": 16}}";
    try (Checkpoint checkpoint = open(fields, made.tensors(1))) {
      ByteValues.assertDecoded(checkpoint.linear(MODULE, 8, 64), 8, 64, made::at);
    }
  }

  @Test
  void refusesWhatContradictsTheConfig() {
    TensorSet tensors = new Made(8, 64, 32, false, false).tensors(1);
    assertRefused(
        "\"bits\": 8, \"group_size\": 32, \"sym\": true", tensors, "qzeros", "zero point", "sym");
    int[] far = new int[64];
    far[3] = 2;
    assertRefused(
        "\"bits\": 8, \"group_size\": 32, \"sym\": false",
        tensors.put(i32(MODULE + ".g_idx", Shape.of(64), far)),
        "g_idx",
        "column 3",
        "group 2",
        "0 to 1");
  }

  private void assertRefused(String fields, TensorSet tensors, String... says) {
    try (Checkpoint checkpoint = open(fields, tensors);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 8, 64);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(says)
          .hasMessageContaining("model.safetensors");
    }
  }

  private Checkpoint open(String fields, TensorSet tensors) {
    return ModelDirectory.open(
        directory,
        "{\"quantization_config\": {\"quant_method\": \"gptq\", " + fields + "}}",
        tensors.tensors());
  }
}
