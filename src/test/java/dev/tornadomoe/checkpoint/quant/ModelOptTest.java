package dev.tornadomoe.checkpoint.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// NVIDIA Model Optimizer's exports of NVFP4 and FP8.
class ModelOptTest {
  private static final String MODULE = "m.gate_proj";
  private static final String CONFIG =
      """
      {"quantization_config": {"quant_method": "modelopt", "quant_algo": "NVFP4",
        "ignore": ["m.router"]}}
      """;

  @TempDir Path directory;

  private final ByteValues random = ByteValues.seeded(14);

  @Test
  void readsNvfp4WhoseSecondScaleMultiplies() {
    byte[] packed = random.bytes(3 * 20);
    byte[] scales = {0x38, 0x40, 0x30, 0, 0x7E, 0x01, 0x39, 0x41, 0x22};
    TensorSet tensors = nvfp4(packed, scales);
    try (Checkpoint checkpoint = ModelDirectory.open(directory, CONFIG, tensors.tensors())) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, 3, 40),
          3,
          40,
          (row, column) ->
              ByteValues.e2m1(packed[row * 20 + column / 2], column)
                  * ByteValues.e4m3(scales[row * 3 + column / 16])
                  * 0.0625);
    }
  }

  private static TensorSet nvfp4(byte[] packed, byte... scales) {
    return TensorSet.of(
        HeapTensors.of(MODULE + ".weight", DType.U8, Shape.of(3, 20), packed),
        HeapTensors.of(MODULE + ".weight_scale", DType.F8_E4M3, Shape.of(3, 3), scales),
        HeapTensors.f32(MODULE + ".weight_scale_2", Shape.of(), 0.0625f),
        HeapTensors.f32(MODULE + ".input_scale", Shape.of(), 1));
  }

  @Test
  void readsFp8AndFloats() {
    byte[] values = random.fp8(6);
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8(MODULE + ".weight", values, 2, 3),
            HeapTensors.f32(MODULE + ".weight_scale", Shape.of(), 0.25f),
            HeapTensors.bf16("m.router.weight", Shape.of(1, 2), 1, 2));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, CONFIG, tensors.tensors())) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, 2, 3),
          2,
          3,
          (row, column) -> ByteValues.e4m3(values[row * 3 + column]) * 0.25);
      assertThat(checkpoint.linear("m.router", 1, 2).format()).hasToString("BF16");
    }
  }

  @Test
  void namesWhatIsMissingOrNotKnown() {
    TensorSet tensors = nvfp4(new byte[60], new byte[9]).remove(MODULE + ".weight_scale_2");
    ModelDirectory.assertLinearRefused(
        directory, CONFIG, tensors, MODULE, 3, 40, "weight_scale_2\" is missing");
    TensorSet int8 =
        TensorSet.of(HeapTensors.of(MODULE + ".weight", DType.I8, Shape.of(1, 1), (byte) 1));
    ModelDirectory.assertLinearRefused(
        directory, CONFIG, int8, MODULE, 1, 1, "config.json", "modelopt", "I8", "not supported");
  }
}
