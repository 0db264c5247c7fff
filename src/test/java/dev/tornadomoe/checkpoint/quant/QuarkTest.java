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

/// AMD Quark's exports of MXFP4 and FP8.
class QuarkTest {
  private static final String MODULE = "m.gate_proj";
  private static final String CONFIG =
      """
      {"quantization_config": {"quant_method": "quark", "export": {"pack_method": "reorder"},
        "global_quant_config": {"weight": {"dtype": "fp4", "qscheme": "per_group", "group_size": 32,
          "scale_format": "e8m0"}}, "exclude": ["re:.*router"]}}
      """;

  @TempDir Path directory;

  private final ByteValues random = ByteValues.seeded(13);

  @Test
  void readsMxfp4() {
    byte[] packed = random.bytes(3 * 32);
    byte[] scales = {120, 127, 123, 118, 125, 126};
    TensorSet tensors =
        TensorSet.of(
            HeapTensors.of(MODULE + ".weight", DType.U8, Shape.of(3, 32), packed),
            HeapTensors.of(MODULE + ".weight_scale", DType.U8, Shape.of(3, 2), scales));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, CONFIG, tensors.tensors())) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, 3, 64),
          3,
          64,
          (row, column) ->
              ByteValues.e2m1(packed[row * 32 + column / 2], column)
                  * Math.pow(2, scales[row * 2 + column / 32] - 127));
    }
  }

  @Test
  void readsFp8AndFloats() {
    byte[] values = random.fp8(6);
    float[] scales = random.scales(2);
    TensorSet tensors =
        TensorSet.of(
            ByteValues.fp8(MODULE + ".weight", values, 2, 3),
            HeapTensors.f32(MODULE + ".weight_scale", Shape.of(2), scales),
            HeapTensors.bf16("m.router.weight", Shape.of(1, 2), 1, 2));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, CONFIG, tensors.tensors())) {
      ByteValues.assertDecoded(
          checkpoint.linear(MODULE, 2, 3),
          2,
          3,
          (row, column) -> ByteValues.e4m3(values[row * 3 + column]) * scales[row]);
      assertThat(checkpoint.linear("m.router", 1, 2).format()).hasToString("BF16");
    }
  }

  @Test
  void refusesWhatItDoesNotKnow() {
    TensorSet int4 = TensorSet.of(HeapTensors.i32(MODULE + ".weight", Shape.of(2, 1), 1, 2));
    ModelDirectory.assertLinearRefused(
        directory, CONFIG, int4, MODULE, 2, 8, "config.json", "quark", "I32", "not supported");
    TensorSet mxfp6 =
        TensorSet.of(
            HeapTensors.of(MODULE + ".weight", DType.U8, Shape.of(1, 24), new byte[24]),
            HeapTensors.of(MODULE + ".weight_scale", DType.U8, Shape.of(1, 1), (byte) 127));
    ModelDirectory.assertLinearRefused(
        directory, CONFIG, mxfp6, MODULE, 1, 32, "weight\" is [1, 24], expected [1, 16]");
    ModelDirectory.assertLinearRefused(
        directory, CONFIG, new TensorSet(), MODULE, 1, 32, "\"" + MODULE + ".weight\" is missing");
  }
}
