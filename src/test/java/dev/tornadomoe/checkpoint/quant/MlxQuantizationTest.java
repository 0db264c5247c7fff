package dev.tornadomoe.checkpoint.quant;

import static dev.tornadomoe.tensor.HeapTensors.bf16;
import static dev.tornadomoe.tensor.HeapTensors.f32;
import static dev.tornadomoe.tensor.HeapTensors.of;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// MLX's affine quantisation, element by element: 3 outputs, 64 inputs in groups of 16.
class MlxQuantizationTest {
  private static final int GROUPS = 4;

  @TempDir Path directory;

  /// Powers of two for scales and small whole numbers for biases, so that F32 is exact.
  private static float[] numbers(int count, float of) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (i % 5 - 2) * of;
    }
    return numbers;
  }

  private static TensorSet tensors(int bits, byte[] elements) {
    return TensorSet.of(
        of("m.weight", DType.U32, Shape.of(3, 64 * bits / 32), elements),
        bf16("m.scales", Shape.of(3, GROUPS), numbers(12, 0.25f)),
        f32("m.biases", Shape.of(3, GROUPS), numbers(12, 1.5f)));
  }

  private static double value(byte[] elements, int bits, int row, int column) {
    int at = row * 64 + column;
    int q = bits == 8 ? elements[at] & 255 : elements[at / 2] >>> at % 2 * 4 & 15;
    int group = row * GROUPS + column / 16;
    return q * numbers(12, 0.25f)[group] + numbers(12, 1.5f)[group];
  }

  @ParameterizedTest
  @CsvSource({
    "4, '\"group_size\": 16, \"bits\": 4'",
    "8, '\"group_size\": 16, \"bits\": 8, \"mode\": \"affine\"'",
    "8, '\"group_size\": 64, \"bits\": 4, \"m\": {\"group_size\": 16, \"bits\": 8}'",
  })
  void isDecodedAsDefined(int bits, String said) {
    byte[] elements = ByteValues.seeded(81).bytes(3 * 64 * bits / 8);
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, config(said), tensors(bits, elements).tensors())) {
      Weight weight = checkpoint.linear("m", 3, 64);
      assertThat(weight.bytesToLoad()).isZero();
      ByteValues.assertDecoded(weight, 3, 64, (row, column) -> value(elements, bits, row, column));
    }
  }

  @Test
  void whatIsStoredAsFloatsIsUnquantised() {
    TensorSet tensors = TensorSet.of(bf16("m.weight", Shape.of(1, 2), 1, 2));
    String said = "\"group_size\": 16, \"bits\": 4, \"m\": false";
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config(said), tensors.tensors())) {
      assertThat(checkpoint.linear("m", 1, 2).format()).hasToString("BF16");
    }
  }

  @Test
  void namesWhatIsNotReadAndWhatDoesNotFit() {
    TensorSet tensors = tensors(4, new byte[3 * 32]);
    assertRefused("\"group_size\": 16, \"bits\": 3", tensors, "MLX with 3 bits", "not supported");
    assertRefused(
        "\"group_size\": 16, \"bits\": 4, \"mode\": \"mxfp4\"", tensors, "\"mxfp4\"", "affine");
    assertRefused("\"group_size\": 48, \"bits\": 4", tensors, "\"m\"", "64 inputs", "of 48");
    assertRefused("\"group_size\": 32, \"bits\": 4", tensors, "\"m.scales\"", "[3, 4]", "[3, 2]");
    assertRefused("\"group_size\": 16, \"bits\": 8", tensors, "\"m.weight\"", "[3, 8]", "[3, 16]");
    assertRefused(
        "\"group_size\": 16, \"bits\": 4", tensors.remove("m.biases"), "\"m.biases\"", "missing");
    float[] biases = numbers(12, 1);
    biases[5] = Float.NaN;
    TensorSet broken = tensors.put(f32("m.biases", Shape.of(3, GROUPS), biases));
    try (Checkpoint checkpoint =
            ModelDirectory.open(
                directory, config("\"group_size\": 16, \"bits\": 4"), broken.tensors());
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear("m", 3, 64);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("\"m.biases\"", "NaN", "element 5");
    }
  }

  private void assertRefused(String said, TensorSet tensors, String... says) {
    ModelDirectory.assertLinearRefused(directory, config(said), tensors, "m", 3, 64, says);
  }

  /// Both objects, as MLX writes them.
  private static String config(String said) {
    return String.format(
        Locale.ROOT, "{\"quantization\": {%s}, \"quantization_config\": {%s}}", said, said);
  }
}
