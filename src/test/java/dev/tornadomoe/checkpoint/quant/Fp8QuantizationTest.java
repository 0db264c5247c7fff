package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import dev.tornadomoe.tensor.Weight;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// DeepSeek's FP8 in blocks, and the method's other forms.
class Fp8QuantizationTest {
  private static final String MODULE = "m.up_proj";
  private static final String BLOCKS = "\"weight_block_size\": [128, 128]";

  @TempDir Path directory;

  @ParameterizedTest(name = "[{0}, {1}]")
  @CsvSource({"128, 128", "256, 384", "130, 257", "1, 1", "127, 129", "300, 40"})
  void readsBlocksWithRaggedEdges(int rows, int columns) {
    ByteValues random = ByteValues.seeded(2);
    int across = (columns + 127) / 128;
    byte[] values = random.fp8(rows * columns);
    float[] scales = random.scales((rows + 127) / 128 * across);
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8(MODULE + ".weight", values, rows, columns),
            HeapTensors.f32(
                MODULE + ".weight_scale_inv", Shape.of((rows + 127) / 128, across), scales));
    try (Checkpoint checkpoint = open(BLOCKS + ", \"fmt\": \"e4m3\"", tensors)) {
      Weight weight = checkpoint.linear(MODULE, rows, columns);
      assertThat(weight.format()).hasToString("fp8 128x128 (F32 scales)");
      ByteValues.assertDecoded(
          weight,
          rows,
          columns,
          (row, column) ->
              ByteValues.e4m3(values[row * columns + column])
                  * scales[row / 128 * across + column / 128]);
    }
  }

  @ParameterizedTest
  @CsvSource({
    "weight_scale, '', 1, fp8 per tensor (F32 scale)",
    "weight_scale, 1, 1, fp8 per tensor (F32 scale)",
    "weight_scale, 6, 6, fp8 per channel (F32 scales)",
    "weight_scale, '6,1', 6, fp8 per channel (F32 scales)",
    "weight_scale_inv, '6,1', 6, fp8 per channel (F32 scales)"
  })
  void withoutABlockSizeTheShapeOfTheScalesTells(
      String suffix, String shape, int count, String format) {
    ByteValues random = ByteValues.seeded(3);
    byte[] values = random.fp8(6 * 10);
    float[] scales = random.scales(count);
    Shape scaleShape =
        shape.isEmpty() ? Shape.of() : shape.equals("6,1") ? Shape.of(6, 1) : Shape.of(count);
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8(MODULE + ".weight", values, 6, 10),
            HeapTensors.f32(MODULE + "." + suffix, scaleShape, scales),
            HeapTensors.f32(MODULE + ".input_scale", Shape.of(1), 1));
    for (String method : new String[] {"fp8", "fbgemm_fp8"}) {
      try (Checkpoint checkpoint =
          openMethod(method, "\"activation_scheme\": \"static\"", tensors)) {
        Weight weight = checkpoint.linear(MODULE, 6, 10);
        assertThat(weight.format()).hasToString(format);
        ByteValues.assertDecoded(
            weight,
            6,
            10,
            (row, column) ->
                ByteValues.e4m3(values[row * 10 + column]) * scales[count == 1 ? 0 : row]);
      }
    }
  }

  /// DeepSeek-V4's experts are of 4 bits, what is around them of 8.
  @Test
  void readsExpertsOfFourBitsAmongThoseOfEight() {
    float[] e2m1 = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6, -0f, -0.5f, -1, -1.5f, -2, -3, -4, -6};
    byte[] packed = ByteValues.seeded(5).fp8(3 * 32);
    byte[] exponents = {120, 121, 122, 123, 124, 125};
    byte[] values = ByteValues.seeded(6).fp8(3 * 64);
    TensorSet tensors =
        TensorSet.of(
            HeapTensors.of("m.w1.weight", DType.I8, Shape.of(3, 32), packed),
            HeapTensors.of("m.w1.scale", DType.F8_E8M0, Shape.of(3, 2), exponents),
            ByteValues.fp8("m.w2.weight", values, 3, 64),
            HeapTensors.of("m.w2.scale", DType.F8_E8M0, Shape.of(1, 1), (byte) 126));
    try (Checkpoint checkpoint = open(BLOCKS + ", \"scale_fmt\": \"ue8m0\"", tensors)) {
      ByteValues.assertDecoded(
          checkpoint.linear("m.w1", 3, 64),
          3,
          64,
          (row, column) ->
              e2m1[packed[row * 32 + column / 2] >> 4 * (column % 2) & 15]
                  * Math.scalb(1f, exponents[row * 2 + column / 32] - 127));
      ByteValues.assertDecoded(
          checkpoint.linear("m.w2", 3, 64),
          3,
          64,
          (row, column) -> ByteValues.e4m3(values[row * 64 + column]) / 2);
    }
  }

  @Test
  void readsScalesThatArePowersOfTwo() {
    byte[] values = ByteValues.seeded(4).fp8(20);
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8(MODULE + ".weight", values, 2, 10),
            HeapTensors.of(
                MODULE + ".weight_scale_inv", DType.F8_E8M0, Shape.of(1, 1), (byte) 120));
    try (Checkpoint checkpoint = open(BLOCKS, tensors)) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, 2, 10),
          2,
          10,
          (row, column) -> ByteValues.e4m3(values[row * 10 + column]) / 128);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        BLOCKS + ", \"fmt\": \"float8_e4m3fn\", \"modules_to_not_convert\": [\"up_proj\"]",
        "\"ignored_layers\": [\"m.up_proj\"]",
        BLOCKS
      })
  void layersThatAreNotConvertedAreFloats(String config) {
    TensorSet tensors =
        TensorSet.of(HeapTensors.bf16(MODULE + ".weight", Shape.of(2, 3), 1, 2, 3, 4, 5, 6));
    try (Checkpoint checkpoint = open(config, tensors)) {
      assertThat(checkpoint.linear(MODULE, 2, 3).format()).hasToString("BF16");
    }
  }

  @Test
  void namesWhatIsMissingOrDoesNotFit() {
    TensorView weight =
        ByteValues.fp8(MODULE + ".weight", ByteValues.seeded(5).fp8(200 * 10), 200, 10);
    assertRefused(BLOCKS, TensorSet.of(weight), ".weight_scale_inv\" is missing");
    assertRefused("\"fmt\": \"e4m3\"", TensorSet.of(weight), ".weight_scale\" is missing");
    assertRefused(
        BLOCKS,
        TensorSet.of(weight, HeapTensors.f32(MODULE + ".weight_scale_inv", Shape.of(1, 2), 1, 1)),
        ".weight_scale_inv\" is [1, 2], expected [2, 1]; is this a transposed export?");
    assertRefused(
        BLOCKS,
        TensorSet.of(
            weight,
            HeapTensors.of(
                MODULE + ".weight_scale_inv", DType.I8, Shape.of(2, 1), (byte) 1, (byte) 1)),
        "is I8",
        "F32");
    assertRefused("\"fmt\": \"e5m2\"", TensorSet.of(weight), "\"e5m2\"", "not supported");
    assertRefused(BLOCKS, new TensorSet(), "\"" + MODULE + ".weight\" is missing");
    assertRefused(
        BLOCKS,
        TensorSet.of(
            HeapTensors.of(MODULE + ".weight", DType.F8_E5M2, Shape.of(200, 10), new byte[2000]),
            HeapTensors.f32(MODULE + ".weight_scale_inv", Shape.of(2, 1), 1, 1)),
        "is F8_E5M2, expected F8_E4M3");
  }

  @ParameterizedTest
  @ValueSource(strings = {"[128]", "[128, 0]", "[128, 128, 1]", "128", "[128, \"128\"]"})
  void refusesABlockSizeThatIsNone(String size) {
    assertThatThrownBy(() -> open("\"weight_block_size\": " + size, new TensorSet()).close())
        .isInstanceOf(CheckpointException.class)
        .hasMessageContainingAll("config.json", "\"weight_block_size\"", "two whole numbers");
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, -0.5f, 0})
  void refusesAScaleThatCanNotBe(float scale) {
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8(MODULE + ".weight", ByteValues.seeded(6).fp8(2000), 200, 10),
            HeapTensors.f32(MODULE + ".weight_scale_inv", Shape.of(2, 1), 1, scale));
    try (Checkpoint checkpoint = open(BLOCKS, tensors);
        Arena arena = Arena.ofConfined()) {
      Weight weight = checkpoint.linear(MODULE, 200, 10);
      assertThatThrownBy(() -> weight.load(arena))
          .isInstanceOf(CheckpointException.class)
          .hasMessageStartingWith(directory.resolve("model.safetensors").toString())
          .hasMessageContainingAll(
              "\"" + MODULE + ".weight_scale_inv\"", scale + " at element 1", "above 0");
    }
  }

  private void assertRefused(String config, TensorSet tensors, String... says) {
    ModelDirectory.assertLinearRefused(
        directory, json("fp8", config), tensors, MODULE, 200, 10, says);
  }

  private Checkpoint open(String config, TensorSet tensors) {
    return openMethod("fp8", config, tensors);
  }

  private Checkpoint openMethod(String method, String config, TensorSet tensors) {
    return ModelDirectory.open(directory, json(method, config), tensors.tensors());
  }

  private static String json(String method, String config) {
    return String.format(
        Locale.ROOT, "{\"quantization_config\": {\"quant_method\": \"%s\", %s}}", method, config);
  }
}
