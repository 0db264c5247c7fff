package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.quant.ByteValues;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// Quantised experts that lie in one tensor for all of them.
class QuantisedStacksTest {
  private static final int E = 3;
  private static final String BLOCK = "model.layers.0.mlp.";
  private static final String GATE_UP = BLOCK + "experts.gate_up_proj";
  private static final String DOWN = BLOCK + "experts.down_proj";

  @TempDir Path directory;

  private final ByteValues random = ByteValues.seeded(10);

  /// gpt-oss as it is released: rows of gates and ups alternate.
  @ParameterizedTest(name = "H {0}, I {1}")
  @CsvSource({"64, 32", "40, 24", "32, 7"})
  void takesMxfp4GatesAndUpsInTurns(int hidden, int intermediate) {
    byte[] gateUp = random.bytes(E * 2 * intermediate * ((hidden + 31) / 32) * 16);
    byte[] gateUpScales = exponents(E * 2 * intermediate * ((hidden + 31) / 32));
    byte[] down = random.bytes(E * hidden * ((intermediate + 31) / 32) * 16);
    byte[] downScales = exponents(E * hidden * ((intermediate + 31) / 32));
    BlockTensors dense = new BlockTensors(hidden, intermediate, E);
    TensorSet tensors =
        dense
            .router(BLOCK + "router")
            .put(BlockTensors.vector(BLOCK + "router.bias", "router bias", 0, E))
            .put(
                HeapTensors.bf16(
                    GATE_UP + "_bias",
                    Shape.of(E, 2L * intermediate),
                    new float[E * 2 * intermediate]))
            .put(HeapTensors.bf16(DOWN + "_bias", Shape.of(E, hidden), new float[E * hidden]));
    blocks(tensors, GATE_UP, gateUp, gateUpScales, 2 * intermediate, hidden);
    blocks(tensors, DOWN, down, downScales, hidden, intermediate);
    try (Checkpoint checkpoint =
        open("gpt_oss", hidden, intermediate, "\"quant_method\": \"mxfp4\"", tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      dense.assertRouter(layer);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        int first = e * 2 * intermediate;
        ByteValues.assertDecoded(
            Objects.requireNonNull(expert.gate()),
            intermediate,
            hidden,
            (row, column) -> mxfp4(gateUp, gateUpScales, first + 2 * row, column, hidden));
        ByteValues.assertDecoded(
            expert.up(),
            intermediate,
            hidden,
            (row, column) -> mxfp4(gateUp, gateUpScales, first + 2 * row + 1, column, hidden));
        int expertRows = e * hidden;
        ByteValues.assertDecoded(
            expert.down(),
            hidden,
            intermediate,
            (row, column) -> mxfp4(down, downScales, expertRows + row, column, intermediate));
        assertThat(expert.bytesToLoad()).isZero();
      }
    }
  }

  private static void blocks(
      TensorSet tensors, String name, byte[] packed, byte[] scales, int outputs, int inputs) {
    int groups = (inputs + 31) / 32;
    tensors
        .put(HeapTensors.of(name + "_blocks", DType.U8, Shape.of(E, outputs, groups, 16), packed))
        .put(HeapTensors.of(name + "_scales", DType.U8, Shape.of(E, outputs, groups), scales));
  }

  private byte[] exponents(int count) {
    byte[] exponents = random.bytes(count);
    for (int i = 0; i < count; i++) {
      exponents[i] = (byte) (115 + Math.floorMod(exponents[i], 20));
    }
    return exponents;
  }

  private static double mxfp4(byte[] packed, byte[] scales, int row, int column, int inputs) {
    int groups = (inputs + 31) / 32;
    byte pair = packed[row * groups * 16 + column / 2];
    int exponent = scales[row * groups + column / 32] & 0xFF;
    return ByteValues.e2m1(pair, column) * Math.pow(2, exponent - 127);
  }

  @Test
  void namesTheScalesOfBlocksThatAreMissing() {
    TensorSet tensors =
        new BlockTensors(32, 8, E)
            .router(BLOCK + "router")
            .put(BlockTensors.vector(BLOCK + "router.bias", "router bias", 0, E));
    blocks(tensors, GATE_UP, random.bytes(E * 16 * 16), exponents(E * 16), 16, 32);
    tensors.remove(GATE_UP + "_scales");
    try (Checkpoint checkpoint = open("gpt_oss", 32, 8, "\"quant_method\": \"mxfp4\"", tensors)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("model.safetensors", GATE_UP + "_scales", "missing");
    }
  }

  /// Halves of a fused tensor need not begin on a block.
  @ParameterizedTest(name = "{0}, transposed {1}, scales {2}")
  @CsvSource({
    "fp8, false, block",
    "fp8, true, block",
    "compressed-tensors, false, block",
    "fp8, false, expert",
    "fp8, false, output",
    "fbgemm_fp8, true, output",
    "fp8, true, expert",
    "compressed-tensors, true, output"
  })
  void takesHalvesOfFp8(String method, boolean transposed, String scales) {
    int hidden = 140;
    int intermediate = 72;
    Fp8 gateUp = new Fp8(2 * intermediate, hidden, transposed, scales);
    Fp8 down = new Fp8(hidden, intermediate, transposed, scales);
    TensorSet tensors = new BlockTensors(hidden, intermediate, E).router(BLOCK + "gate");
    String suffix = method.equals("fp8") ? "_scale_inv" : "_scale";
    gateUp.put(tensors, GATE_UP, suffix);
    down.put(tensors, DOWN, suffix);
    String quantisation = "\"quant_method\": \"" + method + "\"";
    if (scales.equals("block") && method.equals("fp8")) {
      quantisation += ", \"weight_block_size\": [128, 128]";
    }
    if (method.equals("compressed-tensors")) {
      quantisation +=
          ", \"format\": \"float-quantized\", \"config_groups\": {\"g\": {\"targets\":"
              + " [\"Linear\"], \"weights\": {\"num_bits\": 8, \"type\": \"float\", \"strategy\":"
              + " \"channel\"}}}, \"ignore\": [\"re:.*gate$\"]";
    }
    try (Checkpoint checkpoint = open("qwen3_moe", hidden, intermediate, quantisation, tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        int number = e;
        ByteValues.assertDecoded(
            Objects.requireNonNull(expert.gate()),
            intermediate,
            hidden,
            (row, column) -> gateUp.at(number, row, column));
        ByteValues.assertDecoded(
            expert.up(),
            intermediate,
            hidden,
            (row, column) -> gateUp.at(number, intermediate + row, column));
        ByteValues.assertDecoded(
            expert.down(), hidden, intermediate, (row, column) -> down.at(number, row, column));
        assertThat(expert.bytesToLoad() == 0).isNotEqualTo(transposed);
      }
    }
  }

  /// gpt-oss's layout with its values in FP8: transposed, gates and ups in turns.
  @ParameterizedTest
  @ValueSource(strings = {"expert", "output", "block"})
  void takesFp8GatesAndUpsInTurns(String scales) {
    int hidden = 140;
    int intermediate = 72;
    Fp8 gateUp = new Fp8(2 * intermediate, hidden, true, scales);
    Fp8 down = new Fp8(hidden, intermediate, true, scales);
    TensorSet tensors =
        new BlockTensors(hidden, intermediate, E)
            .router(BLOCK + "router")
            .put(BlockTensors.vector(BLOCK + "router.bias", "router bias", 0, E))
            .put(
                HeapTensors.bf16(
                    GATE_UP + "_bias",
                    Shape.of(E, 2L * intermediate),
                    new float[E * 2 * intermediate]))
            .put(HeapTensors.bf16(DOWN + "_bias", Shape.of(E, hidden), new float[E * hidden]));
    gateUp.put(tensors, GATE_UP, "_scale");
    down.put(tensors, DOWN, "_scale");
    try (Checkpoint checkpoint =
        open("gpt_oss", hidden, intermediate, "\"quant_method\": \"fp8\"", tensors)) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      for (int e = 0; e < E; e++) {
        Mlp expert = layer.experts().local().get(e);
        int number = e;
        ByteValues.assertDecoded(
            Objects.requireNonNull(expert.gate()),
            intermediate,
            hidden,
            (row, column) -> gateUp.at(number, 2 * row, column));
        ByteValues.assertDecoded(
            expert.up(),
            intermediate,
            hidden,
            (row, column) -> gateUp.at(number, 2 * row + 1, column));
        ByteValues.assertDecoded(
            expert.down(), hidden, intermediate, (row, column) -> down.at(number, row, column));
      }
    }
  }

  /// FP8 experts by output and input, however they are stored.
  private final class Fp8 {
    private final int outputs;
    private final int inputs;
    private final boolean transposed;
    private final String kind;
    private final byte[] values;
    private final float[] scales;

    Fp8(int outputs, int inputs, boolean transposed, String kind) {
      this.outputs = outputs;
      this.inputs = inputs;
      this.transposed = transposed;
      this.kind = kind;
      this.values = random.fp8(E * outputs * inputs);
      this.scales = random.scales(E * perExpert());
    }

    private int down() {
      return (outputs + 127) / 128;
    }

    private int across() {
      return (inputs + 127) / 128;
    }

    private int perExpert() {
      return switch (kind) {
        case "block" -> down() * across();
        case "output" -> outputs;
        default -> 1;
      };
    }

    private Shape scaleShape() {
      return switch (kind) {
        case "block" -> transposed ? Shape.of(E, across(), down()) : Shape.of(E, down(), across());
        case "output" -> transposed ? Shape.of(E, 1, outputs) : Shape.of(E, outputs, 1);
        default -> transposed ? Shape.of(E) : Shape.of(E, 1, 1);
      };
    }

    void put(TensorSet tensors, String name, String suffix) {
      tensors
          .put(
              transposed
                  ? ByteValues.fp8(name, values, E, inputs, outputs)
                  : ByteValues.fp8(name, values, E, outputs, inputs))
          .put(HeapTensors.f32(name + suffix, scaleShape(), scales));
    }

    double at(int expert, int output, int input) {
      int element = transposed ? input * outputs + output : output * inputs + input;
      int block =
          switch (kind) {
            case "block" ->
                transposed
                    ? input / 128 * down() + output / 128
                    : output / 128 * across() + input / 128;
            case "output" -> output;
            default -> 0;
          };
      return ByteValues.e4m3(values[expert * outputs * inputs + element])
          * scales[expert * perExpert() + block];
    }
  }

  @Test
  void namesTheScalesOfFp8ThatDoNotFit() {
    TensorSet tensors = new BlockTensors(16, 8, E).router(BLOCK + "gate");
    Fp8 gateUp = new Fp8(16, 16, false, "output");
    gateUp.put(tensors, GATE_UP, "_scale");
    new Fp8(16, 8, false, "output").put(tensors, DOWN, "_scale");
    tensors.put(HeapTensors.f32(GATE_UP + "_scale", Shape.of(E, 5), new float[E * 5]));
    assertRefused(tensors, GATE_UP + "_scale\" is F32 [3, 5]", "16 outputs", "128x128");
    assertRefused(tensors.remove(GATE_UP + "_scale"), GATE_UP + "_scale_inv\" is missing");
  }

  private void assertRefused(TensorSet tensors, String... says) {
    try (Checkpoint checkpoint = open("qwen3_moe", 16, 8, "\"quant_method\": \"fp8\"", tensors)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContaining("model.safetensors")
          .hasMessageContainingAll(says);
    }
  }

  private Checkpoint open(
      String family, int hidden, int intermediate, String quantisation, TensorSet tensors) {
    FamilyConfig config = FamilyConfig.of(family).with("hidden_size", hidden);
    config =
        family.equals("gpt_oss")
            ? config.with("intermediate_size", intermediate).with("num_local_experts", E)
            : config.with("moe_intermediate_size", intermediate).with("num_experts", E);
    return ModelDirectory.open(
        directory,
        config.withJson("quantization_config", "{" + quantisation + "}").json(),
        tensors.tensors());
  }
}
