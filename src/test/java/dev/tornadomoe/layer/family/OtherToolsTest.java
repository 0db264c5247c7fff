package dev.tornadomoe.layer.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.checkpoint.ModelDirectory;
import dev.tornadomoe.checkpoint.SafetensorsWriter;
import dev.tornadomoe.checkpoint.file.CheckpointException;
import dev.tornadomoe.checkpoint.quant.ByteValues;
import dev.tornadomoe.checkpoint.safetensors.TensorSet;
import dev.tornadomoe.layer.Mlp;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.tensor.DType;
import dev.tornadomoe.tensor.HeapTensors;
import dev.tornadomoe.tensor.Shape;
import dev.tornadomoe.tensor.TensorView;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What other tools than transformers write into safetensors files.
class OtherToolsTest {
  private static final int H = 16;
  private static final int I = 8;
  private static final int E = 4;
  private static final String BLOCK = "model.layers.0.mlp.";
  private static final BlockTensors TENSORS = new BlockTensors(H, I, E);
  private static final String FP8 =
      "{\"quant_method\": \"fp8\", \"weight_block_size\": [128, 128]}";

  @TempDir Path directory;

  private final ByteValues random = ByteValues.seeded(12);

  @ParameterizedTest
  @CsvSource({"F16, one", "F32, one", "F16, fused", "F32, fused", "F16, transposed"})
  void readsOtherFloatsWhereBf16IsUsual(DType type, String storage) {
    TensorSet experts =
        switch (storage) {
          case "one" -> TENSORS.perExpert(BLOCK);
          case "fused" -> TENSORS.fused(BLOCK);
          default ->
              TENSORS.transposed(BLOCK + "experts.gate_up_proj", BLOCK + "experts.down_proj");
        };
    List<TensorView> tensors = new ArrayList<>();
    for (TensorView tensor : experts.putAll(TENSORS.router(BLOCK + "gate")).tensors()) {
      tensors.add(HeapTensors.floats(tensor.name(), type, tensor.shape(), tensor.toFloats()));
    }
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config("{}"), tensors)) {
      TENSORS.assertLayer(MoeModel.of(checkpoint).layer(0), 0, false);
    }
  }

  @Test
  void typesMayDifferFromTensorToTensor() {
    List<TensorView> tensors = new ArrayList<>();
    DType[] types = {DType.F16, DType.F32, DType.BF16};
    for (TensorView tensor : block().tensors()) {
      DType type = types[tensors.size() % 3];
      tensors.add(HeapTensors.floats(tensor.name(), type, tensor.shape(), tensor.toFloats()));
    }
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config("{}"), tensors)) {
      TENSORS.assertLayer(MoeModel.of(checkpoint).layer(0), 0, false);
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {1, 2, 3})
  void neitherOrderNorStrangersMatter(long seed) {
    List<TensorView> tensors = new ArrayList<>(block().tensors());
    tensors.add(HeapTensors.i64("model.rotary.position_ids", Shape.of(2), 0, 1));
    tensors.add(HeapTensors.of("model.flags", DType.BOOL, Shape.of(3), new byte[3]));
    tensors.add(HeapTensors.of("model.empty", DType.F16, Shape.of(0, 5)));
    tensors.add(HeapTensors.f32("model.layers.0.self_attn.k_scale", Shape.of(), 1));
    tensors.add(HeapTensors.f32(BLOCK + "gate_note", Shape.of(1), 1));
    tensors.add(HeapTensors.bf16("model.layers.1.mlp.gate.weight", Shape.of(1, 1), 1));
    Collections.shuffle(tensors, new Random(seed));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config("{}"), tensors)) {
      TENSORS.assertLayer(MoeModel.of(checkpoint).layer(0), 0, false);
    }
  }

  /// A tied head is written once; some indices list it all the same, under either name.
  @Test
  void tiedNamesThatAreNotStoredDoNotMatter() {
    Map<String, String> shardOf = new HashMap<>();
    block().names().forEach(name -> shardOf.put(name, "a.safetensors"));
    shardOf.put("lm_head.weight", "a.safetensors");
    shardOf.put("model.embed_tokens.weight", "a.safetensors");
    ModelDirectory.writeIndex(directory, config("{}"), shardOf);
    TensorSet stored =
        block().put(HeapTensors.bf16("model.embed_tokens.weight", Shape.of(1, 1), 1));
    SafetensorsWriter.write(directory.resolve("a.safetensors"), List.copyOf(stored.tensors()));
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      TENSORS.assertLayer(MoeModel.of(checkpoint).layer(0), 0, false);
      assertThatThrownBy(() -> checkpoint.find("lm_head.weight"))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll("a.safetensors", "\"lm_head.weight\"", "index");
    }
  }

  @Test
  void weightsAndTheirScalesMayLieInDifferentShards() {
    TensorSet quantised = fp8Experts();
    List<TensorView> values = new ArrayList<>(TENSORS.router(BLOCK + "gate").tensors());
    List<TensorView> scales = new ArrayList<>();
    for (TensorView tensor : quantised.tensors()) {
      (tensor.name().endsWith("_inv") ? scales : values).add(tensor);
    }
    Map<String, String> shardOf = new HashMap<>();
    values.forEach(tensor -> shardOf.put(tensor.name(), "values.safetensors"));
    scales.forEach(tensor -> shardOf.put(tensor.name(), "scales.safetensors"));
    ModelDirectory.writeIndex(directory, config(FP8), shardOf);
    SafetensorsWriter.write(directory.resolve("values.safetensors"), values);
    try (Checkpoint checkpoint = Checkpoint.open(directory)) {
      MoeModel model = MoeModel.of(checkpoint);
      assertThatThrownBy(() -> model.layer(0))
          .isInstanceOf(CheckpointException.class)
          .hasMessageContainingAll(
              directory.resolve("scales.safetensors").toString(), "missing", "weight_scale_inv\"");
      SafetensorsWriter.write(directory.resolve("scales.safetensors"), scales);
      assertFp8(model.layer(0), quantised);
    }
  }

  /// A model may keep its router, its shared experts or some experts in BF16.
  @Test
  void unquantisedModulesBesideQuantisedOnes() {
    TensorSet quantised = fp8Experts();
    TensorSet mixed = new TensorSet().putAll(quantised).putAll(TENSORS.router(BLOCK + "gate"));
    String plain = BLOCK + "experts.2.down_proj";
    mixed
        .remove(plain + ".weight_scale_inv")
        .put(BlockTensors.matrix(plain + ".weight", "down", 2, H, I));
    try (Checkpoint checkpoint = ModelDirectory.open(directory, config(FP8), mixed.tensors())) {
      MoeLayer layer = MoeModel.of(checkpoint).layer(0);
      TENSORS.assertRouter(layer);
      assertThat(layer.experts().local().get(2).down().format()).hasToString("BF16");
      assertThat(layer.experts().formats()).hasSize(2);
    }
  }

  /// Each group of a compressed-tensors config has its own format and targets.
  @Test
  void groupsOfSeveralFormats() {
    TensorSet tensors = TENSORS.router(BLOCK + "gate");
    for (int e = 0; e < E; e++) {
      String expert = BLOCK + "experts." + e + ".";
      fp8(tensors, expert + "gate_proj", I, H, "weight_scale", Shape.of(I, 1), I);
      fp8(tensors, expert + "up_proj", I, H, "weight_scale", Shape.of(1), 1);
      tensors
          .put(
              HeapTensors.of(
                  expert + "down_proj.weight", DType.I8, Shape.of(H, I), random.bytes(H * I)))
          .put(
              HeapTensors.bf16(
                  expert + "down_proj.weight_scale", Shape.of(H, 1), random.scales(H)));
    }
    String quantisation =
        """
        {"quant_method": "compressed-tensors", "format": "mixed-precision", "ignore": ["re:.*mlp.gate$"],
         "config_groups": {
          "a": {"format": "float-quantized", "targets": ["re:.*gate_proj"],
            "weights": {"num_bits": 8, "type": "float", "strategy": "channel"}},
          "b": {"format": "float-quantized", "targets": ["re:.*up_proj", "re:.*nothing"],
            "weights": {"num_bits": 8, "type": "float", "strategy": "tensor"}},
          "c": {"format": "int-quantized", "targets": ["Linear"],
            "weights": {"num_bits": 8, "type": "int", "strategy": "channel"}}}}
        """;
    try (Checkpoint checkpoint =
        ModelDirectory.open(directory, config(quantisation), tensors.tensors())) {
      Mlp expert = MoeModel.of(checkpoint).layer(0).experts().local().getLast();
      assertThat(Objects.requireNonNull(expert.gate()).format())
          .hasToString("fp8 per channel (F32 scales)");
      assertThat(expert.up().format()).hasToString("fp8 per tensor (F32 scale)");
      assertThat(expert.down().format()).hasToString("int8 per channel (BF16 scales)");
    }
  }

  private static TensorSet block() {
    return TENSORS.router(BLOCK + "gate").putAll(TENSORS.perExpert(BLOCK));
  }

  private TensorSet fp8Experts() {
    TensorSet tensors = new TensorSet();
    for (int e = 0; e < E; e++) {
      String expert = BLOCK + "experts." + e + ".";
      Shape one = Shape.of(1, 1);
      fp8(tensors, expert + "gate_proj", I, H, "weight_scale_inv", one, 1);
      fp8(tensors, expert + "up_proj", I, H, "weight_scale_inv", one, 1);
      fp8(tensors, expert + "down_proj", H, I, "weight_scale_inv", one, 1);
    }
    return tensors;
  }

  private void fp8(
      TensorSet tensors,
      String module,
      int rows,
      int columns,
      String scale,
      Shape scaleShape,
      int scales) {
    tensors
        .put(ByteValues.fp8(module + ".weight", random.fp8(rows * columns), rows, columns))
        .put(HeapTensors.f32(module + "." + scale, scaleShape, random.scales(scales)));
  }

  private static void assertFp8(MoeLayer layer, TensorSet stored) {
    for (int e = 0; e < E; e++) {
      String module = BLOCK + "experts." + e + ".up_proj";
      TensorView values = stored.get(module + ".weight");
      float scale = stored.get(module + ".weight_scale_inv").getFloat(0);
      ByteValues.assertDecoded(
          layer.experts().local().get(e).up(),
          I,
          H,
          (row, column) -> values.getFloat((long) row * H + column) * (double) scale);
    }
  }

  private static String config(String quantisation) {
    FamilyConfig config =
        FamilyConfig.of("qwen3_moe")
            .with("hidden_size", H)
            .with("moe_intermediate_size", I)
            .with("num_experts", E);
    return quantisation.equals("{}")
        ? config.json()
        : config.withJson("quantization_config", quantisation).json();
  }
}
